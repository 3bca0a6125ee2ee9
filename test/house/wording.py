#!/usr/bin/env python3
"""Wording: a diagnostic says what was observed, lower-case, without a final period.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import re

import tree

CALL = re.compile(
    r"\b(emitOpError|emitError|emitWarning|emitRemark|attachNote|notifyMatchFailure"
    r"|remark::(?:passed|missed|failed|analysis)|absl::\w+Error)\("
)
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')


def statement(text, start):
    """From |start| to the semicolon that ends the statement, literals kept whole."""
    for match in re.compile(r'"(?:[^"\\]|\\.)*"|;').finditer(text, start):
        if match.group() == ";":
            return text[start : match.start()]
    return text[start:]


def faults(literals):
    text = " ".join(literals)
    first = literals[0].lstrip()
    # A name in capitals (ISA, KV) is no sentence beginning with a capital.
    if re.match(r"[A-Z](?![A-Z0-9])", first):
        yield "begins with a capital; begin lower-case"
    if literals[-1].rstrip().endswith(".") and not literals[-1].endswith(".."):
        yield "ends with a period; drop it"
    if re.search(r"\b(invalid|illegal)\b", text, re.I):
        yield "says invalid or illegal; say what was observed and what was expected"
    if re.search(r"\b(failed to|could not|unable to)\b", text, re.I) and not re.search(r":|\bbecause\b", text):
        yield "says that something failed without why; add the reason"


def check(files):
    for path in files.paths(r"^(compiler|dialects|frontends|passes|runtime)/.*\.(cpp|h|td)$"):
        text = files.text(path)
        for match in CALL.finditer(text):
            literals = [literal for literal in LITERAL.findall(statement(text, match.end())) if literal.strip()]
            # The first literal of a remark is its pass's name, an option, not prose.
            if match.group(1).startswith("remark::"):
                literals = [literal for literal in literals if " " in literal]
            for fault in faults(literals) if literals else []:
                message = f"{match.group(1)}: `{' '.join(literals)}` {fault}"
                yield tree.Finding(path, tree.line_of(text, match.start()), message)


if __name__ == "__main__":
    call = 'return op.emitOpError("%s");\n'
    tree.main(
        check,
        bad=[
            {"dialects/seq/SeqOps.cpp": call % message}
            for message in ("Window is 0", "window is 0.", "invalid window", "failed to lower")
        ]
        + [{"runtime/Module.cpp": 'return absl::DataLossError(absl::StrCat("Short; ", n));\n'}],
        good=[
            {"dialects/seq/SeqOps.cpp": call % "window is 0 and must be positive"},
            {"dialects/seq/SeqOps.cpp": 'emitOpError() << "has " << count << " heads; a multiple of 4 is needed";\n'},
        ],
    )
