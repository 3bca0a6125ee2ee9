// The programs of the recurrences: selective scan, linear attention by chunks,
// short convolution.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/TileSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

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

static Value transpose(Program &program, Value tile) {
  auto type = cast<VectorType>(tile.getType());
  auto turned = VectorType::get({type.getDimSize(1), type.getDimSize(0)},
                                type.getElementType());
  return tile::TransposeOp::create(program.builder, program.loc, turned, tile,
                                   ArrayRef<int64_t>{1, 0});
}

static Value multiplyElements(Program &program, Value a, Value b) {
  return arith::MulFOp::create(program.builder, program.loc, a, b);
}

/// Channels along lanes, states in registers, time in sequence: the
/// [time, state, channel] values are never stored (Gu and Dao 2023,
/// section 3.3).
static LogicalResult buildSelectiveScan(KernelBuilder &kernel,
                                        seq::SelectiveScanOp op) {
  Program program(kernel, kernel.kernel.getKind());
  int64_t channels = op.getTransition().getType().getDimSize(0);
  int64_t states = op.getTransition().getType().getDimSize(1);
  int64_t width = channels <= 64 ? channels : getDivisor(channels, 64);
  if (width < 16 && channels > 64)
    width = 64;
  int64_t steps = roundUpRows(kernel.rowBound(op.getInput()), 16);
  Value tokens = program.extent(op.getInput(), 0);
  OpFoldResult zero = program.builder.getIndexAttr(0);
  SmallVector<Value> item =
      program.openGrid({program.index(channels)}, {width}, {"channel"});
  OpFoldResult channel = width == channels ? zero : OpFoldResult(item[0]);
  Box stateBox({channel, zero}, {width, states});

  FailureOr<Value> transition = program.tileF32(op.getTransition(), stateBox);
  if (failed(transition))
    return failure();
  Value a = transpose(program, *transition);
  a = multiplyElements(program, a,
                       program.splat(cast<VectorType>(a.getType()), M_LOG2E));
  Value state = transpose(program, program.load(op.getState(), stateBox));
  SmallVector<int64_t> shape{steps, states, width};
  auto step = [&](Value t,
                  ValueRange carries) -> FailureOr<SmallVector<Value>> {
    Box row({t, channel}, {steps, width}), column({t, zero}, {steps, states});
    FailureOr<Value> delta = program.tileF32(op.getDelta(), row),
                     input = program.tileF32(op.getInput(), row);
    FailureOr<Value> write = program.tileF32(op.getWrite(), column),
                     read = program.tileF32(op.getRead(), column);
    if (failed(delta) || failed(input) || failed(write) || failed(read))
      return failure();
    OpBuilder &b = program.builder;
    // A step of zero leaves the state as it is: rows past the end do nothing.
    Value dt = zeroRowsPast(program, *delta, t, tokens);
    Value exponent =
        multiplyElements(program, program.broadcast(dt, shape, {0, 2}),
                         program.broadcast(a, shape, {1, 2}));
    Value decay = math::Exp2Op::create(b, program.loc, exponent);
    Value added =
        multiplyElements(program, zeroRowsPast(program, *input, t, tokens), dt);
    added = multiplyElements(
        program, program.broadcast(added, shape, {0, 2}),
        program.broadcast(zeroRowsPast(program, *write, t, tokens), shape,
                          {0, 1}));
    auto scan = tile::ScanOp::create(
        b, program.loc, TypeRange{added.getType(), carries[0].getType()},
        tile::ScanKind::Affine, ValueRange{decay, added}, carries[0],
        /*dim=*/0, /*exclusive=*/false);
    Value weighted = multiplyElements(program, scan.getScanned(),
                                      program.broadcast(*read, shape, {0, 1}));
    auto type = VectorType::get({steps, width}, b.getF32Type());
    program.seed(op.getOutput(), row,
                 tile::ReduceOp::create(b, program.loc, type,
                                        tile::ReduceKind::Add, weighted, 1));
    if (failed(program.storeOutputs(row)))
      return failure();
    return SmallVector<Value>{scan.getLast()};
  };
  Value memory = program.stateView(op.getState(), op.getStateAfter());
  auto last =
      buildStream(program, "t", program.index(0), tokens, steps, state, step);
  if (failed(last))
    return failure();
  program.store(transpose(program, (*last)[0]), op.getState(), memory,
                stateBox);
  return program.finish();
}

namespace {
/// Linear attention with scalar decay, chunk by chunk (algebra: a chunk is a
/// masked product inside and one product with the entering state; Dao and Gu
/// 2024, section 6).
class ChunkedAttention {
public:
  ChunkedAttention(KernelBuilder &kernel, seq::LinearAttentionOp op)
      : op(op), program(kernel, kernel.kernel.getKind()),
        heads(op.getState().getType().getDimSize(0)),
        keyWidth(op.getState().getType().getDimSize(1)),
        valueWidth(op.getState().getType().getDimSize(2)),
        chunk(roundUpRows(kernel.rowBound(op.getValue()), 32)) {}

  LogicalResult build() {
    tokens = program.extent(op.getValue(), 0);
    SmallVector<Value> item =
        program.openGrid({program.index(heads)}, {1}, {"head"});
    head = item[0];
    int64_t group = heads / op.getQuery().getType().getDimSize(1);
    keyHead = arith::DivUIOp::create(program.builder, program.loc, head,
                                     program.index(group));
    OpFoldResult zero = program.builder.getIndexAttr(0);
    Box stateBox({head, zero, zero}, {1, keyWidth, valueWidth});
    Value memory = program.stateView(op.getState(), op.getStateAfter());
    Value state = program.reshape(program.load(op.getState(), stateBox),
                                  {keyWidth, valueWidth});
    auto last = buildStream(
        program, "chunk", program.index(0), tokens, chunk, state,
        [&](Value t, ValueRange carries) { return step(t, carries[0]); });
    if (failed(last))
      return failure();
    program.store(program.reshape((*last)[0], stateBox.sizes), op.getState(),
                  memory, stateBox);
    return program.finish();
  }

private:
  FailureOr<Value> rowsOf(Value tensor, Value t, Value ofHead, int64_t width) {
    Box box({t, ofHead, program.builder.getIndexAttr(0)}, {chunk, 1, width});
    FailureOr<Value> tile = program.tileF32(tensor, box);
    if (failed(tile))
      return failure();
    return zeroRowsPast(program, program.reshape(*tile, {chunk, width}), t,
                        tokens);
  }

  /// Log2 of the decay from the chunk's start through each row; zero without
  /// decay.
  FailureOr<Value> cumulate(Value t) {
    auto type = VectorType::get({chunk}, program.builder.getF32Type());
    if (!op.getDecay())
      return program.splat(type, 0.0);
    FailureOr<Value> tile =
        program.tileF32(op.getDecay(), Box({t, head}, {chunk, 1}));
    if (failed(tile))
      return failure();
    Value g = zeroRowsPast(program, program.reshape(*tile, {chunk}), t, tokens);
    g = multiplyElements(program, g, program.splat(type, M_LOG2E));
    if (chunk == 1)
      return g;
    auto scan = tile::ScanOp::create(
        program.builder, program.loc,
        TypeRange{type, VectorType::get({}, program.builder.getF32Type())},
        tile::ScanKind::Add, ValueRange{g}, Value(), /*dim=*/0,
        /*exclusive=*/false);
    return scan.getScanned();
  }

  Value exp2(Value x) {
    return math::Exp2Op::create(program.builder, program.loc, x);
  }
  Value minus(Value a, Value b) {
    return arith::SubFOp::create(program.builder, program.loc, a, b);
  }

  /// Row i's weight of row j: the decay between them for j <= i, else zero.
  Value maskedDecay(Value g) {
    SmallVector<int64_t> shape{chunk, chunk};
    Value difference = minus(program.broadcast(g, shape, {0}),
                             program.broadcast(g, shape, {1}));
    Value i =
        program.broadcast(program.iota(program.index(0), chunk), shape, {0});
    Value j =
        program.broadcast(program.iota(program.index(0), chunk), shape, {1});
    Value seen = arith::CmpIOp::create(program.builder, program.loc,
                                       arith::CmpIPredicate::sle, j, i);
    // Masked before the exponential: above the diagonal it could overflow.
    auto type = cast<VectorType>(difference.getType());
    return exp2(arith::SelectOp::create(program.builder, program.loc, seen,
                                        difference,
                                        program.splat(type, -INFINITY)));
  }

  FailureOr<SmallVector<Value>> step(Value t, Value state) {
    FailureOr<Value> q = rowsOf(op.getQuery(), t, keyHead, keyWidth),
                     k = rowsOf(op.getKey(), t, keyHead, keyWidth);
    FailureOr<Value> v = rowsOf(op.getValue(), t, head, valueWidth),
                     g = cumulate(t);
    if (failed(q) || failed(k) || failed(v) || failed(g))
      return failure();
    auto rowType = cast<VectorType>(g->getType());
    // Rows past the end have decay zero, so the last row holds the chunk's
    // total.
    auto lastType = VectorType::get({1}, program.builder.getF32Type());
    Value total = tile::SliceOp::create(program.builder, program.loc, lastType,
                                        *g, ArrayRef<int64_t>{chunk - 1});
    total = program.reshape(total, {});
    Value inside = multiplyElements(
        program, multiply(program, *q, *k, nullptr, tile::MmaForm::NT),
        maskedDecay(*g));
    Value entering = multiplyElements(
        program, *q, program.broadcast(exp2(*g), {chunk, keyWidth}, {0}));
    Value output =
        multiply(program, entering, state, nullptr, tile::MmaForm::NN);
    output = multiply(program, inside, *v, output, tile::MmaForm::NN);
    output = multiplyElements(program, output,
                              program.splat(cast<VectorType>(output.getType()),
                                            op.getScale().convertToDouble()));
    Value remaining =
        exp2(minus(program.broadcast(total, rowType.getShape(), {}), *g));
    Value decayed = multiplyElements(
        program, *k, program.broadcast(remaining, {chunk, keyWidth}, {0}));
    Value kept = multiplyElements(
        program, state,
        program.broadcast(exp2(total), {keyWidth, valueWidth}, {}));
    Value next = multiply(program, decayed, *v, kept, tile::MmaForm::TN);
    Box box({t, head, program.builder.getIndexAttr(0)}, {chunk, 1, valueWidth});
    program.seed(op.getOutput(), box, program.reshape(output, box.sizes));
    if (failed(program.storeOutputs(box)))
      return failure();
    return SmallVector<Value>{next};
  }

  seq::LinearAttentionOp op;
  Program program;
  int64_t heads, keyWidth, valueWidth, chunk;
  Value tokens, head, keyHead;
};

struct SelectiveScanModel
    : TileProgramOpInterface::ExternalModel<SelectiveScanModel,
                                            seq::SelectiveScanOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    return buildSelectiveScan(kernel, cast<seq::SelectiveScanOp>(op));
  }
};

struct LinearAttentionModel
    : TileProgramOpInterface::ExternalModel<LinearAttentionModel,
                                            seq::LinearAttentionOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    return ChunkedAttention(kernel, cast<seq::LinearAttentionOp>(op)).build();
  }
};
} // namespace

void attachConvModel(MLIRContext *context);

void attachRecurrenceModels(MLIRContext *context) {
  seq::SelectiveScanOp::attachInterface<SelectiveScanModel>(*context);
  seq::LinearAttentionOp::attachInterface<LinearAttentionModel>(*context);
  attachConvModel(context);
}

} // namespace sennit::schedule
