#!/usr/bin/env python3
"""Layout: C and C++ sources stand as clang-format lays them out.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import difflib
import subprocess

import tree


def check(files):
    for path in files.paths(r"^(compiler|dialects|frontends|passes|runtime|test)/.*\.(cpp|h|c)$"):
        text = files.text(path)
        command = ["clang-format", f"--style=file:{tree.ROOT}/.clang-format", f"--assume-filename={path}"]
        formatted = subprocess.run(command, input=text, text=True, capture_output=True, check=True).stdout
        if formatted != text:
            pair = text.splitlines(), formatted.splitlines()
            opcodes = difflib.SequenceMatcher(None, *pair, autojunk=False).get_opcodes()
            first = next(start for kind, start, *_ in opcodes if kind != "equal")
            yield tree.Finding(path, first + 1, "is not laid out by clang-format; run ./dev format")


if __name__ == "__main__":
    tree.main(
        check,
        bad=[{"passes/fuse/A.cpp": "int  a ;\n"}],
        good=[{"passes/fuse/A.cpp": "int a;\n"}],
    )
