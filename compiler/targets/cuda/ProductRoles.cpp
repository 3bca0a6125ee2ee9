// Recognises a program of streamed products, and decides its rings.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/ProductRoles.h"
#include "compiler/targets/cuda/Rings.h"
#include "compiler/targets/cuda/Wgmma.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

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
  roles.stream = getOnlyStream(grid);
  auto stores = grid.getBody().getOps<tile::StoreOp>();
  if (!roles.stream || !llvm::hasSingleElement(stores)) {
    reason = "an item has other than one stream and one store";
    return std::nullopt;
  }
  roles.store = *stores.begin();
  reason = roles.matchStream();
  if (reason.empty())
    reason = roles.matchLoads();
  if (reason.empty())
    reason = roles.matchEpilogue(roles.store.getValue());
  if (!reason.empty())
    return std::nullopt;
  CopiedView target;
  if (target.match(roles.store).empty())
    roles.target = target;
  return roles;
}

std::string ProductRoles::matchStream() {
  Block &compute = stream.getCompute().front();
  Operation *yield = compute.getTerminator();
  for (auto [init, carried, next] :
       llvm::zip_equal(stream.getInits(), stream.getCarriedArguments(),
                       yield->getOperands())) {
    auto mma = next.getDefiningOp<tile::MmaOp>();
    Attribute value;
    if (!mma || mma.getAcc() != carried ||
        !matchPattern(init, m_Constant(&value)) || !isZero(value) ||
        (!products.empty() && mma.getType() != products.front().getType()))
      return "an iteration does other than add products of one shape to sums "
             "from zero";
    products.push_back(mma);
  }
  if (products.empty() || compute.getOperations().size() != products.size() + 1)
    return "an iteration does other than add products to sums";
  for (tile::MmaOp mma : products)
    for (Value operand : {mma.getA(), mma.getB()})
      if (!llvm::is_contained(stream.getFetchedArguments(), operand))
        return "an operand of a product is no fetched tile";
  return "";
}

std::string ProductRoles::matchLoads() {
  for (Value tile : stream.getFetch().front().getTerminator()->getOperands()) {
    auto load = tile.getDefiningOp<tile::LoadOp>();
    if (!load)
      return "a fetched tile is not loaded as it is";
    if (load.getPad() && !isZero(*load.getPad()))
      return "a load reads other than zero past its bound";
    CopiedView view;
    std::string reason = view.match(load);
    if (!reason.empty())
      return reason;
    loads.push_back(load);
    views.push_back(view);
  }
  return "";
}

std::string ProductRoles::matchEpilogue(Value tile) {
  auto type = dyn_cast<VectorType>(tile.getType());
  Operation *op = tile.getDefiningOp();
  if (!type || op == stream || matchPattern(tile, m_Constant()))
    return "";
  if (type.getRank() != 2)
    return "the epilogue computes rows or columns alone";
  if (isa_and_nonnull<tile::LoadOp>(op))
    return "";
  if (auto broadcast = dyn_cast_or_null<tile::BroadcastOp>(op))
    return isa<VectorType>(broadcast.getValue().getType())
               ? "the epilogue repeats rows or columns"
               : "";
  if (!op || !op->hasTrait<OpTrait::Elementwise>() || !isPure(op))
    return ("`" + (op ? op->getName().getStringRef() : "an argument") +
            "` in the epilogue has no rule for part of its columns")
        .str();
  for (Value operand : op->getOperands())
    if (std::string reason = matchEpilogue(operand); !reason.empty())
      return reason;
  return "";
}

/// Lines of items beside each other such that those of a wave make a square,
/// which reads the fewest rows of both sides for its area.
static int64_t countLines(tile::GridOp grid) {
  constexpr double processors = 132;
  ArrayRef<int64_t> steps = grid.getSteps();
  if (steps.size() < 2)
    return 1;
  double wanted =
      std::sqrt(processors * double(steps.back()) / double(steps.end()[-2]));
  return std::max<int64_t>(1, std::llround(wanted));
}

// The stored tile goes out in parts: the ring for it is small, and what the
// epilogue loads does not stand in registers all at once.
std::string ProductRoles::plan(int64_t mostCopies, int64_t group) {
  auto stored = cast<VectorType>(store.getValue().getType());
  // Each copy has rows of its own.
  copies = std::clamp<int64_t>(stored.getDimSize(0) / wgmmaRows, 1, mostCopies);
  this->group = group ? group : countLines(grid);
  MLIRContext *context = grid.getContext();
  SmallVector<Type> tiles;
  int64_t slotBytes = 0;
  for (tile::LoadOp load : loads) {
    auto tile = cast<VectorType>(load.getType());
    tiles.push_back(tile);
    if (!isStorable(tile))
      return "a fetched tile has no swizzled rows";
    slotBytes += getTileBytes(tile);
  }
  int64_t rows = stored.getDimSize(0), columns = stored.getDimSize(1);
  if (stored.getRank() != 2 || rows % (wgmmaRows * copies) || columns % 8)
    return "the stored tile has no rows of 64 for each copy, or columns of 8";
  int64_t sums = products.size() * columns * (rows / wgmmaRows) / copies / 2;
  if (sums > 128)
    return "the sums of a thread take more than 128 registers";
  if (target && !isStorable(stored))
    target.reset();
  int64_t most = target ? 128 : 32;
  partColumns = columns % most ? std::gcd(columns, most) : most;
  auto part = VectorType::get({rows, partColumns}, stored.getElementType());
  int64_t outBytes = target ? getTileBytes(part) : 0;
  // A slot's two barriers, of 8 bytes each.
  int64_t depth =
      std::min<int64_t>((sharedCapacity - outBytes) / (slotBytes + 16), 8);
  if (depth < 2)
    return "shared memory holds less than two steps";
  inType = tile::RingType::get(context, depth, tile::Place::Shared, tiles);
  if (target)
    outType = tile::RingType::get(context, 1, tile::Place::Shared, {part});
  registers = getComputeRegisters(copies);
  return "";
}

std::string ProductRoles::describe() const {
  return std::to_string(copies) + " copies of " + std::to_string(registers) +
         " registers, " + std::to_string(inType.getDepth()) + " slots";
}
