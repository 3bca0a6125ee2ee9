#!/usr/bin/env python3
"""Whitespace: no trailing blanks, no tabs, one newline at the end, no path of one machine.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import re

import tree


def check(files):
    for path in files.paths(r"\.(cpp|h|c|td|py|md|mlir|test|txt|in|cfg|cmake|yaml)$|^dev$|^\.ci/run$"):
        if path.startswith("test/data/") and path.endswith(".txt"):
            continue
        for number, line in files.lines(path):
            if line != line.rstrip():
                yield tree.Finding(path, number, "ends in blanks; remove them")
            if "\t" in line:
                yield tree.Finding(path, number, "holds a tab; indent by blanks")
            if re.search(r"(?<![\w.])/(home|root|work)/\w", line):
                yield tree.Finding(path, number, "holds a path of one machine; make it relative")
        text = files.text(path)
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            yield tree.Finding(path, text.count("\n") + 1, "does not end in exactly one newline; correct the end")


if __name__ == "__main__":
    bad = ("int a; \n", "\tint a;\n", "int a;", "int a;\n\n", '"/' + 'home/someone"\n')
    tree.main(check, bad=[{"passes/fuse/A.cpp": text} for text in bad], good=[{"passes/fuse/A.cpp": "int a;\n"}])
