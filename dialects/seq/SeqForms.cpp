// Answers what form of computation an op has.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "dialects/seq/SeqForms.h"

#include "dialects/rt/Rt.h"
#include "dialects/seq/SeqReductions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;

namespace sennit::seq {

static bool readsByProjection(linalg::GenericOp op) {
  return llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
    return op.getMatchingIndexingMap(operand).isProjectedPermutation(
        /*allowZeroInResults=*/true);
  });
}

bool isElementwise(Operation *op) {
  auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
  if (!generic || generic.getNumDpsInits() != 1 ||
      generic.getNumParallelLoops() != generic.getNumLoops() ||
      generic->getNumResults() != 1)
    return false;
  AffineMap out = generic.getMatchingIndexingMap(generic.getDpsInitOperand(0));
  // An elementwise op does not read its init.
  return out.isIdentity() && readsByProjection(generic) &&
         generic.getMatchingBlockArgument(generic.getDpsInitOperand(0))
             .use_empty();
}

Operation *getMergeOp(linalg::GenericOp reduction) {
  auto yield = cast<linalg::YieldOp>(reduction.getBody()->getTerminator());
  return yield.getValues().front().getDefiningOp();
}

static bool isNeutral(Operation *merge, Value start) {
  auto fill = start.getDefiningOp<linalg::FillOp>();
  if (!fill)
    return false;
  auto constant = fill.getInputs().front().getDefiningOp<arith::ConstantOp>();
  auto value = constant ? dyn_cast<FloatAttr>(constant.getValue()) : nullptr;
  if (!value)
    return false;
  if (isa<arith::AddFOp>(merge))
    return value.getValue().isZero();
  return value.getValue().isInfinity() && value.getValue().isNegative();
}

/// Whether all results stand at the loops but the last, which reduces.
static bool reducesLastLoop(linalg::GenericOp op) {
  unsigned loops = op.getNumLoops();
  if (op.getNumReductionLoops() != 1 ||
      op.getIteratorTypesArray().back() != utils::IteratorType::reduction)
    return false;
  AffineMap rows = AffineMap::getMultiDimIdentityMap(loops, op.getContext())
                       .getMajorSubMap(loops - 1);
  return llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
    return op.getMatchingIndexingMap(&init) == rows;
  });
}

bool isRowReduction(Operation *op) {
  auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
  if (!generic || !reducesLastLoop(generic) || !readsByProjection(generic))
    return false;
  if (isCorrected(op))
    return true;
  if (generic.getNumDpsInits() != 1)
    return false;
  Operation *merge = getMergeOp(generic);
  if (!isa_and_nonnull<arith::AddFOp, arith::MaximumFOp>(merge))
    return false;
  BlockArgument acc =
      generic.getMatchingBlockArgument(generic.getDpsInitOperand(0));
  return acc.hasOneUse() && *acc.user_begin() == merge &&
         isNeutral(merge, generic.getDpsInits().front());
}

static bool isRowTimesMatrix(linalg::MatmulOp op) {
  MLIRContext *context = op.getContext();
  AffineExpr m, n, k;
  bindDims(context, m, n, k);
  auto maps = op.getIndexingMapsArray();
  auto map = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(3, 0, results, context);
  };
  return maps[0] == map({m, k}) && maps[1] == map({n, k}) &&
         maps[2] == map({m, n});
}

bool isContraction(Operation *op) {
  if (auto matmul = dyn_cast_or_null<linalg::MatmulOp>(op))
    return isRowTimesMatrix(matmul);
  return isa_and_nonnull<ExpertsOp>(op);
}

Value getActivations(Operation *contraction) {
  return contraction->getOperand(0);
}

OpOperand &getMatrix(Operation *contraction) {
  return contraction->getOpOperand(1);
}

DequantizeOp getQuantized(Operation *contraction) {
  return getMatrix(contraction).get().getDefiningOp<DequantizeOp>();
}

bool isView(Operation *op) {
  return isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op);
}

bool isCheapProducer(Operation *op) {
  return isElementwise(op) || isView(op) ||
         isa_and_nonnull<RopeOp, tensor::ExtractSliceOp>(op);
}

bool isMove(Operation *op) {
  return isa_and_nonnull<tensor::ConcatOp, tensor::PadOp,
                         tensor::InsertSliceOp>(op);
}

bool isRoot(Operation *op) {
  if (isContraction(op) || isMove(op) ||
      isa<SequenceMixerOpInterface, RouteOp, DispatchOp, CombineOp, TopKOp,
          SampleOp, EmbedOp, PackOp, QuantizeOp>(op))
    return true;
  return isStructured(op) && !isElementwise(op) && !isRowReduction(op);
}

bool isHostRead(Operation *op) {
  auto extract = dyn_cast_or_null<tensor::ExtractOp>(op);
  return extract && extract.getType().isInteger(32) &&
         cast<RankedTensorType>(extract.getTensor().getType()).getRank() == 1;
}

bool isScaffold(Operation *op) {
  return isa<arith::ArithDialect>(op->getDialect()) ||
         isa<tensor::EmptyOp, tensor::DimOp, linalg::FillOp, WeightOp,
             rt::ReadOp>(op);
}

} // namespace sennit::seq
