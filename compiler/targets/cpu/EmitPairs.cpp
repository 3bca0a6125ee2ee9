// Products of bf16 by dot products of pairs, for all rows or for few.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// A vector of a panel holds two neighbours of depth, k and k + 1, of 16 columns
// n, and those of a row of A are broadcast:
//
//   sum[n] = round(round(sum[n] + a[k + 1] b[k + 1, n]) + a[k] b[k, n])
//
// The instruction takes numbers below the normal ones for zero, as AMX does.
#include "compiler/targets/cpu/EmitterProduct.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

/// Rows so few that sums of more columns are needed to hide the latency.
static constexpr int64_t fewRows = 4;
/// Elements of depth between two tests for the end; the excess is zeros.
static constexpr int64_t stepDepth = 4;

// Two neighbours in depth: each vector of columns is read once for all rows.
void Emitter::emitPairStep(const Product &product, Value m, Value n, Value k,
                           int64_t rows, int64_t vectors,
                           SmallVectorImpl<Value> &sums) {
  /// What one block reads, it reads once: memory is asked further ahead than
  /// the processor does by itself.
  constexpr int64_t ahead = 8192;
  bool isReadOnce = rows == product.m && !product.packed;
  Type pairs = VectorType::get(2 * lanes, builder.getBF16Type());
  Type floats = vectorOf(builder.getF32Type());
  auto name = builder.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512");
  auto load = [&](Value pointer, bool vector) {
    Value raw = loadRaw(pointer, builder.getI32Type(), vector);
    return Value(LLVM::BitcastOp::create(builder, loc, pairs,
                                         vector ? raw : splat(raw)));
  };
  SmallVector<Value> b;
  for (int64_t j = 0; j < vectors; ++j) {
    int64_t stride;
    Value pointer = getPanelPointer(product, add(n, j * lanes), k, stride);
    b.push_back(load(pointer, true));
    if (isReadOnce)
      LLVM::Prefetch::create(
          builder, loc,
          pointerAt(pointer, builder.getI8Type(), constant(ahead)), /*rw=*/0,
          /*hint=*/3, /*cache=*/1);
  }
  const Buffer &parts = *product.parts;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t part = 0; part < parts.parts; ++part) {
      Value pointer = getBufferPointer(parts, product.at(add(m, i), k));
      if (part == 1)
        pointer = pointerAt(pointer, parts.element, constant(parts.plane));
      Value a = load(pointer, false);
      for (int64_t j = 0; j < vectors; ++j) {
        Value &sum = sums[i * vectors + j];
        sum = LLVM::CallIntrinsicOp::create(builder, loc, floats, name,
                                            ValueRange{sum, a, b[j]})
                  .getResult(0);
      }
    }
}

// Sums of some rows by some vectors of columns over the whole depth.
void Emitter::emitPairBlock(const Product &product, Value m, Value n,
                            int64_t rows, int64_t vectors) {
  auto pointOf = [&](int64_t i, int64_t j) {
    return Point{product.at(add(m, i), add(n, j * lanes)), true,
                 int64_t(llvm::alignTo(product.n, lanes))};
  };
  SmallVector<Value> sums;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < vectors; ++j)
      sums.push_back(product.accumulator
                         ? emit(product.accumulator, pointOf(i, j))
                         : constantOf(builder.getF32FloatAttr(0), true));
  sums = emitFold(product.k, stepDepth, sums, [&](Value k, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (int64_t step = 0; step < stepDepth; step += 2)
      emitPairStep(product, m, n, add(k, step), rows, vectors, next);
    if (rows != product.m)
      emitPanelPrefetch(product, m, n, k, rows, stepDepth);
    return next;
  });
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < vectors; ++j)
      storeBuffer(*product.result, pointOf(i, j), sums[i * vectors + j]);
}

void Emitter::emitPairColumns(const Product &product, Value n,
                              int64_t vectors) {
  emitRowBlocks(product.m, [&](Value m, int64_t rows) {
    emitPairBlock(product, m, n, rows, vectors);
  });
}

// Columns outside, so that their panel stays in the cache for all rows.
void Emitter::emitPairProduct(const Product &product) {
  int64_t vectors = llvm::divideCeil(product.n, lanes);
  int64_t wide =
      product.m <= fewRows ? fewRows * 2 / product.m : machine.columns;
  wide = std::min(vectors, wide);
  int64_t whole = vectors / wide * wide;
  emitLoop(constant(0), constant(whole * lanes), wide * lanes,
           [&](Value n) { emitPairColumns(product, n, wide); });
  if (whole != vectors)
    emitPairColumns(product, constant(whole * lanes), vectors - whole);
}

//===----------------------------------------------------------------------===//
// Lanes along the depth
//===----------------------------------------------------------------------===//

// Both operands' rows hold pairs of neighbours as they lie in memory.
tile::LoadOp Emitter::findHalves(const Product &product) {
  auto strip = [&](Value value) {
    value = plan.resolve(value);
    auto widened = value.getDefiningOp<arith::ExtFOp>();
    return widened ? plan.resolve(widened.getIn()) : value;
  };
  Value a = strip(product.a), b = strip(product.b);
  auto load = b.getDefiningOp<tile::LoadOp>();
  if (machine.unit == MatrixUnit::none || !load || plan.find(b) ||
      plan.find(plan.resolve(product.b)) || product.k % (2 * lanes) != 0 ||
      !getElementTypeOrSelf(a.getType()).isBF16() ||
      !getElementTypeOrSelf(b.getType()).isBF16())
    return nullptr;
  int64_t last = cast<VectorType>(b.getType()).getRank() - 1;
  auto view = cast<MemRefType>(load.getView().getType());
  if (load.getBoundOf(last) || load.isIndexed(last) ||
      !emit::hasContiguousLanes(view, load.getTileDims()))
    return nullptr;
  return load;
}

// Sums of row m by some columns from n on, each along lanes.
SmallVector<Value> Emitter::emitHalfProducts(const Product &product,
                                             tile::LoadOp load, Value m,
                                             Value n, ValueRange sums) {
  auto pairs = VectorType::get(2 * lanes, builder.getBF16Type());
  auto call = [&](StringRef name, Type type, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(
               builder, loc, type,
               builder.getStringAttr("llvm.x86.avx512bf16." + name), operands)
        .getResult(0);
  };
  return emitFold(product.k, 2 * lanes, sums, [&](Value k, ValueRange carried) {
    auto emitRow = [&](int64_t offset) {
      return emit(product.a,
                  Point{product.at(m, add(k, offset)), true, product.k});
    };
    Value a = call("cvtne2ps2bf16.512", pairs, {emitRow(lanes), emitRow(0)});
    SmallVector<Value> next;
    for (auto [j, sum] : llvm::enumerate(carried)) {
      SmallVector<Value> at = product.at(add(n, j), k);
      Value b = emitPairLoad(load, at, int64_t(at.size()) - 1);
      b = LLVM::BitcastOp::create(builder, loc, pairs, b);
      next.push_back(call("dpbf16ps.512", sum.getType(), {sum, a, b}));
    }
    // Each row asks for its share of the next step's columns.
    int64_t share = llvm::divideCeil(int64_t(sums.size()), product.m);
    for (int64_t j = 0; j < share; ++j) {
      Value column = add(add(n, multiply(m, share)), j);
      emitNextRow(load, int64_t(product.batch.size()), product.at(column, k));
    }
    return next;
  });
}
