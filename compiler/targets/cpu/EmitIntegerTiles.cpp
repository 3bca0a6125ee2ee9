// Up to a tile of rows as integers by quantised words, on the matrix unit.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/EmitterWords.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

/// Columns and bytes of a row of a tile, its rows, and the tiles of a panel.
static constexpr int64_t unitColumns = 16, tileBytes = 64, tileRows = 16,
                         tilesAcross = 2, planes = 2,
                         panelBytes = tilesAcross * tileBytes;

// Words of 8 bits are four rows of depth by 16 columns as the unit reads them;
// those of 4 bits are unfolded in scratch.
void Emitter::multiplyTiles(const Product &product, const Words &words,
                            Value block, Value n) {
  const emit::IntegerRows &space = words.space;
  int64_t rows = product.m;
  int64_t perStep = tileBytes / words.count;
  auto getTile = [&](int64_t step, int64_t column, int64_t &stride) -> Value {
    Value at = add(n, column * unitColumns);
    Value word =
        add(multiply(block, space.block / words.count), step * perStep);
    if (words.bits == 8) {
      for (int64_t i = 0; i < perStep; ++i)
        prefetchWords(words, at, add(word, i));
      stride = panelBytes;
      return getPointer(words.words, {at, word});
    }
    Value pointer = getIntegerPointer(
        product, constant(space.words + (step % 2 * tilesAcross + column) *
                                            tileRows * tileBytes));
    for (int64_t i = 0; i < perStep; ++i) {
      prefetchWords(words, at, add(word, i));
      auto bytes = unfoldBytes(words, loadWords(words, at, add(word, i)), 0);
      for (auto [part, value] : llvm::enumerate(bytes))
        storeRaw(pointerAt(pointer, builder.getI8Type(),
                           constant((2 * i + part) * tileBytes)),
                 value);
    }
    stride = tileBytes;
    return pointer;
  };
  SmallVector<Value> sums;
  for (int64_t i = 0; i < planes * tilesAcross; ++i)
    sums.push_back(callUnit("tilezero", {rows, tileBytes}, {}));
  for (int64_t step = 0; step < space.block / tileBytes; ++step) {
    SmallVector<Value> b;
    for (int64_t column = 0; column < tilesAcross; ++column) {
      int64_t stride;
      Value pointer = getTile(step, column, stride);
      b.push_back(loadUnitTile(pointer, tileRows, stride));
    }
    for (int64_t plane = 0; plane < planes; ++plane) {
      Value place = add(multiply(block, space.block),
                        plane * space.plane + step * tileBytes);
      Value a =
          loadUnitTile(getIntegerPointer(product, place), rows, space.stride);
      for (int64_t column = 0; column < tilesAcross; ++column) {
        Value &sum = sums[plane * tilesAcross + column];
        sum = callUnit("tdpbssd", {rows, tileBytes, tileBytes},
                       {sum, a, b[column]});
      }
    }
  }
  Value stride = constantOf(builder.getI64IntegerAttr(panelBytes), false);
  for (int64_t plane = 0; plane < planes; ++plane)
    for (int64_t column = 0; column < tilesAcross; ++column)
      callUnit("tilestored64", {rows, tileBytes},
               {getTileSum(product, words, block, plane, 0, column), stride,
                sums[plane * tilesAcross + column]},
               /*givesTile=*/false);
}

// Two blocks take turns.
Value Emitter::getTileSum(const Product &product, const Words &words,
                          Value block, int64_t plane, int64_t row,
                          int64_t column) {
  int64_t place = (plane * tileRows + row) * panelBytes + column * tileBytes;
  Value turn = multiply(remainder(block, 2), planes * tileRows * panelBytes);
  return getIntegerPointer(product, add(turn, words.space.sums + place));
}

void Emitter::addTileSums(const Product &product, const Words &words,
                          Value block, Value n) {
  auto load = [&](int64_t plane, int64_t row, int64_t column) {
    return loadRaw(getTileSum(product, words, block, plane, row, column),
                   builder.getI32Type(), /*vector=*/true);
  };
  for (int64_t row = 0; row < product.m; ++row)
    for (int64_t column = 0; column < tilesAcross; ++column)
      addIntegerSum(product, words, block, constant(row),
                    add(n, column * unitColumns), load(0, row, column),
                    load(1, row, column));
}

// What the unit has stored is read a block later, when it stands in the cache.
void Emitter::emitIntegerTiles(const Product &product, const Words &words,
                               int64_t blocks, Value n) {
  if (blocks == 0)
    return;
  multiplyTiles(product, words, constant(0), n);
  emitLoop(constant(1), constant(blocks), 1, [&](Value block) {
    multiplyTiles(product, words, block, n);
    addTileSums(product, words, add(block, -1), n);
  });
  addTileSums(product, words, constant(blocks - 1), n);
}
