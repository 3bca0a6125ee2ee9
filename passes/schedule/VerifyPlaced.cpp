// Checks that no tensor is left: the contract that closes the stage.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   rt.dispatch ...   // error: not placed: `rt.dispatch` still works on
//   tensors
//
// Changes nothing, hence declines nothing.

#include "passes/schedule/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_VERIFYPLACED
#include "passes/schedule/Passes.h.inc"

namespace {
struct VerifyPlaced : impl::VerifyPlacedBase<VerifyPlaced> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      auto result = function.walk([&](Operation *op) {
        auto isTensor = [](Type type) { return isa<TensorType>(type); };
        if (!llvm::any_of(op->getOperandTypes(), isTensor) &&
            !llvm::any_of(op->getResultTypes(), isTensor))
          return WalkResult::advance();
        op->emitError("not placed: `")
            << op->getName() << "` still works on tensors";
        return WalkResult::interrupt();
      });
      if (result.wasInterrupted())
        return signalPassFailure();
    }
  }
};
} // namespace
} // namespace sennit
