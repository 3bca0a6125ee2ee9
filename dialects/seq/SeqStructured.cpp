// Answers whether the results of a generic op can be computed part by part.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "dialects/seq/SeqForms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace sennit::seq {

static std::string spell(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static bool isKnownElement(Type type) {
  return type.isF16() || type.isBF16() || type.isF32() || type.isF64() ||
         type.isIndex() || type.isInteger(1) || type.isInteger(8) ||
         type.isInteger(16) || type.isInteger(32) || type.isInteger(64);
}

/// Why a result cannot be written part by part through `map`, or empty.
static std::string whyNotWritten(linalg::GenericOp op, AffineMap map,
                                 RankedTensorType type) {
  SmallVector<bool> written(op.getNumLoops());
  for (auto [position, expr] : llvm::enumerate(map.getResults())) {
    if (isa<AffineConstantExpr>(expr)) {
      if (type.getDimSize(position) != 1)
        return "it writes one position of a dimension of " +
               std::to_string(type.getDimSize(position));
      continue;
    }
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim || written[dim.getPosition()])
      return "its results do not stand at a projection of its loops";
    written[dim.getPosition()] = true;
  }
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (written[loop] != (kind == utils::IteratorType::parallel))
      return "loop " + std::to_string(loop) +
             (written[loop] ? " reduces, but tells results apart"
                            : " is parallel, but does not tell results apart");
  return "";
}

/// Whether `expr` is a sum of loops times constants.
static bool isLinear(AffineExpr expr) {
  if (isa<AffineDimExpr, AffineConstantExpr>(expr))
    return true;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Mul)
    return isLinear(binary.getLHS()) &&
           isa<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Add && isLinear(binary.getLHS()) &&
         isLinear(binary.getRHS());
}

/// Why the body cannot be computed for many elements at once, or empty.
static std::string whyNotMany(Operation *op) {
  if (isa<linalg::IndexOp, arith::ConstantOp>(op) || readsMemory(op))
    return "";
  std::string name = "`" + op->getName().getStringRef().str() + "`";
  if (!OpTrait::hasElementwiseMappableTraits(op) || op->getNumResults() != 1)
    return name + " in its body does not apply element by element";
  for (Type type : op->getResultTypes())
    if (!isKnownElement(type))
      return name + " in its body computes " + spell(type);
  return "";
}

/// Why the body cannot read `value` from outside, or empty.
static std::string whyNotCaptured(Value value) {
  if (isa<RankedTensorType, IndexType>(value.getType()))
    return "";
  if (value.getDefiningOp<arith::ConstantOp>())
    return "";
  return "it reads a scalar of " + spell(value.getType()) +
         " that is no constant";
}

static std::string whyNotBody(linalg::GenericOp op) {
  std::string reason;
  op.getBody()->walk<WalkOrder::PreOrder>([&](Operation *inner) {
    if (isa<linalg::YieldOp>(inner))
      return WalkResult::advance();
    reason = whyNotMany(inner);
    for (Value operand : inner->getOperands())
      if (reason.empty() && operand.getParentRegion() != &op.getRegion())
        reason = whyNotCaptured(operand);
    return reason.empty() ? WalkResult::advance() : WalkResult::interrupt();
  });
  return reason;
}

std::string whyNotStructured(linalg::GenericOp op) {
  if (!op.hasPureTensorSemantics())
    return "it does not work on tensors";
  AffineMap first = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (OpOperand &init : op.getDpsInitsMutable()) {
    if (op.getMatchingIndexingMap(&init) != first)
      return "its results stand at different places of its loops";
    std::string reason =
        whyNotWritten(op, op.getMatchingIndexingMap(&init),
                      cast<RankedTensorType>(init.get().getType()));
    if (!reason.empty())
      return reason;
  }
  for (OpOperand &operand : op->getOpOperands()) {
    Type element = getElementTypeOrSelf(operand.get().getType());
    if (!isKnownElement(element))
      return "it reads or writes elements of " + spell(element);
    if (!isa<RankedTensorType>(operand.get().getType())) {
      std::string reason = whyNotCaptured(operand.get());
      if (!reason.empty())
        return reason;
    }
    if (!llvm::all_of(op.getMatchingIndexingMap(&operand).getResults(),
                      isLinear))
      return "it reads operand " + std::to_string(operand.getOperandNumber()) +
             " at places that are no sums of its loops";
  }
  return whyNotBody(op);
}

bool isStructured(Operation *op) {
  auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
  return generic && whyNotStructured(generic).empty();
}

bool readsMemory(Operation *op) {
  return isa<tensor::ExtractOp>(op) &&
         isa_and_nonnull<linalg::GenericOp>(op->getParentOp());
}

} // namespace sennit::seq
