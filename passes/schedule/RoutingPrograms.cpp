// The programs of routing: counting sort, weighted sum.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/TileSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::schedule {

Value reduce(Program &program, tile::ReduceKind kind, Value tile, int64_t dim) {
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

namespace {
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
    Value taken = (*counts)[0];
    if (op.getCapacity())
      taken = arith::MinSIOp::create(
          b, program.loc, taken,
          program.splatInt(countType, *op.getCapacity()));
    auto scan = tile::ScanOp::create(
        b, program.loc,
        TypeRange{countType, VectorType::get({}, b.getI32Type())},
        tile::ScanKind::Add, ValueRange{taken}, Value(), 0,
        /*exclusive=*/true);
    if (op.getCapacity()) {
      ends = addInts(scan.getScanned(), taken);
      if (failed(clearPairs()))
        return failure();
    }
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

  /// Writes -1 to all places, since some remain nobody's.
  LogicalResult clearPairs() {
    Value places = program.extent(op.getPairs(), 0);
    auto type = VectorType::get({rows}, program.builder.getI32Type());
    auto cleared = buildStream(
        program, "clear", program.index(0), places, rows, {},
        [&](Value place, ValueRange) -> FailureOr<SmallVector<Value>> {
          SmallVector<std::pair<int64_t, Value>> bounds;
          if (rows > 1)
            bounds.push_back({0, places});
          tile::StoreOp::create(
              program.builder, program.loc, program.splatInt(type, -1),
              program.outputView(op.getPairs()), ValueRange{place},
              ArrayRef<int64_t>{0}, bounds);
          return SmallVector<Value>{};
        });
    return success(succeeded(cleared));
  }

  /// The sum over a row of what stands where it hit.
  Value sumHits(Value hits, Value tile) {
    return reduce(
        program, tile::ReduceKind::Add,
        arith::MulIOp::create(program.builder, program.loc, hits, tile), 1);
  }

  /// `at`, or -1 where it is past the expert's last place.
  Value dropPast(Value hits, Value at) {
    auto type = cast<VectorType>(at.getType());
    Value end = sumHits(hits, program.broadcast(ends, {rows, experts}, {1}));
    Value fits = arith::CmpIOp::create(program.builder, program.loc,
                                       arith::CmpIPredicate::slt, at, end);
    return select(program, fits, at, program.splatInt(type, -1));
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
      Value at = sumHits(hits[j], position);
      if (ends)
        at = dropPast(hits[j], at);
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
  Value ends; // Behind each expert's last place, where capacity bounds it.
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
  seq::DispatchOp::attachInterface<DispatchModel>(*context);
  seq::CombineOp::attachInterface<CombineModel>(*context);
  attachExpertsModel(context);
  attachSampleModel(context);
}

} // namespace sennit::schedule
