#!/usr/bin/env python3
"""Stages: the table in docs/architecture.md is the table in compiler/Stages.cpp.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import re

import tree

CODE, PAGE = "compiler/Stages.cpp", "docs/architecture.md"
# Import and emission are not passes: the driver does them before and after.
OUTSIDE = ["import", "emit"]


def check(files):
    if CODE not in files.files or PAGE not in files.files:
        return
    names = re.findall(r'^ *\{"(\w+)",', files.text(CODE), re.M)
    table = re.search(r"^\| stage \|.*\n\|.*\n((?:\|.*\n)*)", files.text(PAGE), re.M)
    rows = re.findall(r"^\| (\w+) \|", table.group(1), re.M) if table else []
    if [row for row in rows if row not in OUTSIDE] != [name for name in names if name not in OUTSIDE]:
        line = tree.line_of(files.text(PAGE), table.start()) if table else 1
        message = f"describes the stages {', '.join(rows)}, but {CODE} has {', '.join(names)}; describe those"
        yield tree.Finding(PAGE, line, message)


if __name__ == "__main__":
    page = "| stage | room |\n| --- | --- |\n| import | a |\n| fuse | b |\n| emit | c |\n"
    code = 'static const Stage stages[] = {\n    {"%s", "everything stands in kernels",\n     "cse"},\n};\n'
    tree.main(
        check,
        bad=[{CODE: code % "lower", PAGE: page}, {CODE: code % "fuse", PAGE: "# Stages\n"}],
        good=[{CODE: code % "fuse", PAGE: page}],
    )
