// Reductions: vector by vector along rows, and a last step across lanes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/Emitter.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;
using tile::ReduceKind;

// Hides the latency of four additions.
static constexpr int64_t chains = 4;

// Past so many elements the last step across lanes is lost among the others.
static constexpr int64_t longRow = 512;

// Across the lanes: halves onto halves.
Value Emitter::combineLanes(ReduceKind kind, Value value) {
  for (int64_t half = lanes / 2; half > 0; half /= 2) {
    SmallVector<int64_t> moved;
    for (int64_t i = 0; i < lanes; ++i)
      moved.push_back((i + half) % lanes);
    value =
        combine(kind, value,
                vector::ShuffleOp::create(builder, loc, value, value, moved));
  }
  return vector::ExtractOp::create(builder, loc, value, ArrayRef<int64_t>{0});
}

// One vector whose lane i is all of vector i: halves of two onto one, four
// times.
Value Emitter::foldRows(ReduceKind kind, SmallVector<Value> rows) {
  for (int64_t step = lanes / 2; step > 0; step /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < lanes; ++i) {
      low.push_back(i & step ? lanes + i - step : i);
      high.push_back(i & step ? lanes + i : i + step);
    }
    for (int64_t i = 0; i < step; ++i) {
      Value a = rows[i], b = rows[i + step];
      rows[i] =
          combine(kind, vector::ShuffleOp::create(builder, loc, a, b, low),
                  vector::ShuffleOp::create(builder, loc, a, b, high));
    }
  }
  return rows.front();
}

void Emitter::emitReduce(tile::ReduceOp reduce) {
  if (tile::ScanOp scan = plan.findFusedScan(reduce))
    return emitFusedScan(scan, reduce);
  auto type = cast<VectorType>(reduce.getValue().getType());
  if (static_cast<int64_t>(reduce.getDim()) == type.getRank() - 1)
    emitReduceLanes(reduce);
  else
    emitReduceRows(reduce);
}

// Folds `count` elements, `get(i)` each, in several chains.
Value Emitter::emitChains(ReduceKind kind, int64_t count, int64_t step,
                          Value identity, function_ref<Value(Value)> get) {
  int64_t width = std::min(chains, count);
  int64_t whole = count / width * width;
  SmallVector<Value> sums(width, identity);
  sums = emitFold(
      whole * step, width * step, sums, [&](Value index, ValueRange carried) {
        SmallVector<Value> next(carried);
        for (int64_t i = 0; i < width; ++i)
          next[i] = combine(kind, next[i], get(add(index, i * step)));
        return next;
      });
  for (int64_t i = whole; i < count; ++i)
    sums[i - whole] = combine(kind, sums[i - whole], get(constant(i * step)));
  return combineAll(kind, sums);
}

void Emitter::emitReduceRows(tile::ReduceOp reduce) {
  auto type = cast<VectorType>(reduce.getValue().getType());
  auto result = cast<VectorType>(reduce.getResult().getType());
  const Buffer &buffer = *plan.find(reduce.getResult());
  int64_t dim = reduce.getDim();
  Type element = emit::getComputeType(type.getElementType());
  emitNest(result.getShape(), nullptr, [&](const Point &point) {
    Point inner = point;
    inner.at.insert(inner.at.begin() + dim, Value());
    hoist(reduce.getValue(), inner);
    Value identity = constantOf(getIdentity(reduce.getKind(), element), true);
    Value total = emitChains(reduce.getKind(), type.getDimSize(dim), 1,
                             identity, [&](Value index) {
                               inner.at[dim] = index;
                               return emit(reduce.getValue(), inner);
                             });
    storeBuffer(buffer, point, roundTo(total, type.getElementType()));
  });
}

// Sixteen rows at a time: their vectors are folded onto one, which takes a
// quarter of the steps of folding each by itself, and one store. Returns the
// number of rows that it took.
int64_t Emitter::emitReduceLaneBlocks(tile::ReduceOp reduce) {
  auto type = cast<VectorType>(reduce.getValue().getType());
  int64_t rank = type.getRank(), extent = type.getShape().back();
  if (rank < 2 || extent > longRow || extent % lanes != 0)
    return 0;
  int64_t rows = type.getDimSize(rank - 2) / lanes * lanes;
  const Buffer &buffer = *plan.find(reduce.getResult());
  Type element = emit::getComputeType(type.getElementType());
  emitScalarNest(type.getShape().drop_back(2), [&](const Point &outer) {
    emitLoop(constant(0), constant(rows), lanes, [&](Value row) {
      Value identity = constantOf(getIdentity(reduce.getKind(), element), true);
      SmallVector<Value> sums(lanes, identity);
      sums =
          emitFold(extent, lanes, sums, [&](Value index, ValueRange carried) {
            SmallVector<Value> next;
            Point inner{outer.at, true, extent};
            inner.at.append({row, index});
            for (int64_t i = 0; i < lanes; ++i) {
              inner.at[rank - 2] = add(row, i);
              next.push_back(combine(reduce.getKind(), carried[i],
                                     emit(reduce.getValue(), inner)));
            }
            return next;
          });
      Point point{outer.at, true, 0};
      point.at.push_back(row);
      Value total = foldRows(reduce.getKind(), sums);
      storeBuffer(buffer, point, roundTo(total, type.getElementType()));
    });
  });
  return rows;
}

void Emitter::emitReduceLanes(tile::ReduceOp reduce) {
  int64_t firstRow = emitReduceLaneBlocks(reduce);
  auto type = cast<VectorType>(reduce.getValue().getType());
  auto result = cast<VectorType>(reduce.getResult().getType());
  const Buffer &buffer = *plan.find(reduce.getResult());
  Type element = emit::getComputeType(type.getElementType());
  int64_t extent = type.getShape().back();
  int64_t whole = extent / lanes;
  auto body = [&](const Point &point) {
    Point inner{point.at, true, extent};
    inner.at.push_back(Value());
    hoist(reduce.getValue(), inner);
    Value identity = constantOf(getIdentity(reduce.getKind(), element), true);
    auto get = [&](Value index) {
      inner.at.back() = index;
      return emit(reduce.getValue(), inner);
    };
    Value total = identity;
    if (whole != 0)
      total = emitChains(reduce.getKind(), whole, lanes, identity, get);
    if (extent % lanes != 0) {
      inner.reach = llvm::alignTo(extent, lanes);
      Value rest = get(constant(whole * lanes));
      Value mask = getMask(constant(extent % lanes));
      rest = arith::SelectOp::create(builder, loc, mask, rest, identity);
      total = combine(reduce.getKind(), total, rest);
    }
    Value scalar = combineLanes(reduce.getKind(), total);
    storeBuffer(buffer, point, roundTo(scalar, type.getElementType()));
  };
  emitScalarNest(result.getShape(), body, firstRow);
}
