// Derives from a scan's region the map that a token applies to the states.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/normalize/ScanMaps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/RegionUtils.h"

#include <limits>

using namespace mlir;

namespace sennit::normalize {

using seq::ScanAlgebra;
using seq::StateForm;

static constexpr double infinity = std::numeric_limits<double>::infinity();

static Value makeScalar(OpBuilder &builder, Location loc, Type type,
                        double value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getFloatAttr(type, value));
}

Value makeFinite(OpBuilder &builder, Location loc, Value value) {
  Value lowest = makeScalar(builder, loc, value.getType(), -infinity);
  Value isLowest = arith::CmpFOp::create(
      builder, loc, arith::CmpFPredicate::OEQ, value, lowest);
  Value zero = makeScalar(builder, loc, value.getType(), 0);
  return arith::SelectOp::create(builder, loc, isLowest, zero, value);
}

//===----------------------------------------------------------------------===//
// The algebra
//===----------------------------------------------------------------------===//

double Semiring::zero() const {
  return algebra == ScanAlgebra::Affine ? 0 : -infinity;
}

Value Semiring::plus(OpBuilder &builder, Location loc, Value a, Value b) const {
  if (algebra == ScanAlgebra::Affine)
    return arith::AddFOp::create(builder, loc, a, b);
  Value most = arith::MaximumFOp::create(builder, loc, a, b);
  if (algebra == ScanAlgebra::MaxPlus)
    return most;
  Value off = makeFinite(builder, loc, most), sum;
  for (Value term : {a, b}) {
    term = arith::SubFOp::create(builder, loc, term, off);
    term = math::ExpOp::create(builder, loc, term);
    sum = sum ? arith::AddFOp::create(builder, loc, sum, term) : term;
  }
  Value log = math::LogOp::create(builder, loc, sum);
  return arith::AddFOp::create(builder, loc, log, off);
}

Value Semiring::times(OpBuilder &builder, Location loc, Value a,
                      Value b) const {
  if (algebra == ScanAlgebra::Affine)
    return arith::MulFOp::create(builder, loc, a, b);
  return arith::AddFOp::create(builder, loc, a, b);
}

//===----------------------------------------------------------------------===//
// What can be derived
//===----------------------------------------------------------------------===//

/// The ops of the region on which its next states depend, in order.
static SmallVector<Operation *> findNeeded(seq::ScanOp scan) {
  SetVector<Value> values(scan.getYieldedStates().begin(),
                          scan.getYieldedStates().end());
  for (size_t i = 0; i < values.size(); ++i)
    if (Operation *op = values[i].getDefiningOp();
        op && scan.getBody().isAncestor(op->getParentRegion())) {
      values.insert(op->operand_begin(), op->operand_end());
      getUsedValuesDefinedAbove(op->getRegions(), values);
    }
  SmallVector<Operation *> needed;
  for (Operation &op : scan.getBody().front().without_terminator())
    if (llvm::any_of(op.getResults(),
                     [&](Value result) { return values.contains(result); }))
      needed.push_back(&op);
  return needed;
}

ScanMap::ScanMap(seq::ScanOp scan)
    : scan(scan), byElement(seq::worksByElement(scan)), forms(scan),
      needed(findNeeded(scan)) {
  if (!byElement && !scan.getStates().empty())
    llvm::append_range(
        columnShape,
        cast<RankedTensorType>(scan.getStates().front().getType()).getShape());
}

RankedTensorType ScanMap::widened(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(columnShape);
  llvm::append_range(shape, tensor.getShape());
  return tensor.clone(shape);
}

RankedTensorType ScanMap::getColumnType(Value state) {
  return widened(state.getType());
}

double ScanMap::getZero(Value value) const {
  bool isExponential = forms.lookup(value).kind == StateForm::Exponential;
  return isExponential ? 0 : getSemiring().zero();
}

/// The number with which a sum or a maximum begins, if it is a constant.
static std::optional<double> getStart(Value init) {
  auto fill = init.getDefiningOp<linalg::FillOp>();
  auto constant =
      fill ? fill.getInputs().front().getDefiningOp<arith::ConstantOp>()
           : arith::ConstantOp();
  auto number =
      constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  if (!number)
    return std::nullopt;
  return number.getValueAsDouble();
}

std::string ScanMap::whyNotWidened(Operation *op) {
  std::string name = "`" + op->getName().getStringRef().str() + "`";
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic)
    return "its region holds " + name + ", which has no form for columns";
  if (llvm::any_of(op->getResults(), [&](Value v) { return isConstant(v); }))
    return "one of the results of a `linalg.generic` depends on no state";
  bool isLogSumExp = scan.getAlgebra() == ScanAlgebra::LogSumExp;
  for (auto [init, result] :
       llvm::zip_equal(generic.getDpsInitsMutable(), op->getResults())) {
    if (generic.getMatchingBlockArgument(&init).use_empty() ||
        !isConstant(init.get()))
      continue;
    std::optional<double> start = getStart(init.get());
    if (!start)
      return "a sum in its region begins with a tensor";
    bool isGauge = forms.lookup(result).kind == StateForm::Other;
    if (isLogSumExp && !isGauge && *start != getZero(result))
      return "what joins the states is not one of them";
  }
  std::string reason;
  generic.getBody()->walk([&](Operation *inner) {
    if (isa<tensor::ExtractOp>(inner) && !isConstant(inner->getOperand(0)))
      reason = "its region reads states at computed places";
    if (isa<arith::SelectOp>(inner) && isLogSumExp &&
        forms.lookup(inner->getResult(0)).kind != StateForm::Other &&
        isConstant(inner->getOperand(1)) != isConstant(inner->getOperand(2)))
      reason = "what joins the states is not one of them";
  });
  return reason;
}

std::string ScanMap::whyNot(int64_t most) {
  for (Value state : scan.getStates())
    if (!isa<FloatType>(getElementTypeOrSelf(state.getType())))
      return "its states are not floats";
  if (!byElement && scan.getStates().size() > 1)
    return "it has several states, and not each element by itself";
  int64_t elements = ShapedType::getNumElements(columnShape);
  if (elements > most)
    return "the map of a state of " + std::to_string(elements) +
           " elements has " + std::to_string(elements * elements) +
           "; at most " + std::to_string(most) + " are mapped";
  for (Value next : scan.getYieldedStates())
    if (isConstant(next) && scan.getAlgebra() == ScanAlgebra::LogSumExp)
      return "what joins the states is not one of them";
  for (Operation *op : needed) {
    bool isSame = llvm::all_of(
        op->getResults(), [&](Value result) { return isConstant(result); });
    std::string reason = isSame ? "" : whyNotWidened(op);
    if (!reason.empty())
      return reason;
  }
  return "";
}

//===----------------------------------------------------------------------===//
// The region's ops on columns
//===----------------------------------------------------------------------===//

Value ScanMap::makeFilled(OpBuilder &builder, Location loc,
                          RankedTensorType type, double value) {
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                        type.getElementType());
  Value scalar = makeScalar(builder, loc, type.getElementType(), value);
  return linalg::FillOp::create(builder, loc, scalar, empty).getResult(0);
}

/// One op of a body: without what it joins that depends on no state.
void ScanMap::emitScalar(OpBuilder &builder, Operation *op,
                         IRMapping &mapping) {
  Location loc = op->getLoc();
  auto result = [&] { return op->getResult(0); };
  bool isJoin = isa<arith::AddFOp, arith::SubFOp>(op);
  bool isOther = op->getNumResults() == 1 &&
                 forms.lookup(result()).kind == StateForm::Other;
  if (op->getNumResults() != 1 || isConstant(result()) || isOther) {
    builder.clone(*op, mapping);
    return;
  }
  if (scan.getAlgebra() == ScanAlgebra::LogSumExp) {
    // Whatever finite number is taken off comes back.
    IRMapping own = mapping;
    for (Value operand : op->getOperands())
      if (isJoin && forms.lookup(operand).kind == StateForm::Other)
        own.map(operand, makeFinite(builder, loc, mapping.lookup(operand)));
    mapping.map(result(), builder.clone(*op, own)->getResult(0));
    return;
  }
  isJoin &= scan.getAlgebra() == ScanAlgebra::Affine;
  isJoin |= isa<arith::MaximumFOp, arith::MaxNumFOp>(op);
  if (isJoin && isConstant(op->getOperand(1))) {
    mapping.map(result(), mapping.lookup(op->getOperand(0)));
    return;
  }
  if (isJoin && isConstant(op->getOperand(0))) {
    Value rest = mapping.lookup(op->getOperand(1));
    if (isa<arith::SubFOp>(op))
      rest = arith::NegFOp::create(builder, loc, rest);
    mapping.map(result(), rest);
    return;
  }
  Operation *clone = builder.clone(*op, mapping);
  if (isa<arith::SelectOp>(op))
    for (unsigned arm : {1, 2})
      if (isConstant(op->getOperand(arm))) {
        OpBuilder before(clone);
        clone->setOperand(arm, makeScalar(before, loc, result().getType(),
                                          getSemiring().zero()));
      }
}

/// The generic op with the columns' dimensions in front of its loops.
void ScanMap::widen(OpBuilder &builder, linalg::GenericOp op,
                    IRMapping &mapping) {
  MLIRContext *context = builder.getContext();
  unsigned columns = columnShape.size();
  SmallVector<AffineExpr> leading;
  for (unsigned dim = 0; dim != columns; ++dim)
    leading.push_back(getAffineDimExpr(dim, context));
  auto shift = [&](AffineMap map, bool isWide) {
    map = map.shiftDims(columns);
    SmallVector<AffineExpr> results(isWide ? leading
                                           : SmallVector<AffineExpr>());
    llvm::append_range(results, map.getResults());
    return AffineMap::get(columns + op.getNumLoops(), 0, results, context);
  };
  SmallVector<Value> inputs, inits;
  SmallVector<AffineMap> maps;
  for (OpOperand *input : op.getDpsInputOperands()) {
    inputs.push_back(mapping.lookupOrDefault(input->get()));
    maps.push_back(
        shift(op.getMatchingIndexingMap(input), !isConstant(input->get())));
  }
  for (auto [init, result] :
       llvm::zip_equal(op.getDpsInitsMutable(), op->getResults())) {
    maps.push_back(shift(op.getMatchingIndexingMap(&init), true));
    if (!isConstant(init.get())) {
      inits.push_back(mapping.lookup(init.get()));
      continue;
    }
    bool isGauge = forms.lookup(result).kind == StateForm::Other;
    std::optional<double> start = getStart(init.get());
    inits.push_back(makeFilled(builder, op.getLoc(), widened(result.getType()),
                               isGauge && start ? *start : getZero(result)));
  }
  SmallVector<utils::IteratorType> kinds(columns,
                                         utils::IteratorType::parallel);
  llvm::append_range(kinds, op.getIteratorTypesArray());
  auto wide = linalg::GenericOp::create(
      builder, op.getLoc(), TypeRange(ValueRange(inits)), inputs, inits, maps,
      kinds, [&](OpBuilder &body, Location, ValueRange arguments) {
        IRMapping inner = mapping;
        inner.map(op.getBody()->getArguments(), arguments);
        for (Operation &scalar : op.getBody()->without_terminator())
          emitScalar(body, &scalar, inner);
        body.clone(*op.getBody()->getTerminator(), inner);
      });
  wide.walk(
      [&](linalg::IndexOp index) { index.setDim(index.getDim() + columns); });
  mapping.map(op->getResults(), wide->getResults());
}

SmallVector<Value> ScanMap::emit(OpBuilder &builder, IRMapping mapping,
                                 ValueRange columns) {
  mapping.map(scan.getStateArguments(), columns);
  for (Operation *op : needed) {
    bool isSame = llvm::all_of(
        op->getResults(), [&](Value result) { return isConstant(result); });
    if (isSame)
      builder.clone(*op, mapping);
    else
      widen(builder, cast<linalg::GenericOp>(op), mapping);
  }
  SmallVector<Value> next;
  for (auto [state, value] :
       llvm::zip_equal(scan.getStates(), scan.getYieldedStates()))
    next.push_back(isConstant(value)
                       ? makeFilled(builder, scan.getLoc(),
                                    getColumnType(state), getSemiring().zero())
                       : mapping.lookup(value));
  return next;
}

} // namespace sennit::normalize
