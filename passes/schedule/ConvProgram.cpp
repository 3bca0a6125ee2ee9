// The program of the short causal convolution, and the next window.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/TileSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace sennit::schedule {

/// Rows `start` .. `start + count` of [window, input], where row 0 is the
/// input's first and negative rows are the window's: a gather from each, in
/// which the other's rows read zero.
static Value loadHistory(Program &program, seq::ConvOp op, Value start,
                         int64_t count, OpFoldResult channel, int64_t width) {
  OpBuilder &b = program.builder;
  int64_t taps = op.getWeight().getType().getDimSize(1);
  auto type = VectorType::get({count, width}, b.getF32Type());
  Value row = program.iota(start, count);
  auto rowType = cast<VectorType>(row.getType());
  Value isWindow =
      arith::CmpIOp::create(b, program.loc, arith::CmpIPredicate::slt, row,
                            program.splatInt(rowType, 0));
  Value shifted = arith::AddIOp::create(b, program.loc, row,
                                        program.splatInt(rowType, taps - 1));
  Value windowRow = arith::SelectOp::create(b, program.loc, isWindow, shifted,
                                            program.splatInt(rowType, -1));
  SmallVector<std::pair<int64_t, Value>> bounds;
  int64_t channels = op.getWeight().getType().getDimSize(0);
  if (channels % width != 0)
    bounds.push_back({1, program.index(channels)});
  Value c = program.value(channel);
  SmallVector<int64_t> dims{0, 1};
  Value fromInput =
      tile::LoadOp::create(b, program.loc, type, program.view(op.getInput()),
                           ValueRange{row, c}, dims, bounds);
  Value fromWindow =
      tile::LoadOp::create(b, program.loc, type, program.view(op.getWindow()),
                           ValueRange{windowRow, c}, dims, bounds);
  return arith::AddFOp::create(b, program.loc, fromInput, fromWindow);
}

/// The rows before row `t` that its taps reach.
static Value loadRowsBefore(Program &program, seq::ConvOp op, Value t,
                            OpFoldResult channel, int64_t width) {
  int64_t taps = op.getWeight().getType().getDimSize(1);
  Value start = arith::SubIOp::create(program.builder, program.loc, t,
                                      program.index(taps - 1));
  return loadHistory(program, op, start, taps - 1, channel, width);
}

/// The result's tile: bias plus taps over [rows before, rows].
static FailureOr<Value> emitConvTile(Program &program, seq::ConvOp op,
                                     const Box &box) {
  OpBuilder &b = program.builder;
  int64_t taps = op.getWeight().getType().getDimSize(1);
  int64_t rows = box.sizes[0], width = box.sizes[1];
  FailureOr<Value> input = program.tileF32(op.getInput(), box);
  FailureOr<Value> weight = program.tileF32(
      op.getWeight(), Box({box.offsets[1], b.getIndexAttr(0)}, {width, taps}));
  if (failed(input) || failed(weight))
    return failure();
  Value before = loadRowsBefore(program, op, program.value(box.offsets[0]),
                                box.offsets[1], width);
  auto longType = VectorType::get({rows + taps - 1, width}, b.getF32Type());
  Value all =
      tile::ConcatOp::create(b, program.loc, longType, before, *input, 0);
  auto turned = VectorType::get({taps, width}, b.getF32Type());
  Value tapRows = tile::TransposeOp::create(b, program.loc, turned, *weight,
                                            ArrayRef<int64_t>{1, 0});
  auto type = VectorType::get({rows, width}, b.getF32Type());
  Value sum = program.splat(type, 0.0);
  if (op.getBias()) {
    FailureOr<Value> bias = program.tileF32(op.getBias(), box.project({1}));
    if (failed(bias))
      return failure();
    sum = program.broadcast(*bias, type.getShape(), {1});
  }
  for (int64_t tap = 0; tap < taps; ++tap) {
    Value x = tile::SliceOp::create(b, program.loc, type, all,
                                    ArrayRef<int64_t>{tap, 0});
    auto one = VectorType::get({1, width}, b.getF32Type());
    Value w = tile::SliceOp::create(b, program.loc, one, tapRows,
                                    ArrayRef<int64_t>{tap, 0});
    w = program.broadcast(program.reshape(w, {width}), type.getShape(), {1});
    sum = arith::AddFOp::create(b, program.loc, sum,
                                arith::MulFOp::create(b, program.loc, x, w));
  }
  return sum;
}

/// Opens a grid over tiles of channels; returns the first channel and the
/// width.
static std::pair<OpFoldResult, int64_t> openChannels(Program &program,
                                                     seq::ConvOp conv) {
  int64_t channels = conv.getWeight().getType().getDimSize(0);
  int64_t width = channels <= 128 ? channels : getDivisor(channels, 128);
  if (width < 16 && channels > 128)
    width = 128;
  SmallVector<Value> item =
      program.openGrid({program.index(channels)}, {width}, {"channel"});
  if (width == channels)
    return {program.builder.getIndexAttr(0), width};
  return {item[0], width};
}

/// Stores the last inputs. Rows are written in rising order and read from at or
/// behind their own place, so the window may be overwritten where it stands.
static void storeWindow(Program &program, seq::ConvOp conv, Value memory,
                        Value tokens, OpFoldResult channel, int64_t width) {
  int64_t taps = conv.getWeight().getType().getDimSize(1);
  Value next = loadRowsBefore(program, conv, tokens, channel, width);
  program.store(
      next, conv.getWindow(), memory,
      Box({program.builder.getIndexAttr(0), channel}, {taps - 1, width}));
}

LogicalResult buildWindowProgram(KernelBuilder &kernel, seq::ConvOp conv) {
  Program program(kernel, kernel.kernel.getKind().str() + "_window");
  Value tokens = program.extent(conv.getInput(), 0);
  auto [channel, width] = openChannels(program, conv);
  Value memory = program.stateView(conv.getWindow(), conv.getWindowAfter());
  storeWindow(program, conv, memory, tokens, channel, width);
  return program.finish();
}

namespace {
struct ConvModel
    : TileProgramOpInterface::ExternalModel<ConvModel, seq::ConvOp> {
  FailureOr<Value> emitTile(Operation *op, Program &program, unsigned result,
                            const Box &box) const {
    if (result != 0)
      return op->emitOpError("gives its next window to its own kernel only");
    return emitConvTile(program, cast<seq::ConvOp>(op), box);
  }

  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    auto conv = cast<seq::ConvOp>(op);
    Program program(kernel, kernel.kernel.getKind());
    int64_t rows = roundUpRows(kernel.rowBound(conv.getInput()), 32);
    Value tokens = program.extent(conv.getInput(), 0);
    auto [channel, width] = openChannels(program, conv);
    // One item walks all rows of its channels: the window may be overwritten
    // only after its last reader.
    Value memory = program.stateView(conv.getWindow(), conv.getWindowAfter());
    auto step = [&](Value t, ValueRange) -> FailureOr<SmallVector<Value>> {
      if (failed(program.storeOutputs(Box({t, channel}, {rows, width}))))
        return failure();
      return SmallVector<Value>{};
    };
    if (failed(buildStream(program, "t", program.index(0), tokens, rows, {},
                           step)))
      return failure();
    storeWindow(program, conv, memory, tokens, channel, width);
    return program.finish();
  }
};
} // namespace

void attachConvModel(MLIRContext *context) {
  seq::ConvOp::attachInterface<ConvModel>(*context);
}

} // namespace sennit::schedule
