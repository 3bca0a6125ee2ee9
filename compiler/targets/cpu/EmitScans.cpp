// Recurrences: states in registers, time innermost, lanes outside.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/Emitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

// Lanes are independent unless the recurrence runs along them; then it goes
// element by element.
void Emitter::emitScan(tile::ScanOp scan) {
  auto type = cast<VectorType>(scan.getScanned().getType());
  auto rest = cast<VectorType>(scan.getLast().getType());
  int64_t dim = scan.getDim(), extent = type.getDimSize(dim);
  const Buffer *states = plan.find(scan.getScanned());
  const Buffer *last = plan.find(scan.getLast());
  auto body = [&](const Point &point) {
    Point inner = point;
    inner.at.insert(inner.at.begin() + dim, Value());
    if (!inner.vector)
      inner.reach = 0;
    auto final = emitFold(
        extent, 1, emitScanInit(scan, point),
        [&](Value index, ValueRange state) -> SmallVector<Value> {
          inner.at[dim] = index;
          Value next = emitScanStep(scan, inner, state[0]);
          storeBuffer(*states, inner, scan.getExclusive() ? state[0] : next);
          return {next};
        });
    storeBuffer(*last, point, final[0]);
  };
  if (dim == type.getRank() - 1)
    emitScalarNest(rest.getShape(), body);
  else
    emitNest(rest.getShape(), nullptr, body);
}

// The states are reduced as they arise: h [T, N, D] summed over N lives in N
// registers for each vector of D, and never reaches memory.
void Emitter::emitFusedScan(tile::ScanOp scan, tile::ReduceOp reduce) {
  auto type = cast<VectorType>(scan.getScanned().getType());
  int64_t time = scan.getDim(), state = reduce.getDim();
  int64_t steps = type.getDimSize(time), count = type.getDimSize(state);
  SmallVector<int64_t> around(type.getShape());
  around[time] = around[state] = 1;
  emitNest(around, nullptr, [&](const Point &outer) {
    auto without = [](Point point, int64_t dim) {
      point.at.erase(point.at.begin() + dim);
      return point;
    };
    SmallVector<Value> states;
    for (int64_t n = 0; n < count; ++n) {
      Point point = outer;
      point.at[state] = constant(n);
      states.push_back(emitScanInit(scan, without(point, time)));
      point.at[time] = Value();
      hoist(scan.getInputs()[0], point);
      if (scan.getInputs().size() > 1)
        hoist(scan.getInputs()[1], point);
      hoist(reduce.getValue(), point);
    }
    states = emitFold(steps, 1, states, [&](Value step, ValueRange carried) {
      SmallVector<Value> next, sums;
      Point point = outer;
      point.at[time] = step;
      for (int64_t n = 0; n < count; ++n) {
        point.at[state] = constant(n);
        next.push_back(emitScanStep(scan, point, carried[n]));
        remember(scan.getScanned(), point, next.back());
        Value term = emit(reduce.getValue(), point);
        // Two chains of sums: the states depend on the last step anyway.
        if (n < 2)
          sums.push_back(term);
        else
          sums[n % 2] = combine(tile::ReduceKind::Add, sums[n % 2], term);
      }
      storeBuffer(*plan.find(reduce.getResult()), without(point, state),
                  combineAll(tile::ReduceKind::Add, sums));
      emitAwaited(without(point, state));
      return next;
    });
    for (int64_t n = 0; n < count; ++n) {
      Point point = outer;
      point.at[state] = constant(n);
      storeBuffer(*plan.find(scan.getLast()), without(point, time), states[n]);
    }
  });
  awaited.clear();
}
