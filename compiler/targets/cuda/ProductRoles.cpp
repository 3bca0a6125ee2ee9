// Recognises a program of one streamed product, and decides its rings.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/ProductRoles.h"
#include "compiler/targets/cuda/Rings.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

/// The dimension of its view along which a memory op's tile dimension runs ends
/// where the view does, so that a copy of the whole tile may do without bounds.
template <typename MemoryOp> static bool endsWithView(MemoryOp op) {
  for (auto [dim, bound] : llvm::zip_equal(op.getBoundDims(), op.getBounds())) {
    auto size = bound.template getDefiningOp<memref::DimOp>();
    if (!size || size.getSource() != op.getView() ||
        size.getConstantIndex() != op.getViewDim(dim))
      return false;
  }
  return true;
}

/// Why TMA cannot move what a memory op moves, or nothing.
template <typename MemoryOp> static std::string findObstacle(MemoryOp op) {
  int64_t rank = cast<MemRefType>(op.getView().getType()).getRank();
  if (op.getTileDims() != ArrayRef<int64_t>{rank - 2, rank - 1})
    return "a tile does not run along its view's last two dimensions";
  if (op.isIndexed(0) || op.isIndexed(1))
    return "a tile is gathered or scattered";
  if (!isa<BlockArgument>(op.getView()))
    return "a view is no argument of the kernel";
  if (!endsWithView(op))
    return "a bound is not the extent of its view";
  return "";
}

static bool isZero(Attribute value) {
  if (auto splat = dyn_cast<SplatElementsAttr>(value))
    value = splat.getSplatValue<Attribute>();
  auto number = dyn_cast<FloatAttr>(value);
  return number && number.getValue().isZero();
}

std::optional<ProductRoles> ProductRoles::match(tile::GridOp grid,
                                                std::string &reason) {
  ProductRoles roles;
  roles.grid = grid;
  auto streams = grid.getBody().getOps<tile::StreamOp>();
  auto stores = grid.getBody().getOps<tile::StoreOp>();
  if (!llvm::hasSingleElement(streams) || !llvm::hasSingleElement(stores)) {
    reason = "an item has other than one stream and one store";
    return std::nullopt;
  }
  roles.stream = *streams.begin();
  roles.store = *stores.begin();
  Block &compute = roles.stream.getCompute().front();
  roles.mma = dyn_cast<tile::MmaOp>(compute.front());
  Attribute init;
  if (!roles.mma || compute.getOperations().size() != 2 ||
      roles.stream.getInits().size() != 1 ||
      roles.mma.getAcc() != roles.stream.getCarriedArguments()[0] ||
      !matchPattern(roles.stream.getInits()[0], m_Constant(&init)) ||
      !isZero(init)) {
    reason = "an iteration does other than add one product to a sum from zero";
    return std::nullopt;
  }
  for (Value tile :
       roles.stream.getFetch().front().getTerminator()->getOperands()) {
    roles.loads.push_back(tile.getDefiningOp<tile::LoadOp>());
    if (!roles.loads.back())
      reason = "a fetched tile is not loaded as it is";
    else if (roles.loads.back().getPad() &&
             !isZero(*roles.loads.back().getPad()))
      reason = "a load reads other than zero past its bound";
    else
      reason = findObstacle(roles.loads.back());
    if (!reason.empty())
      return std::nullopt;
  }
  reason = findObstacle(roles.store);
  for (Operation &op : grid.getBody().front())
    if (!isa<tile::StreamOp, tile::StoreOp, tile::YieldOp>(op) && !isPure(&op))
      reason = ("`" + op.getName().getStringRef() +
                "` stands beside the stream and the store")
                   .str();
  if (!reason.empty())
    return std::nullopt;
  return roles;
}

// The stored tile goes out in parts of 128 columns, which leaves room for one
// more slot than the whole tile would.
std::string ProductRoles::plan(int64_t copies, int64_t group) {
  this->copies = copies;
  this->group = group;
  MLIRContext *context = grid.getContext();
  auto stored = cast<VectorType>(store.getValue().getType());
  SmallVector<Type> tiles;
  int64_t slotBytes = 0;
  for (tile::LoadOp load : loads) {
    auto tile = cast<VectorType>(load.getType());
    tiles.push_back(tile);
    if (!isStorable(tile))
      return "a fetched tile has no swizzled rows";
    slotBytes += getTileBytes(tile);
  }
  if (!isStorable(stored) || stored.getDimSize(0) % (64 * copies))
    return "the stored tile has no swizzled rows for each copy";
  int64_t columns = stored.getDimSize(1);
  auto part = VectorType::get(
      {stored.getDimSize(0), columns % 128 ? columns : int64_t(128)},
      stored.getElementType());
  // A slot's two barriers, of 8 bytes each.
  int64_t depth = std::min<int64_t>(
      (sharedCapacity - getTileBytes(part)) / (slotBytes + 16), 4);
  if (depth < 2)
    return "shared memory holds less than two steps";
  inType = tile::RingType::get(context, depth, tile::Place::Shared, tiles);
  outType = tile::RingType::get(context, 1, tile::Place::Shared, {part});
  // What the copying warpgroup leaves, in steps of 8.
  registers =
      std::min<int64_t>((65536 / groupThreads - 40) / copies / 8 * 8, 240);
  return "";
}

std::string ProductRoles::describe() const {
  return std::to_string(copies) + " copies of " + std::to_string(registers) +
         " registers, " + std::to_string(inType.getDepth()) + " slots";
}
