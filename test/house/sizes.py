#!/usr/bin/env python3
"""Sizes: files and functions stay below their ceilings, or say in exemptions.txt why not.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import re

import tree

# Regular expressions on paths; the first that fits counts.
CEILINGS = [
    (r"^test/data/|^test/house/exemptions\.txt$|^LICENSE$", None),
    (r"^README\.md$|^CMakeLists\.txt$", 130),
    (r"^test/.*\.(mlir|test)$", 250),
    (r"\.td$", 400),
    (r"\.h$", 250),
    (r"\.c$", 600),
    (r"\.(cpp|py)$|^dev$", 500),
    (r"\.md$", 400),
]
FUNCTION = 80
TABLE = "test/house/exemptions.txt"


def exemptions(files):
    """Path, or path:function, to its own ceiling."""
    table = {}
    for number, line in files.lines(TABLE) if TABLE in files.files else []:
        if not line.strip() or line.startswith("#"):
            continue
        name, limit, *reason = line.split()
        table[name] = (int(limit), number, " ".join(reason))
    return table


def check(files):
    table = exemptions(files)
    for name, (_, number, reason) in table.items():
        if len(reason.split()) < 3:
            yield tree.Finding(TABLE, number, f"{name} gives no reason; say why it is better long")
        if name.split(":")[0] not in files.files:
            yield tree.Finding(TABLE, number, f"{name} does not exist; remove the line")
    for path in files.paths():
        ceiling = next((limit for pattern, limit in CEILINGS if re.search(pattern, path)), None)
        length = files.text(path).count("\n") if ceiling else 0
        if ceiling and length > table.get(path, (ceiling,))[0]:
            yield tree.Finding(path, 1, f"has {length} lines, the ceiling is {ceiling}; split it by family")
    for path in files.paths(r"^(compiler|dialects|frontends|passes|runtime|test)/.*\.(cpp|h|c)$"):
        for function in tree.functions(files, path):
            limit = table.get(f"{path}:{function.name}", (FUNCTION,))[0]
            if len(function.body) > limit:
                message = f"{function.name} has {len(function.body)} lines, the ceiling is {limit}; name its steps"
                yield tree.Finding(path, function.line, message)


if __name__ == "__main__":
    long_function = "static void run(int a,\n                int b) {\n" + "  step();\n" * 90 + "}\n"
    tree.main(
        check,
        bad=[
            {"passes/fuse/FuseScan.cpp": "\n" * 501},
            {"test/passes/fuse/fuse-scan.mlir": "\n" * 251},
            {"passes/fuse/FuseScan.cpp": long_function},
            {"passes/fuse/FuseScan.cpp": "struct A {\n" + re.sub("^", "  ", long_function, flags=re.M) + "};\n"},
            {"passes/fuse/FuseScan.cpp": "\n" * 501, TABLE: "passes/fuse/FuseScan.cpp 600 long\n"},
            {TABLE: "passes/fuse/Gone.cpp 600 a table of many kinds\n"},
        ],
        good=[
            {"passes/fuse/FuseScan.cpp": "\n" * 500},
            {"passes/fuse/FuseScan.cpp": "\n" * 501, TABLE: "passes/fuse/FuseScan.cpp 600 one table of kinds\n"},
            {"passes/fuse/FuseScan.cpp": "struct A {\n" + "  void step() {\n  }\n" * 60 + "};\n"},
        ],
    )
