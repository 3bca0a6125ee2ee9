// Shares a tile's elements among the threads of a block, and orders them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/EmitterAddress.h"
#include "compiler/targets/cuda/ItemEmitter.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

#include <numeric>

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

void ItemEmitter::synchronize() {
  NVVM::BarrierOp::create(builder, loc, Type(), Value(), Value(),
                          NVVM::BarrierReductionAttr(), Value());
  mayRead = false;
}

void ItemEmitter::beginWrites() {
  if (mayRead)
    synchronize();
}

void ItemEmitter::endWrites() { synchronize(); }

// Scalars are read by every thread when it gets there, loops and branches end
// in any state.
void ItemEmitter::leaveOp(Operation *op) {
  if (isa<memref::LoadOp, vector::ExtractOp>(op) || op->getNumRegions() != 0)
    mayRead = true;
}

//===----------------------------------------------------------------------===//
// Shares
//===----------------------------------------------------------------------===//

Value ItemEmitter::isLess(Value a, Value b) {
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, a, b);
}

void ItemEmitter::emitWhere(Value condition, function_ref<void()> body) {
  auto where = scf::IfOp::create(builder, loc, condition, false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(where.thenBlock());
  caches.emplace_back();
  body();
  caches.pop_back();
}

/// Elements of a row that a thread takes side by side: one access moves them.
static constexpr int64_t sideBySide = 4;

static int64_t chooseUnroll(int64_t rounds, int64_t most) {
  while (rounds % most != 0)
    --most;
  return most;
}

// Loads of several elements hide each other's latency, which no compiler may
// arrange across stores that could reach what they read: the stores of a group
// of elements wait for its last load.
void ItemEmitter::emitGroup(function_ref<void()> body) {
  Block *outer = std::exchange(group, builder.getInsertionBlock());
  body();
  group = outer;
  if (!group)
    for (auto [pointer, value, mask] : std::exchange(waiting, {}))
      storeRaw(pointer, value, mask);
}

void ItemEmitter::emitShare(Value count, int64_t most, int64_t unroll,
                            function_ref<void(Value)> body) {
  bool isStatic = getConstantIntValue(count) == most;
  if (isStatic && most == itemThreads)
    return emitGroup([&] { body(thread); });
  if (most <= itemThreads)
    return emitWhere(isLess(thread, count),
                     [&] { emitGroup([&] { body(thread); }); });
  unroll = isStatic && most % itemThreads == 0
               ? chooseUnroll(most / itemThreads, unroll)
               : 1;
  auto loop = scf::ForOp::create(builder, loc, thread, count,
                                 constant(itemThreads * unroll));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  caches.emplace_back();
  emitGroup([&] {
    for (int64_t i = 0; i < unroll; ++i)
      body(add(loop.getInductionVar(), i * itemThreads));
  });
  caches.pop_back();
}

void ItemEmitter::storeRaw(Value pointer, Value value, Value mask) {
  if (group && builder.getInsertionBlock() == group)
    waiting.push_back({pointer, value, mask});
  else
    emit::Emitter::storeRaw(pointer, value, mask);
}

ItemEmitter::Point ItemEmitter::getPoint(ArrayRef<int64_t> shape,
                                         Value number) {
  Point point;
  point.at.resize(shape.size());
  for (int64_t dim = int64_t(shape.size()) - 1; dim >= 0; --dim) {
    point.at[dim] = dim == 0 ? number : remainder(number, shape[dim]);
    number = divide(number, shape[dim]);
  }
  return point;
}

// Neighbouring threads take neighbouring elements of a row, or as many groups
// of them. A limit of the first dimension ends the loop, the others are asked
// at each element.
void ItemEmitter::emitNest(ArrayRef<int64_t> shape, Value read, Body body,
                           ArrayRef<Value> limits) {
  beginWrites();
  int64_t total = std::accumulate(shape.begin(), shape.end(), int64_t(1),
                                  std::multiplies<int64_t>());
  bool hasGroups = !shape.empty() && shape.back() % sideBySide == 0 &&
                   total % (itemThreads * sideBySide) == 0 &&
                   (limits.empty() || !limits.back());
  int64_t width = hasGroups ? sideBySide : 1;
  SmallVector<int64_t> groups(shape);
  if (hasGroups)
    groups.back() /= width;
  total /= width;
  Value count = constant(total);
  if (!limits.empty() && limits.front())
    count = multiply(limits.front(), total / shape.front());
  auto emitPoint = [&](const Point &point) {
    Value isInside;
    for (size_t dim = 1; dim < limits.size(); ++dim)
      if (limits[dim])
        isInside = both(isInside, isLess(point.at[dim], limits[dim]));
    if (isInside)
      emitWhere(isInside, [&] { body(point); });
    else
      body(point);
  };
  if (total != 0)
    emitShare(count, total, hasGroups ? 2 : 4, [&](Value number) {
      Point first = getPoint(groups, number);
      if (hasGroups)
        first.at.back() = multiply(first.at.back(), width);
      for (int64_t i = 0; i < width; ++i) {
        Point point = first;
        if (i != 0)
          point.at.back() = add(first.at.back(), i);
        emitPoint(point);
      }
    });
  endWrites();
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

// Outside of its bounds a load reads an element within them, so that there is
// no branch and neighbours may be read at once.
Value ItemEmitter::confine(Value position, Value bound) {
  if (bound)
    position = minimum(position, subtract(bound, constant(1)));
  return arith::MaxSIOp::create(builder, loc, position, constant(0));
}

Value ItemEmitter::loadInside(Value pointer, Type raw, Value isInside,
                              bool vector, Value mask, TypedAttr pad) {
  Value loaded = loadRaw(pointer, raw, /*vector=*/false);
  if (!isInside)
    return loaded;
  Value outside = constantOf(emit::getRawPad(pad), /*vector=*/false);
  return arith::SelectOp::create(builder, loc, isInside, loaded, outside);
}
