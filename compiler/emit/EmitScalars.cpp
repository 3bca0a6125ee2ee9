// Index arithmetic, constants and splats for the emitter.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Emitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

Type Emitter::vectorOf(Type element) {
  return VectorType::get({lanes}, element);
}

// Constants stand once at the function's start, so that points that are equal
// hold the same values and are found in the cache.
Value Emitter::constant(int64_t value) {
  Value &known = constants[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&function.front());
    known = arith::ConstantIndexOp::create(builder, loc, value);
  }
  return known;
}

Value Emitter::constantOf(TypedAttr value, bool vector) {
  if (!vector)
    return arith::ConstantOp::create(builder, loc, value);
  auto type = cast<VectorType>(vectorOf(value.getType()));
  return arith::ConstantOp::create(
      builder, loc, SplatElementsAttr::get(type, Attribute(value)));
}

static std::optional<int64_t> getConstant(Value value) {
  return getConstantIntValue(value);
}

Value Emitter::add(Value a, Value b) {
  std::optional<int64_t> left = getConstant(a), right = getConstant(b);
  if (left && right)
    return constant(*left + *right);
  if (left == 0)
    return b;
  return builder.createOrFold<arith::AddIOp>(loc, a, b);
}

Value Emitter::add(Value a, int64_t b) {
  return b == 0 ? a : add(a, constant(b));
}

Value Emitter::subtract(Value a, Value b) {
  std::optional<int64_t> left = getConstant(a), right = getConstant(b);
  if (left && right)
    return constant(*left - *right);
  return builder.createOrFold<arith::SubIOp>(loc, a, b);
}

Value Emitter::multiply(Value a, int64_t b) {
  if (std::optional<int64_t> left = getConstant(a))
    return constant(*left * b);
  return b == 1 ? a : builder.createOrFold<arith::MulIOp>(loc, a, constant(b));
}

// Positions are never negative, and unsigned division by a constant is a shift.
Value Emitter::divide(Value a, int64_t b) {
  if (std::optional<int64_t> left = getConstant(a))
    return constant(*left / b);
  return b == 1 ? a : builder.createOrFold<arith::DivUIOp>(loc, a, constant(b));
}

Value Emitter::remainder(Value a, int64_t b) {
  if (std::optional<int64_t> left = getConstant(a))
    return constant(*left % b);
  return b == 1 ? constant(0)
                : builder.createOrFold<arith::RemUIOp>(loc, a, constant(b));
}

Value Emitter::minimum(Value a, Value b) {
  std::optional<int64_t> left = getConstant(a), right = getConstant(b);
  if (left && right)
    return constant(std::min(*left, *right));
  return builder.createOrFold<arith::MinSIOp>(loc, a, b);
}

Value Emitter::splat(Value scalar) {
  return vector::BroadcastOp::create(builder, loc, vectorOf(scalar.getType()),
                                     scalar);
}

Value Emitter::toInteger(Value index, unsigned width) {
  Type type = builder.getIntegerType(width);
  return builder.createOrFold<arith::IndexCastOp>(loc, type, index);
}

// 0, 1, 2, .. in integers of `width` bits.
Value Emitter::laneNumbers(unsigned width) {
  Type element = builder.getIntegerType(width);
  SmallVector<Attribute> numbers;
  for (int64_t i = 0; i < lanes; ++i)
    numbers.push_back(builder.getIntegerAttr(element, i));
  return arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(cast<VectorType>(vectorOf(element)), numbers));
}

Value Emitter::pointerAt(Value base, Type element, Value offset) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  return LLVM::GEPOp::create(builder, loc, pointer, element, base,
                             ValueRange{toInteger(offset)});
}
