// Nests of loops over a tile, and what is shared between their levels.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/Emitter.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

void Emitter::emitLoop(Value lower, Value upper, int64_t step,
                       function_ref<void(Value)> body) {
  std::optional<int64_t> first = getConstantIntValue(lower);
  std::optional<int64_t> end = getConstantIntValue(upper);
  if (first && end && *first >= *end)
    return;
  if (first && end && *end - *first <= step) {
    body(lower);
    return;
  }
  auto loop = scf::ForOp::create(builder, loc, lower, upper, constant(step));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  caches.emplace_back();
  body(loop.getInductionVar());
  caches.pop_back();
}

SmallVector<Value> Emitter::emitFold(int64_t extent, int64_t step,
                                     ValueRange inits, FoldBody body) {
  if (extent <= step)
    return body(constant(0), inits);
  auto loop = scf::ForOp::create(builder, loc, constant(0), constant(extent),
                                 constant(step), inits);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  caches.emplace_back();
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  caches.pop_back();
  if (!next.empty())
    scf::YieldOp::create(builder, loc, next);
  return SmallVector<Value>(loop.getResults());
}

void Emitter::emitNest(ArrayRef<int64_t> shape, Value read, Body body,
                       ArrayRef<Value> limits) {
  Point point;
  point.at.resize(shape.size());
  point.vector = !shape.empty();
  if (point.vector)
    point.reach = llvm::alignTo(shape.back(), lanes);
  emitNestDim(shape, read, body, limits, point, 0);
}

void Emitter::emitNestDim(ArrayRef<int64_t> shape, Value read, Body body,
                          ArrayRef<Value> limits, Point &point, size_t dim) {
  if (read)
    hoist(read, point);
  if (dim == shape.size()) {
    body(point);
    return;
  }
  bool isLast = dim + 1 == shape.size();
  Value upper =
      !limits.empty() && limits[dim] ? limits[dim] : constant(shape[dim]);
  emitLoop(constant(0), upper, isLast ? lanes : 1, [&](Value index) {
    point.at[dim] = index;
    emitNestDim(shape, read, body, limits, point, dim + 1);
    point.at[dim] = nullptr;
  });
}

void Emitter::emitScalarNest(ArrayRef<int64_t> shape, Body body) {
  Point point;
  auto nest = [&](auto &&self, size_t dim) -> void {
    if (dim == shape.size()) {
      body(point);
      return;
    }
    emitLoop(constant(0), constant(shape[dim]), 1, [&](Value index) {
      point.at.push_back(index);
      self(self, dim + 1);
      point.at.pop_back();
    });
  };
  nest(nest, 0);
}
