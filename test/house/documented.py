#!/usr/bin/env python3
"""Documented: a pass shows before and after and says when it declines; an op has an example.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import re

import tree


def check(files):
    for definition in tree.passes(files):
        for message in pass_gaps(definition):
            yield tree.Finding(definition.path, definition.line, f"pass {definition.name} {message}")
    for definition in tree.definitions(files, r"^dialects/.*\.td$"):
        if not re.match(r"\w*Op<", definition.head):
            continue
        for message in op_gaps(definition):
            yield tree.Finding(definition.path, definition.line, f"op {definition.name} {message}")


def pass_gaps(definition):
    description = re.search(r"let description = \[\{(.*?)\}\]", definition.body, re.S)
    text = description.group(1) if description else ""
    if "let summary" not in definition.body:
        yield "has no summary; say what it does in one line"
    if definition.name.startswith("Verify"):
        if "error:" not in text and not re.search(r"\bremains?\b", text):
            yield "does not say what may remain after the stage; list it, or show what it refuses and its error"
        return
    if text.count("```mlir") < 2 and "// becomes\n" not in text:
        yield "does not show its IR before and after; part a ```mlir block by `// becomes`, or give two"
    if not re.search(r"\b[Dd]eclines?\b", text):
        yield "does not say when it declines; add a sentence with `Declines when ...`"


def op_gaps(definition):
    if "let summary" not in definition.body:
        yield "has no summary; say what it is in one line"
    if "```mlir" not in definition.body and not re.search(r"Example: see `\w+\.\w+`", definition.body):
        yield "has no example; give one complete func.func in a ```mlir block"


if __name__ == "__main__":
    documented = """def FuseScan : Pass<"sennit-fuse-scan"> {
  let summary = "join a scan with its gate";
  let description = [{
    Declines when the scan has two users.
    ```mlir
    a
    ```
    is then
    ```mlir
    b
    ```
  }];
}
"""
    op = 'def AOp : SeqOp<"a"> {\n  let summary = "a";\n  let description = [{\n```mlir\n```\n}];\n}\n'
    tree.main(
        check,
        bad=[{"passes/fuse/Passes.td": documented.replace(word, "")} for word in ("Declines", "```mlir\n    b", "summary")]
        + [{"passes/fuse/Passes.td": documented.replace("FuseScan", "VerifyFused")}]
        + [{"dialects/seq/SeqOps.td": op.replace(word, "")} for word in ("summary", "```mlir")],
        good=[
            {"passes/fuse/Passes.td": documented, "dialects/seq/SeqOps.td": op},
            {"passes/fuse/Passes.td": documented.replace("```\n    is then\n    ```mlir", "// becomes")},
        ],
    )
