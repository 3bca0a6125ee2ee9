#!/usr/bin/env python3
"""Mirror: a pass, its file, its flag and its test bear one name; every dialect has its tests.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import re

import tree


def check(files):
    yield from check_passes(files)
    yield from check_pass_tests(files)
    yield from check_dialects(files)


def check_passes(files):
    for definition in tree.passes(files):
        folder = definition.path.rsplit("/", 1)[0]
        name, kebab = own_name(definition), tree.kebab(definition.name)
        flag = re.search(r'"([^"]*)"', definition.head).group(1)

        def finding(message):
            return tree.Finding(definition.path, definition.line, f"pass {definition.name} {message}")

        if flag != f"sennit-{kebab}":
            yield finding(f"has the flag {flag}; call it sennit-{kebab}")
        if f"{folder}/{name}.cpp" not in files.files:
            yield finding(f"has no {folder}/{name}.cpp; name its file so")
        if f"test/{folder}/{tree.kebab(name)}.mlir" not in files.files:
            yield finding(f"has no test; write test/{folder}/{tree.kebab(name)}.mlir")


def own_name(definition):
    """A target's pass bears the target's name, which its files need not repeat: their room does."""
    target = re.match(r"compiler/targets/(\w+)/", definition.path)
    return definition.name.removeprefix(target.group(1).capitalize()) if target else definition.name


def check_pass_tests(files):
    """A pass may have a second test, of what it declines."""
    known = {f"test/{d.path.rsplit('/', 1)[0]}/{tree.kebab(d.name)}.mlir" for d in tree.passes(files)}
    for path in files.paths(r"^test/passes/\w+/[^/]*\.mlir$"):
        if path.replace("-declines.mlir", ".mlir") not in known:
            yield tree.Finding(path, 1, "is named after no pass of its room; rename it, or move it to test/compiler")


def check_dialects(files):
    for path in files.paths(r"^dialects/(\w+)/(?i:\1)\.td$"):
        room = path.split("/")[1]
        has_ops = any(re.search(r":\s*Op<", files.text(td)) for td in files.paths(rf"^dialects/{room}/.*\.td$"))
        kind = "ops" if has_ops else "attributes"
        for test in (f"test/dialects/{room}/{kind}.mlir", f"test/dialects/{room}/{kind}-invalid.mlir"):
            if test not in files.files:
                yield tree.Finding(path, 1, f"dialect {room} has no {test}; write it")


if __name__ == "__main__":
    fuse = {
        "passes/fuse/Passes.td": 'def FuseScan : Pass<"sennit-fuse-scan"> {\n}\n',
        "passes/fuse/FuseScan.cpp": "",
        "test/passes/fuse/fuse-scan.mlir": "",
    }
    without = lambda key: {path: text for path, text in fuse.items() if path != key}
    dialect = {"dialects/seq/Seq.td": "", "dialects/seq/SeqOps.td": "class SeqOp : Op<SeqDialect>"}
    tree.main(
        check,
        bad=[
            without("passes/fuse/FuseScan.cpp"),
            without("test/passes/fuse/fuse-scan.mlir"),
            fuse | {"passes/fuse/Passes.td": 'def FuseScan : Pass<"fuse-scan"> {\n}\n'},
            fuse | {"test/passes/fuse/fuse-all.mlir": ""},
            dialect,
            {"dialects/machine/Machine.td": "def ChipAttr : AttrDef<Machine, \"Chip\">"},
        ],
        good=[
            fuse,
            {
                "compiler/targets/cpu/Passes.td": 'def CpuLowerTiles : Pass<"sennit-cpu-lower-tiles"> {\n}\n',
                "compiler/targets/cpu/LowerTiles.cpp": "",
                "test/compiler/targets/cpu/lower-tiles.mlir": "",
            },
            dialect | {"test/dialects/seq/ops.mlir": "", "test/dialects/seq/ops-invalid.mlir": ""},
        ],
    )
