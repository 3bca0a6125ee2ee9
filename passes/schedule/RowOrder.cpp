// The order of a row: floats as integers that compare alike, packed with their
// indices.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "passes/schedule/RowOrder.h"

#include "dialects/tile/TileUnits.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/schedule/TileSizes.h"

#include <limits>

using namespace mlir;

namespace sennit::schedule {

static constexpr int64_t none = std::numeric_limits<int64_t>::min();
static constexpr int64_t least = std::numeric_limits<int32_t>::min();

static VectorType like(Value tile, Type element) {
  return cast<VectorType>(tile.getType()).clone(element);
}

static Value splatLike(Program &program, Value tile, int64_t value) {
  return program.splatInt(cast<VectorType>(tile.getType()), value);
}

/// Bits of f32 and keys, each from the other: negative ones run backwards.
static Value turnNegatives(Program &program, Value bits) {
  OpBuilder &b = program.builder;
  Value sign = arith::ShRSIOp::create(b, program.loc, bits,
                                      splatLike(program, bits, 31));
  Value turned = arith::AndIOp::create(
      b, program.loc, sign,
      splatLike(program, bits, std::numeric_limits<int32_t>::max()));
  return arith::XOrIOp::create(b, program.loc, bits, turned);
}

Value emitKeys(Program &program, Value numbers) {
  OpBuilder &b = program.builder;
  Location loc = program.loc;
  auto type = cast<VectorType>(numbers.getType());
  // -0 + 0 is 0.
  Value positive =
      arith::AddFOp::create(b, loc, numbers, program.splat(type, 0));
  Value bits =
      arith::BitcastOp::create(b, loc, like(numbers, b.getI32Type()), positive);
  Value isNumber = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD,
                                         numbers, numbers);
  return arith::SelectOp::create(b, loc, isNumber, turnNegatives(program, bits),
                                 splatLike(program, bits, least));
}

Value emitNumbers(Program &program, Value keys) {
  // The least key turns into a NaN by itself: all its bits are set.
  OpBuilder &b = program.builder;
  return arith::BitcastOp::create(b, program.loc, like(keys, b.getF32Type()),
                                  turnNegatives(program, keys));
}

int64_t RowOrder::getRows(KernelBuilder &kernel, int64_t rowBound,
                          int64_t elements) {
  // A packed element has the size of two.
  return std::min<int64_t>(16, getRowTile(kernel.core, rowBound,
                                          2 * std::min(elements, wholeRow),
                                          kernel.choices));
}

FailureOr<Value> RowOrder::pack(Value first, int64_t columns) {
  FailureOr<Value> numbers = load(first, columns);
  if (failed(numbers))
    return failure();
  return pack(*numbers, first, columns);
}

Value RowOrder::pack(Value numbers, Value first, int64_t columns) {
  tile::UnitScope scope(program.builder, tile::kRouteUnit);
  OpBuilder &b = program.builder;
  Location loc = program.loc;
  if (smallest)
    numbers = arith::NegFOp::create(b, loc, numbers);
  Value keys = emitKeys(program, numbers);
  Value index = program.iota(first, columns);
  Value reversed =
      arith::XOrIOp::create(b, loc, index, splatLike(program, index, -1));
  VectorType wide = like(keys, b.getI64Type());
  Value low = program.broadcast(
      arith::ExtUIOp::create(b, loc, like(index, b.getI64Type()), reversed),
      wide.getShape(), {1});
  Value high =
      arith::ShLIOp::create(b, loc, arith::ExtSIOp::create(b, loc, wide, keys),
                            program.splatInt(wide, 32));
  Value packed = arith::OrIOp::create(b, loc, high, low);
  Value chosen = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, keys,
                                       splatLike(program, keys, least));
  if (elements % columns != 0) {
    Value inside =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index,
                              splatLike(program, index, elements));
    inside = program.broadcast(inside, wide.getShape(), {1});
    chosen = arith::AndIOp::create(b, loc, chosen, inside);
  }
  return arith::SelectOp::create(b, loc, chosen, packed,
                                 program.splatInt(wide, none));
}

void RowOrder::prepare(Value numbers) {
  whole = pack(numbers, program.index(0), elements);
}

LogicalResult RowOrder::prepare() {
  if (elements > wholeRow)
    return success();
  FailureOr<Value> packed = pack(program.index(0), elements);
  if (failed(packed))
    return failure();
  whole = *packed;
  return success();
}

Value RowOrder::start() {
  auto type = VectorType::get({rows}, program.builder.getI64Type());
  return program.splatInt(type, std::numeric_limits<int64_t>::max());
}

Value RowOrder::nextOf(Value packed, Value previous) {
  tile::UnitScope scope(program.builder, tile::kRouteUnit);
  OpBuilder &b = program.builder;
  auto type = cast<VectorType>(packed.getType());
  Value follows =
      arith::CmpIOp::create(b, program.loc, arith::CmpIPredicate::slt, packed,
                            program.broadcast(previous, type.getShape(), {0}));
  Value left = arith::SelectOp::create(b, program.loc, follows, packed,
                                       program.splatInt(type, none));
  return tile::ReduceOp::create(b, program.loc,
                                cast<VectorType>(previous.getType()),
                                tile::ReduceKind::Max, left, 1);
}

FailureOr<Value> RowOrder::next(Value previous) {
  if (whole)
    return nextOf(whole, previous);
  FailureOr<ValueRange> found = buildStream(
      program, "column", program.index(0), program.index(elements), wholeRow,
      splatLike(program, previous, none),
      [&](Value first, ValueRange best) -> FailureOr<SmallVector<Value>> {
        FailureOr<Value> packed = pack(first, wholeRow);
        if (failed(packed))
          return failure();
        return SmallVector<Value>{arith::MaxSIOp::create(
            program.builder, program.loc, best[0], nextOf(*packed, previous))};
      });
  if (failed(found))
    return failure();
  return (*found)[0];
}

Value RowOrder::isChosen(Value last) {
  OpBuilder &b = program.builder;
  auto type = cast<VectorType>(whole.getType());
  Value isBefore =
      arith::CmpIOp::create(b, program.loc, arith::CmpIPredicate::sge, whole,
                            program.broadcast(last, type.getShape(), {0}));
  Value exists = arith::CmpIOp::create(b, program.loc, arith::CmpIPredicate::ne,
                                       whole, program.splatInt(type, none));
  return arith::AndIOp::create(b, program.loc, isBefore, exists);
}

Value RowOrder::isNone(Value choices) {
  return arith::CmpIOp::create(program.builder, program.loc,
                               arith::CmpIPredicate::eq, choices,
                               splatLike(program, choices, none));
}

Value RowOrder::getValues(Value choices) {
  OpBuilder &b = program.builder;
  Location loc = program.loc;
  Value high =
      arith::ShRSIOp::create(b, loc, choices, splatLike(program, choices, 32));
  Value keys =
      arith::TruncIOp::create(b, loc, like(choices, b.getI32Type()), high);
  Value values = emitNumbers(program, keys);
  return smallest ? arith::NegFOp::create(b, loc, values).getResult() : values;
}

Value RowOrder::getIndices(Value choices) {
  OpBuilder &b = program.builder;
  Location loc = program.loc;
  Value low =
      arith::TruncIOp::create(b, loc, like(choices, b.getI32Type()), choices);
  Value indices =
      arith::XOrIOp::create(b, loc, low, splatLike(program, low, -1));
  return arith::SelectOp::create(b, loc, isNone(choices),
                                 splatLike(program, low, 0), indices);
}

} // namespace sennit::schedule
