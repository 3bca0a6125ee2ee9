// Finds recurrences whose states are reduced at once, so not stored.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Planner.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

// As many states are carried in registers and unrolled.
static constexpr int64_t maxStates = 64;

// The one reduction that all uses of `value` reach elementwise, or null.
static tile::ReduceOp findOnlyReduce(Value value) {
  tile::ReduceOp found;
  for (Operation *user : value.getUsers()) {
    auto reduce = dyn_cast<tile::ReduceOp>(user);
    if (!reduce && OpTrait::hasElementwiseMappableTraits(user) &&
        user->getNumResults() == 1)
      reduce = findOnlyReduce(user->getResult(0));
    if (!reduce || (found && found != reduce))
      return nullptr;
    found = reduce;
  }
  return found;
}

// Whether `scan` may run where `reduce` stands: nothing reads its last state
// before.
static bool mayWait(tile::ScanOp scan, tile::ReduceOp reduce) {
  return llvm::all_of(scan.getLast().getUsers(), [&](Operation *user) {
    Operation *inBlock = reduce->getBlock()->findAncestorOpInBlock(*user);
    return inBlock && reduce->isBeforeInBlock(inBlock);
  });
}

void Planner::fuseScans() {
  grid.walk([&](tile::ScanOp scan) {
    auto type = cast<VectorType>(scan.getScanned().getType());
    int64_t rank = type.getRank(), dim = scan.getDim();
    tile::ReduceOp reduce = findOnlyReduce(scan.getScanned());
    if (!reduce || reduce->getBlock() != scan->getBlock() || rank < 3 ||
        dim == rank - 1 || scan.getExclusive())
      return;
    int64_t reduced = reduce.getDim();
    if (reduced == dim || reduced == rank - 1 ||
        type.getDimSize(reduced) > maxStates ||
        reduce.getKind() != tile::ReduceKind::Add || !mayWait(scan, reduce) ||
        plan.fusedScans.contains(reduce))
      return;
    plan.fusedScans[reduce] = scan;
    plan.fused.insert(scan);
  });
}

bool Planner::streamsThrough(Value value) const {
  auto scan = value.getDefiningOp<tile::ScanOp>();
  return scan && plan.isFused(scan) && value == scan.getScanned();
}
