// The program of the selective scan, and the family's models.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/RecurrenceTiles.h"
#include "passes/schedule/TileSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::schedule {

Value zeroRowsPast(Program &program, Value tile, Value start, Value extent) {
  auto type = cast<VectorType>(tile.getType());
  // A single row is inside because the loop that brought it is.
  if (type.getDimSize(0) == 1)
    return tile;
  Value row = program.broadcast(program.iota(start, type.getDimSize(0)),
                                type.getShape(), {0});
  Value end = program.broadcast(extent, type.getShape(), {});
  Value inside = arith::CmpIOp::create(program.builder, program.loc,
                                       arith::CmpIPredicate::slt, row, end);
  return arith::SelectOp::create(program.builder, program.loc, inside, tile,
                                 program.splat(type, 0.0));
}

namespace {
/// Channels along lanes, states in registers, time in sequence: the
/// [time, state, channel] values are never stored (Gu and Dao 2023,
/// section 3.3).
class SelectiveScan {
public:
  SelectiveScan(KernelBuilder &kernel, seq::SelectiveScanOp op)
      : op(op), program(kernel, kernel.kernel.getKind()), tiles(program),
        channels(op.getTransition().getType().getDimSize(0)),
        states(op.getTransition().getType().getDimSize(1)),
        width(getWidth(channels)),
        steps(roundUpRows(kernel.rowBound(op.getInput(), op.getTokenDim()),
                          16)) {}

  LogicalResult build() {
    tokens = program.extent(op.getInput(), op.getTokenDim());
    openGrid();
    FailureOr<Value> transition = program.tileF32(
        op.getTransition(), Box({channel, zero()}, {width, states}));
    if (failed(transition))
      return failure();
    rate = tiles.transpose(*transition);
    rate = tiles.multiply(rate, tiles.splatLike(rate, M_LOG2E));
    Box stateBox =
        addSequence(Box({channel, zero()}, {width, states}), sequence);
    Value state =
        program.reshape(program.load(op.getState(), stateBox), {width, states});
    Value memory = program.stateView(op.getState(), op.getStateAfter());
    auto last = buildStream(
        program, "t", program.index(0), tokens, steps, tiles.transpose(state),
        [&](Value t, ValueRange carries) { return step(t, carries[0]); });
    if (failed(last))
      return failure();
    program.store(program.reshape(tiles.transpose((*last)[0]), stateBox.sizes),
                  op.getState(), memory, stateBox);
    return program.finish();
  }

private:
  static int64_t getWidth(int64_t channels) {
    int64_t width = channels <= 64 ? channels : getDivisor(channels, 64);
    return width < 16 && channels > 64 ? 64 : width;
  }

  OpFoldResult zero() { return program.builder.getIndexAttr(0); }

  /// One item is a tile of channels of one sequence.
  void openGrid() {
    SmallVector<Value> upper{program.index(channels)};
    SmallVector<int64_t> tile{width};
    SmallVector<StringRef> dims{"channel"};
    if (op.isBatched()) {
      upper.insert(upper.begin(), program.extent(op.getInput(), 0));
      tile.insert(tile.begin(), 1);
      dims.insert(dims.begin(), "sequence");
    }
    SmallVector<Value> item = program.openGrid(upper, tile, dims);
    channel = width == channels ? zero() : OpFoldResult(item.back());
    if (op.isBatched())
      sequence = item.front();
  }

  /// Rows `t` on of `tensor`, [steps, columns].
  FailureOr<Value> loadRows(Value tensor, Value t, OpFoldResult column,
                            int64_t columns) {
    FailureOr<Value> tile = program.tileF32(
        tensor, addSequence(Box({t, column}, {steps, columns}), sequence));
    if (failed(tile))
      return failure();
    return program.reshape(*tile, {steps, columns});
  }

  FailureOr<SmallVector<Value>> step(Value t, Value state) {
    SmallVector<int64_t> shape{steps, states, width};
    FailureOr<Value> delta = loadRows(op.getDelta(), t, channel, width),
                     input = loadRows(op.getInput(), t, channel, width),
                     write = loadRows(op.getWrite(), t, zero(), states),
                     read = loadRows(op.getRead(), t, zero(), states);
    if (failed(delta) || failed(input) || failed(write) || failed(read))
      return failure();
    OpBuilder &b = program.builder;
    for (Value *rows : {&*delta, &*input, &*write})
      *rows = zeroRowsPast(program, *rows, t, tokens);
    // A step of zero leaves the state as it is: rows past the end do nothing.
    Value decay =
        tiles.exp2(tiles.multiply(program.broadcast(*delta, shape, {0, 2}),
                                  program.broadcast(rate, shape, {1, 2})));
    Value driven = tiles.multiply(*input, *delta);
    Value added = tiles.multiply(program.broadcast(driven, shape, {0, 2}),
                                 program.broadcast(*write, shape, {0, 1}));
    auto scan = tile::ScanOp::create(
        b, program.loc, TypeRange{added.getType(), state.getType()},
        tile::ScanKind::Affine, ValueRange{decay, added}, state,
        /*dim=*/0, /*exclusive=*/false);
    Value weighted = tiles.multiply(scan.getScanned(),
                                    program.broadcast(*read, shape, {0, 1}));
    auto type = VectorType::get({steps, width}, b.getF32Type());
    Value output = tile::ReduceOp::create(b, program.loc, type,
                                          tile::ReduceKind::Add, weighted, 1);
    Box box = addSequence(Box({t, channel}, {steps, width}), sequence);
    program.seed(op.getOutput(), box, program.reshape(output, box.sizes));
    if (failed(program.storeOutputs(box)))
      return failure();
    return SmallVector<Value>{scan.getLast()};
  }

  seq::SelectiveScanOp op;
  Program program;
  RecurrenceTiles tiles;
  int64_t channels, states, width, steps;
  OpFoldResult channel;
  Value tokens, sequence, rate;
};

struct SelectiveScanModel
    : TileProgramOpInterface::ExternalModel<SelectiveScanModel,
                                            seq::SelectiveScanOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    return SelectiveScan(kernel, cast<seq::SelectiveScanOp>(op)).build();
  }
};

} // namespace

void attachConvModel(MLIRContext *context);
void attachLinearAttentionModel(MLIRContext *context);
void attachScanModel(MLIRContext *context);

void attachRecurrenceModels(MLIRContext *context) {
  seq::SelectiveScanOp::attachInterface<SelectiveScanModel>(*context);
  attachLinearAttentionModel(context);
  attachConvModel(context);
  attachScanModel(context);
}

} // namespace sennit::schedule
