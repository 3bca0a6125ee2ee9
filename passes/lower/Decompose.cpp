// Replaces the ops of seq by their reference meaning.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   seq.embed %tokens, %table        =>   linalg.generic, of tensor.extract
//   seq.kernel "rows" { ..., yield } =>   ...
//
// Declines seq.parameter, seq.weight and seq.pack, which say where bytes lie.

#include "passes/lower/Passes.h"

#include "dialects/seq/Seq.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_DECOMPOSE
#include "passes/lower/Passes.h.inc"

/// Puts the ops of a kernel where the kernel stood.
static void dissolve(seq::KernelOp kernel, IRRewriter &rewriter) {
  Operation *yield = kernel.getBody().front().getTerminator();
  SmallVector<Value> outputs(yield->getOperands());
  rewriter.eraseOp(yield);
  rewriter.inlineBlockBefore(&kernel.getBody().front(), kernel);
  rewriter.replaceOp(kernel, outputs);
}

namespace {
struct Decompose : impl::DecomposeBase<Decompose> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    // Post-order: a kernel dissolves after the ops inside it.
    getOperation()->walk([&](Operation *op) {
      if (auto kernel = dyn_cast<seq::KernelOp>(op))
        dissolve(kernel, rewriter);
      else if (auto meaning = dyn_cast<seq::DecomposableOpInterface>(op))
        rewriter.replaceOp(op, meaning.decompose(rewriter));
    });
  }
};
} // namespace
} // namespace sennit
