// Asks for the next tiles of a stream, or panels of a product, while these are
// computed.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/EmitterProduct.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

/// The tile dimension along which a stream walks a tile of few short rows that
/// lie far apart, which the processor does not foresee; none for other tiles.
template <typename OpTy>
static std::optional<int64_t> findWalkedRows(OpTy op, VectorType type,
                                             Value position) {
  // More at once would wait for each other.
  constexpr int64_t longest = 1024, most = 8192;
  auto view = cast<MemRefType>(op.getView().getType());
  SmallVector<int64_t> strides;
  int64_t offset, bytes = type.getElementTypeBitWidth() / 8;
  int64_t run = type.getRank() == 0 ? 0 : type.getShape().back() * bytes;
  if (run == 0 || run > longest || type.getNumElements() * bytes > most ||
      !emit::hasContiguousLanes(view, op.getTileDims()) ||
      failed(view.getStridesAndOffset(strides, offset)))
    return std::nullopt;
  std::optional<int64_t> walked;
  for (int64_t dim = 0; dim + 1 < type.getRank(); ++dim)
    if (op.getIndices()[op.getViewDim(dim)] == position)
      walked = dim;
    else if (type.getDimSize(dim) != 1)
      return std::nullopt;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (op.isIndexed(dim))
      return std::nullopt;
  if (!walked || strides[op.getViewDim(*walked)] * bytes <= run)
    return std::nullopt;
  return walked;
}

/// The shape of the rows that a recurrence goes through in a stream, step by
/// step and lanes by lanes: [T, D] of its states [T, N, D]; empty for none.
static SmallVector<int64_t> findWalk(tile::StreamOp stream,
                                     const emit::Plan &plan) {
  SmallVector<int64_t> shape;
  for (auto reduce : stream.getCompute().getOps<tile::ReduceOp>())
    if (plan.findFusedScan(reduce)) {
      llvm::append_range(
          shape, cast<VectorType>(reduce.getValue().getType()).getShape());
      shape.erase(shape.begin() + reduce.getDim());
      break;
    }
  return shape;
}

static void emitLine(OpBuilder &builder, Location loc, Value pointer,
                     bool forWriting) {
  LLVM::Prefetch::create(builder, loc, pointer, /*rw=*/forWriting, /*hint=*/3,
                         /*cache=*/1);
}

// Asks for a tile line by line. What lies outside is asked for in vain. All at
// once, more lines than the processor waits for stop it: what a recurrence
// walks step by step, its steps ask for.
void Emitter::emitPrefetch(VectorType type, bool forWriting,
                           ArrayRef<int64_t> walk, GetPointerAt getPointerAt) {
  constexpr int64_t line = 64;
  if (type.getShape() == walk) {
    awaited.push_back({std::move(getPointerAt), forWriting});
    return;
  }
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  SmallVector<int64_t> lines(type.getShape());
  lines.back() = llvm::divideCeil(lines.back() * bytes, line);
  emitScalarNest(lines, [&](const Point &point) {
    SmallVector<Value> at(point.at);
    at.back() = multiply(at.back(), line / bytes);
    emitLine(builder, loc, getPointerAt(at), forWriting);
  });
}

void Emitter::emitAwaited(const Point &point) {
  for (const Awaited &lines : awaited)
    if (point.vector)
      emitLine(builder, loc, lines.getPointerAt(point.at), lines.forWriting);
}

// The next tile that is read, which `fetch` says, and the one that is written.
void Emitter::emitPrefetches(tile::StreamOp stream) {
  SmallVector<int64_t> walk = findWalk(stream, plan);
  int64_t ahead = stream.getStep();
  for (tile::LoadOp load : stream.getFetch().getOps<tile::LoadOp>()) {
    auto type = cast<VectorType>(load.getResult().getType());
    auto dim = findWalkedRows(load, type, stream.getFetchInductionVar());
    if (dim)
      emitPrefetch(type, /*forWriting=*/false, walk,
                   [=, this](ArrayRef<Value> at) {
                     SmallVector<Value> next(at);
                     next[*dim] = add(next[*dim], ahead);
                     return getPointer(load, next);
                   });
  }
  for (tile::StoreOp store : stream.getCompute().getOps<tile::StoreOp>()) {
    auto type = cast<VectorType>(store.getValue().getType());
    bool isKnown = llvm::all_of(store.getIndices(), [&](Value index) {
      return index == stream.getComputeInductionVar() ||
             index.getParentRegion() != &stream.getCompute();
    });
    if (isKnown && findWalkedRows(store, type, stream.getComputeInductionVar()))
      emitPrefetch(
          type, /*forWriting=*/true, walk,
          [=, this](ArrayRef<Value> at) { return getPointer(store, at); });
  }
}

// The next columns' panel comes from afar while this one is multiplied by all
// blocks of rows: each block asks for its share, step of depth by step.
void Emitter::emitPanelPrefetch(const Product &product, Value m, Value n,
                                Value k, int64_t blockRows, int64_t depth) {
  constexpr int64_t line = 64;
  if (product.packed)
    return;
  tile::LoadOp panels = product.panels;
  auto view = cast<MemRefType>(panels.getView().getType());
  int64_t panel = cast<tile::BlockedAttr>(view.getLayout()).getRows();
  int64_t blocks = llvm::divideCeil(product.m, blockRows);
  int64_t bytes = panel * depth * view.getElementTypeBitWidth() / 8;
  int64_t share = llvm::divideCeil(bytes, line * blocks);
  Value next = getPointer(panels, product.at(add(n, panel), k));
  next = pointerAt(next, builder.getI8Type(),
                   multiply(divide(m, blockRows), share * line));
  for (int64_t i = 0; i < share; ++i)
    LLVM::Prefetch::create(
        builder, loc, pointerAt(next, builder.getI8Type(), constant(i * line)),
        /*rw=*/0, /*hint=*/2, /*cache=*/1);
}

// What a step reads of the next one's rows along tile dimension `dim`, where a
// stream walks them: few rows of a product wait for nothing else.
void Emitter::emitNextRow(tile::LoadOp load, int64_t dim, ArrayRef<Value> at) {
  auto stream = dyn_cast<tile::StreamOp>(load->getParentOp());
  if (!stream ||
      load.getIndices()[load.getViewDim(dim)] != stream.getFetchInductionVar())
    return;
  SmallVector<Value> next(at);
  next[dim] = add(next[dim], int64_t(stream.getStep()));
  emitLine(builder, loc, getPointer(load, next), /*forWriting=*/false);
}
