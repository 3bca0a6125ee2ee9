// The programs of attention: append to the cache, then attend without a score
// matrix in memory.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/TileSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace sennit::schedule {

/// Rows of queries and of keys in one step.
static constexpr int64_t queryRows = 32, keyRows = 64, stepKeyRows = 128;
/// Finite, so that a row that saw no key yet never computes inf - inf.
static constexpr double lowest = -1e30;

/// Stores this call's keys and values behind those of the cache.
static LogicalResult buildAppend(KernelBuilder &kernel, seq::AttentionOp op) {
  Program program(kernel, kernel.kernel.getKind().str() + "_append");
  int64_t heads = op.getKey().getType().getDimSize(1);
  int64_t rows = roundUpRows(kernel.rowBound(op.getKey()), queryRows);
  Value tokens = program.extent(op.getKey(), 0);
  Value past = program.scalar(op.getPast());
  SmallVector<Value> item = program.openGrid({tokens, program.index(heads)},
                                             {rows, 1}, {"token", "head"});
  Value end = program.add(past, tokens), start = program.add(past, item[0]);
  for (auto [source, before, after] :
       {std::tuple(op.getKey(), op.getKeyCache(), op.getKeyCacheAfter()),
        std::tuple(op.getValue(), op.getValueCache(),
                   op.getValueCacheAfter())}) {
    int64_t width = source.getType().getDimSize(2);
    Box box({item[0], item[1], program.builder.getIndexAttr(0)},
            {rows, 1, width});
    FailureOr<Value> tile = program.tile(source, box);
    if (failed(tile))
      return failure();
    SmallVector<std::pair<int64_t, Value>> bounds;
    if (rows > 1)
      bounds.push_back({0, end});
    tile::StoreOp::create(program.builder, program.loc, *tile,
                          program.stateView(before, after),
                          ValueRange{start, item[1], program.index(0)},
                          ArrayRef<int64_t>{0, 1, 2}, bounds);
  }
  return program.finish();
}

namespace {
/// The attending program: one item is one query head and a tile of queries.
class Attend {
public:
  Attend(KernelBuilder &kernel, seq::AttentionOp op)
      : op(op), program(kernel, kernel.kernel.getKind()),
        width(op.getQuery().getType().getDimSize(2)),
        valueWidth(op.getValue().getType().getDimSize(2)),
        rows(roundUpRows(kernel.rowBound(op.getQuery()), queryRows)),
        keys(rows == 1 ? stepKeyRows : keyRows) {}

  LogicalResult build() {
    int64_t heads = op.getQuery().getType().getDimSize(1);
    Value tokens = program.extent(op.getQuery(), 0);
    past = program.scalar(op.getPast());
    SmallVector<Value> item = program.openGrid({program.index(heads), tokens},
                                               {1, rows}, {"head", "query"});
    openItem(item[0], item[1], tokens);
    Box box({item[1], item[0], program.builder.getIndexAttr(0)},
            {rows, 1, width});
    FailureOr<Value> q = program.tileF32(op.getQuery(), box);
    if (failed(q))
      return failure();
    // Scores in units of log2, so that the exponential is exp2.
    Value scale = program.splat(cast<VectorType>(q->getType()),
                                op.getScale().convertToDouble() * M_LOG2E);
    query = program.reshape(
        arith::MulFOp::create(program.builder, program.loc, *q, scale),
        {rows, width});
    auto state = buildStream(
        program, "kv", lower, upper, keys, initialState(),
        [&](Value j, ValueRange carries) { return step(j, carries); });
    if (failed(state))
      return failure();
    box.sizes.back() = valueWidth;
    program.seed(
        op.getOutput(), box,
        program.reshape(normalize((*state)[1], (*state)[2]), box.sizes));
    if (failed(program.storeOutputs(box)))
      return failure();
    return program.finish();
  }

private:
  /// The range of keys that some query of the item sees.
  void openItem(Value head, Value start, Value tokens) {
    OpBuilder &b = program.builder;
    int64_t group = op.getQuery().getType().getDimSize(1) /
                    op.getKey().getType().getDimSize(1);
    keyHead =
        arith::DivUIOp::create(b, program.loc, head, program.index(group));
    first = program.add(past, start);
    upper = arith::MinUIOp::create(b, program.loc, program.add(past, tokens),
                                   program.add(first, program.index(rows)));
    lower = program.index(0);
    if (!op.getWindow())
      return;
    Value reach = program.index(*op.getWindow() - 1);
    Value inside = arith::CmpIOp::create(
        b, program.loc, arith::CmpIPredicate::ugt, first, reach);
    Value from = arith::SubIOp::create(b, program.loc, first, reach);
    lower = arith::SelectOp::create(b, program.loc, inside, from, lower);
  }

  SmallVector<Value> initialState() {
    Type f32 = program.builder.getF32Type();
    return {program.splat(VectorType::get({rows}, f32), lowest),
            program.splat(VectorType::get({rows}, f32), 0.0),
            program.splat(VectorType::get({rows, valueWidth}, f32), 0.0)};
  }

  Value loadCache(Value cache, Value j, int64_t columns) {
    auto type = VectorType::get(
        {keys, columns},
        cast<RankedTensorType>(cache.getType()).getElementType());
    return tile::LoadOp::create(
        program.builder, program.loc, type, program.view(cache),
        ValueRange{j, keyHead, program.index(0)}, ArrayRef<int64_t>{0, 2},
        ArrayRef<std::pair<int64_t, Value>>{{0, upper}});
  }

  /// Which keys each query sees: those before it, within the window.
  Value visible(Value j) {
    OpBuilder &b = program.builder;
    SmallVector<int64_t> shape{rows, keys};
    Value position = program.broadcast(program.iota(first, rows), shape, {0});
    Value key = program.broadcast(program.iota(j, keys), shape, {1});
    Value seen = arith::CmpIOp::create(
        b, program.loc, arith::CmpIPredicate::sle, key, position);
    if (!op.getWindow())
      return seen;
    auto type = cast<VectorType>(key.getType());
    Value reach = arith::AddIOp::create(
        b, program.loc, key, program.splatInt(type, *op.getWindow()));
    Value recent = arith::CmpIOp::create(
        b, program.loc, arith::CmpIPredicate::sgt, reach, position);
    return arith::AndIOp::create(b, program.loc, seen, recent);
  }

  FailureOr<SmallVector<Value>> step(Value j, ValueRange carries) {
    OpBuilder &b = program.builder;
    Location loc = program.loc;
    SmallVector<int64_t> shape{rows, keys};
    Value k = loadCache(op.getKeyCacheAfter(), j, width);
    Value v = loadCache(op.getValueCacheAfter(), j, valueWidth);
    Value score = multiply(program, query, k, nullptr, tile::MmaForm::NT);
    auto type = cast<VectorType>(score.getType());
    // Masked before the exponential: above the diagonal it could overflow.
    score = arith::SelectOp::create(b, loc, visible(j), score,
                                    program.splat(type, -INFINITY));
    auto rowType = cast<VectorType>(carries[0].getType());
    Value most = tile::ReduceOp::create(b, loc, rowType, tile::ReduceKind::Max,
                                        score, 1);
    most = arith::MaximumFOp::create(b, loc, carries[0], most);
    Value shifted = arith::SubFOp::create(b, loc, score,
                                          program.broadcast(most, shape, {0}));
    Value p = math::Exp2Op::create(b, loc, shifted);
    Value decay = math::Exp2Op::create(
        b, loc, arith::SubFOp::create(b, loc, carries[0], most));
    Value sum =
        tile::ReduceOp::create(b, loc, rowType, tile::ReduceKind::Add, p, 1);
    sum = arith::AddFOp::create(
        b, loc, arith::MulFOp::create(b, loc, carries[1], decay), sum);
    Value output = arith::MulFOp::create(
        b, loc, carries[2], program.broadcast(decay, {rows, valueWidth}, {0}));
    output = multiply(program, p, v, output, tile::MmaForm::NN);
    return SmallVector<Value>{most, sum, output};
  }

  /// output / sum, and zero for a row that saw no key.
  Value normalize(Value sum, Value output) {
    OpBuilder &b = program.builder;
    auto type = cast<VectorType>(sum.getType());
    Value none =
        arith::CmpFOp::create(b, program.loc, arith::CmpFPredicate::OEQ, sum,
                              program.splat(type, 0.0));
    Value one = program.splat(type, 1.0);
    Value inverse = arith::DivFOp::create(
        b, program.loc, one,
        arith::SelectOp::create(b, program.loc, none, one, sum));
    return arith::MulFOp::create(
        b, program.loc, output,
        program.broadcast(inverse, {rows, valueWidth}, {0}));
  }

  seq::AttentionOp op;
  Program program;
  int64_t width, valueWidth, rows, keys;
  Value past, keyHead, first, lower, upper, query;
};

struct AttentionModel
    : TileProgramOpInterface::ExternalModel<AttentionModel, seq::AttentionOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    auto attention = cast<seq::AttentionOp>(op);
    if (failed(buildAppend(kernel, attention)))
      return failure();
    return Attend(kernel, attention).build();
  }
};

struct RopeModel
    : TileProgramOpInterface::ExternalModel<RopeModel, seq::RopeOp> {
  FailureOr<Value> emitTile(Operation *op, Program &program, unsigned,
                            const Box &box) const {
    auto rope = cast<seq::RopeOp>(op);
    int64_t width = rope.getInput().getType().getDimSize(2);
    int64_t planes = rope.getCosine().getType().getDimSize(1);
    if (rope.getInterleaved())
      return op->emitOpError(
          "pairs neighbouring components, for which there is no tile program");
    if (box.sizes[2] != width || box.sizes[1] != 1)
      return op->emitOpError("needs a tile of one whole head");
    FailureOr<Value> tile = program.tileF32(rope.getInput(), box);
    if (failed(tile))
      return failure();
    int64_t rows = box.sizes[0];
    Value x = program.reshape(*tile, {rows, width});
    Box table({program.add(program.scalar(rope.getPast()),
                           program.value(box.offsets[0])),
               program.builder.getIndexAttr(0)},
              {rows, planes});
    table.aligned[0] = false;
    FailureOr<Value> cosine = program.tileF32(rope.getCosine(), table);
    FailureOr<Value> sine = program.tileF32(rope.getSine(), table);
    if (failed(cosine) || failed(sine))
      return failure();
    return program.reshape(
        rotate(program, x, *cosine, *sine, rows, planes, width), box.sizes);
  }

  static Value rotate(Program &program, Value x, Value cosine, Value sine,
                      int64_t rows, int64_t planes, int64_t width) {
    OpBuilder &b = program.builder;
    Location loc = program.loc;
    auto part = [&](int64_t from, int64_t size) -> Value {
      auto type = VectorType::get({rows, size}, b.getF32Type());
      return tile::SliceOp::create(b, loc, type, x, ArrayRef<int64_t>{0, from});
    };
    auto times = [&](Value a, Value c) -> Value {
      return arith::MulFOp::create(b, loc, a, c);
    };
    auto join = [&](Value a, Value c) -> Value {
      int64_t size = cast<VectorType>(a.getType()).getDimSize(1) +
                     cast<VectorType>(c.getType()).getDimSize(1);
      return tile::ConcatOp::create(
          b, loc, VectorType::get({rows, size}, b.getF32Type()), a, c, 1);
    };
    Value first = part(0, planes), second = part(planes, planes);
    Value turned = arith::SubFOp::create(b, loc, times(first, cosine),
                                         times(second, sine));
    Value partner = arith::AddFOp::create(b, loc, times(second, cosine),
                                          times(first, sine));
    Value result = join(turned, partner);
    return width == 2 * planes
               ? result
               : join(result, part(2 * planes, width - 2 * planes));
  }
};
} // namespace

void attachAttentionModels(MLIRContext *context) {
  seq::AttentionOp::attachInterface<AttentionModel>(*context);
  seq::RopeOp::attachInterface<RopeModel>(*context);
}

} // namespace sennit::schedule
