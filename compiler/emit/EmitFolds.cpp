// One step of reductions and scans.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Emitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;
using tile::ReduceKind;

// Which of -0 and +0 is the larger costs three instructions of six to know.
static constexpr auto anyZero = arith::FastMathFlags::nsz;

Value Emitter::combine(ReduceKind kind, Value a, Value b) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(a.getType()));
  switch (kind) {
  case ReduceKind::Add:
    if (isFloat)
      return arith::AddFOp::create(builder, loc, a, b,
                                   arith::FastMathFlags::contract);
    return arith::AddIOp::create(builder, loc, a, b);
  case ReduceKind::Max:
    if (isFloat)
      return arith::MaximumFOp::create(builder, loc, a, b, anyZero);
    return arith::MaxSIOp::create(builder, loc, a, b);
  case ReduceKind::Min:
    if (isFloat)
      return arith::MinimumFOp::create(builder, loc, a, b, anyZero);
    return arith::MinSIOp::create(builder, loc, a, b);
  case ReduceKind::Mul:
    if (isFloat)
      return arith::MulFOp::create(builder, loc, a, b);
    return arith::MulIOp::create(builder, loc, a, b);
  case ReduceKind::And:
    return arith::AndIOp::create(builder, loc, a, b);
  case ReduceKind::Or:
    return arith::OrIOp::create(builder, loc, a, b);
  }
  llvm_unreachable("all kinds are handled");
}

TypedAttr Emitter::getIdentity(ReduceKind kind, Type element) {
  if (kind == ReduceKind::Add || kind == ReduceKind::Or)
    return builder.getZeroAttr(element);
  if (kind == ReduceKind::Mul)
    return builder.getOneAttr(element);
  if (kind == ReduceKind::And)
    return builder.getIntegerAttr(element, -1);
  bool isMax = kind == ReduceKind::Max;
  if (auto type = dyn_cast<FloatType>(element))
    return FloatAttr::get(
        type, APFloat::getInf(type.getFloatSemantics(), /*Negative=*/isMax));
  unsigned width = element.getIntOrFloatBitWidth();
  return IntegerAttr::get(element, isMax ? APInt::getSignedMinValue(width)
                                         : APInt::getSignedMaxValue(width));
}

Value Emitter::combineAll(ReduceKind kind, SmallVector<Value> parts) {
  while (parts.size() > 1) {
    Value last = parts.pop_back_val();
    Value &into = parts[parts.size() / 2];
    into = combine(kind, into, last);
  }
  return parts.front();
}

// h = a h + b, or h = h + b.
Value Emitter::emitScanStep(tile::ScanOp scan, const Point &point,
                            Value state) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(state.getType()));
  Value first = emit(scan.getInputs()[0], point);
  if (scan.getKind() == tile::ScanKind::Add)
    return combine(tile::ReduceKind::Add, state, first);
  Value second = emit(scan.getInputs()[1], point);
  if (isFloat)
    return math::FmaOp::create(builder, loc, first, state, second);
  Value product = arith::MulIOp::create(builder, loc, first, state);
  return arith::AddIOp::create(builder, loc, product, second);
}

Value Emitter::emitScanInit(tile::ScanOp scan, const Point &point) {
  if (scan.getInit())
    return emit(scan.getInit(), point);
  Type element = cast<VectorType>(scan.getLast().getType()).getElementType();
  return constantOf(builder.getZeroAttr(getComputeType(element)), point.vector);
}
