// Places rings in shared memory.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Rings.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

int64_t sennit::cuda::getPanelBytes(VectorType tile) {
  return tile.getDimSize(0) * panelRowBytes;
}

int64_t sennit::cuda::getTileBytes(VectorType tile) {
  return tile.getDimSize(1) / panelColumns * getPanelBytes(tile);
}

bool sennit::cuda::isStorable(VectorType tile) {
  Type element = tile.getElementType();
  return tile.getRank() == 2 && (element.isBF16() || element.isF16()) &&
         tile.getDimSize(0) % 8 == 0 && tile.getDimSize(0) <= 256 &&
         tile.getDimSize(1) % panelColumns == 0;
}

LogicalResult sennit::cuda::checkTile(Operation *op, Type tile) {
  if (!isStorable(cast<VectorType>(tile)))
    return op->emitOpError()
           << "holds " << tile
           << " in shared memory, which takes matrices of bf16 or f16 with a "
              "multiple of 8 rows up to 256 and of 64 columns";
  return success();
}

int64_t Ring::partOffset(unsigned part) const {
  int64_t offset = 0;
  for (Type tile : type.getTiles().take_front(part))
    offset += getTileBytes(cast<VectorType>(tile));
  return offset;
}

int64_t Ring::getCopiedBytes() const {
  int64_t bytes = 0;
  for (auto [part, count] : llvm::enumerate(rows))
    bytes += getTileBytes(getTile(part)) / getTile(part).getDimSize(0) * count;
  return bytes;
}

size_t sennit::cuda::getRowDim(tile::CopyOp copy) {
  SmallVector<int64_t> box = copy.getExtents();
  size_t dim = 0;
  while (dim + 2 < box.size() && box[dim] == 1)
    ++dim;
  return dim;
}

/// Rows of a copy's tile that can lie inside its view. The copy engine takes
/// longer for the others than for those.
static int64_t countRows(tile::CopyOp copy) {
  size_t dim = getRowDim(copy);
  int64_t extent = cast<MemRefType>(copy.getView().getType()).getDimSize(dim);
  int64_t box = copy.getExtents()[dim], rows = copy.getTileType().getDimSize(0);
  return ShapedType::isDynamic(extent) || extent >= box || extent == 0
             ? rows
             : rows / box * extent;
}

/// Lets copies leave out rows where all agree, and where what they leave out
/// belongs to nobody else.
static void narrowCopies(tile::RolesOp roles, RingPlan &plan) {
  for (auto &[_, ring] : plan.rings)
    for (Type tile : ring.type.getTiles())
      ring.rows.push_back(cast<VectorType>(tile).getDimSize(0));
  DenseSet<Value> sharing;
  for (auto op : roles->getBlock()->getOps<tile::RingOp>())
    if (op.getOver())
      sharing.insert_range(ValueRange{op.getOver(), op.getRing()});
  DenseMap<std::pair<Value, unsigned>, SmallVector<int64_t>> found;
  roles->walk([&](tile::CopyOp copy) {
    if (auto open = copy.getTile().getDefiningOp<tile::OpenOp>();
        open && !copy.getStore() && !sharing.contains(open.getRing()))
      found[{open.getRing(), copy.getPart()}].push_back(countRows(copy));
  });
  for (auto &[place, rows] : found)
    if (llvm::all_equal(rows))
      plan.rings[place.first].rows[place.second] = rows.front();
}

/// Who writes and who reads, by the roles of the ring's opens.
static LogicalResult findRoles(tile::RingOp op, Ring &ring) {
  std::optional<RoleThreads> sides[2];
  for (Operation *user : op.getRing().getUsers()) {
    auto open = dyn_cast<tile::OpenOp>(user);
    if (!open)
      continue;
    auto &side = sides[open.getAccess() == tile::SlotAccess::Write];
    RoleThreads role = getRole(open).second;
    if (side && side->firstWarp != role.firstWarp)
      return op.emitOpError("is used by two roles from one side");
    side = role;
    ring.isStored |= llvm::any_of(open->getUsers(), [](Operation *user) {
      auto copy = dyn_cast<tile::CopyOp>(user);
      return copy && copy.getStore();
    });
  }
  if (!sides[0] || !sides[1])
    return op.emitOpError("is not opened from both sides");
  ring.isOwn = sides[0]->firstWarp == sides[1]->firstWarp;
  ring.readers = sides[0]->role.getCopies();
  return success();
}

// Bytes of 1024 keep the swizzle's pattern, which repeats every 8 rows.
FailureOr<RingPlan> sennit::cuda::planRings(tile::RolesOp roles) {
  RingPlan plan;
  SmallVector<tile::RingOp> shared;
  for (auto op : roles->getBlock()->getOps<tile::RingOp>()) {
    Ring ring;
    ring.type = op.getRing().getType();
    if (ring.type.getPlace() == tile::Place::Shared) {
      for (Type tile : ring.type.getTiles())
        if (failed(checkTile(op, tile)))
          return failure();
      if (failed(findRoles(op, ring)))
        return failure();
      ring.slotBytes = ring.partOffset(ring.type.getTiles().size());
      ring.storage = plan.bytes;
      if (op.getOver())
        ring.storage = plan.rings.lookup(op.getOver()).storage;
      else
        plan.bytes += ring.slotBytes * ring.type.getDepth();
      shared.push_back(op);
    }
    plan.rings[op.getRing()] = ring;
  }
  for (tile::RingOp op : shared) {
    Ring &ring = plan.rings[op.getRing()];
    if (ring.isOwn)
      continue;
    ring.full = plan.bytes;
    ring.empty = ring.full + 8 * ring.type.getDepth();
    plan.bytes = ring.empty + 8 * ring.type.getDepth();
  }
  narrowCopies(roles, plan);
  if (plan.bytes > sharedCapacity)
    return roles.emitOpError()
           << "takes " << plan.bytes << " bytes of shared memory, a block has "
           << sharedCapacity;
  return plan;
}
