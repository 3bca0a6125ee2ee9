// Nests of loops over a tile, and what is shared between their levels.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/Emitter.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

// Independent vectors side by side hide the latency of functions, and a loop
// of few rounds costs more than its body.
static int64_t chooseUnroll(int64_t vectors) {
  for (int64_t width : {4, 3, 2})
    if (vectors % width == 0)
      return width;
  return 1;
}

void Emitter::emitNest(ArrayRef<int64_t> shape, Value read, Body body,
                       ArrayRef<Value> limits) {
  // A body that reads nothing here has loops of its own inside.
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
  auto descend = [&](Value index) {
    point.at[dim] = index;
    emitNestDim(shape, read, body, limits, point, dim + 1);
    point.at[dim] = nullptr;
  };
  bool isLast = dim + 1 == shape.size();
  int64_t step = isLast ? lanes : 1;
  if (!limits.empty() && limits[dim]) {
    emitLoop(constant(0), limits[dim], step, descend);
    return;
  }
  int64_t width =
      isLast && read ? chooseUnroll(llvm::divideCeil(shape[dim], lanes)) : 1;
  emitLoop(constant(0), constant(shape[dim]), step * width, [&](Value index) {
    for (int64_t i = 0; i < width; ++i)
      descend(add(index, i * step));
  });
}

void Emitter::emitScalarNest(ArrayRef<int64_t> shape, Body body,
                             int64_t first) {
  Point point;
  auto nest = [&](auto &&self, size_t dim) -> void {
    if (dim == shape.size()) {
      body(point);
      return;
    }
    bool isLast = dim + 1 == shape.size();
    Value lower = constant(isLast ? first : 0);
    emitLoop(lower, constant(shape[dim]), 1, [&](Value index) {
      point.at.push_back(index);
      self(self, dim + 1);
      point.at.pop_back();
    });
  };
  nest(nest, 0);
}
