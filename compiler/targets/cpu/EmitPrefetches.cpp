// Asks for the next tiles of a stream while this one is computed.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/Emitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

// Asks for the tile that starts `ahead` further along tile dimension `dim`,
// line by line. What lies outside is asked for in vain.
void Emitter::emitPrefetch(tile::LoadOp load, int64_t dim, int64_t ahead) {
  auto type = cast<VectorType>(load.getResult().getType());
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  SmallVector<int64_t> lines(type.getShape());
  lines.back() = llvm::divideCeil(lines.back() * bytes, 64);
  emitScalarNest(lines, [&](const Point &point) {
    SmallVector<Value> at(point.at);
    at.back() = multiply(at.back(), 64 / bytes);
    at[dim] = add(at[dim], ahead);
    LLVM::Prefetch::create(builder, loc, getPointer(load, at), /*rw=*/0,
                           /*hint=*/3,
                           /*cache=*/1);
  });
}

// Rows far apart are not foreseen by the processor: the next tile is asked for
// while this one is computed. `fetch` says which that is.
void Emitter::emitPrefetches(tile::StreamOp stream) {
  for (auto load : stream.getFetch().getOps<tile::LoadOp>()) {
    auto view = cast<MemRefType>(load.getView().getType());
    auto type = cast<VectorType>(load.getResult().getType());
    SmallVector<int64_t> strides;
    int64_t offset, bytes = type.getElementTypeBitWidth() / 8;
    if (type.getRank() != 2 || bytes == 0 ||
        !emit::hasContiguousLanes(view, load.getTileDims()) ||
        load.isIndexed(0) || load.isIndexed(1) ||
        failed(view.getStridesAndOffset(strides, offset)))
      continue;
    int64_t run = type.getShape().back() * bytes;
    int64_t stride = strides[load.getViewDim(0)] * bytes;
    bool walksStream =
        load.getIndices()[load.getViewDim(0)] == stream.getFetchInductionVar();
    // More at once would wait for each other.
    bool isSmall = type.getNumElements() * bytes <= 64 * 64;
    if (walksStream && run <= 1024 && stride > run && isSmall)
      emitPrefetch(load, /*dim=*/0, stream.getStep());
  }
}
