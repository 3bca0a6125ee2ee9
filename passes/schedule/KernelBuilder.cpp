// Builds the programs of one kernel; the default program walks its outputs by
// tiles.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Program.h"

#include "dialects/seq/SeqForms.h"
#include "passes/schedule/Models.h"
#include "passes/schedule/TileSizes.h"

using namespace mlir;

#include "passes/schedule/TileProgramInterface.cpp.inc"

namespace sennit::schedule {

SmallVector<Value> KernelBuilder::outputs() {
  SmallVector<Value> result;
  for (Value value : kernel.getBody().front().getTerminator()->getOperands())
    if (!llvm::is_contained(result, value))
      result.push_back(value);
  return result;
}

bool KernelBuilder::isInside(Value value) {
  return kernel.getBody().isAncestor(value.getParentRegion());
}

/// The op that decides the kernel's loops; null for a plain copy.
static Operation *findRoot(seq::KernelOp kernel) {
  Block &body = kernel.getBody().front();
  for (Operation &op : llvm::reverse(body))
    if (seq::isRoot(&op))
      return &op;
  Operation *first = &body.front();
  return first == body.getTerminator() ? nullptr : first;
}

LogicalResult KernelBuilder::build() {
  Operation *root = findRoot(kernel);
  auto model =
      root ? dyn_cast<TileProgramOpInterface>(root) : TileProgramOpInterface();
  if (root && !model)
    return root->emitOpError("has no tile program");
  if (failed(root ? model.buildPrograms(*this) : buildMapProgram(*this)))
    return failure();
  // A convolution that was computed at the root's loads has a window to keep.
  for (auto conv : kernel.getBody().front().getOps<seq::ConvOp>())
    if (!written.contains(conv.getWindowAfter()) &&
        failed(buildWindowProgram(*this, conv)))
      return failure();
  Operation *yield = kernel.getBody().front().getTerminator();
  for (auto [result, value] :
       llvm::zip_equal(kernel.getOutputs(), yield->getOperands())) {
    Value host = written.lookup(value);
    if (!host)
      return kernel.emitOpError("has an output that its programs do not write");
    extents.alias(host, value);
    result.replaceAllUsesWith(host);
  }
  kernel.erase();
  return success();
}

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

/// Tile sizes: rows of dimension 0, the last dimension whole or in parts, one
/// of everything between.
static SmallVector<int64_t> getMapSizes(KernelBuilder &kernel, Value output) {
  auto type = cast<RankedTensorType>(output.getType());
  SmallVector<int64_t> sizes(type.getRank(), 1);
  if (type.getRank() > 1) {
    int64_t width = type.getShape().back();
    sizes.back() = needsWholeRows(kernel.kernel) || width <= 1024
                       ? width
                       : getDivisor(width, 1024);
    if (sizes.back() < 16 && width > 1024)
      sizes.back() = 512;
  }
  int64_t inner = type.getRank() > 1 ? sizes.back() : 1;
  sizes.front() = getRowTile(kernel.core, kernel.rowBound(output), inner);
  return sizes;
}

LogicalResult buildMapProgram(KernelBuilder &kernel) {
  Value output = getWidestOutput(kernel);
  Program program(kernel, kernel.kernel.getKind());
  SmallVector<int64_t> sizes = getMapSizes(kernel, output);
  SmallVector<Value> upper;
  SmallVector<StringRef> dims;
  static constexpr StringRef names[] = {"row", "d1", "d2", "d3"};
  for (int64_t dim = 0, rank = sizes.size(); dim < rank; ++dim) {
    upper.push_back(program.extent(output, dim));
    dims.push_back(names[dim]);
  }
  SmallVector<Value> position = program.openGrid(upper, sizes, dims);
  Box box(llvm::to_vector_of<OpFoldResult>(position), sizes);
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (size == cast<RankedTensorType>(output.getType()).getDimSize(dim))
      box.offsets[dim] = program.builder.getIndexAttr(0);
  if (failed(program.storeOutputs(box)))
    return failure();
  return program.finish();
}

} // namespace sennit::schedule
