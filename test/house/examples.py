#!/usr/bin/env python3
"""Examples: every ```mlir block in an op's description parses, verifies and survives printing.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import re
import subprocess
import textwrap

import tree


def check(files):
    for path in files.paths(r"^dialects/.*\.td$"):
        text = files.text(path)
        for match in re.finditer(r"```mlir\n(.*?)```", text, re.S):
            program = textwrap.dedent(match.group(1))
            first = tree.line_of(text, match.start(1))
            run = subprocess.run(
                ["sennit-opt", "--verify-roundtrip", "-o", "/dev/null"], input=program, text=True, capture_output=True
            )
            if run.returncode != 0:
                error = re.search(r"<stdin>:(\d+):\d+: error: (.*)", run.stderr)
                line = first + int(error.group(1)) - 1 if error else first
                yield tree.Finding(path, line, f"example does not run: {error.group(2) if error else run.stderr}")


if __name__ == "__main__":
    example = "```mlir\nfunc.func @same(%%a: index) -> index {\n  return %%%s : index\n}\n```\n"
    tree.main(
        check,
        bad=[{"dialects/seq/SeqOps.td": example % "b"}],
        good=[{"dialects/seq/SeqOps.td": example % "a"}],
    )
