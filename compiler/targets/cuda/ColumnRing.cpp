// Finds what a kernel's warps read of matrices, and how far ahead.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/ColumnRing.h"
#include "compiler/targets/cuda/DeviceBuilder.h"
#include "compiler/targets/cuda/ItemProduct.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

/// Copies of a lane under way, of 16 bytes: 32 KB of a block, which leave room
/// for two blocks of the kernel behind. With twice as many, a step of a model
/// takes as long or longer.
static constexpr int64_t mostSlots = 8;
/// Sums of a lane, which are registers.
static constexpr int64_t mostSums = 64;
static constexpr int64_t warps = itemThreads / warpThreads;

ColumnShares ColumnShares::make(int64_t rows, int64_t n, int64_t k) {
  for (int64_t depth = warps; depth > 0; depth /= 2) {
    int64_t columns = n * depth / warps;
    if (k % (depth * warpDepth) == 0 && n * depth % warps == 0 &&
        columns <= mostSlots && columns * rows <= mostSums &&
        n * rows <= itemThreads)
      return {n, k, depth, columns, k / (depth * warpDepth)};
  }
  return {};
}

/// Whether a number is known where an item is not yet: an index of the grid or
/// a number of the kernel.
static bool isKnownAhead(Value number, tile::GridOp grid) {
  return !number || llvm::is_contained(grid.getInductionVars(), number) ||
         !grid.getBody().isAncestor(number.getParentRegion());
}

/// The load of a matrix that lies by rows of 16 bytes, or null.
static tile::LoadOp findMatrix(tile::MmaOp product, tile::GridOp grid,
                               const emit::Plan &plan) {
  auto load = plan.resolve(product.getB()).getDefiningOp<tile::LoadOp>();
  if (!load || plan.find(load.getResult()) || load.getType().getRank() != 2)
    return nullptr;
  auto view = cast<MemRefType>(load.getView().getType());
  Type element = view.getElementType();
  int64_t rank = view.getRank();
  // A row is as long as the depth, so that all matrices of a kernel have rows
  // as far apart.
  if (!isa<BlockArgument>(load.getView()) || !view.getLayout().isIdentity() ||
      !(element.isBF16() || element.isF16()) ||
      view.getDimSize(rank - 1) != load.getType().getDimSize(1) ||
      getConstantIntValue(load.getIndices().back()) != 0)
    return nullptr;
  for (auto [i, dim] : llvm::enumerate(load.getTileDims()))
    if (dim != rank - 2 + int64_t(i) || load.isIndexed(i))
      return nullptr;
  auto isKnown = [&](Value number) { return isKnownAhead(number, grid); };
  return isKnown(load.getBoundOf(0)) && llvm::all_of(load.getIndices(), isKnown)
             ? load
             : nullptr;
}

ColumnRing::ColumnRing(ArrayRef<tile::GridOp> grids,
                       ArrayRef<emit::Plan> plans) {
  for (auto [grid, plan] : llvm::zip_equal(grids, plans)) {
    SmallVector<ColumnPart> &own = parts.emplace_back();
    for (auto mma : tile::GridOp(grid).getBody().getOps<tile::MmaOp>()) {
      ItemProduct product(mma);
      if (isStaged(mma) || isThreads(product))
        continue;
      auto wanted = ColumnShares::make(product.m, product.n, product.k);
      tile::LoadOp load = findMatrix(mma, grid, plan);
      if (!load || wanted.columns == 0)
        continue;
      if (shares.columns == 0)
        shares = wanted;
      if (shares == wanted)
        own.push_back({mma, load});
    }
  }
  for (int64_t steps = 1; steps <= shares.steps; ++steps)
    if (shares.steps % steps == 0 && steps * shares.columns <= mostSlots)
      slots = steps * shares.columns;
}

int64_t ColumnRing::getBytes() const {
  return slots * itemThreads * laneDepth * 2;
}

bool ColumnRing::readsConstants() const {
  for (const auto &own : parts)
    for (const ColumnPart &part : own) {
      auto view = cast<BlockArgument>(part.load.getView());
      auto kernel = cast<func::FuncOp>(view.getOwner()->getParentOp());
      if (!kernel.getArgAttr(view.getArgNumber(), "rt.constant"))
        return false;
    }
  return true;
}
