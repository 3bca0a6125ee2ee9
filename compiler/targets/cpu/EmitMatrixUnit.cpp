// Products on AMX: tiles of 16 by 16 sums over bf16 panels, activations in two
// parts.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// The unit multiplies bf16. An f32 x is split into h = bf16(x) and
// l = bf16(x - h), which together hold its first 16 bits: x w = h w + l w to
// 2^-16, at half of the unit's speed and still several times that of fused
// multiply-adds. An infinite weight gives NaN where x is a bf16, since l is 0.
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
/// The most rows that dot products of pairs compute.
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

// One step of the depth: the columns' tiles stay while those of both parts of
// the rows pass by.
void Emitter::emitUnitStep(const Product &product, Value m, Value n, Value k,
                           int64_t tilesDown, int64_t tilesAcross,
                           SmallVectorImpl<Value> &sums) {
  tile::LoadOp panels = product.panels;
  auto view = cast<MemRefType>(panels.getView().getType());
  int64_t panel = cast<tile::BlockedAttr>(view.getLayout()).getRows();
  const Buffer &split = *product.split;
  int64_t rows = std::min(product.m, unitRows);
  SmallVector<Value> b;
  for (int64_t j = 0; j < tilesAcross; ++j)
    b.push_back(
        loadUnitTile(getPointer(panels, product.at(add(n, j * unitColumns), k)),
                     unitDepth / 2, panel * 4));
  for (int64_t part = 0; part < 2; ++part)
    for (int64_t i = 0; i < tilesDown; ++i) {
      Value pointer =
          getBufferPointer(split, product.at(add(m, i * unitRows), k));
      if (part == 1)
        pointer = pointerAt(pointer, split.element, constant(split.plane));
      Value a = loadUnitTile(pointer, rows, split.strides.front() * 2);
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
// Few rows
//===----------------------------------------------------------------------===//

// A tile of few rows waits for its loads longer than vectors do: dot products
// of pairs instead, each vector of columns read once for all rows.
void Emitter::emitPairColumns(const Product &product, Value n,
                              int64_t vectors) {
  tile::LoadOp panels = product.panels;
  Type pairs = VectorType::get(2 * lanes, builder.getBF16Type());
  Type floats = vectorOf(builder.getF32Type());
  auto name = builder.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512");
  auto pointOf = [&](int64_t i, int64_t j) {
    return Point{product.at(constant(i), add(n, j * lanes)), true,
                 int64_t(llvm::alignTo(product.n, lanes))};
  };
  SmallVector<Value> sums;
  for (int64_t i = 0; i < product.m; ++i)
    for (int64_t j = 0; j < vectors; ++j)
      sums.push_back(product.accumulator
                         ? emit(product.accumulator, pointOf(i, j))
                         : constantOf(builder.getF32FloatAttr(0), true));
  auto load = [&](Value pointer, bool vector) {
    Value raw = loadRaw(pointer, builder.getI32Type(), vector);
    return Value(LLVM::BitcastOp::create(builder, loc, pairs,
                                         vector ? raw : splat(raw)));
  };
  auto emitPair = [&](Value k, SmallVectorImpl<Value> &next) {
    SmallVector<Value> b;
    for (int64_t j = 0; j < vectors; ++j)
      b.push_back(
          load(getPointer(panels, product.at(add(n, j * lanes), k)), true));
    for (int64_t i = 0; i < product.m; ++i) {
      Value pointer =
          getBufferPointer(*product.split, product.at(constant(i), k));
      Value rest = pointerAt(pointer, product.split->element,
                             constant(product.split->plane));
      for (Value a : {load(pointer, false), load(rest, false)})
        for (int64_t j = 0; j < vectors; ++j) {
          Value &sum = next[i * vectors + j];
          sum = LLVM::CallIntrinsicOp::create(builder, loc, floats, name,
                                              ValueRange{sum, a, b[j]})
                    .getResult(0);
        }
    }
  };
  constexpr int64_t unroll = 8;
  sums = emitFold(product.k, unroll, sums, [&](Value k, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (int64_t step = 0; step < unroll; step += 2)
      emitPair(add(k, step), next);
    return next;
  });
  for (int64_t i = 0; i < product.m; ++i)
    for (int64_t j = 0; j < vectors; ++j)
      storeBuffer(*product.result, pointOf(i, j), sums[i * vectors + j]);
}

void Emitter::emitPairProduct(const Product &product) {
  int64_t vectors = llvm::divideCeil(product.n, lanes);
  int64_t wide = std::min(vectors, fewRows * 2 / product.m);
  int64_t whole = vectors / wide * wide;
  emitLoop(constant(0), constant(whole * lanes), wide * lanes,
           [&](Value n) { emitPairColumns(product, n, wide); });
  if (whole != vectors)
    emitPairColumns(product, constant(whole * lanes), vectors - whole);
}

//===----------------------------------------------------------------------===//
// Whole products
//===----------------------------------------------------------------------===//

// Columns outside, so that their panel stays in the cache for all rows.
void Emitter::emitUnitProduct(const Product &given) {
  if (given.m <= fewRows)
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

//===----------------------------------------------------------------------===//
// What the unit reads
//===----------------------------------------------------------------------===//

// What infinity leaves out is nothing: infinity less itself would be NaN.
void Emitter::storeSplit(const Buffer &buffer, Value pointer, Value value) {
  auto round = [&](Value number) {
    Type half = builder.getBF16Type(), bits = builder.getI16Type();
    if (auto vector = dyn_cast<VectorType>(number.getType())) {
      half = vector.clone(half);
      bits = vector.clone(bits);
    }
    Value rounded = arith::TruncFOp::create(builder, loc, half, number);
    return Value(arith::BitcastOp::create(builder, loc, bits, rounded));
  };
  Value first = round(value);
  Value rest = arith::SubFOp::create(builder, loc, value,
                                     widen(first, builder.getBF16Type()));
  Value isNumber = arith::CmpFOp::create(builder, loc,
                                         arith::CmpFPredicate::ORD, rest, rest);
  Value nothing =
      constantOf(builder.getF32FloatAttr(0), isa<VectorType>(value.getType()));
  rest = arith::SelectOp::create(builder, loc, isNumber, rest, nothing);
  storeRaw(pointer, first);
  storeRaw(pointerAt(pointer, buffer.element, constant(buffer.plane)),
           round(rest));
}
