// Loops of one thread, and what is shared between their levels.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Emitter.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

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
