// The rows that a convolution reads: those of its window, then its input's.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/ConvTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::schedule {

/// `count` rows of [.., token, channel], gathered by position; negative ones
/// read zero.
static Value gatherRows(Program &program, seq::ConvOp op, Value tensor,
                        Value rows, const ConvPlace &place) {
  OpBuilder &b = program.builder;
  int64_t count = cast<VectorType>(rows.getType()).getDimSize(0);
  auto type = VectorType::get({count, place.width}, b.getF32Type());
  int64_t channels = op.getChannels();
  SmallVector<std::pair<int64_t, Value>> bounds;
  if (channels % place.width != 0)
    bounds.push_back({1, program.index(channels)});
  SmallVector<Value> indices{rows, program.value(place.channel)};
  SmallVector<int64_t> dims{0, 1};
  if (place.sequence) {
    indices.insert(indices.begin(), place.sequence);
    dims = {1, 2};
  }
  return tile::LoadOp::create(b, program.loc, type, program.view(tensor),
                              indices, dims, bounds);
}

Value loadHistory(Program &program, seq::ConvOp op, Value start, int64_t count,
                  const ConvPlace &place) {
  OpBuilder &b = program.builder;
  Value row = program.iota(start, count);
  auto rowType = cast<VectorType>(row.getType());
  Value tokens = program.extent(op.getInput(), op.getTokenDim());
  Value isInside =
      arith::CmpIOp::create(b, program.loc, arith::CmpIPredicate::slt, row,
                            program.broadcast(tokens, rowType.getShape(), {}));
  Value inputRow = arith::SelectOp::create(b, program.loc, isInside, row,
                                           program.splatInt(rowType, -1));
  Value fromInput = gatherRows(program, op, op.getInput(), inputRow, place);
  if (!op.getWindow())
    return fromInput;
  Value isWindow =
      arith::CmpIOp::create(b, program.loc, arith::CmpIPredicate::slt, row,
                            program.splatInt(rowType, 0));
  Value shifted = arith::AddIOp::create(
      b, program.loc, row, program.splatInt(rowType, op.getTaps() - 1));
  Value windowRow = arith::SelectOp::create(b, program.loc, isWindow, shifted,
                                            program.splatInt(rowType, -1));
  Value fromWindow = gatherRows(program, op, op.getWindow(), windowRow, place);
  return arith::AddFOp::create(b, program.loc, fromInput, fromWindow);
}

} // namespace sennit::schedule
