// Checks the one form that fusion starts from: the contract that closes the
// stage.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   linalg.conv_2d ...   // error: not normalized: none of the forms that
//   fusion knows
//
// Changes nothing, hence declines nothing.

#include "passes/normalize/Passes.h"

#include "dialects/rt/Rt.h"
#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_VERIFYNORMALIZED
#include "passes/normalize/Passes.h.inc"

static bool isKnownForm(Operation *op) {
  return seq::isRoot(op) || seq::isCheapProducer(op) ||
         seq::isRowReduction(op) || seq::isScaffold(op) ||
         seq::isHostRead(op) ||
         isa<func::ReturnOp, rt::AssignOp, seq::DequantizeOp>(op);
}

/// Whether a move makes static extents, except rows that are those of every
/// part.
static bool hasKnownExtents(Operation *move) {
  auto type = cast<RankedTensorType>(move->getResult(0).getType());
  auto concat = dyn_cast<tensor::ConcatOp>(move);
  bool keepsRows = concat && concat.getDim() != 0;
  return !ShapedType::isDynamicShape(
      type.getShape().drop_front(keepsRows ? 1 : 0));
}

namespace {
struct VerifyNormalized : impl::VerifyNormalizedBase<VerifyNormalized> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isDeclaration())
        continue;
      if (!function.getBody().hasOneBlock()) {
        function.emitError("not normalized: control flow splits `")
            << function.getName() << "` into several blocks";
        return signalPassFailure();
      }
      for (Operation &op : function.getBody().front())
        if (failed(verifyOp(&op, function.getName())))
          return signalPassFailure();
    }
  }

  LogicalResult verifyOp(Operation *op, StringRef function) {
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      if (std::string reason = seq::whyNotStructured(generic); !reason.empty())
        return op->emitError("not normalized: this `linalg.generic` cannot be "
                             "computed part by part: ")
               << reason;
    if (seq::isMove(op) && !hasKnownExtents(op))
      return op->emitError("not normalized: `")
             << op->getName() << "` makes " << op->getResult(0).getType()
             << ", and parts are moved between static shapes only, but for "
                "rows "
                "that a `tensor.concat` of another dimension keeps";
    if (!isKnownForm(op))
      return op->emitError("not normalized: `")
             << op->getName() << "` is none of the forms that fusion knows";
    if (isa<seq::WeightOp>(op) && function != "initialize")
      return op->emitError("not normalized: `")
             << function << "` reads a parameter; only `initialize` may";
    return success();
  }
};
} // namespace
} // namespace sennit
