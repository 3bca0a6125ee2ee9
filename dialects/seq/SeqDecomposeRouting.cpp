// The reference meanings of routing and of embedding.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/SeqDecompose.h"

#include <limits>

using namespace mlir;
using namespace sennit::seq;

using Extents = MeaningBuilder::Extents;

static int64_t extentOf(Value value, unsigned dim) {
  return cast<RankedTensorType>(value.getType()).getDimSize(dim);
}

//===----------------------------------------------------------------------===//
// seq.route
//===----------------------------------------------------------------------===//

static Value buildSoftmax(MeaningBuilder &b, Value logits) {
  Extents rows{b.extent(logits, 0)};
  Value infinity = b.f32(-std::numeric_limits<float>::infinity());
  Value maximum = b.generic("te->t", logits, b.filled(rows, infinity),
                            [&](ValueRange a) -> Value {
                              return arith::MaximumFOp::create(b, a[0], a[1]);
                            });
  Value exponentials = b.generic(
      "te,t->te", {logits, maximum}, b.empty(b.extents(logits), b.getF32Type()),
      [&](ValueRange a) -> Value {
        return math::ExpOp::create(b, arith::SubFOp::create(b, a[0], a[1]));
      });
  Value sum = b.generic("te->t", exponentials, b.filled(rows, b.f32(0)),
                        [&](ValueRange a) -> Value {
                          return arith::AddFOp::create(b, a[1], a[0]);
                        });
  return b.generic("t->te", sum, exponentials, [&](ValueRange a) -> Value {
    return arith::DivFOp::create(b, a[1], a[0]);
  });
}

static Value buildSigmoid(MeaningBuilder &b, Value logits) {
  Value one = b.f32(1);
  return b.generic("te->te", logits, b.empty(b.extents(logits), b.getF32Type()),
                   [&](ValueRange a) -> Value {
                     Value exponential =
                         math::ExpOp::create(b, arith::NegFOp::create(b, a[0]));
                     return arith::DivFOp::create(
                         b, one, arith::AddFOp::create(b, one, exponential));
                   });
}

/// What chooses: the logits, or the scores and their bias.
static Value buildRanks(MeaningBuilder &b, RouteOp op, Value scores) {
  if (!op.ranksScores())
    return op.getLogits();
  if (!op.getBias())
    return scores;
  return b.generic("te,e->te", {scores, op.getBias()},
                   b.empty(b.extents(scores), b.getF32Type()),
                   [&](ValueRange a) -> Value {
                     return arith::AddFOp::create(b, a[0], a[1]);
                   });
}

/// What each group is worth, [token, group].
static Value buildGroupValues(MeaningBuilder &b, RouteOp op, Value ranks) {
  int64_t groups = *op.getGroups(), size = extentOf(ranks, 1) / groups;
  int64_t count = op.getGroupValue() == GroupValue::BestTwo ? 2 : 1;
  OpFoldResult tokens = b.extent(ranks, 0), zero = b.getIndexAttr(0);
  auto judge = [&](Value group, ValueRange carried) -> SmallVector<Value> {
    Value first = arith::MulIOp::create(b, group, b.index(size));
    Value part = b.slice(ranks, {zero, first}, {tokens, b.getIndexAttr(size)});
    Value best = buildTopK(b, part, count, /*smallest=*/false)[0];
    Value sum = b.generic("tk->t", best, b.filled({tokens}, b.f32(0)),
                          [&](ValueRange a) -> Value {
                            return arith::AddFOp::create(b, a[1], a[0]);
                          });
    return {b.insertRow(sum, carried[0], group)};
  };
  Value values = b.loop(
      b.index(0), b.index(groups),
      b.empty({b.getIndexAttr(groups), tokens}, b.getF32Type()), judge)[0];
  return b.generic("gt->tg", values,
                   b.empty({tokens, b.getIndexAttr(groups)}, b.getF32Type()),
                   [&](ValueRange a) { return a[0]; });
}

/// The ranks of experts in the groups that are kept, NaN elsewhere.
static Value buildKeptRanks(MeaningBuilder &b, RouteOp op, Value ranks) {
  Value size = b.index(extentOf(ranks, 1) / *op.getGroups());
  ValueRange chosen = buildTopK(b, buildGroupValues(b, op, ranks),
                                *op.getTopGroups(), /*smallest=*/false);
  Value notANumber = b.f32(std::numeric_limits<float>::quiet_NaN());
  return b.generic(
      "te,tj,tj->te", {ranks, chosen[0], chosen[1]},
      b.filled(b.extents(ranks), notANumber), [&](ValueRange a) -> Value {
        Value group = arith::DivUIOp::create(b, b.loopIndex(1), size);
        Value isChosen = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                               b.toIndex(a[2]), group);
        Value isNumber =
            arith::CmpFOp::create(b, arith::CmpFPredicate::ORD, a[1], a[1]);
        Value isKept = arith::AndIOp::create(b, isChosen, isNumber);
        return arith::SelectOp::create(b, isKept, a[0], a[3]);
      });
}

/// Weights divided by their sum over a token's choices.
static Value buildRenormalized(MeaningBuilder &b, Value weights) {
  Extents rows{b.extent(weights, 0)};
  Value sum = b.generic("tk->t", weights, b.filled(rows, b.f32(1e-20f)),
                        [&](ValueRange a) -> Value {
                          return arith::AddFOp::create(b, a[1], a[0]);
                        });
  return b.generic("t->tk", sum, weights, [&](ValueRange a) -> Value {
    return arith::DivFOp::create(b, a[1], a[0]);
  });
}

static Value buildScaled(MeaningBuilder &b, Value weights, const APFloat &by) {
  Value factor = b.f32(by.convertToFloat());
  return b.generic("tk->tk", weights,
                   b.empty(b.extents(weights), b.getF32Type()),
                   [&](ValueRange a) -> Value {
                     return arith::MulFOp::create(b, a[0], factor);
                   });
}

SmallVector<Value> RouteOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  Value scores = getScores() == ScoreFunction::Softmax
                     ? buildSoftmax(b, getLogits())
                     : buildSigmoid(b, getLogits());
  Value ranks = buildRanks(b, *this, scores);
  if (getGroups())
    ranks = buildKeptRanks(b, *this, ranks);
  ValueRange chosen =
      buildTopK(b, ranks, extentOf(getWeights(), 1), /*smallest=*/false);
  Value weights = b.generic(
      "tk,tk->tk", chosen, b.empty(b.extents(chosen[0]), b.getF32Type()),
      [&](ValueRange a) -> Value {
        Value score = b.extract(scores, {b.loopIndex(0), b.toIndex(a[1])});
        Value isNumber =
            arith::CmpFOp::create(b, arith::CmpFPredicate::ORD, a[0], a[0]);
        return arith::SelectOp::create(b, isNumber, score, a[0]);
      });
  if (getRenormalize())
    weights = buildRenormalized(b, weights);
  if (getScaling())
    weights = buildScaled(b, weights, *getScaling());
  return b.asResults({weights, chosen[1]});
}

//===----------------------------------------------------------------------===//
// seq.dispatch
//===----------------------------------------------------------------------===//

/// Calls `body` with every token, choice and expert, serially in that order.
static ValueRange forEachPair(
    MeaningBuilder &b, Value experts, ValueRange inits,
    function_ref<SmallVector<Value>(Value, Value, Value, ValueRange)> body) {
  Value zero = b.index(0);
  auto perToken = [&](Value t, ValueRange carried) {
    auto perChoice = [&](Value j, ValueRange inner) {
      return body(t, j, b.toIndex(b.extract(experts, {t, j})), inner);
    };
    return SmallVector<Value>(
        b.loop(zero, b.index(extentOf(experts, 1)), carried, perChoice));
  };
  return b.loop(zero, b.toValue(b.extent(experts, 0)), inits, perToken);
}

/// offsets[e] = pairs of experts before e: counts, then their running sum.
static Value buildOffsets(MeaningBuilder &b, DispatchOp op) {
  int64_t places = extentOf(op.getOffsets(), 0);
  Value one = b.index(1);
  Extents extents{b.getIndexAttr(places)};
  Value counts =
      forEachPair(b, op.getExperts(), b.filled(extents, b.i32(0)),
                  [&](Value, Value, Value expert, ValueRange carried) {
                    Value next = arith::AddIOp::create(b, expert, one);
                    Value count = b.extract(carried[0], next);
                    Value more = arith::AddIOp::create(b, count, b.i32(1));
                    return SmallVector<Value>{b.insert(more, carried[0], next)};
                  })[0];
  auto accumulate = [&](Value e, ValueRange carried) -> SmallVector<Value> {
    Value before = arith::SubIOp::create(b, e, one);
    Value count = b.extract(carried[0], e);
    if (op.getCapacity())
      count = arith::MinSIOp::create(b, count, b.i32(*op.getCapacity()));
    Value sum = arith::AddIOp::create(b, b.extract(carried[0], before), count);
    return {b.insert(sum, carried[0], e)};
  };
  return b.loop(one, b.index(places), counts, accumulate)[0];
}

SmallVector<Value> DispatchOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  Value topK = b.index(extentOf(getExperts(), 1));
  Value tokens = b.toValue(b.extent(getExperts(), 0));
  Value offsets = buildOffsets(b, *this);

  OpFoldResult count = arith::MulIOp::create(b, tokens, topK).getResult();
  if (int64_t known = extentOf(getPairs(), 0); !ShapedType::isDynamic(known))
    count = b.getIndexAttr(known);
  Type i32 = b.getI32Type();
  // The running offsets say where an expert's next pair goes.
  auto place = [&](Value t, Value j, Value expert, ValueRange carried) {
    Value position = b.extract(carried[2], expert);
    Value pair =
        b.toI32(arith::AddIOp::create(b, arith::MulIOp::create(b, t, topK), j));
    // A pair without a place is written as what stands at place 0 already.
    Value end = b.extract(
        offsets, arith::AddIOp::create(b, expert, b.index(1)).getResult());
    Value fits =
        arith::CmpIOp::create(b, arith::CmpIPredicate::slt, position, end);
    Value target = b.toIndex(
        arith::SelectOp::create(b, fits, position, b.i32(0)).getResult());
    Value before = b.extract(carried[0], target);
    pair = arith::SelectOp::create(b, fits, pair, before);
    Value next = arith::AddIOp::create(b, position, b.i32(1));
    position = arith::SelectOp::create(b, fits, position, b.i32(-1));
    return SmallVector<Value>{b.insert(pair, carried[0], target),
                              b.insert(position, carried[1], {t, j}),
                              b.insert(next, carried[2], expert)};
  };
  ValueRange placed =
      forEachPair(b, getExperts(),
                  {b.filled({count}, b.i32(-1)),
                   b.empty(b.extents(getExperts()), i32), offsets},
                  place);
  return b.asResults({placed[0], placed[1], offsets});
}

//===----------------------------------------------------------------------===//
// seq.experts, seq.combine, seq.embed
//===----------------------------------------------------------------------===//

SmallVector<Value> ExpertsOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  Extents width{b.extent(getWeight(), 1)};
  auto apply = [&](Value e, ValueRange outer) {
    Value matrix = b.row(getWeight(), e);
    auto multiply = [&](Value p, ValueRange carried) -> SmallVector<Value> {
      Value source = p;
      if (getPairs())
        source = arith::DivUIOp::create(b, b.toIndex(b.extract(getPairs(), p)),
                                        b.index(*getTopK()));
      Value product = b.contract("nk,k->n", matrix, b.row(getInput(), source),
                                 b.filled(width, b.f32(0)));
      return {b.insertRow(product, carried[0], p)};
    };
    Value next = arith::AddIOp::create(b, e, b.index(1));
    Value first = b.toIndex(b.extract(getOffsets(), e));
    Value last = b.toIndex(b.extract(getOffsets(), next));
    return SmallVector<Value>(b.loop(first, last, outer, multiply));
  };
  Value rows = getPairs() ? getPairs() : getInput();
  Extents extents{b.extent(rows, 0), width[0]};
  return b.asResults(b.loop(b.index(0), b.index(extentOf(getWeight(), 0)),
                            b.filled(extents, b.f32(0)), apply));
}

SmallVector<Value> CombineOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  Extents extents{b.extent(getWeights(), 0), b.extent(getRows(), 1)};
  Value output =
      b.generic("tj,tj->td", {getWeights(), getPositions()},
                b.filled(extents, b.f32(0)), [&](ValueRange a) -> Value {
                  Value zero = b.i32(0);
                  Value isKept = arith::CmpIOp::create(
                      b, arith::CmpIPredicate::sge, a[1], zero);
                  Value place = arith::SelectOp::create(b, isKept, a[1], zero);
                  Value element =
                      b.extract(getRows(), {b.toIndex(place), b.loopIndex(1)});
                  Value product = arith::MulFOp::create(b, a[0], element);
                  Value sum = arith::AddFOp::create(b, a[2], product);
                  return arith::SelectOp::create(b, isKept, sum, a[2]);
                });
  return b.asResults(output);
}

SmallVector<Value> EmbedOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  Value rows = b.toI32(b.toValue(b.extent(getTable(), 0))), zero = b.i32(0);
  Extents extents{b.extent(getTokens(), 0), b.extent(getTable(), 1)};
  Value output = b.generic(
      "t->td", getTokens(), b.empty(extents, b.getF32Type()),
      [&](ValueRange a) -> Value {
        // Unsigned, so that negative tokens lie outside as well.
        Value inside =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, a[0], rows);
        Value row = arith::SelectOp::create(b, inside, a[0], zero);
        Value element = b.extract(getTable(), {b.toIndex(row), b.loopIndex(1)});
        return arith::SelectOp::create(b, inside, b.toF32(element), b.f32(0));
      });
  return b.asResults(output);
}

//===----------------------------------------------------------------------===//
// seq.skip
//===----------------------------------------------------------------------===//

/// The chosen tokens in order, i32, and how many they are.
static std::pair<Value, Value> buildOrder(MeaningBuilder &b, SkipOp op) {
  OpFoldResult tokens = b.extent(op.getChosen(), 0);
  Value one = b.index(1);
  auto note = [&](Value t, ValueRange carried) -> SmallVector<Value> {
    // The next chosen token overwrites one that is not.
    Value order = b.insert(b.toI32(t), carried[0], {carried[1]});
    Value more = arith::AddIOp::create(b, carried[1], one);
    Value isChosen = b.extract(op.getChosen(), {t});
    return {order,
            arith::SelectOp::create(b, isChosen, more, carried[1]).getResult()};
  };
  ValueRange noted =
      b.loop(b.index(0), b.toValue(tokens),
             {b.empty({tokens}, b.getI32Type()), b.index(0)}, note);
  return {noted[0], noted[1]};
}

SmallVector<Value> SkipOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  auto [order, count] = buildOrder(b, *this);
  auto tokenOf = [&, order = order](Value m) {
    return b.toIndex(b.extract(order, {m}));
  };
  SmallVector<Value> rows;
  for (Value input : getInputs())
    rows.push_back(
        b.empty({OpFoldResult(count), b.extent(input, 1)}, b.getF32Type()));
  rows = SmallVector<Value>(
      b.loop(b.index(0), count, rows, [&](Value m, ValueRange carried) {
        SmallVector<Value> next;
        for (auto [input, part] : llvm::zip_equal(getInputs(), carried))
          next.push_back(b.insertRow(b.row(input, tokenOf(m)), part, m));
        return next;
      }));
  llvm::append_range(rows, getStates());
  SmallVector<Value> results = b.inlined(getBody(), rows);
  SmallVector<Value> kept(getInputs().take_front(getNumOutputs()));
  ValueRange outputs =
      b.loop(b.index(0), count, kept, [&](Value m, ValueRange carried) {
        SmallVector<Value> next;
        for (auto [i, whole] : llvm::enumerate(carried))
          next.push_back(b.insertRow(b.row(results[i], m), whole, tokenOf(m)));
        return next;
      });
  llvm::copy(outputs, results.begin());
  return b.asResults(results);
}
