// The reference meanings of attention and rope.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/SeqDecompose.h"

#include "mlir/IR/IRMapping.h"

#include <limits>

using namespace mlir;
using namespace sennit::seq;

using Extents = MeaningBuilder::Extents;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// seq.attention
//===----------------------------------------------------------------------===//

/// The meaning in letters: b sequence, t query, h key-value head, g query head
/// of its group, j key, d and v components.
namespace {
class AttentionMeaning {
public:
  AttentionMeaning(OpBuilder &builder, AttentionOp op)
      : b(builder, op), op(op),
        groups(typeOf(op.getKey()).getDimSize(op.getHeadDim())),
        groupSize(typeOf(op.getQuery()).getDimSize(op.getHeadDim()) / groups) {}

  SmallVector<Value> build() {
    Value keys = withBatch(op.getKey());
    Value values = op.getValue() ? withBatch(op.getValue()) : Value();
    SmallVector<Value> caches;
    if (op.hasState()) {
      caches.push_back(append(keys, op.getCaches()[0]));
      keys = readRows(caches[0]);
    }
    if (op.hasState() && values) {
      caches.push_back(append(values, op.getCaches()[1]));
      values = readRows(caches[1]);
    }
    if (!values)
      values = firstComponents(keys);
    Value query = b.splitHeads(withBatch(op.getQuery()), groups, /*dim=*/2);
    Value weights = buildSoftmax(buildScores(query, keys));
    Extents extents = b.extents(query);
    extents.back() = b.extent(values, 3);
    Value output = b.contract("bthgj,bjhv->bthgv", weights, values,
                              b.filled(extents, b.f32(0)));
    output = round(b.joinHeads(output, /*dim=*/2));
    SmallVector<Value> results{withoutBatch(output)};
    llvm::append_range(results, caches);
    return b.asResults(results);
  }

private:
  Value withBatch(Value tensor) {
    return op.isBatched() ? tensor : b.addBatch(tensor);
  }
  Value withoutBatch(Value tensor) {
    return op.isBatched() ? tensor : b.dropBatch(tensor);
  }

  /// An output in the op's element type.
  Value round(Value tensor) {
    Type element = typeOf(op.getOutput()).getElementType();
    if (element.isF32())
      return tensor;
    return b.generic("bthd->bthd", tensor, b.empty(b.extents(tensor), element),
                     [&](ValueRange a) -> Value {
                       return arith::TruncFOp::create(b, element, a[0]);
                     });
  }

  bool isUniform() { return !op.getPast() || op.getPast().getType().isIndex(); }

  /// `past` or `lengths` of one sequence.
  Value ofSequence(Value value, Value sequence) {
    if (value.getType().isIndex())
      return value;
    return b.toIndex(b.extract(value, sequence));
  }

  Value firstComponents(Value keys) {
    Extents sizes = b.extents(keys);
    sizes.back() = b.getIndexAttr(op.getValueSize());
    return b.slice(keys, Extents(4, b.getIndexAttr(0)), sizes);
  }

  /// Writes the call's rows, [sequence, token, head, width], into a cache at
  /// rows `past ..`.
  Value append(Value rows, Value cache) {
    if (op.getPages())
      return appendToPages(rows, cache);
    OpFoldResult zero = b.getIndexAttr(0);
    cache = withBatch(cache);
    if (isUniform())
      return withoutBatch(
          b.insertSlice(rows, cache, {zero, op.getPast(), zero, zero}));
    Value sequences = b.toValue(b.extent(cache, 0));
    ValueRange written = b.loop(
        b.index(0), sequences, cache,
        [&](Value sequence, ValueRange carried) -> SmallVector<Value> {
          Extents one = b.extents(rows);
          one.front() = b.getIndexAttr(1);
          Value own = b.slice(rows, {sequence, zero, zero, zero}, one);
          Value past = ofSequence(op.getPast(), sequence);
          return {b.insertSlice(own, carried[0], {sequence, past, zero, zero})};
        });
    return withoutBatch(written.front());
  }

  /// Page and row of key j of a sequence.
  std::pair<Value, Value> locate(Value sequence, Value j) {
    Value rows = b.index(op.getPageRows());
    SmallVector<Value> place{arith::DivUIOp::create(b, j, rows)};
    if (op.isBatched())
      place.insert(place.begin(), sequence);
    Value page = b.toIndex(b.extract(op.getPages(), place));
    return {page, arith::RemUIOp::create(b, j, rows)};
  }

  /// One row into its page.
  Value appendRow(Value rows, Value sequence, Value t, Value pool) {
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    Extents size = b.extents(rows);
    size[0] = size[1] = one;
    Value row = b.slice(rows, {sequence, t, zero, zero}, size);
    Value j = arith::AddIOp::create(b, ofSequence(op.getPast(), sequence), t);
    auto [page, place] = locate(sequence, j);
    return b.insertSlice(row, pool, {page, place, zero, zero});
  }

  Value appendToPages(Value rows, Value pool) {
    Value sequences = b.toValue(b.extent(rows, 0)),
          tokens = b.toValue(b.extent(rows, 1));
    auto perSequence = [&](Value sequence,
                           ValueRange outer) -> SmallVector<Value> {
      return SmallVector<Value>(
          b.loop(b.index(0), tokens, outer,
                 [&](Value t, ValueRange inner) -> SmallVector<Value> {
                   return {appendRow(rows, sequence, t, inner[0])};
                 }));
    };
    return b.loop(b.index(0), sequences, pool, perSequence).front();
  }

  /// The keys or values of all sequences, [sequence, key, head, width]; where
  /// sequences have as many, no more than exist.
  Value readRows(Value cache) {
    OpFoldResult zero = b.getIndexAttr(0);
    Value rows = op.getPages() ? gatherPages(cache) : withBatch(cache);
    if (!isUniform())
      return rows;
    Extents sizes = b.extents(rows);
    sizes[1] = b.sum(op.getPast(), b.extent(op.getQuery(), op.getTokenDim()));
    return b.slice(rows, {zero, zero, zero, zero}, sizes);
  }

  Value gatherPages(Value pool) {
    RankedTensorType type = typeOf(pool);
    int64_t pages = typeOf(op.getPages()).getShape().back();
    OpFoldResult sequences = b.getIndexAttr(1);
    if (op.isBatched())
      sequences = b.extent(op.getQuery(), 0);
    Extents extents{sequences, b.getIndexAttr(pages * type.getDimSize(1)),
                    b.getIndexAttr(type.getDimSize(2)),
                    b.getIndexAttr(type.getDimSize(3))};
    Value rows = b.empty(extents, type.getElementType());
    return b.generic("->bjhd", {}, rows, [&](ValueRange) -> Value {
      auto [page, row] = locate(b.loopIndex(0), b.loopIndex(1));
      return b.extract(pool, {page, row, b.loopIndex(2), b.loopIndex(3)});
    });
  }

  Value compare(arith::CmpIPredicate predicate, Value left, Value right) {
    return arith::CmpIOp::create(b, predicate, left, right);
  }

  /// Whether query t of sequence s sees key j.
  Value isSeen(Value s, Value t, Value j) {
    Value past = op.getPast() ? ofSequence(op.getPast(), s) : b.index(0);
    Value position = arith::AddIOp::create(b, past, t);
    SmallVector<Value> conditions;
    using enum arith::CmpIPredicate;
    if (auto right = op.getWindowRight())
      conditions.push_back(
          compare(sle, j, arith::AddIOp::create(b, position, b.index(*right))));
    if (auto left = op.getWindowLeft())
      conditions.push_back(
          compare(sge, j, arith::SubIOp::create(b, position, b.index(*left))));
    if (op.getLengths())
      conditions.push_back(compare(slt, j, ofSequence(op.getLengths(), s)));
    if (op.hasState() && !isUniform()) {
      Value tokens = b.toValue(b.extent(op.getQuery(), op.getTokenDim()));
      conditions.push_back(
          compare(slt, j, arith::AddIOp::create(b, past, tokens)));
    }
    Value seen = arith::ConstantOp::create(b, b.getBoolAttr(true));
    for (Value condition : conditions)
      seen = arith::AndIOp::create(b, seen, condition);
    return seen;
  }

  /// What the score region makes of a scaled product.
  Value applyScore(Value product, Value s, Value head, Value t, Value j) {
    if (op.getScore().empty())
      return product;
    Block &block = op.getScore().front();
    SmallVector<Value> values{product, s, head, t, j};
    llvm::append_range(values, op.getCaptures());
    IRMapping mapping;
    mapping.map(block.getArguments(), values);
    for (Operation &inner : block.without_terminator())
      b.clone(inner, mapping);
    return mapping.lookup(block.getTerminator()->getOperand(0));
  }

  Value buildScores(Value query, Value keys) {
    Extents extents = b.extents(query);
    extents.back() = b.extent(keys, 1);
    Value products = b.contract("bthgd,bjhd->bthgj", query, keys,
                                b.filled(extents, b.f32(0)));
    Value scale = b.f32(op.getScale().convertToFloat());
    Value hidden = b.f32(-std::numeric_limits<float>::infinity());
    return b.generic("->bthgj", {}, products, [&](ValueRange a) -> Value {
      Value s = b.loopIndex(0), t = b.loopIndex(1), j = b.loopIndex(4);
      Value head = arith::MulIOp::create(b, b.loopIndex(2), b.index(groupSize));
      head = arith::AddIOp::create(b, head, b.loopIndex(3));
      Value scaled = arith::MulFOp::create(b, a[0], scale);
      Value score = applyScore(scaled, s, head, t, j);
      return arith::SelectOp::create(b, isSeen(s, t, j), score, hidden);
    });
  }

  /// A sink counts as one more score of every row of its head.
  Value startOfMaximum(const Extents &rows) {
    Value start =
        b.filled(rows, b.f32(-std::numeric_limits<float>::infinity()));
    if (!op.getSinks())
      return start;
    SmallVector<ReassociationIndices> split{{0, 1}};
    sinks = tensor::ExpandShapeOp::create(
        b, RankedTensorType::get({groups, groupSize}, b.getF32Type()),
        op.getSinks(), split);
    return b.generic("hg->bthg", sinks, start,
                     [&](ValueRange a) -> Value { return a[0]; });
  }

  Value startOfSum(Value maximum) {
    Value start = b.filled(b.extents(maximum), b.f32(0));
    if (!op.getSinks())
      return start;
    return b.generic(
        "hg,bthg->bthg", {sinks, maximum}, start,
        [&](ValueRange a) -> Value { return buildExponential(a[0], a[1]); });
  }

  /// exp(score - maximum), where a maximum of minus infinity counts as 0.
  Value buildExponential(Value score, Value maximum) {
    Value infinity = b.f32(-std::numeric_limits<float>::infinity());
    Value none =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, maximum, infinity);
    Value finite = arith::SelectOp::create(b, none, b.f32(0), maximum);
    return math::ExpOp::create(b, arith::SubFOp::create(b, score, finite));
  }

  /// Softmax over the keys; a row of minus infinities gives zeros: its maximum
  /// counts as 0 and its sum as 1.
  Value buildSoftmax(Value scores) {
    Extents rows = b.extents(scores);
    rows.pop_back();
    Value maximum = b.generic("bthgj->bthg", scores, startOfMaximum(rows),
                              [&](ValueRange a) -> Value {
                                return arith::MaximumFOp::create(b, a[0], a[1]);
                              });
    Value exponentials = b.generic(
        "bthgj,bthg->bthgj", {scores, maximum},
        b.empty(b.extents(scores), b.getF32Type()),
        [&](ValueRange a) -> Value { return buildExponential(a[0], a[1]); });
    Value sum = b.generic("bthgj->bthg", exponentials, startOfSum(maximum),
                          [&](ValueRange a) -> Value {
                            return arith::AddFOp::create(b, a[1], a[0]);
                          });
    return b.generic(
        "bthg->bthgj", sum, exponentials, [&](ValueRange a) -> Value {
          Value none = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, a[0],
                                             b.f32(0));
          Value divisor = arith::SelectOp::create(b, none, b.f32(1), a[0]);
          return arith::DivFOp::create(b, a[1], divisor);
        });
  }

  MeaningBuilder b;
  AttentionOp op;
  int64_t groups, groupSize;
  Value sinks;
};
} // namespace

SmallVector<Value> AttentionOp::decompose(OpBuilder &builder) {
  return AttentionMeaning(builder, *this).build();
}

//===----------------------------------------------------------------------===//
// seq.rope
//===----------------------------------------------------------------------===//

/// The rows of a table by which tokens turn, [token, plane].
static Value buildAngles(MeaningBuilder &b, RopeOp op, Value table) {
  int64_t planes = typeOf(table).getDimSize(1);
  Extents extents{b.extent(op.getInput(), 0), b.getIndexAttr(planes)};
  if (op.getPast())
    return b.slice(table, {op.getPast(), b.getIndexAttr(0)}, extents);
  SmallVector<int32_t> axisOf;
  for (int64_t plane = 0; plane != planes; ++plane)
    axisOf.push_back(op.getAxisOf(plane));
  auto type = RankedTensorType::get({planes}, b.getI32Type());
  Value axes = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<int32_t>(axisOf)));
  Value rows = b.toI32(b.toValue(b.extent(table, 0)));
  return b.generic(
      "r->tr", axes, b.empty(extents, b.getF32Type()),
      [&](ValueRange a) -> Value {
        Value position =
            b.extract(op.getPositions(), {b.loopIndex(0), b.toIndex(a[0])});
        // Unsigned, so that negative positions lie outside as well.
        Value inside =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, position, rows);
        Value row = arith::SelectOp::create(b, inside, position, b.i32(0));
        Value angle = b.extract(table, {b.toIndex(row), b.loopIndex(1)});
        return arith::SelectOp::create(b, inside, angle, b.f32(0));
      });
}

SmallVector<Value> RopeOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  OpFoldResult zero = b.getIndexAttr(0);
  int64_t planes = typeOf(getCosine()).getDimSize(1);
  int64_t stride = getInterleaved() ? 2 : 1;
  Extents parts = b.extents(getInput());
  parts.back() = b.getIndexAttr(planes);
  Extents firsts(3, zero), seconds(3, zero);
  seconds.back() = b.getIndexAttr(getInterleaved() ? 1 : planes);

  Value cosine = buildAngles(b, *this, getCosine());
  Value sine = buildAngles(b, *this, getSine());
  Value first = b.slice(getInput(), firsts, parts, stride);
  Value second = b.slice(getInput(), seconds, parts, stride);
  auto rotate = [&](Value along, Value across, bool adds) {
    return b.generic("thr,thr,tr,tr->thr", {along, across, cosine, sine},
                     b.empty(parts, b.getF32Type()),
                     [&](ValueRange a) -> Value {
                       Value kept = arith::MulFOp::create(b, a[0], a[2]);
                       Value turned = arith::MulFOp::create(b, a[1], a[3]);
                       if (adds)
                         return arith::AddFOp::create(b, kept, turned);
                       return arith::SubFOp::create(b, kept, turned);
                     });
  };
  Value output =
      b.insertSlice(rotate(first, second, false), getInput(), firsts, stride);
  output = b.insertSlice(rotate(second, first, true), output, seconds, stride);
  return b.asResults(output);
}
