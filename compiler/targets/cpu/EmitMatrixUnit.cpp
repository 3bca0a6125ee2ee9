// Products on AMX: tiles of 16 by 16 sums over bf16 panels.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// The unit multiplies bf16. Activations of bf16 are read as they are. An f32 x
// is split into h = bf16(x) and l = bf16(x - h), which together hold its first
// 16 bits: x w = h w + l w to 2^-16, at half of the unit's speed and still
// several times that of fused multiply-adds. An infinite weight gives NaN where
// such an x is a bf16, since l is 0. The pairs of EmitPairs.cpp take the same
// operands.
#include "compiler/targets/cpu/EmitterProduct.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

/// Rows and columns of a tile of sums, and elements of depth of one step. LLVM
/// gives each tile register one shape in a function, so tiles are whole: past
/// the last of many rows lies room that nobody reads.
static constexpr int64_t unitRows = emit::matrixUnitRows, unitColumns = 16,
                         unitDepth = emit::matrixUnitDepth;
/// Tiles of sums side by side: with those of one step they fill the registers.
static constexpr int64_t blockTiles = 2;
static constexpr int64_t tileBytes = 64;
/// The most rows that dot products of pairs compute faster: a tile of few rows
/// waits for its loads longer than vectors do.
static constexpr int64_t fewRows = 4;

Value Emitter::callUnit(StringRef intrinsic, ArrayRef<int64_t> sizes,
                        ValueRange operands, bool givesTile) {
  SmallVector<Value> arguments;
  for (int64_t size : sizes)
    arguments.push_back(constantOf(builder.getI16IntegerAttr(size), false));
  llvm::append_range(arguments, operands);
  auto name = builder.getStringAttr("llvm.x86." + intrinsic + ".internal");
  if (!givesTile) {
    LLVM::CallIntrinsicOp::create(builder, loc, name, arguments);
    return nullptr;
  }
  Type tile = LLVM::LLVMX86AMXType::get(builder.getContext());
  return LLVM::CallIntrinsicOp::create(builder, loc, tile, name, arguments)
      .getResult(0);
}

Value Emitter::loadUnitTile(Value pointer, int64_t rows, int64_t stride) {
  Value step = constantOf(builder.getI64IntegerAttr(stride), false);
  return callUnit("tileloadd64", {rows, tileBytes}, {pointer, step});
}

// Where a tile of columns lies, and how many bytes lie between its pairs of
// depth.
Value Emitter::getPanelPointer(const Product &product, Value n, Value k,
                               int64_t &stride) {
  if (const Buffer *packed = product.packed) {
    stride = tileBytes;
    return getBufferPointer(
        *packed, {divide(n, unitColumns), divide(k, 2), constant(0)});
  }
  tile::LoadOp panels = product.panels;
  auto view = cast<MemRefType>(panels.getView().getType());
  stride = 4 * cast<tile::BlockedAttr>(view.getLayout()).getRows();
  return getPointer(panels, product.at(n, k));
}

// One step of the depth: the columns' tiles stay while those of all parts of
// the rows pass by.
void Emitter::emitUnitStep(const Product &product, Value m, Value n, Value k,
                           int64_t tilesDown, int64_t tilesAcross,
                           SmallVectorImpl<Value> &sums) {
  const Buffer &parts = *product.parts;
  int64_t rows = std::min(product.m, unitRows), stride;
  SmallVector<Value> b;
  for (int64_t j = 0; j < tilesAcross; ++j) {
    Value pointer =
        getPanelPointer(product, add(n, j * unitColumns), k, stride);
    b.push_back(loadUnitTile(pointer, unitDepth / 2, stride));
  }
  for (int64_t part = 0; part < parts.parts; ++part)
    for (int64_t i = 0; i < tilesDown; ++i) {
      Value pointer =
          getBufferPointer(parts, product.at(add(m, i * unitRows), k));
      if (part == 1)
        pointer = pointerAt(pointer, parts.element, constant(parts.plane));
      Value a = loadUnitTile(pointer, rows, parts.strides.front() * 2);
      for (int64_t j = 0; j < tilesAcross; ++j) {
        Value &sum = sums[i * tilesAcross + j];
        sum =
            callUnit("tdpbf16ps", {rows, tileBytes, tileBytes}, {sum, a, b[j]});
      }
    }
}

// Sums of at most 32 rows by 32 columns over the whole depth.
void Emitter::emitUnitBlock(const Product &product, Value m, Value n,
                            int64_t tilesDown, int64_t tilesAcross) {
  const Buffer &result = *product.result;
  const Buffer *before = product.resumes       ? &result
                         : product.accumulator ? plan.find(product.accumulator)
                                               : nullptr;
  int64_t rows = std::min(product.m, unitRows);
  auto pointerOf = [&](const Buffer &buffer, int64_t i, int64_t j) {
    return getBufferPointer(
        buffer, product.at(add(m, i * unitRows), add(n, j * unitColumns)));
  };
  SmallVector<Value> sums;
  for (int64_t i = 0; i < tilesDown; ++i)
    for (int64_t j = 0; j < tilesAcross; ++j)
      sums.push_back(before ? loadUnitTile(pointerOf(*before, i, j), rows,
                                           before->strides.front() * 4)
                            : callUnit("tilezero", {rows, tileBytes}, {}));
  sums = emitFold(product.k, unitDepth, sums, [&](Value k, ValueRange carried) {
    SmallVector<Value> next(carried);
    emitUnitStep(product, m, n, k, tilesDown, tilesAcross, next);
    emitPanelPrefetch(product, m, n, k, blockTiles * unitRows, unitDepth);
    return next;
  });
  Value stride =
      constantOf(builder.getI64IntegerAttr(result.strides.front() * 4), false);
  for (int64_t i = 0; i < tilesDown; ++i)
    for (int64_t j = 0; j < tilesAcross; ++j)
      callUnit("tilestored64", {rows, tileBytes},
               {pointerOf(result, i, j), stride, sums[i * tilesAcross + j]},
               /*givesTile=*/false);
}

//===----------------------------------------------------------------------===//
// Whole products
//===----------------------------------------------------------------------===//

// Columns outside, so that their panel stays in the cache for all rows.
void Emitter::emitUnitProduct(const Product &given) {
  bool isFew = given.m <= fewRows && !given.packed;
  if (machine.unit == MatrixUnit::pairs || isFew)
    return emitPairProduct(given);
  Product product = given;
  constexpr int64_t blockRows = blockTiles * unitRows,
                    blockColumns = blockTiles * unitColumns;
  // Sums that stand nowhere are put where the result will stand.
  if (product.accumulator && !plan.find(product.accumulator)) {
    copyTo(*product.result, product.accumulator);
    product.resumes = true;
  }
  auto emitColumns = [&](Value n, int64_t tilesAcross) {
    int64_t whole = product.m / blockRows * blockRows;
    emitLoop(constant(0), constant(whole), blockRows, [&](Value m) {
      emitUnitBlock(product, m, n, blockTiles, tilesAcross);
    });
    if (whole != product.m)
      emitUnitBlock(product, constant(whole), n,
                    llvm::divideCeil(product.m - whole, unitRows), tilesAcross);
  };
  int64_t whole = product.n / blockColumns * blockColumns;
  emitLoop(constant(0), constant(whole), blockColumns,
           [&](Value n) { emitColumns(n, blockTiles); });
  if (whole != product.n)
    emitColumns(constant(whole),
                llvm::divideCeil(product.n - whole, unitColumns));
}
