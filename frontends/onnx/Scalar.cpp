// Arithmetic on the scalars of a map's body, by type.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace sennit::onnx;

Value Scalars::constant(Type type, double value) {
  if (auto real = dyn_cast<FloatType>(type))
    return arith::ConstantOp::create(builder,
                                     builder.getFloatAttr(real, value));
  return arith::ConstantOp::create(
      builder, builder.getIntegerAttr(type, static_cast<int64_t>(value)));
}

Value Scalars::index(int64_t value) {
  return arith::ConstantIndexOp::create(builder, value);
}

static Value extreme(ImplicitLocOpBuilder &builder, Type type, bool lowest) {
  if (auto real = dyn_cast<FloatType>(type))
    return arith::ConstantOp::create(
        builder,
        builder.getFloatAttr(
            real, llvm::APFloat::getInf(real.getFloatSemantics(), lowest)));
  unsigned width = type.getIntOrFloatBitWidth();
  auto value = lowest ? llvm::APInt::getSignedMinValue(width)
                      : llvm::APInt::getSignedMaxValue(width);
  return arith::ConstantOp::create(builder,
                                   builder.getIntegerAttr(type, value));
}

Value Scalars::lowest(Type type) { return extreme(builder, type, true); }
Value Scalars::highest(Type type) { return extreme(builder, type, false); }

Value Scalars::add(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::AddFOp::create(builder, a, b);
  return arith::AddIOp::create(builder, a, b);
}

Value Scalars::sub(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::SubFOp::create(builder, a, b);
  return arith::SubIOp::create(builder, a, b);
}

Value Scalars::mul(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::MulFOp::create(builder, a, b);
  return arith::MulIOp::create(builder, a, b);
}

Value Scalars::div(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::DivFOp::create(builder, a, b);
  return arith::DivSIOp::create(builder, a, b);
}

Value Scalars::max(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::MaximumFOp::create(builder, a, b);
  return arith::MaxSIOp::create(builder, a, b);
}

Value Scalars::min(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::MinimumFOp::create(builder, a, b);
  return arith::MinSIOp::create(builder, a, b);
}

Value Scalars::power(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return math::PowFOp::create(builder, a, b);
  return math::IPowIOp::create(builder, a, b);
}

Value Scalars::negate(Value a) {
  if (isa<FloatType>(a.getType()))
    return arith::NegFOp::create(builder, a);
  return sub(constant(a.getType(), 0), a);
}

Value Scalars::absolute(Value a) {
  if (isa<FloatType>(a.getType()))
    return math::AbsFOp::create(builder, a);
  return max(a, negate(a));
}

Value Scalars::compare(Compare how, Value a, Value b) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  static constexpr std::pair<F, I> predicates[] = {{F::OEQ, I::eq},
                                                   {F::OLT, I::slt},
                                                   {F::OLE, I::sle},
                                                   {F::OGT, I::sgt},
                                                   {F::OGE, I::sge}};
  auto [real, integer] = predicates[int(how)];
  if (isa<FloatType>(a.getType()))
    return arith::CmpFOp::create(builder, real, a, b);
  return arith::CmpIOp::create(builder, integer, a, b);
}

Value Scalars::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(builder, condition, a, b);
}

Value Scalars::both(Value a, Value b) {
  return arith::AndIOp::create(builder, a, b);
}

Value Scalars::either(Value a, Value b) {
  return arith::OrIOp::create(builder, a, b);
}

Value Scalars::isNot(Value a) {
  return arith::XOrIOp::create(builder, a, constant(a.getType(), 1));
}

/// Between integers, floats and i1; index goes through i64.
Value Scalars::convert(Value a, Type to) {
  Type from = a.getType();
  if (from == to)
    return a;
  if (isa<IndexType>(from) || isa<IndexType>(to)) {
    Type wide = builder.getI64Type();
    Value value = isa<IndexType>(from)
                      ? arith::IndexCastOp::create(builder, wide, a).getResult()
                      : convert(a, wide);
    if (isa<IndexType>(to))
      return arith::IndexCastOp::create(builder, to, value);
    return convert(value, to);
  }
  if (to.isInteger(1)) {
    Value zero = constant(from, 0);
    if (isa<FloatType>(from))
      return arith::CmpFOp::create(builder, arith::CmpFPredicate::UNE, a, zero);
    return arith::CmpIOp::create(builder, arith::CmpIPredicate::ne, a, zero);
  }
  unsigned before = from.getIntOrFloatBitWidth(),
           after = to.getIntOrFloatBitWidth();
  if (isa<FloatType>(from) && isa<FloatType>(to)) {
    if (before < after)
      return arith::ExtFOp::create(builder, to, a);
    if (before > after)
      return arith::TruncFOp::create(builder, to, a);
    return convert(convert(a, builder.getF32Type()), to); // f16 and bf16.
  }
  if (isa<FloatType>(from))
    return arith::FPToSIOp::create(builder, to, a);
  if (isa<FloatType>(to))
    return from.isInteger(1)
               ? arith::UIToFPOp::create(builder, to, a).getResult()
               : arith::SIToFPOp::create(builder, to, a).getResult();
  if (before > after)
    return arith::TruncIOp::create(builder, to, a);
  return from.isInteger(1) ? arith::ExtUIOp::create(builder, to, a).getResult()
                           : arith::ExtSIOp::create(builder, to, a).getResult();
}

Value Scalars::exp(Value a) { return math::ExpOp::create(builder, a); }
Value Scalars::log(Value a) { return math::LogOp::create(builder, a); }
Value Scalars::tanh(Value a) { return math::TanhOp::create(builder, a); }
Value Scalars::sqrt(Value a) { return math::SqrtOp::create(builder, a); }
Value Scalars::erf(Value a) { return math::ErfOp::create(builder, a); }
Value Scalars::sin(Value a) { return math::SinOp::create(builder, a); }
Value Scalars::cos(Value a) { return math::CosOp::create(builder, a); }
Value Scalars::floor(Value a) { return math::FloorOp::create(builder, a); }
Value Scalars::ceil(Value a) { return math::CeilOp::create(builder, a); }
Value Scalars::roundEven(Value a) {
  return math::RoundEvenOp::create(builder, a);
}

Value Scalars::sigmoid(Value a) {
  Value one = constant(a.getType(), 1);
  return div(one, add(one, exp(negate(a))));
}

Value Scalars::softplus(Value a) {
  Value zero = constant(a.getType(), 0), one = constant(a.getType(), 1);
  Value tail = log(add(one, exp(negate(absolute(a)))));
  return add(max(a, zero), tail);
}
