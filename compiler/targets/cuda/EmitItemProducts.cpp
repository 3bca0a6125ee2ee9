// Products of few rows: a warp for a column, lanes along the depth.
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

bool sennit::cuda::isStaged(tile::MmaOp mma) {
  constexpr int64_t fewRows = 8;
  ItemProduct product(mma);
  return product.m > fewRows || product.k < warpDepth || product.turnedA ||
         !product.turnedB;
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
    else
      emitColumns(product);
  });
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
