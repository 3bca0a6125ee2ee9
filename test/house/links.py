#!/usr/bin/env python3
"""Links: what a document points at exists, be it a file, a heading or a command.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import posixpath
import re

import tree

LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(rf"`((?:{'|'.join(tree.ROOMS)})/[\w./-]+)`")
VERB = re.compile(r"(?<![\w/-])\./dev (\w+)")


def anchors(text):
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def exists(files, path):
    path = path.rstrip("/")
    return path in files.files or any(name.startswith(path + "/") for name in files.files)


def check(files):
    verbs = set(re.findall(r"^  ([\w| -]+?)\)", files.text("dev"), re.M)) if "dev" in files.files else set()
    for path in files.paths(r"\.md$"):
        for number, line in files.lines(path):
            for target in LINK.findall(line):
                message = broken_link(files, path, target)
                if message:
                    yield tree.Finding(path, number, message)
            for target in PATH.findall(line):
                # NAME stands for the reader's own.
                if "NAME" not in target and not exists(files, target):
                    yield tree.Finding(path, number, f"names {target}, which does not exist; correct or remove it")
            for verb in VERB.findall(line):
                if verb not in verbs:
                    yield tree.Finding(path, number, f"calls ./dev {verb}, which dev does not know; correct it")


def broken_link(files, path, target):
    if re.match(r"\w+:", target):
        return None
    file, _, anchor = target.partition("#")
    linked = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
    if not exists(files, linked):
        return f"links to {linked}, which does not exist; correct it"
    if anchor and anchor not in anchors(files.text(linked)):
        return f"links to the heading {anchor}, which {linked} does not have; correct it"
    return None


if __name__ == "__main__":
    dev = {"dev": "case $command in\n  test) run_tests ;;\nesac\n"}
    tree.main(
        check,
        bad=[
            dev | {"README.md": "[style](docs/style.md)\n"},
            dev | {"README.md": "[style](#naming)\n"},
            dev | {"README.md": "see `passes/fuse/Gone.cpp`\n"},
            dev | {"README.md": "./dev fly\n"},
        ],
        good=[dev | {"README.md": "# The map\n[map](#the-map) `docs/style.md` ./dev test\n", "docs/style.md": ""}],
    )
