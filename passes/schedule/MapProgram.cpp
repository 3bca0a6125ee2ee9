// The default program of a kernel: its outputs, tile by tile.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Program.h"

#include "dialects/seq/SeqForms.h"
#include "passes/schedule/GenericTiles.h"
#include "passes/schedule/TileSizes.h"

using namespace mlir;

namespace sennit::schedule {

/// The output of highest rank, whose dimensions the loops walk.
static Value getWidestOutput(KernelBuilder &kernel) {
  SmallVector<Value> outputs = kernel.outputs();
  return *llvm::max_element(outputs, [](Value a, Value b) {
    return cast<RankedTensorType>(a.getType()).getRank() <
           cast<RankedTensorType>(b.getType()).getRank();
  });
}

/// Whether an op of the kernel needs whole rows.
static bool needsWholeRows(seq::KernelOp kernel) {
  return llvm::any_of(kernel.getBody().front(), [](Operation &op) {
    return seq::isRowReduction(&op) || isa<seq::RopeOp>(op);
  });
}

/// Whether a row of the kernel is all there is.
static bool reducesVectors(seq::KernelOp kernel) {
  return llvm::any_of(kernel.getBody().front(), [](Operation &op) {
    return seq::isRowReduction(&op) &&
           cast<linalg::GenericOp>(op).getNumLoops() == 1;
  });
}

/// Elements that an item reads for each of its rows where they are more than it
/// writes: those of the longest row that is reduced.
static int64_t getReducedWidth(seq::KernelOp kernel, int64_t rank) {
  int64_t width = 1;
  for (auto op : kernel.getBody().front().getOps<linalg::GenericOp>())
    if (seq::isRowReduction(op) && int64_t(op.getNumLoops()) == rank + 1)
      width = std::max(width, op.getStaticLoopRanges().back());
  return width;
}

/// The dimensions of the outputs that operands of the kernel's maps have in
/// their lanes, the last one apart.
static SmallVector<int64_t> getTurnedDims(KernelBuilder &kernel, int64_t rank) {
  SmallVector<int64_t> turned;
  for (auto op : kernel.kernel.getBody().front().getOps<linalg::GenericOp>()) {
    if (!seq::isElementwise(op) || int64_t(op.getNumLoops()) != rank)
      continue;
    for (OpOperand *input : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(input);
      AffineExpr last = getAffineDimExpr(rank - 1, op.getContext());
      if (!llvm::is_contained(map.getResults(), last) ||
          map.getResults().back() == last)
        continue;
      if (auto lanes = dyn_cast<AffineDimExpr>(map.getResults().back()))
        turned.push_back(lanes.getPosition());
    }
  }
  return turned;
}

/// The last dimension whole or in parts.
static int64_t getWidth(KernelBuilder &kernel, RankedTensorType type) {
  int64_t width = type.getShape().back();
  if (needsWholeRows(kernel.kernel) || width <= 1024)
    return std::max<int64_t>(width, 1);
  int64_t part = getDivisor(width, 1024);
  return part < 16 ? 512 : part;
}

/// The product that the kernel's output follows element by element.
static std::optional<Product> getProduct(KernelBuilder &kernel, int64_t rank) {
  for (auto op : kernel.kernel.getBody().front().getOps<linalg::GenericOp>())
    if (auto product = matchProduct(op))
      if (cast<RankedTensorType>(op.getResult(0).getType()).getRank() == rank)
        return product;
  return std::nullopt;
}

/// Tile sizes: rows of dimension 0, the last dimension whole or in parts, one
/// of everything between. Kernels of maps alone fill the tile from the last
/// dimension on, and turn square blocks.
static SmallVector<int64_t> getMapSizes(KernelBuilder &kernel, Value output) {
  auto type = cast<RankedTensorType>(output.getType());
  int64_t rank = type.getRank();
  SmallVector<int64_t> sizes(rank, 1);
  if (rank == 0)
    return sizes;
  auto extentOf = [&](int64_t dim) {
    int64_t extent =
        type.isDynamicDim(dim) ? kernel.rowBound(output) : type.getDimSize(dim);
    return std::max<int64_t>(extent, 1);
  };
  if (rank > 1)
    sizes.back() = getWidth(kernel, type);
  if (auto product = getProduct(kernel, rank)) {
    SmallVector<int64_t> blocks = getContractionSizes(*product, kernel);
    if (needsWholeRows(kernel.kernel))
      blocks.back() = sizes.back();
    return blocks;
  }
  SmallVector<int64_t> turned = getTurnedDims(kernel, rank);
  if (!turned.empty() && !needsWholeRows(kernel.kernel)) {
    constexpr int64_t block = 64;
    sizes.back() = std::min(extentOf(rank - 1), block);
    for (int64_t dim : turned)
      sizes[dim] = std::min(extentOf(dim), block);
    return sizes;
  }
  bool holdsMapsAlone =
      llvm::all_of(kernel.kernel.getBody().front().without_terminator(),
                   llvm::IsaPred<linalg::GenericOp>);
  int64_t inner = rank > 1 ? sizes.back() : 1;
  if (rank > 2 && holdsMapsAlone && !needsWholeRows(kernel.kernel))
    for (int64_t dim = rank - 2; dim > 0; --dim) {
      sizes[dim] =
          std::min(extentOf(dim), getRowTile(kernel.core, extentOf(dim), inner,
                                             kernel.choices));
      inner *= sizes[dim];
    }
  inner *= getReducedWidth(kernel.kernel, rank);
  sizes.front() =
      getRowTile(kernel.core, kernel.rowBound(output), inner, kernel.choices);
  if (rank == 1 && reducesVectors(kernel.kernel) && !type.isDynamicDim(0))
    sizes.front() = extentOf(0);
  return sizes;
}

LogicalResult buildMapProgram(KernelBuilder &kernel) {
  Value output = getWidestOutput(kernel);
  Program program(kernel, kernel.kernel.getKind());
  SmallVector<int64_t> sizes = getMapSizes(kernel, output);
  SmallVector<Value> upper;
  SmallVector<std::string> names;
  for (int64_t dim = 0, rank = sizes.size(); dim < rank; ++dim) {
    upper.push_back(program.extent(output, dim));
    names.push_back(dim == 0 ? "row" : "d" + std::to_string(dim));
  }
  SmallVector<StringRef> dims(names.begin(), names.end());
  // A single element is one item.
  if (sizes.empty())
    program.openGrid({program.index(1)}, {1}, {"item"});
  SmallVector<Value> position;
  if (!sizes.empty())
    position = program.openGrid(upper, sizes, dims);
  Box box(llvm::to_vector_of<OpFoldResult>(position), sizes);
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (size == cast<RankedTensorType>(output.getType()).getDimSize(dim))
      box.offsets[dim] = program.builder.getIndexAttr(0);
  if (failed(program.storeOutputs(box)))
    return failure();
  return program.finish();
}

} // namespace sennit::schedule
