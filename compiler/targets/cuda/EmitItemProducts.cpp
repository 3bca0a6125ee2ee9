// Products that are not the matrix unit's: small ones by threads; for few rows
// a warp a column, lanes along the depth.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/DeviceBuilder.h"
#include "compiler/targets/cuda/ItemProduct.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

static constexpr int64_t warps = itemThreads / warpThreads;

ItemProduct::ItemProduct(tile::MmaOp mma) : mma(mma) {
  ArrayRef<int64_t> result =
      cast<VectorType>(mma.getResult().getType()).getShape();
  ArrayRef<int64_t> a = cast<VectorType>(mma.getA().getType()).getShape();
  tile::MmaForm form = mma.getForm();
  turnedA = form == tile::MmaForm::TN || form == tile::MmaForm::TT;
  turnedB = form == tile::MmaForm::NT || form == tile::MmaForm::TT;
  m = result[result.size() - 2];
  n = result.back();
  k = a[a.size() - (turnedA ? 2 : 1)];
}

/// Rows that are few for the matrix unit, which takes 16 at a time.
static constexpr int64_t fewRows = 8;

static bool isRead(const ItemProduct &product) {
  return product.m <= fewRows && product.k >= warpDepth && !product.turnedA &&
         product.turnedB;
}

bool sennit::cuda::isThreads(const ItemProduct &product) {
  // Depths of a few instructions, and rows that leave most of the unit idle.
  constexpr int64_t fewSteps = 4, mostOfFewRows = 1 << 14;
  return !isRead(product) &&
         (product.k <= fewSteps ||
          (product.m <= fewRows &&
           product.m * product.n * product.k <= mostOfFewRows));
}

bool sennit::cuda::isStaged(tile::MmaOp mma) {
  ItemProduct product(mma);
  return !isRead(product) && !isThreads(product);
}

emit::Point ItemProduct::at(Value row, Value column) const {
  emit::Point point;
  point.at = batch;
  point.at.append({row, column});
  return point;
}

emit::Point ItemProduct::atA(Value row, Value depth) const {
  return turnedA ? at(depth, row) : at(row, depth);
}

emit::Point ItemProduct::atB(Value depth, Value column) const {
  return turnedB ? at(column, depth) : at(depth, column);
}

void ItemEmitter::emitProduct(tile::MmaOp mma) {
  ItemProduct product(mma);
  SmallVector<int64_t> around(
      cast<VectorType>(mma.getResult().getType()).getShape().drop_back(2));
  int64_t matrices = ShapedType::getNumElements(around);
  emitLoop(constant(0), constant(matrices), 1, [&](Value matrix) {
    product.batch = getPoint(around, matrix).at;
    if (isStaged(mma))
      emitMatrix(product);
    else if (isThreads(product))
      emitThreads(product);
    else if (!emitRingColumns(product))
      emitColumns(product);
  });
}

// Threads side by side take results side by side. Where there are fewer results
// than threads, teams share the depth of one and add up what they have.
void ItemEmitter::emitThreads(const ItemProduct &product) {
  int64_t results = product.m * product.n;
  int64_t own = std::min<int64_t>(llvm::PowerOf2Ceil(results), itemThreads);
  int64_t team = itemThreads / own;
  while (team > product.k)
    team /= 2;
  // Threads beside the last team repeat what others do.
  Value start = team == 1 ? constant(0) : remainder(divide(thread, own), team);
  auto sumUp = [&](Value number) {
    Value row = divide(number, product.n),
          column = remainder(number, product.n);
    auto step = [&](Value depth, ValueRange carried) -> SmallVector<Value> {
      Value a = emit(product.mma.getA(), product.atA(row, depth));
      Value b = emit(product.mma.getB(), product.atB(depth, column));
      return {math::FmaOp::create(builder, loc, a, b, carried.front())};
    };
    SmallVector<Value> sum = {constantOf(builder.getF32FloatAttr(0), false)};
    int64_t rounds = product.k / team;
    // Loads of several steps are under way at once.
    int64_t unroll = std::gcd<int64_t>(rounds, 8);
    sum = emitFold(rounds * team, unroll * team, sum,
                   [&](Value depth, ValueRange carried) {
                     SmallVector<Value> next(carried);
                     for (int64_t i = 0; i < unroll; ++i)
                       next = step(add(add(depth, start), i * team), next);
                     return next;
                   });
    for (int64_t rest = rounds * team; rest < product.k; rest += team) {
      Value depth = add(start, rest);
      Value last = minimum(depth, constant(product.k - 1));
      Value next = step(last, sum).front();
      sum = {arith::SelectOp::create(
          builder, loc, isLess(depth, constant(product.k)), next, sum.front())};
    }
    return sum.front();
  };
  auto store = [&](Value number, Value sum) {
    Point point =
        product.at(divide(number, product.n), remainder(number, product.n));
    if (Value acc = product.mma.getAcc())
      sum = combine(tile::ReduceKind::Add, sum, emit(acc, point));
    storeBuffer(*plan.find(product.mma.getResult()), point, sum);
  };
  beginWrites();
  if (team == 1) {
    emitShare(constant(results), results, 4,
              [&](Value number) { store(number, sumUp(number)); });
    return endWrites();
  }
  Value number = remainder(thread, own);
  Value sum = sumUp(minimum(number, constant(results - 1)));
  Type type = sum.getType();
  storeRaw(getPartPointer(thread, type), sum);
  synchronize();
  emitWhere(isLess(thread, constant(results)), [&] {
    SmallVector<Value> parts;
    for (int64_t i = 0; i < team; ++i)
      parts.push_back(loadRaw(getPartPointer(add(thread, i * own), type), type,
                              /*vector=*/false));
    store(thread, combineAll(tile::ReduceKind::Add, parts));
  });
  endWrites();
}

// Each warp adds up some columns at once, which share what is read of A.
void ItemEmitter::emitColumns(const ItemProduct &product) {
  int64_t together = product.n > warps ? 2 : 1;
  Value lane = remainder(thread, warpThreads);
  Value warp = divide(thread, warpThreads);
  beginWrites();
  emitLoop(
      constant(0), constant(product.n), warps * together, [&](Value first) {
        SmallVector<Value> columns, inside;
        for (int64_t i = 0; i < together; ++i) {
          Value column = add(add(first, warp), i * warps);
          inside.push_back(isLess(column, constant(product.n)));
          columns.push_back(product.n % (warps * together) == 0
                                ? column
                                : minimum(column, constant(product.n - 1)));
        }
        SmallVector<Value> sums = foldColumns(product, columns, lane);
        Value isFirst = arith::CmpIOp::create(
            builder, loc, arith::CmpIPredicate::eq, lane, constant(0));
        for (auto [i, column] : llvm::enumerate(columns))
          for (int64_t row = 0; row < product.m; ++row) {
            Value sum = combineTeam(tile::ReduceKind::Add,
                                    sums[row * together + i], warpThreads);
            emitWhere(both(isFirst, inside[i]), [&] {
              Point point = product.at(constant(row), column);
              Value total = sum;
              if (Value acc = product.mma.getAcc())
                total = combine(tile::ReduceKind::Add, total, emit(acc, point));
              storeBuffer(*plan.find(product.mma.getResult()), point, total);
            });
          }
      });
  endWrites();
}

// This lane's part of the sums of `columns`, row by row.
SmallVector<Value> ItemEmitter::foldColumns(const ItemProduct &product,
                                            ArrayRef<Value> columns,
                                            Value lane) {
  auto step = [&](Value depth, int64_t count, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (int64_t i = 0; i < count; ++i) {
      Value k = add(depth, i);
      SmallVector<Value> b;
      for (Value column : columns)
        b.push_back(emit(product.mma.getB(), product.atB(k, column)));
      for (int64_t row = 0; row < product.m; ++row) {
        Value a = emit(product.mma.getA(), product.atA(constant(row), k));
        for (size_t j = 0; j < b.size(); ++j) {
          Value &sum = next[row * b.size() + j];
          sum = math::FmaOp::create(builder, loc, a, b[j], sum);
        }
      }
    }
    return next;
  };
  Value zero = constantOf(builder.getF32FloatAttr(0), false);
  SmallVector<Value> sums(product.m * columns.size(), zero);
  int64_t rounds = product.k / warpDepth, whole = rounds * warpDepth;
  // Several loads under way hide each other's latency.
  int64_t unroll = rounds % 4 == 0 ? 4 : rounds % 2 == 0 ? 2 : 1;
  if (whole != 0)
    sums = emitFold(whole, unroll * warpDepth, sums,
                    [&](Value start, ValueRange carried) {
                      SmallVector<Value> next(carried);
                      Value own = add(start, multiply(lane, laneDepth));
                      for (int64_t i = 0; i < unroll; ++i)
                        next = step(add(own, i * warpDepth), laneDepth, next);
                      return next;
                    });
  if (whole == product.k)
    return sums;
  // What is left, a lane an element.
  auto loop =
      scf::ForOp::create(builder, loc, add(lane, whole), constant(product.k),
                         constant(warpThreads), sums);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  caches.emplace_back();
  scf::YieldOp::create(
      builder, loc, step(loop.getInductionVar(), 1, loop.getRegionIterArgs()));
  caches.pop_back();
  return SmallVector<Value>(loop.getResults());
}
