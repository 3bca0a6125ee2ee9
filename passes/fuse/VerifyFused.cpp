// Checks that every computation has a kernel: the contract that closes the
// stage.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   linalg.generic ...   // error: not fused: `linalg.generic` stands outside
//   every kernel
//
// Changes nothing, hence declines nothing.

#include "passes/fuse/Passes.h"

#include "dialects/rt/Rt.h"
#include "dialects/seq/SeqForms.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_VERIFYFUSED
#include "passes/fuse/Passes.h.inc"

namespace {
struct VerifyFused : impl::VerifyFusedBase<VerifyFused> {
  void runOnOperation() override {
    for (Operation &op : getOperation().getBody().front()) {
      if (isa<seq::KernelOp, rt::AssignOp, func::ReturnOp>(op) ||
          seq::isView(&op) || seq::isScaffold(&op) || seq::isHostRead(&op))
        continue;
      op.emitError("not fused: `")
          << op.getName() << "` stands outside every kernel";
      return signalPassFailure();
    }
  }
};
} // namespace
} // namespace sennit
