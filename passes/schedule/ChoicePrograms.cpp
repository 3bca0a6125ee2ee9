// The programs of choices: experts for a token, the first elements of a row.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/RowOrder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir;

namespace sennit::schedule {

static Value select(Program &program, Value condition, Value a, Value b) {
  return arith::SelectOp::create(program.builder, program.loc, condition, a, b);
}

/// Stores [rows] numbers into column `column` of an output, from row `row` on.
static void storeColumn(Program &program, Value tile, Value output, Value row,
                        Value column) {
  SmallVector<std::pair<int64_t, Value>> bounds;
  if (cast<VectorType>(tile.getType()).getDimSize(0) > 1)
    bounds.push_back({0, program.extent(output, 0)});
  tile::StoreOp::create(program.builder, program.loc, tile,
                        program.outputView(output), ValueRange{row, column},
                        ArrayRef<int64_t>{0}, bounds);
}

static Value addFloats(Program &program, Value a, Value b) {
  return arith::AddFOp::create(program.builder, program.loc, a, b);
}

static Value splatLike(Program &program, Value tile, double value) {
  return program.splat(cast<VectorType>(tile.getType()), value);
}

namespace {
/// Scores of the whole row, then one choice after the other by rank.
class Route {
public:
  Route(KernelBuilder &kernel, seq::RouteOp op)
      : op(op), program(kernel, kernel.kernel.getKind()),
        experts(op.getLogits().getType().getDimSize(1)),
        choices(op.getWeights().getType().getDimSize(1)),
        rows(RowOrder::getRows(kernel, kernel.rowBound(op.getLogits()),
                               experts)) {}

  LogicalResult build() {
    OpFoldResult zero = program.builder.getIndexAttr(0);
    Value tokens = program.extent(op.getLogits(), 0);
    SmallVector<Value> item = program.openGrid({tokens}, {rows}, {"token"});
    FailureOr<Value> logits =
        program.tileF32(op.getLogits(), Box({item[0], zero}, {rows, experts}));
    if (failed(logits))
      return failure();
    Value scores = score(*logits);
    FailureOr<Value> ranks = rank(*logits, scores);
    if (failed(ranks) || failed(choose(*ranks, scores)))
      return failure();
    if (op.getRenormalize())
      renormalize();
    for (int64_t j = 0; j < choices; ++j) {
      storeColumn(program, scale(weights[j]), op.getWeights(), item[0],
                  program.index(j));
      storeColumn(program, chosen[j], op.getExperts(), item[0],
                  program.index(j));
    }
    return program.finish();
  }

private:
  ArrayRef<int64_t> shapeOf(Value tile) {
    return cast<VectorType>(tile.getType()).getShape();
  }

  Value score(Value logits) {
    OpBuilder &b = program.builder;
    Location loc = program.loc;
    if (op.getScores() == seq::ScoreFunction::Sigmoid) {
      Value e =
          math::ExpOp::create(b, loc, arith::NegFOp::create(b, loc, logits));
      Value one = splatLike(program, logits, 1.0);
      return arith::DivFOp::create(b, loc, one, addFloats(program, one, e));
    }
    auto ofRow = [&](Value tile) {
      return program.broadcast(tile, shapeOf(logits), {0});
    };
    Value most = ofRow(reduce(program, tile::ReduceKind::Max, logits, 1));
    Value all = math::ExpOp::create(
        b, loc, arith::SubFOp::create(b, loc, logits, most));
    Value sum = ofRow(reduce(program, tile::ReduceKind::Add, all, 1));
    return arith::DivFOp::create(b, loc, all, sum);
  }

  /// What chooses, NaN where nothing may be chosen.
  FailureOr<Value> rank(Value logits, Value scores) {
    Value ranks = op.ranksScores() ? scores : logits;
    if (op.getBias()) {
      FailureOr<Value> bias = program.tileF32(
          op.getBias(), Box({program.builder.getIndexAttr(0)}, {experts}));
      if (failed(bias))
        return failure();
      ranks = addFloats(program, ranks,
                        program.broadcast(*bias, shapeOf(ranks), {1}));
    }
    if (!op.getGroups())
      return ranks;
    FailureOr<Value> penalty = judgeGroups(ranks);
    if (failed(penalty))
      return failure();
    return addFloats(program, ranks, *penalty);
  }

  /// 0 for experts in the groups that are kept, NaN for the others.
  FailureOr<Value> judgeGroups(Value ranks) {
    int64_t groups = *op.getGroups(), size = experts / groups;
    RowOrder inside(program, rows * groups, size, /*smallest=*/false);
    inside.prepare(program.reshape(ranks, {rows * groups, size}));
    FailureOr<Value> best = inside.next(inside.start());
    if (failed(best))
      return failure();
    Value worth = inside.getValues(*best);
    if (op.getGroupValue() == seq::GroupValue::BestTwo) {
      FailureOr<Value> second = inside.next(*best);
      if (failed(second))
        return failure();
      worth = addFloats(program, worth, inside.getValues(*second));
    }
    RowOrder order(program, rows, groups, /*smallest=*/false);
    order.prepare(program.reshape(worth, {rows, groups}));
    Value last = order.start();
    for (int64_t j = 0; j < static_cast<int64_t>(*op.getTopGroups()); ++j) {
      FailureOr<Value> next = order.next(last);
      if (failed(next))
        return failure();
      last = *next;
    }
    auto type = VectorType::get({rows, groups}, program.builder.getF32Type());
    Value penalty =
        select(program, order.isChosen(last), program.splat(type, 0.0),
               program.splat(type, std::numeric_limits<double>::quiet_NaN()));
    return program.reshape(
        program.broadcast(penalty, {rows, groups, size}, {0, 1}),
        {rows, experts});
  }

  LogicalResult choose(Value ranks, Value scores) {
    RowOrder order(program, rows, experts, /*smallest=*/false);
    order.prepare(ranks);
    Value choice = order.start();
    for (int64_t j = 0; j < choices; ++j) {
      FailureOr<Value> next = order.next(choice);
      if (failed(next))
        return failure();
      choice = *next;
      chosen.push_back(order.getIndices(choice));
      weights.push_back(pick(order.getValues(choice), scores));
    }
    return success();
  }

  /// The scores of the last choice; NaN where its rank is.
  Value pick(Value ranks, Value scores) {
    SmallVector<int64_t> shape{rows, experts};
    Value isChosen = arith::CmpIOp::create(
        program.builder, program.loc, arith::CmpIPredicate::eq,
        program.broadcast(chosen.back(), shape, {0}),
        program.broadcast(program.iota(program.index(0), experts), shape, {1}));
    Value score = reduce(
        program, tile::ReduceKind::Add,
        select(program, isChosen, scores, splatLike(program, scores, 0.0)), 1);
    Value isNumber = arith::CmpFOp::create(
        program.builder, program.loc, arith::CmpFPredicate::ORD, ranks, ranks);
    return select(program, isNumber, score, ranks);
  }

  void renormalize() {
    Value sum = splatLike(program, weights.front(), 1e-20);
    for (Value weight : weights)
      sum = addFloats(program, sum, weight);
    for (Value &weight : weights)
      weight = arith::DivFOp::create(program.builder, program.loc, weight, sum);
  }

  Value scale(Value weight) {
    if (!op.getScaling())
      return weight;
    Value factor =
        splatLike(program, weight, op.getScaling()->convertToDouble());
    return arith::MulFOp::create(program.builder, program.loc, weight, factor);
  }

  seq::RouteOp op;
  Program program;
  int64_t experts, choices, rows;
  SmallVector<Value> weights, chosen;
};

/// Rounds of `seq.top_k` in a loop, each of which stores one column.
class TopK {
public:
  TopK(KernelBuilder &kernel, seq::TopKOp op)
      : op(op), program(kernel, kernel.kernel.getKind()),
        elements(op.getInput().getType().getDimSize(1)),
        rows(RowOrder::getRows(kernel, kernel.rowBound(op.getInput()),
                               elements)) {}

  LogicalResult build() {
    Value count = program.extent(op.getInput(), 0);
    SmallVector<Value> item = program.openGrid({count}, {rows}, {"row"});
    RowOrder order(program, rows, elements, op.getSmallest(),
                   [&](Value first, int64_t columns) {
                     return program.tileF32(
                         op.getInput(), Box({item[0], first}, {rows, columns}));
                   });
    if (failed(order.prepare()))
      return failure();
    int64_t choices = op.getValues().getType().getDimSize(1);
    auto rounds = buildStream(
        program, "choice", program.index(0), program.index(choices), 1,
        order.start(),
        [&](Value j, ValueRange previous) -> FailureOr<SmallVector<Value>> {
          FailureOr<Value> choice = order.next(previous[0]);
          if (failed(choice))
            return failure();
          storeColumn(program, order.getValues(*choice), op.getValues(),
                      item[0], j);
          storeColumn(program, order.getIndices(*choice), op.getIndices(),
                      item[0], j);
          return SmallVector<Value>{*choice};
        });
    if (failed(rounds))
      return failure();
    return program.finish();
  }

private:
  seq::TopKOp op;
  Program program;
  int64_t elements, rows;
};

struct RouteModel
    : TileProgramOpInterface::ExternalModel<RouteModel, seq::RouteOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    return Route(kernel, cast<seq::RouteOp>(op)).build();
  }
};

struct TopKModel
    : TileProgramOpInterface::ExternalModel<TopKModel, seq::TopKOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    return TopK(kernel, cast<seq::TopKOp>(op)).build();
  }
};

} // namespace

void attachChoiceModels(MLIRContext *context) {
  seq::RouteOp::attachInterface<RouteModel>(*context);
  seq::TopKOp::attachInterface<TopKModel>(*context);
}

} // namespace sennit::schedule
