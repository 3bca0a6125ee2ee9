// Finds the merges in the body of a generic op.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/GenericMerges.h"

#include "dialects/seq/SeqReductions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace sennit::schedule {

static bool isConstant(Value scalar) {
  return scalar.getDefiningOp<arith::ConstantOp>() != nullptr;
}

bool Merge::addsConstants() const {
  return isa<arith::AddFOp>(op) && isConstant(element) &&
         element.getType().getIntOrFloatBitWidth() >= 32;
}

static std::optional<tile::ReduceKind> getReduceKind(Operation *op) {
  using tile::ReduceKind;
  return llvm::TypeSwitch<Operation *, std::optional<ReduceKind>>(op)
      .Case<arith::AddFOp, arith::AddIOp>([](auto) { return ReduceKind::Add; })
      .Case<arith::MulFOp, arith::MulIOp>([](auto) { return ReduceKind::Mul; })
      .Case<arith::MaximumFOp, arith::MaxSIOp>(
          [](auto) { return ReduceKind::Max; })
      .Case<arith::MinimumFOp, arith::MinSIOp>(
          [](auto) { return ReduceKind::Min; })
      .Case<arith::AndIOp>([](auto) { return ReduceKind::And; })
      .Case<arith::OrIOp>([](auto) { return ReduceKind::Or; })
      .Default([](Operation *) { return std::nullopt; });
}

DenseSet<Value> findValuesOfRows(linalg::GenericOp op) {
  DenseSet<Value> ofRows(op.getRegionOutputArgs().begin(),
                         op.getRegionOutputArgs().end());
  ValueRange results = op.getBody()->getTerminator()->getOperands();
  for (Operation &inner : op.getBody()->without_terminator()) {
    auto isOfRows = [&](Value value) { return ofRows.contains(value); };
    bool isAlone = llvm::all_of(inner.getOperands(), [&](Value operand) {
      return isOfRows(operand) || isConstant(operand);
    });
    bool isResult = inner.getNumResults() == 1 &&
                    llvm::is_contained(results, inner.getResult(0));
    if (isResult || (isAlone && llvm::any_of(inner.getOperands(), isOfRows)))
      ofRows.insert_range(inner.getResults());
  }
  return ofRows;
}

std::optional<SmallVector<Merge>> findMerges(linalg::GenericOp op) {
  bool isCorrected = seq::isCorrected(op);
  DenseSet<Value> ofRows;
  if (isCorrected)
    ofRows = findValuesOfRows(op);
  SmallVector<Merge> merges;
  for (auto [init, yielded] :
       llvm::zip_equal(op.getDpsInitsMutable(),
                       op.getBody()->getTerminator()->getOperands())) {
    BlockArgument acc = op.getMatchingBlockArgument(&init);
    Operation *merge = yielded.getDefiningOp();
    auto kind = merge ? getReduceKind(merge) : std::nullopt;
    if (!kind)
      return std::nullopt;
    bool isPlain =
        acc.hasOneUse() && *acc.user_begin() == merge && merge->hasOneUse();
    Value left = merge->getOperand(0), right = merge->getOperand(1);
    bool isSwapped = isCorrected ? !ofRows.contains(left) : left != acc;
    if (isSwapped)
      std::swap(left, right);
    if (isCorrected ? !ofRows.contains(left) || ofRows.contains(right)
                    : !isPlain)
      return std::nullopt;
    merges.push_back({merge, left, right, *kind});
  }
  return merges;
}

TypedAttr getNeutral(Operation *merge, Type element) {
  auto neutral = cast<TypedAttr>(*arith::getNeutralElement(merge));
  if (auto number = dyn_cast<FloatAttr>(neutral))
    return FloatAttr::get(element, number.getValueAsDouble());
  return neutral;
}

bool isNeutralInit(OpOperand &init, Operation *merge) {
  auto value = getSplatValue(init.get());
  if (!value)
    return false;
  TypedAttr neutral = *arith::getNeutralElement(merge);
  auto number = dyn_cast<FloatAttr>(*value);
  if (number && isa<arith::AddFOp>(merge))
    return number.getValue().isZero();
  return *value == neutral;
}

} // namespace sennit::schedule
