// The programs of routing: choices of a row, counting sort, weighted sum.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/RowOrder.h"
#include "passes/schedule/TileSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace sennit::schedule {

static Value reduce(Program &program, tile::ReduceKind kind, Value tile,
                    int64_t dim) {
  auto type = cast<VectorType>(tile.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + dim);
  return tile::ReduceOp::create(program.builder, program.loc,
                                VectorType::get(shape, type.getElementType()),
                                kind, tile, dim);
}

static Value select(Program &program, Value condition, Value a, Value b) {
  return arith::SelectOp::create(program.builder, program.loc, condition, a, b);
}

static Value equal(Program &program, Value a, Value b) {
  return arith::CmpIOp::create(program.builder, program.loc,
                               arith::CmpIPredicate::eq, a, b);
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

namespace {
/// The choices of `seq.top_k`, and the scores of what they chose.
class Route {
public:
  Route(KernelBuilder &kernel, seq::RouteOp op)
      : op(op), program(kernel, kernel.kernel.getKind()),
        experts(op.getLogits().getType().getDimSize(1)),
        choices(op.getWeights().getType().getDimSize(1)),
        rows(RowOrder::getRows(kernel, kernel.rowBound(op.getLogits()),
                               experts)) {}

  LogicalResult build() {
    OpBuilder &b = program.builder;
    Value tokens = program.extent(op.getLogits(), 0);
    SmallVector<Value> item = program.openGrid({tokens}, {rows}, {"token"});
    auto load = [&](OpFoldResult first, int64_t columns) {
      return program.tileF32(op.getLogits(),
                             Box({item[0], first}, {rows, columns}));
    };
    FailureOr<Value> logits = load(b.getIndexAttr(0), experts);
    if (failed(logits) || failed(choose(load)))
      return failure();
    score(*logits);
    if (op.getRenormalize())
      renormalize();
    for (int64_t j = 0; j < choices; ++j) {
      storeColumn(program, weights[j], op.getWeights(), item[0],
                  program.index(j));
      storeColumn(program, chosen[j], op.getExperts(), item[0],
                  program.index(j));
    }
    return program.finish();
  }

private:
  LogicalResult choose(RowOrder::Loader load) {
    RowOrder order(program, rows, experts, /*smallest=*/false, std::move(load));
    if (failed(order.prepare()))
      return failure();
    Value choice = order.start();
    for (int64_t j = 0; j < choices; ++j) {
      FailureOr<Value> next = order.next(choice);
      if (failed(next))
        return failure();
      choice = *next;
      weights.push_back(order.getValues(choice));
      chosen.push_back(order.getIndices(choice));
    }
    return success();
  }

  /// Turns the chosen logits into their scores.
  void score(Value logits) {
    OpBuilder &b = program.builder;
    Location loc = program.loc;
    if (op.getScores() == seq::ScoreFunction::Sigmoid) {
      for (Value &weight : weights) {
        Value e =
            math::ExpOp::create(b, loc, arith::NegFOp::create(b, loc, weight));
        Value one = program.splat(cast<VectorType>(weight.getType()), 1.0);
        weight = arith::DivFOp::create(b, loc, one,
                                       arith::AddFOp::create(b, loc, one, e));
      }
      return;
    }
    Value most = reduce(program, tile::ReduceKind::Max, logits, 1);
    auto exponential = [&](Value a, Value largest) -> Value {
      return math::ExpOp::create(b, loc,
                                 arith::SubFOp::create(b, loc, a, largest));
    };
    Value all = exponential(
        logits, program.broadcast(
                    most, cast<VectorType>(logits.getType()).getShape(), {0}));
    Value sum = reduce(program, tile::ReduceKind::Add, all, 1);
    for (Value &weight : weights)
      weight = arith::DivFOp::create(b, loc, exponential(weight, most), sum);
  }

  void renormalize() {
    OpBuilder &b = program.builder;
    Value sum = weights.front();
    for (Value weight : ArrayRef(weights).drop_front())
      sum = arith::AddFOp::create(b, program.loc, sum, weight);
    for (Value &weight : weights)
      weight = arith::DivFOp::create(b, program.loc, weight, sum);
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

/// A stable counting sort in two sweeps: count, then place; one item, since
/// the pairs of one call are few beside the experts' products.
class CountingSort {
public:
  CountingSort(KernelBuilder &kernel, seq::DispatchOp op)
      : op(op), program(kernel, kernel.kernel.getKind()),
        experts(op.getOffsets().getType().getDimSize(0) - 1),
        choices(op.getExperts().getType().getDimSize(1)),
        rows(roundUpRows(kernel.rowBound(op.getExperts()), 16)) {}

  LogicalResult build() {
    OpBuilder &b = program.builder;
    tokens = program.extent(op.getExperts(), 0);
    program.openGrid({program.index(1)}, {1}, {"all"});
    auto countType = VectorType::get({experts}, b.getI32Type());
    Value zeros = program.splatInt(countType, 0);
    auto counts = buildStream(
        program, "count", program.index(0), tokens, rows, zeros,
        [&](Value t, ValueRange carries) -> FailureOr<SmallVector<Value>> {
          Value sum = carries[0];
          for (int64_t j = 0; j < choices; ++j)
            sum = addInts(sum, reduce(program, tile::ReduceKind::Add,
                                      oneHot(loadChoice(t, j)), 0));
          return SmallVector<Value>{sum};
        });
    if (failed(counts))
      return failure();
    auto scan = tile::ScanOp::create(
        b, program.loc,
        TypeRange{countType, VectorType::get({}, b.getI32Type())},
        tile::ScanKind::Add, ValueRange{(*counts)[0]}, Value(), 0,
        /*exclusive=*/true);
    Value offsets = program.outputView(op.getOffsets());
    tile::StoreOp::create(b, program.loc, scan.getScanned(), offsets,
                          ValueRange{program.index(0)});
    tile::StoreOp::create(b, program.loc, program.reshape(scan.getLast(), {1}),
                          offsets, ValueRange{program.index(experts)});
    auto placed = buildStream(
        program, "place", program.index(0), tokens, rows, scan.getScanned(),
        [&](Value t, ValueRange carries) { return place(t, carries[0]); });
    if (failed(placed))
      return failure();
    return program.finish();
  }

private:
  Value addInts(Value a, Value b) {
    return arith::AddIOp::create(program.builder, program.loc, a, b);
  }

  Value loadChoice(Value t, int64_t j) {
    SmallVector<std::pair<int64_t, Value>> bounds;
    if (rows > 1)
      bounds.push_back({0, tokens});
    OpBuilder &b = program.builder;
    return tile::LoadOp::create(
        b, program.loc, VectorType::get({rows}, b.getI32Type()),
        program.view(op.getExperts()), ValueRange{t, program.index(j)},
        ArrayRef<int64_t>{0}, bounds, b.getI32IntegerAttr(-1));
  }

  /// [rows, experts], one where the row chose the expert.
  Value oneHot(Value choice) {
    SmallVector<int64_t> shape{rows, experts};
    Value hit = equal(
        program, program.broadcast(choice, shape, {0}),
        program.broadcast(program.iota(program.index(0), experts), shape, {1}));
    auto type = VectorType::get(shape, program.builder.getI32Type());
    return select(program, hit, program.splatInt(type, 1),
                  program.splatInt(type, 0));
  }

  /// Places the pairs of some tokens; pair t k + j comes before t' k + j' for
  /// t < t', and for equal t before larger j.
  FailureOr<SmallVector<Value>> place(Value t, Value next) {
    OpBuilder &b = program.builder;
    Location loc = program.loc;
    SmallVector<int64_t> shape{rows, experts};
    auto type = VectorType::get(shape, b.getI32Type());
    SmallVector<Value> hits;
    Value ofRow = program.splatInt(type, 0);
    for (int64_t j = 0; j < choices; ++j) {
      hits.push_back(oneHot(loadChoice(t, j)));
      ofRow = addInts(ofRow, hits.back());
    }
    auto rowType = VectorType::get({experts}, b.getI32Type());
    auto scan = tile::ScanOp::create(b, loc, TypeRange{type, rowType},
                                     tile::ScanKind::Add, ValueRange{ofRow},
                                     next, 0, /*exclusive=*/true);
    Value position = scan.getScanned();
    SmallVector<std::pair<int64_t, Value>> bounds;
    if (rows > 1)
      bounds.push_back({0, tokens});
    Value row = program.iota(t, rows);
    auto indexType = cast<VectorType>(row.getType());
    Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, row,
                                         program.broadcast(tokens, {rows}, {}));
    for (int64_t j = 0; j < choices; ++j) {
      Value at = reduce(program, tile::ReduceKind::Add,
                        arith::MulIOp::create(b, loc, hits[j], position), 1);
      position = addInts(position, hits[j]);
      tile::StoreOp::create(b, loc, at, program.outputView(op.getPositions()),
                            ValueRange{t, program.index(j)},
                            ArrayRef<int64_t>{0}, bounds);
      Value pair = arith::MulIOp::create(b, loc, row,
                                         program.splatInt(indexType, choices));
      pair = addInts(pair, program.splatInt(indexType, j));
      Value target =
          select(program, inside, at, program.splatInt(indexType, -1));
      tile::StoreOp::create(b, loc, pair, program.outputView(op.getPairs()),
                            ValueRange{target});
    }
    return SmallVector<Value>{scan.getLast()};
  }

  seq::DispatchOp op;
  Program program;
  int64_t experts, choices, rows;
  Value tokens;
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

struct DispatchModel
    : TileProgramOpInterface::ExternalModel<DispatchModel, seq::DispatchOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    return CountingSort(kernel, cast<seq::DispatchOp>(op)).build();
  }
};

/// sum_j weights[t, j] rows[positions[t, j]], each row gathered.
struct CombineModel
    : TileProgramOpInterface::ExternalModel<CombineModel, seq::CombineOp> {
  FailureOr<Value> emitTile(Operation *op, Program &program, unsigned,
                            const Box &box) const {
    auto combine = cast<seq::CombineOp>(op);
    OpBuilder &b = program.builder;
    int64_t choices = combine.getWeights().getType().getDimSize(1),
            rows = box.sizes[0];
    auto type = VectorType::get(box.sizes, b.getF32Type());
    Value t = program.value(box.offsets[0]), n = program.value(box.offsets[1]);
    SmallVector<std::pair<int64_t, Value>> bounds;
    if (rows > 1)
      bounds.push_back({0, program.extent(combine.getWeights(), 0)});
    auto column = [&](Value tensor, int64_t j, Attribute pad) -> Value {
      auto element = cast<RankedTensorType>(tensor.getType()).getElementType();
      return tile::LoadOp::create(
          b, program.loc, VectorType::get({rows}, element),
          program.view(tensor), ValueRange{t, program.index(j)},
          ArrayRef<int64_t>{0}, bounds, pad);
    };
    Value sum;
    for (int64_t j = 0; j < choices; ++j) {
      Value position =
          column(combine.getPositions(), j, b.getI32IntegerAttr(-1));
      Value weight = program.broadcast(column(combine.getWeights(), j, {}),
                                       box.sizes, {0});
      int64_t width = combine.getType().getDimSize(1);
      SmallVector<std::pair<int64_t, Value>> columns;
      if (width % box.sizes[1] != 0)
        columns.push_back({1, program.index(width)});
      Value row = tile::LoadOp::create(
          b, program.loc, type, program.view(combine.getRows()),
          ValueRange{position, n}, ArrayRef<int64_t>{0, 1}, columns);
      Value term = arith::MulFOp::create(b, program.loc, row, weight);
      sum = sum ? arith::AddFOp::create(b, program.loc, sum, term).getResult()
                : term;
    }
    return sum;
  }
};
} // namespace

void attachExpertsModel(MLIRContext *context);
void attachSampleModel(MLIRContext *context);

void attachRoutingModels(MLIRContext *context) {
  seq::RouteOp::attachInterface<RouteModel>(*context);
  seq::TopKOp::attachInterface<TopKModel>(*context);
  seq::DispatchOp::attachInterface<DispatchModel>(*context);
  seq::CombineOp::attachInterface<CombineModel>(*context);
  attachExpertsModel(context);
  attachSampleModel(context);
}

} // namespace sennit::schedule
