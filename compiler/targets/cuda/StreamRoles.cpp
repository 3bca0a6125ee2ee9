// Recognises a program that multiplies what it streams, and decides its rings.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/StreamRoles.h"
#include "compiler/targets/cuda/Rings.h"
#include "compiler/targets/cuda/UnitDims.h"
#include "compiler/targets/cuda/Wgmma.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

std::optional<StreamRoles> StreamRoles::match(tile::GridOp grid,
                                              std::string &reason) {
  StreamRoles roles;
  roles.grid = grid;
  roles.stream = getOnlyStream(grid);
  if (!roles.stream) {
    reason = "an item has other than one stream";
    return std::nullopt;
  }
  reason = dropUnitDims(grid);
  if (reason.empty())
    reason = roles.matchOps();
  if (!reason.empty())
    return std::nullopt;
  return roles;
}

static bool isFirstTurned(tile::MmaOp product) {
  return product.getForm() == tile::MmaForm::TN ||
         product.getForm() == tile::MmaForm::TT;
}

/// Why the matrix unit does not take a product, or an empty string.
static std::string checkProduct(tile::MmaOp product) {
  auto a = cast<VectorType>(product.getA().getType());
  auto type = product.getType();
  if (type.getRank() != 2 || type.getDimSize(0) % wgmmaRows ||
      type.getDimSize(1) % 8 || type.getDimSize(1) > 256 ||
      a.getDimSize(isFirstTurned(product) ? 0 : 1) % wgmmaDepth)
    return "a product has other than rows of 64, columns of 8 and a depth of "
           "16";
  if (a.getElementTypeBitWidth() != 16 ||
      a.getElementType() !=
          cast<VectorType>(product.getB().getType()).getElementType())
    return "a product has operands of other than 16 bits";
  return "";
}

std::string StreamRoles::matchOps() {
  std::string reason;
  auto check = [&](Operation &op) {
    auto store = dyn_cast<tile::StoreOp>(op);
    bool isKnown = store || isa<tile::LoadOp>(op) || &op == stream ||
                   op.hasTrait<OpTrait::IsTerminator>() ||
                   (isPure(&op) && op.getNumRegions() == 0);
    if (reason.empty() && !isKnown)
      reason = ("`" + op.getName().getStringRef() +
                "` does other than load, compute and store")
                   .str();
    if (!store)
      return;
    Stored stored{store, {}, {}, {}};
    auto type = cast<VectorType>(store.getValue().getType());
    if (isStorable(type) && stored.view.match(store).empty())
      stores.push_back(stored);
  };
  for (Block *block : {&grid.getBody().front(), &stream.getFetch().front(),
                       &stream.getCompute().front()})
    llvm::for_each(*block, check);
  if (!reason.empty())
    return reason;
  auto products = stream.getCompute().getOps<tile::MmaOp>();
  if (products.empty())
    return "an iteration multiplies nothing";
  if (!grid.getBody().getOps<tile::MmaOp>().empty())
    return "an item multiplies outside of its stream";
  for (tile::MmaOp product : products)
    if (reason = checkProduct(product); !reason.empty())
      return reason;
  if (reason = matchCopies(); !reason.empty())
    return reason;
  for (tile::MmaOp product : products) {
    bool isTurned = isFirstTurned(product);
    reason = matchOperand(product.getA(), !isTurned);
    if (reason.empty())
      reason = matchOperand(product.getB(), false);
    if (!reason.empty())
      return reason;
  }
  return "";
}

bool StreamRoles::isCopied(Value tile) const {
  return llvm::any_of(copied,
                      [&](const Copied &one) { return one.tile == tile; });
}

static bool isStoredTo(tile::GridOp grid, Value view) {
  WalkResult walk = grid->walk([&](tile::StoreOp store) {
    return store.getView() == view ? WalkResult::interrupt()
                                   : WalkResult::advance();
  });
  return walk.wasInterrupted();
}

/// Tiles that the copy engine can bring; threads load the others. The reason
/// where there are none.
std::string StreamRoles::matchCopies() {
  Operation *yield = stream.getFetch().front().getTerminator();
  std::string reason = "a fetched tile is not loaded as it is";
  for (auto [argument, tile] :
       llvm::zip_equal(stream.getFetchedArguments(), yield->getOperands())) {
    auto load = tile.getDefiningOp<tile::LoadOp>();
    if (!load || load.getPad())
      continue;
    // What is stored in one step may be read in the next, and copies run ahead.
    if (isStoredTo(grid, load.getView()))
      return "the stream reads a view that the item stores to";
    Copied one{load, {}, argument, {}};
    reason = isStorable(load.getType()) ? one.view.match(load)
                                        : "a tile has no swizzled rows";
    if (reason.empty())
      copied.push_back(one);
  }
  return copied.empty() ? reason : "";
}

/// `mayBeInRegisters`: it is a product's first operand, as it lies.
std::string StreamRoles::matchOperand(Value tile, bool mayBeInRegisters) {
  if (isCopied(tile))
    return "";
  auto type = cast<VectorType>(tile.getType());
  if (!mayBeInRegisters && !isStorable(type))
    return "an operand that is computed has no swizzled rows";
  auto place = mayBeInRegisters ? tile::Place::Registers : tile::Place::Shared;
  auto known = llvm::find_if(
      computed, [&](const Computed &one) { return one.tile == tile; });
  // All products read shared memory, only first operands registers.
  if (known == computed.end())
    computed.push_back({tile, place, {}});
  else if (!mayBeInRegisters)
    known->place = place;
  return "";
}

/// Registers of a thread that hold a tile of f32, or less of a narrower one.
static int64_t countRegisters(Type type) {
  auto tile = dyn_cast<VectorType>(type);
  if (!tile || tile.getRank() != 2)
    return 0;
  return tile.getNumElements() * tile.getElementTypeBitWidth() / 32 /
         groupThreads;
}

std::string StreamRoles::plan() {
  MLIRContext *context = grid.getContext();
  int64_t held = 0, most = 0;
  for (Value carried : stream.getCarriedArguments())
    held += countRegisters(carried.getType());
  for (auto product : stream.getCompute().getOps<tile::MmaOp>())
    if (!llvm::is_contained(
            stream.getCompute().front().getTerminator()->getOperands(),
            product.getResult()))
      most += countRegisters(product.getType());
  for (const Computed &one : computed)
    if (one.place == tile::Place::Registers)
      held += countRegisters(one.tile.getType());
  if (held + most > 192)
    return "an iteration's tiles take " + std::to_string(held + most) +
           " registers a thread";
  int64_t own = 0, slot = 0;
  SmallVector<Type> tiles;
  for (const Computed &one : computed)
    if (one.place == tile::Place::Shared)
      own += getTileBytes(cast<VectorType>(one.tile.getType()));
  for (const Stored &stored : stores)
    own +=
        getTileBytes(cast<VectorType>(stored.store->getOperand(0).getType()));
  for (const Copied &one : copied) {
    tiles.push_back(one.tile.getType());
    slot += getTileBytes(cast<VectorType>(one.tile.getType()));
  }
  int64_t depth = 0;
  for (blocks = 2; blocks > 0; --blocks) {
    // A slot's two barriers have 8 bytes each.
    int64_t left = getSharedCapacity(blocks) - own;
    depth = std::min<int64_t>(left / (slot + 16), 4);
    if (depth >= 2)
      break;
  }
  if (depth < 2)
    return "shared memory holds less than two steps";
  inType = tile::RingType::get(context, depth, tile::Place::Shared, tiles);
  registers = getComputeRegisters(/*copies=*/1, blocks);
  return "";
}

std::string StreamRoles::describe() const {
  return std::to_string(blocks) + " blocks a processor, " +
         std::to_string(registers) + " registers, " +
         std::to_string(inType.getDepth()) + " slots of " +
         std::to_string(inType.getTiles().size()) + " tiles";
}
