#!/usr/bin/env python3
"""Names: folders are one lower-case word, tests are kebab-case, and nothing is called utils.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import re

import tree

NOTHING = {"util", "utils", "support", "common", "misc", "helper", "helpers"}
# test/data holds model folders under their own names.
FREE = r"^(test/data|\.ci)(/|$)"


def check(files):
    for folder in files.folders():
        word = folder.rsplit("/", 1)[-1]
        if not re.search(FREE, folder) and not re.fullmatch(r"[a-z][a-z0-9_]*|Inputs", word):
            yield tree.Finding(folder, 1, "folder is not one lower-case word; rename it")
        if word.lower() in NOTHING:
            yield tree.Finding(folder, 1, "folder says nothing; name it for what it holds")
    for path in files.paths():
        name = path.rsplit("/", 1)[-1]
        words = set(re.findall(r"[A-Z]?[a-z0-9]+", name.split(".")[0]))
        if not re.search(FREE, path) and {word.lower() for word in words} & NOTHING:
            yield tree.Finding(path, 1, "file name says nothing; name it for its main thing")
        if re.search(r"^test/.*\.(mlir|test)$", path) and not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*\.\w+", name):
            yield tree.Finding(path, 1, "test is not in kebab-case; rename it")


if __name__ == "__main__":
    tree.main(
        check,
        bad=[
            {"passes/Fuse/A.cpp": ""},
            {"compiler/utils/A.cpp": ""},
            {"compiler/FuseHelpers.cpp": ""},
            {"test/passes/fuse/fuse_scan.mlir": ""},
        ],
        good=[{"passes/fuse/FuseScan.cpp": "", "test/passes/fuse/fuse-scan.mlir": "", "test/data/tiny-jamba/a.json": ""}],
    )
