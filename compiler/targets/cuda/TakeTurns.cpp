// Lets the copies of a role start their products one after the other.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/DeviceBuilder.h"
#include "compiler/targets/cuda/Passes.h"

namespace sennit {
#define GEN_PASS_DEF_CUDATAKETURNS
#include "compiler/targets/cuda/Passes.h.inc"
} // namespace sennit

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

/// First and last group of each turn.
static SmallVector<std::pair<tile::StartOp, tile::StartOp>>
findTurns(Region &body) {
  SmallVector<std::pair<tile::StartOp, tile::StartOp>> turns;
  body.walk([&](Block *block) {
    bool isOpen = false;
    for (Operation &op : *block) {
      if (auto start = dyn_cast<tile::StartOp>(op)) {
        if (!isOpen)
          turns.push_back({start, start});
        turns.back().second = start;
        isOpen = true;
      } else if (isa<tile::FinishOp>(op) || op.getNumRegions()) {
        isOpen = false;
      }
    }
  });
  return turns;
}

static LogicalResult takeTurns(tile::RolesOp roles, Region &body) {
  RoleThreads threads = getRole(roles, body.getRegionNumber());
  if (!threads.role.getTurns())
    return success();
  int64_t copies = threads.role.getCopies();
  if (copies < 2)
    return roles.emitOpError() << "lets one copy take turns";
  // One barrier a copy, after those of all roles' copies.
  int64_t first = 1;
  for (auto role : roles.getRoles().getAsRange<tile::RoleAttr>())
    first += role.getCopies();
  DeviceBuilder entry(&body.front().front());
  Value count = entry.i32(2 * threads.copyThreads());
  Value copy = threads.copy(entry, roles);
  Value mine = entry.add(copy, first);
  Value isLast = entry.equals(copy, copies - 1);
  Value next = entry.create<arith::SelectOp>(isLast, entry.i32(first),
                                             entry.add(mine, 1));
  auto last = entry.create<scf::IfOp>(isLast);
  DeviceBuilder(last.thenBlock()->getTerminator())
      .create<NVVM::BarrierArriveOp>(next, count);
  auto wait = [&](DeviceBuilder &device) {
    device.create<NVVM::BarrierOp>(Type(), mine, count,
                                   NVVM::BarrierReductionAttr(), Value());
  };
  for (auto [begin, end] : findTurns(body)) {
    DeviceBuilder before(begin);
    wait(before);
    DeviceBuilder after(end);
    after.setInsertionPointAfter(end);
    after.create<NVVM::BarrierArriveOp>(next, count);
  }
  DeviceBuilder end(body.front().getTerminator());
  auto begins = end.create<scf::IfOp>(end.equals(copy, 0));
  DeviceBuilder drain(begins.thenBlock()->getTerminator());
  wait(drain);
  return success();
}

namespace {
struct TakeTurns : sennit::impl::CudaTakeTurnsBase<TakeTurns> {
  using CudaTakeTurnsBase::CudaTakeTurnsBase;

  void runOnOperation() override {
    SmallVector<tile::RolesOp> all;
    getOperation()->walk([&](tile::RolesOp roles) { all.push_back(roles); });
    for (tile::RolesOp roles : all)
      for (Region &body : roles.getBodies())
        if (failed(takeTurns(roles, body)))
          return signalPassFailure();
  }
};
} // namespace
