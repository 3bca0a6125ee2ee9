// The program that attends without a score matrix in memory, or its parts and
// what merges them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/AttentionTiles.h"
#include "passes/schedule/Models.h"
#include "passes/schedule/ScoreTiles.h"
#include "passes/schedule/TileSizes.h"

#include "dialects/seq/SeqReductions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace mlir;

namespace sennit::schedule {

/// The least finite number, so that a row that saw no key yet never computes
/// inf - inf, and a score of any finite size counts.
static constexpr double lowest = -std::numeric_limits<float>::max();

namespace {
/// What several items know of one query, each of a part of its keys.
struct Parts {
  /// [sequences, query heads, parts], and with value components at the end.
  Value most, sum, output;
  int64_t count = 1;
};

/// The attending program. One item is a sequence, a tile of queries and query
/// heads of one group, which read the same keys: row t * heads + g. With parts,
/// one of several items takes a part of the keys, and another program merges.
class Attend {
public:
  Attend(KernelBuilder &kernel, seq::AttentionOp op, StringRef suffix = "",
         Parts parts = {})
      : op(op), parts(parts),
        program(kernel, (kernel.kernel.getKind() + suffix).str()),
        width(op.getQuery().getType().getShape().back()),
        valueWidth(op.getValueSize()),
        group(op.getQuery().getType().getDimSize(op.getHeadDim()) /
              op.getKey().getType().getDimSize(op.getHeadDim())),
        heads(getHeadsPerItem(group)) {
    int64_t most = tokenBound(kernel, op, op.getQuery());
    isCopied = areCopied(kernel, op);
    AttentionSizes sizes = isCopied ? chooseCopiedSizes(kernel, op, parts.count)
                                    : chooseSizes(kernel, op);
    if (isCopied && parts.count == 1)
      heads = getCopiedHeads(group);
    keys = sizes.keys;
    tokens = std::max<int64_t>(1, sizes.rows / heads);
    // The engine fills up whole panels of columns with zeros.
    if (isCopied) {
      width = llvm::alignTo(width, panelColumns);
      valueWidth = llvm::alignTo(valueWidth, panelColumns);
    }
    // The heads of one query leave most of the unit's rows empty.
    if (!isCopied || parts.count > 1)
      tokens = roundUpRows(most, tokens);
    rows = isCopied ? sizes.rows : tokens * heads;
    // A step stays in one page.
    if (op.getPages())
      keys = std::min<int64_t>(keys, op.getPageRows() & -op.getPageRows());
  }

  LogicalResult build() {
    openItem();
    if (failed(loadQuery()))
      return failure();
    auto [start, end] = getPart();
    auto state = buildStream(
        program, "kv", start, end, keys, initialState(),
        [&](Value j, ValueRange carries) { return step(j, carries); });
    if (failed(state))
      return failure();
    if (parts.count == 1)
      return finish((*state)[0], (*state)[1], (*state)[2]);
    SmallVector<Value> places{parts.most, parts.sum, parts.output};
    for (auto [tensor, tile] : llvm::zip_equal(places, *state)) {
      SmallVector<Value> indices{sequence, head, part};
      SmallVector<int64_t> dims{1};
      if (tensor == parts.output) {
        indices.push_back(program.index(0));
        dims.push_back(3);
      }
      tile::StoreOp::create(program.builder, program.loc, tile,
                            program.outputView(tensor), indices, dims,
                            boundHeads());
    }
    return program.finish();
  }

  /// The program that merges what the parts found.
  LogicalResult buildMerge() {
    int64_t count = std::exchange(parts.count, 1);
    // Heads have nothing in common any more.
    rows = heads = 1;
    openItem();
    OpFoldResult zero = program.builder.getIndexAttr(0);
    Box box({sequence, head, zero}, {1, heads, count});
    auto loadRows = [&](Value tensor) {
      return program.reshape(program.load(tensor, box), {heads, count});
    };
    Value mosts = loadRows(parts.most), sums = loadRows(parts.sum);
    box = Box({sequence, head, zero, zero}, {1, heads, count, valueWidth});
    Value outputs = program.reshape(program.load(parts.output, box),
                                    {heads, count, valueWidth});
    OpBuilder &b = program.builder;
    auto merge = [&](tile::ReduceKind kind, Value tile) -> Value {
      auto type = cast<VectorType>(tile.getType());
      SmallVector<int64_t> shape(type.getShape());
      shape.erase(shape.begin() + 1);
      return tile::ReduceOp::create(b, program.loc,
                                    VectorType::get(shape, b.getF32Type()),
                                    kind, tile, 1);
    };
    Value most = merge(tile::ReduceKind::Max, mosts);
    Value decay = decayTo(program.broadcast(most, {heads, count}, {0}), mosts);
    Value sum = merge(tile::ReduceKind::Add, correct(sums, decay));
    Value output = merge(tile::ReduceKind::Add, correct(outputs, decay));
    return finish(most, sum, output);
  }

private:
  /// Stores the item's output, and what follows it in the kernel.
  LogicalResult finish(Value most, Value sum, Value output) {
    Box box =
        makeBox(op, sequence, {token, head, program.builder.getIndexAttr(0)},
                {tokens, heads, valueWidth});
    Value result = normalize(most, sum, output);
    Type element = getElementTypeOrSelf(op.getOutput().getType());
    if (!element.isF32())
      result = arith::TruncFOp::create(
          program.builder, program.loc,
          cast<VectorType>(result.getType()).clone(element), result);
    program.seed(op.getOutput(), box, program.reshape(result, box.sizes));
    if (failed(program.storeOutputs(box)))
      return failure();
    return program.finish();
  }

  /// Rows of heads end where the item's heads end.
  SmallVector<std::pair<int64_t, Value>> boundHeads() {
    if (rows == heads)
      return {};
    return {{0, program.add(head, program.index(heads))}};
  }

  /// The item's queries, [rows, width].
  LogicalResult loadQuery() {
    OpFoldResult zero = program.builder.getIndexAttr(0);
    if (rows == tokens * heads) {
      FailureOr<Value> q =
          program.tile(op.getQuery(), makeBox(op, sequence, {token, head, zero},
                                              {tokens, heads, width}));
      if (failed(q))
        return failure();
      query = program.reshape(*q, {rows, width});
      return success();
    }
    // Rows past the item's heads are other heads', and nobody stores what
    // becomes of them.
    Box box = makeBox(op, sequence, {token, head, zero}, {1, rows, width});
    int64_t dim = box.rank() - 2;
    auto type = op.getQuery().getType();
    query = tile::LoadOp::create(
        program.builder, program.loc,
        VectorType::get({rows, width}, type.getElementType()),
        program.view(op.getQuery()), getOffsets(program, box),
        ArrayRef<int64_t>{dim, dim + 1},
        ArrayRef<std::pair<int64_t, Value>>{
            {0, program.extent(op.getQuery(), op.getHeadDim())}});
    return success();
  }

  /// The keys of the item's part: whole steps, of which the last parts may have
  /// none.
  std::pair<Value, Value> getPart() {
    if (parts.count == 1)
      return {lower, upper};
    OpBuilder &b = program.builder;
    Value length = arith::SubIOp::create(b, program.loc, upper, lower);
    Value each = arith::CeilDivUIOp::create(b, program.loc, length,
                                            program.index(parts.count * keys));
    each = arith::MulIOp::create(b, program.loc, each, program.index(keys));
    Value start =
        program.add(lower, arith::MulIOp::create(b, program.loc, part, each));
    return {cap(start, upper), cap(program.add(start, each), upper)};
  }

  Value clamp(Value least, Value value) {
    return arith::MaxSIOp::create(program.builder, program.loc, least, value);
  }
  Value cap(Value most, Value value) {
    return arith::MinSIOp::create(program.builder, program.loc, most, value);
  }

  /// Opens the grid, and finds the keys that some query of the item sees.
  void openItem() {
    OpBuilder &b = program.builder;
    Value count = program.extent(op.getQuery(), op.getTokenDim());
    int64_t queryHeads = op.getQuery().getType().getDimSize(op.getHeadDim());
    SmallVector<Value> uppers{program.index(queryHeads), count};
    SmallVector<int64_t> steps{heads, tokens};
    SmallVector<StringRef> dims{"head", "query"};
    if (parts.count > 1) {
      uppers.push_back(program.index(parts.count));
      steps.push_back(1);
      dims.push_back("part");
    }
    SmallVector<Value> item = openGrid(program, op, uppers, steps, dims);
    sequence = item[0];
    head = item[1];
    token = item[2];
    part = item.back();
    keyHead =
        arith::DivUIOp::create(b, program.loc, head, program.index(group));
    Value past = op.getPast() ? ofSequence(program, op.getPast(), sequence)
                              : program.index(0);
    first = program.add(past, token);
    Value zero = program.index(0);
    upper = op.hasState() ? program.add(past, count)
                          : program.extent(op.getKey(), op.getTokenDim());
    there = upper;
    if (op.getLengths())
      upper = cap(upper, ofSequence(program, op.getLengths(), sequence));
    existing = upper;
    if (auto right = op.getWindowRight())
      upper = cap(upper, program.add(first, program.index(tokens + *right)));
    lower = zero;
    if (auto left = op.getWindowLeft())
      lower = clamp(zero, arith::SubIOp::create(b, program.loc, first,
                                                program.index(*left)));
    // Steps begin at the first row of a page, or in whole steps after it.
    if (op.getPages() && op.getWindowLeft()) {
      Value step = program.index(keys);
      lower = arith::MulIOp::create(
          b, program.loc, arith::DivUIOp::create(b, program.loc, lower, step),
          step);
    }
    upper = clamp(lower, upper);
  }

  SmallVector<Value> initialState() {
    Type f32 = program.builder.getF32Type();
    return {program.splat(VectorType::get({rows}, f32), lowest),
            program.splat(VectorType::get({rows}, f32), 0.0),
            program.splat(VectorType::get({rows, valueWidth}, f32), 0.0)};
  }

  /// Keys or values j .. of the key-value head, zero past the last visible one.
  FailureOr<Value> loadKeys(unsigned which, Value j, int64_t columns) {
    Value rowsOfCall = which == 0 ? op.getKey() : op.getValue();
    Value source = op.hasState() ? op.getCachesAfter()[which] : rowsOfCall;
    if (!op.hasState() && program.kernel.isInside(source)) {
      Box box =
          makeBox(op, sequence, {j, keyHead, program.builder.getIndexAttr(0)},
                  {keys, 1, columns});
      box.aligned[op.getTokenDim()] = false;
      FailureOr<Value> tile = program.tile(source, box);
      if (failed(tile))
        return failure();
      return zeroRowsPast(program, program.reshape(*tile, {keys, columns}), j,
                          upper);
    }
    Box box =
        op.hasState()
            ? makeCacheBox(program, op, sequence, j, keyHead, keys, columns)
            : makeBox(op, sequence,
                      {j, keyHead, program.builder.getIndexAttr(0)},
                      {keys, 1, columns});
    int64_t dim = box.rank() - 3;
    auto type = VectorType::get(
        {keys, columns},
        cast<RankedTensorType>(source.getType()).getElementType());
    // An engine that copies is told once how many keys there are. In a page the
    // row of the last visible key counts from the page's first.
    Value bound = isCopied ? there : upper;
    if (op.getPages())
      bound = program.add(
          cast<Value>(box.offsets[1]),
          arith::SubIOp::create(program.builder, program.loc, upper, j));
    SmallVector<std::pair<int64_t, Value>> bounds{{0, bound}};
    int64_t there = cast<RankedTensorType>(source.getType()).getShape().back();
    if (columns != there)
      bounds.push_back({1, program.index(there)});
    return Value(tile::LoadOp::create(
        program.builder, program.loc, type, program.view(source),
        getOffsets(program, box), ArrayRef<int64_t>{dim, dim + 2}, bounds));
  }

  /// The values of keys j ..: their own rows, or the keys' first components.
  FailureOr<Value> loadValues(Value j, Value k) {
    if (op.getValue())
      return loadKeys(1, j, valueWidth);
    if (valueWidth == width)
      return k;
    auto type =
        VectorType::get({keys, valueWidth}, getElementTypeOrSelf(k.getType()));
    return Value(tile::SliceOp::create(program.builder, program.loc, type, k,
                                       ArrayRef<int64_t>{0, 0}));
  }

  /// What a score is multiplied by to count in powers of two. Positive.
  double getFactor() {
    double scale = op.getScale().convertToDouble();
    return isScaledLate() ? scale * M_LOG2E : M_LOG2E;
  }
  /// Whether the scale can wait for the exponential: nothing looks at scores
  /// before, and a larger product is a larger score.
  bool isScaledLate() {
    return op.getScore().empty() && op.getScale().convertToDouble() > 0;
  }

  /// Scores of the item's queries and keys j .., to be multiplied by the
  /// factor; minus infinity where hidden.
  FailureOr<Value> score(Value j, Value k) {
    Value product = multiply(program, query, k, nullptr, tile::MmaForm::NT);
    auto type = cast<VectorType>(product.getType());
    if (!isScaledLate())
      product = arith::MulFOp::create(
          program.builder, program.loc, product,
          program.splat(type, op.getScale().convertToDouble()));
    ScorePlace place{sequence, head, token, j, tokens, heads, rows, keys};
    if (!op.getScore().empty()) {
      FailureOr<Value> scored = emitScore(program, op, product, place);
      if (failed(scored))
        return failure();
      product = *scored;
    }
    // Hidden before the exponential: above the diagonal it could overflow.
    Value seen = findSeen(program, op, place, first, existing);
    return arith::SelectOp::create(program.builder, program.loc, seen, product,
                                   program.splat(type, -INFINITY))
        .getResult();
  }

  /// What corrects sums about the maximum `from` to sums about `to`.
  Value decayTo(Value to, Value from) {
    OpBuilder &b = program.builder;
    return softmax.getFactor(b, program.loc,
                             arith::SubFOp::create(b, program.loc, from, to));
  }

  /// Sums of exponentials, or of values weighted by them, corrected.
  Value correct(Value sums, Value decay) {
    ArrayRef<int64_t> shape = cast<VectorType>(sums.getType()).getShape();
    auto dims = llvm::to_vector(
        llvm::seq<int64_t>(0, cast<VectorType>(decay.getType()).getRank()));
    return softmax.act(program.builder, program.loc,
                       program.broadcast(decay, shape, dims), /*d=*/nullptr,
                       sums);
  }

  FailureOr<SmallVector<Value>> step(Value j, ValueRange carries) {
    OpBuilder &b = program.builder;
    Location loc = program.loc;
    FailureOr<Value> k = loadKeys(0, j, width);
    if (failed(k))
      return failure();
    FailureOr<Value> v = loadValues(j, *k);
    if (failed(v))
      return failure();
    FailureOr<Value> scores = score(j, *k);
    if (failed(scores))
      return failure();
    auto rowType = cast<VectorType>(carries[0].getType());
    Value most = tile::ReduceOp::create(b, loc, rowType, tile::ReduceKind::Max,
                                        *scores, 1);
    // Rounded once: all that is divided by the sum has the same shift.
    most = arith::MulFOp::create(b, loc, most,
                                 program.splat(rowType, getFactor()));
    most = arith::MaximumFOp::create(b, loc, carries[0], most);
    Value shift = program.broadcast(arith::NegFOp::create(b, loc, most),
                                    {rows, keys}, {0});
    auto type = cast<VectorType>(scores->getType());
    Value p = softmax.lift(b, loc,
                           math::FmaOp::create(b, loc, *scores,
                                               program.splat(type, getFactor()),
                                               shift),
                           /*k=*/0);
    // Weights are as wide as the values: no more of their bits are asked for.
    Type element = getElementTypeOrSelf(v->getType());
    if (auto power = p.getDefiningOp<math::Exp2Op>(); power && !element.isF32())
      power.setFastmath(arith::FastMathFlags::afn);
    Value decay = decayTo(most, carries[0]);
    Value sum =
        tile::ReduceOp::create(b, loc, rowType, tile::ReduceKind::Add, p, 1);
    sum = arith::AddFOp::create(b, loc, correct(carries[1], decay), sum);
    Value output = correct(carries[2], decay);
    if (!element.isF32())
      p = arith::TruncFOp::create(b, loc, type.clone(element), p);
    output = multiply(program, p, *v, output, tile::MmaForm::NN);
    return SmallVector<Value>{most, sum, output};
  }

  /// The heads' sinks, one a row, in powers of two.
  Value loadSinks() {
    OpBuilder &b = program.builder;
    Value sinks = tile::LoadOp::create(
        b, program.loc, VectorType::get({heads}, b.getF32Type()),
        program.view(op.getSinks()), ValueRange{head}, ArrayRef<int64_t>{0},
        ArrayRef<std::pair<int64_t, Value>>{});
    sinks =
        program.reshape(program.broadcast(sinks, {tokens, heads}, {1}), {rows});
    auto type = cast<VectorType>(sinks.getType());
    return arith::MulFOp::create(b, program.loc, sinks,
                                 program.splat(type, M_LOG2E));
  }

  /// output / sum, and zero for a row that saw no key. A sink joins the sum: it
  /// is one more score, whose value is zero.
  Value normalize(Value most, Value sum, Value output) {
    OpBuilder &b = program.builder;
    auto type = cast<VectorType>(sum.getType());
    if (op.getSinks()) {
      Value sinks = loadSinks();
      Value both = arith::MaximumFOp::create(b, program.loc, most, sinks);
      Value decay = decayTo(both, most);
      sum = arith::AddFOp::create(b, program.loc, correct(sum, decay),
                                  decayTo(both, sinks));
      output = correct(output, decay);
    }
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

  using Correctable = seq::CorrectableReduction;
  /// Of scores in powers of two.
  const Correctable softmax{Correctable::Statistic::Max, /*rate=*/1,
                            Correctable::Base::Two};
  seq::AttentionOp op;
  Parts parts;
  Program program;
  /// Query heads that share a key-value head, and how many of them, with how
  /// many tokens, one item takes.
  int64_t width, valueWidth, group, heads, tokens, rows, keys;
  /// Whether an engine copies queries, keys and values.
  bool isCopied;
  /// The item: its sequence, first head and first query; the position of that
  /// query; the keys in memory, those that count, and those that some query
  /// sees.
  Value sequence, head, token, part, keyHead, first, there, existing, lower,
      upper, query;
};

/// Two programs: parts of the keys, then what they say together.
static LogicalResult attendInParts(KernelBuilder &kernel, seq::AttentionOp op,
                                   int64_t count) {
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  auto key = cast<RankedTensorType>(op.getKey().getType());
  int64_t sequences = op.isBatched() ? key.getDimSize(0) : 1;
  SmallVector<int64_t> shape{sequences, query.getDimSize(op.getHeadDim()),
                             count};
  OpBuilder b(op);
  // Their places are known by values of the kernel, as those of its outputs.
  auto make = [&]() -> Value {
    return tensor::EmptyOp::create(b, op.getLoc(), shape, b.getF32Type());
  };
  Parts parts{make(), make(), {}, count};
  shape.push_back(op.getValueSize());
  parts.output = make();
  if (failed(Attend(kernel, op, "_parts", parts).build()))
    return failure();
  return Attend(kernel, op, "_merge", parts).buildMerge();
}

struct AttentionModel
    : TileProgramOpInterface::ExternalModel<AttentionModel, seq::AttentionOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    auto attention = cast<seq::AttentionOp>(op);
    if (attention.isBatched() && attention.getQuery().getType().isDynamicDim(1))
      return op->emitOpError("has a batch of sequences whose number of tokens "
                             "is not known at compile time");
    if (attention.hasState() && failed(buildAppend(kernel, attention)))
      return failure();
    int64_t parts = countParts(kernel, attention);
    return parts > 1 ? attendInParts(kernel, attention, parts)
                     : Attend(kernel, attention).build();
  }
};
} // namespace

void attachAttentionModels(MLIRContext *context) {
  seq::AttentionOp::attachInterface<AttentionModel>(*context);
}

} // namespace sennit::schedule
