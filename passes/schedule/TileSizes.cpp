// Chooses tile sizes from cache sizes and register widths.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/TileSizes.h"

#include "dialects/tile/Tile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace sennit::schedule {

int64_t getPanelRows(machine::CoreAttr) {
  // Two registers of 16 lanes; code for narrower machines splits vectors of 16.
  return 32;
}

int64_t getDivisor(int64_t extent, int64_t most) {
  for (int64_t size = std::min(extent, most); size > 1; --size)
    if (extent % size == 0)
      return size;
  return 1;
}

int64_t roundUpRows(int64_t rows, int64_t most) {
  return std::min<int64_t>(llvm::PowerOf2Ceil(std::max<int64_t>(rows, 1)),
                           most);
}

/// Elements of depth that a matrix unit takes at once.
static constexpr int64_t unitDepth = 32;

int64_t chooseGroup(machine::CoreAttr core, RankedTensorType matrix) {
  bool isTaken = core.getIsa() == "amx" && matrix.getElementType().isBF16() &&
                 matrix.getShape().back() % unitDepth == 0;
  return isTaken ? 2 : 1;
}

int64_t getGroup(RankedTensorType matrix) {
  auto panels = dyn_cast_if_present<tile::BlockedAttr>(matrix.getEncoding());
  return panels ? panels.getGroup() : 1;
}

/// Sizes for tiles of 16 by 16 whose sums stay in the unit's registers over one
/// step of the depth.
static ProductSizes getMatrixUnitSizes(int64_t rows, int64_t panels,
                                       int64_t panel, int64_t k) {
  constexpr int64_t most = 1024;
  ProductSizes sizes;
  sizes.k = unitDepth * getDivisor(k / unitDepth, most / unitDepth);
  // Few steps of depth would write the sums too often.
  if (sizes.k < most / 8)
    sizes.k = k;
  sizes.n = panel * getDivisor(panels, rows <= 16 ? 4 : 8);
  sizes.m = rows <= 16 ? rows : std::min<int64_t>(llvm::alignTo(rows, 32), 64);
  return sizes;
}

/// Sizes for a product whose threads share one item. Few rows read the matrix
/// at the speed of memory, by items enough for all cores; many fill a matrix
/// unit from tiles that stay in the item's scratch.
static ProductSizes getSharedSizes(int64_t rows, int64_t n, int64_t k) {
  constexpr int64_t few = 8, deepest = 8192;
  ProductSizes sizes;
  if (rows <= few) {
    sizes.m = rows;
    sizes.n = std::min<int64_t>(n, n <= 4096 ? 8 : 16);
    sizes.k = k * rows <= deepest ? k : getDivisor(k, deepest / rows);
    return sizes;
  }
  // The product walks the depth by itself.
  int64_t most = rows >= 1024 && n >= 1024 ? 128 : 64;
  sizes.m = std::min<int64_t>(llvm::alignTo(rows, 16), most);
  sizes.n = std::min(n, most);
  sizes.k = k;
  return sizes;
}

ProductSizes getProductSizes(machine::CoreAttr core, int64_t rows, int64_t n,
                             int64_t k, int64_t group) {
  if (core.getThreads() > 1)
    return getSharedSizes(rows, n, k);
  int64_t panel = getPanelRows(core);
  int64_t panels = llvm::divideCeil(n, panel);
  if (group != 1)
    return getMatrixUnitSizes(rows, panels, panel, k);
  ProductSizes sizes;
  // One step's panel of 16-bit weights in half of L1.
  int64_t depth = core.getL1Bytes() / 2 / (panel * 2);
  // A single row has no reuse to block for: take the whole depth in few steps.
  sizes.k = k <= 2 * depth ? k : getDivisor(k, rows == 1 ? 4 * depth : depth);
  // Depths without a useful divisor take uneven steps, padded with zeros.
  if (sizes.k < 64 && k > 64)
    sizes.k = std::min<int64_t>(depth, 256);
  sizes.n = panel * getDivisor(panels, 4);
  // A multiple of the register block's twelve rows; its f32 rows in L2.
  int64_t most =
      std::max<int64_t>(12, core.getL2Bytes() / 8 / (sizes.k * 4) / 12 * 12);
  sizes.m = rows < 12 ? rows
                      : std::min<int64_t>(llvm::alignTo(rows, 12),
                                          std::min<int64_t>(most, 96));
  return sizes;
}

bool isAsynchronous(machine::CoreAttr core, int64_t rows,
                    RankedTensorType activations, RankedTensorType matrix) {
  constexpr int64_t line = 8; // elements of 16 bytes, which the engine moves
  Type element = matrix.getElementType();
  return core.getAsyncRows() != 0 && rows >= core.getAsyncRows() &&
         (element.isBF16() || element.isF16()) &&
         activations.getElementType() == element && !matrix.getEncoding() &&
         matrix.getDimSize(1) % line == 0 && matrix.getDimSize(1) > 64 &&
         matrix.getDimSize(0) >= 64;
}

ProductSizes getAsynchronousSizes(int64_t rows, int64_t n, int64_t count) {
  // Sums of 128 registers a thread, unless that leaves processors without any.
  constexpr int64_t processors = 132, m = 128;
  int64_t columns = 256 / count;
  auto items = [&] {
    return llvm::divideCeil(rows, m) * llvm::divideCeil(n, columns);
  };
  while (columns > 64 && items() < processors)
    columns /= 2;
  return {m, columns, 64};
}

int64_t getRowTile(machine::CoreAttr core, int64_t rows, int64_t width) {
  int64_t elements = core.getL1Bytes() / 2 / 4;
  return roundUpRows(
      rows, std::clamp<int64_t>(llvm::bit_floor(uint64_t(
                                    std::max<int64_t>(1, elements / width))),
                                1, 64));
}

} // namespace sennit::schedule
