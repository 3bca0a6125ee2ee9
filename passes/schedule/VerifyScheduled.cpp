// Checks that entries dispatch and kernels are tile programs: the contract that
// closes the stage.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   seq.kernel "rows" ...   // error: not scheduled: `seq.kernel` remains
//
// Changes nothing, hence declines nothing.

#include "passes/schedule/Passes.h"

#include "dialects/rt/Rt.h"
#include "dialects/seq/SeqForms.h"
#include "dialects/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_VERIFYSCHEDULED
#include "passes/schedule/Passes.h.inc"

static bool mayStandInEntry(Operation *op) {
  return isa<rt::DispatchOp, rt::AssignOp, rt::ReadOp, seq::WeightOp,
             func::ReturnOp, tensor::DimOp, tensor::EmptyOp,
             tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op) ||
         isa<arith::ArithDialect>(op->getDialect()) || seq::isHostRead(op);
}

namespace {
struct VerifyScheduled : impl::VerifyScheduledBase<VerifyScheduled> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isDeclaration() && failed(verify(function)))
        return signalPassFailure();
  }

  LogicalResult verify(func::FuncOp function) {
    if (function.isPrivate()) {
      if (!function.getOps<tile::GridOp>().empty())
        return success();
      return function.emitError("not scheduled: kernel `")
             << function.getName() << "` holds no `tile.grid`";
    }
    for (Operation &op : function.getBody().front())
      if (!mayStandInEntry(&op))
        return op.emitError("not scheduled: `")
               << op.getName() << "` remains in `" << function.getName() << "`";
    return success();
  }
};
} // namespace
} // namespace sennit
