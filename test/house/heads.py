#!/usr/bin/env python3
"""Heads: a file begins with a sentence that says what it is for, then the licence.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s
# END.

import re

import tree

LICENCE = "Part of Sennit, under the Apache License v2.0 with LLVM Exceptions."
CODE = r"\.(cpp|h|c|td|py|sh)$|^dev$|^\.ci/run$"
PLAIN = r"^CMakeLists\.txt$|\.cmake(\.in)?$|\.(mlir|cfg)$"
LEADERS = r'//+|/\*+|#|"""'


def sentence(lines):
    """The first sentence of the comment at the head, which may run over some lines."""
    if lines and lines[0].startswith("#!"):
        lines = lines[1:]
    text = ""
    for line in lines[:6]:
        match = re.match(rf"^(?:{LEADERS}| \*| )?\s*(.*)$", line)
        if not text and not re.match(rf"^({LEADERS})", line):
            return None
        text += " " + match.group(1).strip()
        end = re.search(r"\.(\s|\"|\*|$)", text)
        if end:
            return text[: end.end()].strip()
    return None


def check(files):
    for path in files.paths(rf"{CODE}|{PLAIN}"):
        if path.startswith("test/data/") and not path.endswith((".py", ".c")):
            continue
        lines = files.text(path).splitlines()
        first = sentence(lines)
        if first is None or first.startswith(("RUN", "REQUIRES", "Part of Sennit")) or len(first.split()) < 3:
            yield tree.Finding(path, 1, "does not begin with a sentence on what the file is for; write one")
        if re.search(CODE, path) and not any(LICENCE in line for line in lines[:12]):
            yield tree.Finding(path, 2, f"has no licence line; after the first sentence write: {LICENCE} See LICENSE.")


if __name__ == "__main__":
    licence = f"// {LICENCE} See LICENSE.\n"
    tree.main(
        check,
        bad=[
            {"dialects/seq/Seq.h": "#ifndef A\n"},
            {"dialects/seq/Seq.h": "// The seq dialect in one header.\n#ifndef A\n"},
            {"dialects/seq/Seq.h": licence},
            {"test/dialects/seq/ops.mlir": "// RUN: sennit-opt %s\n"},
        ],
        good=[
            {"dialects/seq/Seq.h": "// The seq dialect in one header.\n" + licence},
            {"runtime/a.h": f"/* The contract between generated code and\n * the runtime.\n * {LICENCE} See LICENSE.\n"},
            {"test/dialects/seq/ops.mlir": "// Every op prints as it is written.\n// RUN: sennit-opt %s\n"},
            {"test/house/a.py": f'#!/usr/bin/env python3\n"""Rules are tests.\n\n{LICENCE} See LICENSE.\n"""\n'},
        ],
    )
