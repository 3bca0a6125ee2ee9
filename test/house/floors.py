#!/usr/bin/env python3
"""Floors: which room may include which.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import re

import tree

COMPILER_LIBRARIES = ("mlir/", "mlir-c/", "llvm/", "llvm-c/")
SOURCE = r"^(compiler|dialects|frontends|passes|runtime)/.*\.(cpp|h|c|td)$"
INCLUDE = re.compile(r'^\s*#?\s*include\s+["<]([^">]+)[">]')


def refusal(path, included):
    """Why the file at |path| must not include |included|, or None."""
    room, *inner = path.split("/")
    target, *target_inner = included.split("/")
    if room == "runtime":
        if included.startswith(COMPILER_LIBRARIES) or target in ("compiler", "dialects", "frontends", "passes"):
            return "runtime stands on the ground: use the C++ library, absl or own code"
        return None
    # The public headers may be named with or without the folder that holds them.
    included = included.removeprefix("runtime/include/")
    target, *target_inner = included.split("/")
    # Who writes an artifact and who checks it must hash alike.
    if target == "runtime" and (room, included) != ("compiler", "runtime/artifact/Sha256.h"):
        return "runtime's own headers stay in runtime: include sennit/abi.h"
    if target == "sennit":
        if room != "compiler":
            return f"{room} does not know the runtime: move the code to compiler"
        if target_inner != ["abi.h"] and inner[0] != "tools":
            return "only compiler/tools runs modules: include sennit/abi.h"
    if inner[0] in ("machine", "cost") and room == "compiler" and included.startswith(("mlir/", "dialects/")):
        return "machines and the cost model know no IR: move the code to compiler/facts"
    if room == "compiler":
        return None
    # Forms and schedules are chosen by the cost model: numbers, no IR.
    if room == "passes" and inner[0] in ("normalize", "schedule") and target == "compiler" and target_inner[0] in ("machine", "cost"):
        return None
    if target in ("compiler", "frontends", "passes") and target != room:
        return f"{room} stands below or beside {target}: move the shared part to dialects"
    is_shared = target == room and len(target_inner) == 1
    if target == room and room in ("passes", "frontends") and not is_shared and target_inner[0] != inner[0]:
        return f"rooms of {room} meet in the IR, not in headers: move the shared part to dialects"
    return None


def check(files):
    for path in files.paths(SOURCE):
        for number, line in files.lines(path):
            match = INCLUDE.match(line)
            reason = match and refusal(path, match.group(1))
            if reason:
                yield tree.Finding(path, number, f"includes {match.group(1)}; {reason}")
    yield from check_cycles(files)


def check_cycles(files):
    """Dialects include each other without cycles."""
    edges = {}
    for path in files.paths(r"^dialects/\w+/.*\.(cpp|h|td)$"):
        for number, line in files.lines(path):
            match = re.match(r'\s*#?\s*include "dialects/(\w+)/', line)
            if match and match.group(1) != path.split("/")[1]:
                edges.setdefault(path.split("/")[1], {})[match.group(1)] = (path, number)

    def reaches(start, goal, seen):
        return start == goal or any(
            reaches(next_room, goal, seen | {start}) for next_room in edges.get(start, {}) if next_room not in seen
        )

    for room, targets in edges.items():
        for target, (path, number) in targets.items():
            if reaches(target, room, set()):
                yield tree.Finding(path, number, f"dialect {target} includes {room} too; let one of them not know the other")


if __name__ == "__main__":
    tree.main(
        check,
        bad=[
            {"runtime/Module.cpp": "#include <llvm/ADT/StringRef.h>\n"},
            {"dialects/seq/Seq.h": '#include "passes/fuse/Passes.h"\n'},
            {"passes/fuse/FuseScan.cpp": '#include "passes/lower/Passes.h"\n'},
            {"passes/fuse/FuseScan.cpp": '#include "compiler/cost/Model.h"\n'},
            {"passes/schedule/Tiler.cpp": '#include "compiler/facts/KernelFacts.h"\n'},
            {"frontends/hf/Import.cpp": '#include "passes/fuse/Passes.h"\n'},
            {"frontends/hf/Import.cpp": '#include "frontends/onnx/Onnx.h"\n'},
            {"compiler/Artifact.cpp": '#include "sennit/runtime.h"\n'},
            {"compiler/tools/Run.cpp": '#include "runtime/core/Module.h"\n'},
            {"compiler/cost/Model.h": '#include "mlir/IR/Value.h"\n'},
            {"compiler/machine/Machine.h": '#include "dialects/machine/Machine.h"\n'},
            {"dialects/seq/Seq.td": 'include "dialects/tile/Tile.td"\n', "dialects/tile/T.h": '#include "dialects/seq/Seq.h"\n'},
        ],
        good=[
            {"compiler/Artifact.cpp": '#include "sennit/abi.h"\n#include "passes/fuse/Passes.h"\n'},
            {"compiler/Artifact.cpp": '#include "runtime/artifact/Sha256.h"\n'},
            {"compiler/machine/Reader.cpp": '#include "llvm/Support/YAMLParser.h"\n'},
            {"frontends/hf/Import.cpp": '#include "frontends/ImportError.h"\n'},
            {"compiler/tools/Run.cpp": '#include "runtime/include/sennit/runtime.h"\n'},
            {"passes/schedule/Tiler.cpp": '#include "compiler/cost/Model.h"\n'},
            {"passes/normalize/Forms.cpp": '#include "compiler/cost/Model.h"\n'},
            {"passes/fuse/FuseScan.cpp": '#include "passes/fuse/Passes.h"\n#include "dialects/seq/Seq.h"\n'},
            {"dialects/seq/Seq.td": 'include "dialects/tile/Tile.td"\n'},
        ],
    )
