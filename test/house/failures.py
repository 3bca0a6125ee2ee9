#!/usr/bin/env python3
"""Failures: a pattern that declines says why, by notifyMatchFailure.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s

import tree


def check(files):
    for path in files.paths(r"^(compiler|dialects|passes)/.*\.cpp$"):
        for function in tree.functions(files, path):
            if "Rewriter &" not in function.head:
                continue
            for offset, line in enumerate(function.body):
                if line.strip() == "return failure();":
                    message = 'fails without a reason; return rewriter.notifyMatchFailure(op, "...")'
                    yield tree.Finding(path, function.line + offset, message)


if __name__ == "__main__":
    pattern = """struct AbsorbScale : OpRewritePattern<AttentionOp> {
  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getWindow())
      return %s;
    return success();
  }
};
"""
    tree.main(
        check,
        bad=[{"passes/fuse/A.cpp": pattern % "failure()"}],
        good=[
            {"passes/fuse/A.cpp": pattern % 'rewriter.notifyMatchFailure(op, "has a window")'},
            {"passes/fuse/A.cpp": "LogicalResult verify(Op op) {\n  return failure();\n}\n"},
        ],
    )
