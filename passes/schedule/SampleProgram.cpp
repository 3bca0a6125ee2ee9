// The program of sampling: thresholds by bisection, then the inverse of a sum.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// Nothing is sorted. A row's order is that of integer keys, and what top-k and
// top-p keep is all above one key and the first few of those that have it. The
// key is found bit by bit, each by one pass that counts, or adds weights, over
// keys at or above a middle.

#include "dialects/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/schedule/Models.h"
#include "passes/schedule/RowOrder.h"

#include <limits>

using namespace mlir;

namespace sennit::schedule {

using FloatPredicate = arith::CmpFPredicate;
using IntegerPredicate = arith::CmpIPredicate;

/// The keys of -infinity and +infinity, and the one that is no number.
static constexpr int32_t lowestKey = int32_t(0x807fffff);
static constexpr int32_t highestKey = 0x7f800000;
static constexpr int32_t noKey = std::numeric_limits<int32_t>::min();
static constexpr int32_t allOfThem = std::numeric_limits<int32_t>::max();
static constexpr float infinity = std::numeric_limits<float>::infinity();

/// Columns that are added up before they meet others: short enough for sums
/// in f32, and the reach of a draw's last step.
static constexpr int64_t blockColumns = 256;

namespace {
class Sample {
public:
  Sample(KernelBuilder &kernel, seq::SampleOp op)
      : op(op), program(kernel, kernel.kernel.getKind()), b(program.builder),
        loc(program.loc), vocabulary(op.getLogits().getType().getDimSize(1)),
        blocks(llvm::divideCeil(vocabulary, blockColumns)) {}

  LogicalResult build();

private:
  /// Some columns of the row: keys, i32, and weights, f32.
  struct Columns {
    Value keys, weights;
  };
  /// What is kept: keys above `key`, and those of it up to index `last`.
  struct Threshold {
    Value key, last;
  };

  FailureOr<Value> loadNumbers(Value first, int64_t columns);
  Value emitWeights(Value numbers, Value keys);
  FailureOr<Columns> load(Value first, int64_t columns);
  Value keep(Columns columns, Value first, Threshold threshold);

  FailureOr<Value> bisect(Value isActive, Value lowest,
                          function_ref<Value(Value middle)> reaches);
  Value countAtLeast(Value key);
  Value sumAtLeast(Value key);
  FailureOr<Threshold> findThreshold();
  struct TopK {
    Value key, ties;
  };
  FailureOr<TopK> findTopK();
  FailureOr<TopK> findTopP(TopK topK);
  FailureOr<Value> findFirst(Value blockSums, Value target,
                             function_ref<Value(Columns, Value)> values,
                             Value *last = nullptr);
  FailureOr<Value> draw();

  // Scalars, and tiles of them.
  Value number(Type type, double value);
  Value compare(IntegerPredicate predicate, Value left, Value right);
  Value compare(FloatPredicate predicate, Value left, Value right);
  Value select(Value condition, Value yes, Value no);
  Value spread(Value scalar, Value like);
  Value reduceAll(tile::ReduceKind kind, Value tile);
  Value extract(Value tile);
  Value setting(Value tensor);
  Value masked(IntegerPredicate predicate, Value key, Value values);
  Value sumBlocks(Value values);
  Value toF64(Value value);

  seq::SampleOp op;
  Program program;
  OpBuilder &b;
  Location loc;
  int64_t vocabulary, blocks;
  Value row, largestKey, largest, temperature;
  Columns all;
};
} // namespace

//===----------------------------------------------------------------------===//
// Scalars, and tiles of them
//===----------------------------------------------------------------------===//

Value Sample::number(Type type, double value) {
  TypedAttr attr = isa<FloatType>(type)
                       ? TypedAttr(b.getFloatAttr(type, value))
                       : TypedAttr(b.getIntegerAttr(type, int64_t(value)));
  return arith::ConstantOp::create(b, loc, attr);
}

Value Sample::spread(Value scalar, Value like) {
  auto type = dyn_cast<VectorType>(like.getType());
  if (!type || isa<VectorType>(scalar.getType()))
    return scalar;
  return program.broadcast(scalar, type.getShape(), {});
}

Value Sample::compare(IntegerPredicate predicate, Value left, Value right) {
  return arith::CmpIOp::create(b, loc, predicate, left, spread(right, left));
}

Value Sample::compare(FloatPredicate predicate, Value left, Value right) {
  return arith::CmpFOp::create(b, loc, predicate, left, spread(right, left));
}

Value Sample::select(Value condition, Value yes, Value no) {
  return arith::SelectOp::create(b, loc, condition, spread(yes, condition),
                                 spread(no, condition));
}

Value Sample::extract(Value tile) {
  auto type = cast<VectorType>(tile.getType());
  return vector::ExtractOp::create(b, loc, tile,
                                   SmallVector<int64_t>(type.getRank(), 0));
}

Value Sample::reduceAll(tile::ReduceKind kind, Value tile) {
  auto type = cast<VectorType>(tile.getType());
  return extract(tile::ReduceOp::create(
      b, loc, VectorType::get({}, type.getElementType()), kind, tile, 0));
}

Value Sample::toF64(Value value) {
  auto type = dyn_cast<VectorType>(value.getType());
  return arith::ExtFOp::create(
      b, loc, type ? Type(type.clone(b.getF64Type())) : b.getF64Type(), value);
}

Value Sample::setting(Value tensor) {
  // One element is inside because the row is.
  FailureOr<Value> tile = program.tile(tensor, Box({row}, {1}));
  return succeeded(tile) ? extract(*tile) : Value();
}

/// `values` where a column's key is in this relation to `key`, else zero.
Value Sample::masked(IntegerPredicate predicate, Value key, Value values) {
  Value isIn = compare(predicate, all.keys, key);
  return select(isIn, values,
                number(getElementTypeOrSelf(values.getType()), 0));
}

/// [columns] as sums of each block, [blocks].
Value Sample::sumBlocks(Value values) {
  Type element = cast<VectorType>(values.getType()).getElementType();
  return tile::ReduceOp::create(
      b, loc, VectorType::get({blocks}, element), tile::ReduceKind::Add,
      program.reshape(values, {blocks, blockColumns}), 1);
}

//===----------------------------------------------------------------------===//
// Columns
//===----------------------------------------------------------------------===//

/// The logits from column `first` on, -infinity past the last.
FailureOr<Value> Sample::loadNumbers(Value first, int64_t columns) {
  FailureOr<Value> loaded =
      program.tileF32(op.getLogits(), Box({row, first}, {1, columns}));
  if (failed(loaded))
    return failure();
  Value numbers = program.reshape(*loaded, {columns});
  if (vocabulary % blockColumns == 0)
    return numbers;
  Value isInside = compare(IntegerPredicate::slt, program.iota(first, columns),
                           number(b.getI32Type(), vocabulary));
  return select(isInside, numbers, number(b.getF32Type(), -infinity));
}

/// exp((number - largest) / temperature), zero at -infinity whatever the
/// temperature.
Value Sample::emitWeights(Value numbers, Value keys) {
  Value scale =
      arith::DivFOp::create(b, loc, number(b.getF32Type(), 1), temperature);
  Value distance =
      arith::SubFOp::create(b, loc, numbers, spread(largest, numbers));
  Value power =
      arith::MulFOp::create(b, loc, distance, spread(scale, distance));
  Value isAbove =
      compare(IntegerPredicate::sgt, keys, number(b.getI32Type(), lowestKey));
  return select(isAbove, math::ExpOp::create(b, loc, power),
                number(b.getF32Type(), 0));
}

FailureOr<Sample::Columns> Sample::load(Value first, int64_t columns) {
  FailureOr<Value> numbers = loadNumbers(first, columns);
  if (failed(numbers))
    return failure();
  Value keys = emitKeys(program, *numbers);
  return Columns{keys, emitWeights(*numbers, keys)};
}

/// The weights of what is kept, else zero.
Value Sample::keep(Columns columns, Value first, Threshold threshold) {
  int64_t count = cast<VectorType>(columns.keys.getType()).getDimSize(0);
  Value above = compare(IntegerPredicate::sgt, columns.keys, threshold.key);
  Value ties = compare(IntegerPredicate::eq, columns.keys, threshold.key);
  Value early = compare(IntegerPredicate::sle, program.iota(first, count),
                        threshold.last);
  Value kept = arith::OrIOp::create(b, loc, above,
                                    arith::AndIOp::create(b, loc, ties, early));
  return select(kept, columns.weights, number(b.getF32Type(), 0));
}

//===----------------------------------------------------------------------===//
// Thresholds
//===----------------------------------------------------------------------===//

/// The largest key that `reaches`, as `lowest` does and nothing above the
/// largest key of the row; `lowest` when not active.
FailureOr<Value> Sample::bisect(Value isActive, Value lowest,
                                function_ref<Value(Value)> reaches) {
  Value one = number(b.getI32Type(), 1);
  Value above = arith::AddIOp::create(b, loc, largestKey, one);
  Value rounds = select(isActive, program.index(32), program.index(0));
  FailureOr<ValueRange> found = buildStream(
      program, "bit", program.index(0), rounds, 1, {lowest, above},
      [&](Value, ValueRange range) -> FailureOr<SmallVector<Value>> {
        // The distance may need all 32 bits.
        Value width = arith::SubIOp::create(b, loc, range[1], range[0]);
        Value half = arith::ShRUIOp::create(b, loc, width, one);
        Value middle = arith::AddIOp::create(b, loc, range[0], half);
        Value isLowest = compare(IntegerPredicate::eq, middle, range[0]);
        Value isReached =
            arith::OrIOp::create(b, loc, isLowest, reaches(middle));
        return SmallVector<Value>{select(isReached, middle, range[0]),
                                  select(isReached, range[1], middle)};
      });
  if (failed(found))
    return failure();
  return (*found)[0];
}

Value Sample::countAtLeast(Value key) {
  Value one = number(b.getI32Type(), 1);
  return reduceAll(tile::ReduceKind::Add,
                   masked(IntegerPredicate::sge, key, spread(one, all.keys)));
}

Value Sample::sumAtLeast(Value key) {
  Value sums = sumBlocks(masked(IntegerPredicate::sge, key, all.weights));
  return reduceAll(tile::ReduceKind::Add, toF64(sums));
}

/// The least key of the first `top_k`, and how many of those that have it.
FailureOr<Sample::TopK> Sample::findTopK() {
  Value topK = setting(op.getTopK());
  Value isActive = arith::AndIOp::create(
      b, loc, compare(IntegerPredicate::sgt, topK, number(b.getI32Type(), 0)),
      compare(IntegerPredicate::slt, topK, number(b.getI32Type(), vocabulary)));
  FailureOr<Value> key =
      bisect(isActive, number(b.getI32Type(), lowestKey), [&](Value middle) {
        return compare(IntegerPredicate::sge, countAtLeast(middle), topK);
      });
  if (failed(key))
    return failure();
  Value next = arith::AddIOp::create(b, loc, *key, number(b.getI32Type(), 1));
  Value ties = arith::SubIOp::create(b, loc, topK, countAtLeast(next));
  return TopK{*key, select(isActive, ties, number(b.getI32Type(), allOfThem))};
}

/// The same for the fewest first ones that weigh `top_p` of what `topK` keeps.
FailureOr<Sample::TopK> Sample::findTopP(TopK topK) {
  Type i32 = b.getI32Type(), f64 = b.getF64Type();
  Value topP = toF64(setting(op.getTopP()));
  Value isActive = arith::AndIOp::create(
      b, loc, compare(FloatPredicate::OGT, topP, number(f64, 0)),
      compare(FloatPredicate::OLT, topP, number(f64, 1)));
  auto weightOf = [&](Value key) {
    return toF64(reduceAll(tile::ReduceKind::Max,
                           masked(IntegerPredicate::eq, key, all.weights)));
  };
  auto sumAbove = [&](Value key) {
    return sumAtLeast(arith::AddIOp::create(b, loc, key, number(i32, 1)));
  };
  // Of the ties at the border only some count.
  Value one = number(i32, 1);
  Value present =
      reduceAll(tile::ReduceKind::Add,
                masked(IntegerPredicate::eq, topK.key, spread(one, all.keys)));
  Value counted = arith::MinSIOp::create(b, loc, present, topK.ties);
  Value border = arith::MulFOp::create(
      b, loc, arith::SIToFPOp::create(b, loc, f64, counted),
      weightOf(topK.key));
  Value sum = arith::AddFOp::create(b, loc, sumAbove(topK.key), border);
  Value wanted = arith::MulFOp::create(b, loc, topP, sum);
  FailureOr<Value> key = bisect(isActive, topK.key, [&](Value middle) {
    return compare(FloatPredicate::OGE, sumAtLeast(middle), wanted);
  });
  if (failed(key))
    return failure();
  Value missing = arith::SubFOp::create(b, loc, wanted, sumAbove(*key));
  Value ties = math::CeilOp::create(
      b, loc, arith::DivFOp::create(b, loc, missing, weightOf(*key)));
  // One at least, also where rounding has left nothing to divide.
  ties = select(compare(FloatPredicate::OGT, ties, number(f64, 1)), ties,
                number(f64, 1));
  ties = select(compare(FloatPredicate::OLT, ties, number(f64, allOfThem)),
                ties, number(f64, allOfThem));
  ties = arith::FPToSIOp::create(b, loc, i32, ties);
  Value limit = select(compare(IntegerPredicate::eq, *key, topK.key), topK.ties,
                       number(i32, allOfThem));
  ties = arith::MinSIOp::create(b, loc, ties, limit);
  return TopK{*key, select(isActive, ties, topK.ties)};
}

FailureOr<Sample::Threshold> Sample::findThreshold() {
  FailureOr<TopK> topK = findTopK();
  if (failed(topK))
    return failure();
  FailureOr<TopK> found = findTopP(*topK);
  if (failed(found))
    return failure();
  Value one = number(b.getI32Type(), 1), none = number(b.getI32Type(), 0);
  auto ties = [&](Columns columns, Value) {
    return select(compare(IntegerPredicate::eq, columns.keys, found->key),
                  spread(one, columns.keys), none);
  };
  Value before = arith::SubIOp::create(b, loc, found->ties, one);
  FailureOr<Value> last = findFirst(sumBlocks(ties(all, {})), before, ties);
  if (failed(last))
    return failure();
  return Threshold{found->key, *last};
}

//===----------------------------------------------------------------------===//
// Draws
//===----------------------------------------------------------------------===//

/// The first column, as i32, at which the running sum of values that are not
/// negative is more than `target`, or one past the last. `values` gives those
/// of some columns; `blockSums` are their sums.
FailureOr<Value> Sample::findFirst(Value blockSums, Value target,
                                   function_ref<Value(Columns, Value)> values,
                                   Value *last) {
  Type element = target.getType();
  auto isBefore = [&](Value sums) {
    return isa<FloatType>(element)
               ? compare(FloatPredicate::OLE, sums, target)
               : compare(IntegerPredicate::sle, sums, target);
  };
  auto scan = [&](Value tile, Value init) {
    return tile::ScanOp::create(
               b, loc, TypeRange{tile.getType(), VectorType::get({}, element)},
               tile::ScanKind::Add, ValueRange{tile}, init, 0,
               /*exclusive=*/false)
        .getScanned();
  };
  Value one = number(b.getI32Type(), 1), none = number(b.getI32Type(), 0);
  auto countBefore = [&](Value sums) {
    Value before = isBefore(sums);
    return reduceAll(tile::ReduceKind::Add,
                     select(before, spread(one, before), none));
  };
  Value sums = scan(blockSums, Value());
  Value block = arith::MinSIOp::create(
      b, loc, countBefore(sums), number(b.getI32Type(), double(blocks - 1)));
  Value base = tile::ReduceOp::create(
      b, loc, VectorType::get({}, element), tile::ReduceKind::Max,
      select(isBefore(sums), sums, number(element, 0)), 0);
  Value width = number(b.getI32Type(), double(blockColumns));
  Value first = arith::MulIOp::create(b, loc, block, width);
  Value column = arith::IndexCastOp::create(b, loc, b.getIndexType(), first);
  FailureOr<Columns> columns = load(column, blockColumns);
  if (failed(columns))
    return failure();
  Value terms = values(*columns, column);
  Value position = countBefore(scan(terms, base));
  if (last) {
    Value isPositive = compare(FloatPredicate::OGT, terms, number(element, 0));
    Value places = program.iota(program.index(0), blockColumns);
    *last = arith::AddIOp::create(
        b, loc, first,
        reduceAll(tile::ReduceKind::Max, select(isPositive, places, none)));
  }
  return arith::AddIOp::create(b, loc, first, position).getResult();
}

/// A token at a temperature that is not zero.
FailureOr<Value> Sample::draw() {
  FailureOr<Value> numbers =
      loadNumbers(program.index(0), blocks * blockColumns);
  if (failed(numbers))
    return failure();
  all.weights = emitWeights(*numbers, all.keys);
  FailureOr<Threshold> threshold = findThreshold();
  if (failed(threshold))
    return failure();
  auto kept = [&](Columns columns, Value first) {
    return toF64(keep(columns, first, *threshold));
  };
  Value sums = sumBlocks(kept(all, program.index(0)));
  auto scan = tile::ScanOp::create(
      b, loc, TypeRange{sums.getType(), VectorType::get({}, b.getF64Type())},
      tile::ScanKind::Add, ValueRange{sums}, Value(), 0, /*exclusive=*/false);
  Value target = arith::MulFOp::create(b, loc, setting(op.getUniform()),
                                       extract(scan.getLast()));
  // Rounding may leave a rest after the last: then it is the one.
  Value last;
  FailureOr<Value> token = findFirst(sums, target, kept, &last);
  if (failed(token))
    return failure();
  return arith::MinSIOp::create(b, loc, *token, last).getResult();
}

LogicalResult Sample::build() {
  Value rows = program.extent(op.getLogits(), 0);
  row = program.openGrid({rows}, {1}, {"row"})[0];
  int64_t columns = blocks * blockColumns;
  FailureOr<Value> numbers = loadNumbers(program.index(0), columns);
  if (failed(numbers))
    return failure();
  all.keys = emitKeys(program, *numbers);
  temperature = setting(op.getTemperature());
  largestKey = reduceAll(tile::ReduceKind::Max, all.keys);
  Value least = reduceAll(tile::ReduceKind::Min, all.keys);
  largest =
      extract(emitNumbers(program, program.broadcast(largestKey, {1}, {})));
  Type i32 = b.getI32Type();
  Value isGreedy =
      compare(FloatPredicate::OEQ, temperature, number(b.getF32Type(), 0));
  auto branch = scf::IfOp::create(b, loc, TypeRange(i32), isGreedy,
                                  /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    Value isLargest = compare(IntegerPredicate::eq, all.keys, largestKey);
    Value places = program.iota(program.index(0), columns);
    Value first = reduceAll(tile::ReduceKind::Min,
                            select(isLargest, places, number(i32, allOfThem)));
    scf::YieldOp::create(b, loc, first);
    b.setInsertionPointToStart(branch.elseBlock());
    FailureOr<Value> drawn = draw();
    if (failed(drawn))
      return failure();
    scf::YieldOp::create(b, loc, *drawn);
  }
  Value isRefused = arith::OrIOp::create(
      b, loc, compare(IntegerPredicate::eq, least, number(i32, noKey)),
      arith::OrIOp::create(
          b, loc,
          compare(IntegerPredicate::eq, largestKey, number(i32, highestKey)),
          compare(IntegerPredicate::eq, largestKey, number(i32, lowestKey))));
  Value token = select(isRefused, number(i32, -1), branch.getResult(0));
  tile::StoreOp::create(b, loc, program.broadcast(token, {1}, {}),
                        program.outputView(op.getTokens()), ValueRange{row});
  return program.finish();
}

namespace {
struct SampleModel
    : TileProgramOpInterface::ExternalModel<SampleModel, seq::SampleOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    return Sample(kernel, cast<seq::SampleOp>(op)).build();
  }
};
} // namespace

void attachSampleModel(MLIRContext *context) {
  seq::SampleOp::attachInterface<SampleModel>(*context);
}

} // namespace sennit::schedule
