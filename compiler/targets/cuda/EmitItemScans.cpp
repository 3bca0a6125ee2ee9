// Recurrences: a thread for each sequence of states, time innermost.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/DeviceBuilder.h"
#include "compiler/targets/cuda/ItemEmitter.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

void ItemEmitter::emitScan(tile::ScanOp scan) {
  auto type = cast<VectorType>(scan.getScanned().getType());
  auto rest = cast<VectorType>(scan.getLast().getType());
  int64_t dim = scan.getDim();
  emitNest(rest.getShape(), nullptr, [&](const Point &point) {
    Point inner = point;
    inner.at.insert(inner.at.begin() + dim, Value());
    auto last =
        emitFold(type.getDimSize(dim), 1, emitScanInit(scan, point),
                 [&](Value index, ValueRange state) -> SmallVector<Value> {
                   inner.at[dim] = index;
                   Value next = emitScanStep(scan, inner, state[0]);
                   storeBuffer(*plan.find(scan.getScanned()), inner,
                               scan.getExclusive() ? state[0] : next);
                   return {next};
                 });
    storeBuffer(*plan.find(scan.getLast()), point, last[0]);
  });
}

/// Threads that share the states of one sequence, so that few are idle: at most
/// a warp's, and a divisor of the states.
static int64_t chooseTeam(int64_t sequences, int64_t states) {
  int64_t team = 1;
  while (team < warpThreads && states % (2 * team) == 0 &&
         sequences * team < itemThreads)
    team *= 2;
  return team;
}

// The states are reduced as they arise: each thread holds a few of them in
// registers, and their sums go through its team at every step.
void ItemEmitter::emitFusedScan(tile::ScanOp scan, tile::ReduceOp reduce) {
  auto type = cast<VectorType>(scan.getScanned().getType());
  int64_t time = scan.getDim(), state = reduce.getDim();
  SmallVector<int64_t> around(type.getShape());
  around[time] = around[state] = 1;
  int64_t sequences = ShapedType::getNumElements(around);
  int64_t states = type.getDimSize(state);
  int64_t team = chooseTeam(sequences, states), each = states / team;
  int64_t teams = itemThreads / team;
  Value lane = remainder(thread, team), first = divide(thread, team);
  auto without = [](Point point, int64_t dim) {
    point.at.erase(point.at.begin() + dim);
    return point;
  };
  beginWrites();
  emitLoop(constant(0), constant(sequences), teams, [&](Value start) {
    Value number = add(first, start);
    bool isWhole = sequences % teams == 0;
    Value isOwn = isWhole ? Value() : isLess(number, constant(sequences));
    if (!isWhole)
      number = minimum(number, constant(sequences - 1));
    Point outer = getPoint(around, number);
    auto pointOf = [&](Value step, int64_t n) {
      Point point = outer;
      point.at[time] = step;
      point.at[state] = add(lane, n * team);
      return point;
    };
    SmallVector<Value> carried;
    for (int64_t n = 0; n < each; ++n)
      carried.push_back(
          emitScanInit(scan, without(pointOf(constant(0), n), time)));
    carried = emitFold(
        type.getDimSize(time), 1, carried, [&](Value step, ValueRange old) {
          SmallVector<Value> next, terms;
          for (int64_t n = 0; n < each; ++n) {
            Point point = pointOf(step, n);
            next.push_back(emitScanStep(scan, point, old[n]));
            remember(scan.getScanned(), point, next.back());
            terms.push_back(emit(reduce.getValue(), point));
          }
          Value sum = combineAll(tile::ReduceKind::Add, terms);
          sum = combineTeam(tile::ReduceKind::Add, sum, team);
          Value writes = arith::CmpIOp::create(
              builder, loc, arith::CmpIPredicate::eq, lane, constant(0));
          emitWhere(both(writes, isOwn), [&] {
            storeBuffer(*plan.find(reduce.getResult()),
                        without(pointOf(step, 0), state), sum);
          });
          return next;
        });
    auto store = [&] {
      for (int64_t n = 0; n < each; ++n)
        storeBuffer(*plan.find(scan.getLast()),
                    without(pointOf(constant(0), n), time), carried[n]);
    };
    if (isOwn)
      emitWhere(isOwn, store);
    else
      store();
  });
  endWrites();
}
