#!/usr/bin/env python3
"""Targets: a target's name stands only in its rooms, in Register.cpp and in tests.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import re

import tree


def check(files):
    names = {match.group(1) for path in files.paths() if (match := re.match(r"compiler/targets/(\w+)/", path))}
    for name in sorted(names):
        at_home = rf"^(compiler/targets/{name}/|runtime/drivers/{name}/|(compiler|runtime/drivers)/Register\.cpp$)"
        mention = re.compile(rf'"{name}"|\b{name}::|"compiler/targets/{name}/')
        for path in files.paths(r"^(compiler|dialects|frontends|passes|runtime)/.*\.(cpp|h|c)$"):
            if re.search(at_home, path):
                continue
            for number, line in files.lines(path):
                if mention.search(line):
                    yield tree.Finding(path, number, f"names the target {name}; ask the registered targets instead")


if __name__ == "__main__":
    home = {"compiler/targets/cpu/Target.cpp": 'const char *name = "cpu";\n'}
    tree.main(
        check,
        bad=[
            home | {"compiler/Stages.cpp": 'if (target.name == "cpu")\n'},
            home | {"passes/lower/LowerTile.cpp": "cpu::lower(op);\n"},
        ],
        good=[home | {"compiler/Register.cpp": "cpu::registerTarget();\n"}],
    )
