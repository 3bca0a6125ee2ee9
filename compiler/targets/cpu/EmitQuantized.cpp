// Products of quantised words: widened in registers, scaled by groups.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// A vector of words holds 16 columns. Without a matrix unit each number is
// shifted out of its word and multiplied in f32. With one, up to a tile of rows
// is made integers and multiplied by bytes; for more rows words are unfolded
// once. Sums of a group are scaled once, but for the last.
#include "compiler/targets/cpu/EmitterWords.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

/// Columns of a panel, whose words lie in a row of two lines.
static constexpr int64_t panelColumns = 2 * lanes;
/// The bytes that are asked for ahead of what is read.
static constexpr int64_t ahead = 8192;

//===----------------------------------------------------------------------===//
// Words and groups
//===----------------------------------------------------------------------===//

Value Emitter::loadWords(const Words &words, Value n, Value word) {
  return emitLoadAlong(words.words, {n, word}, /*laneDim=*/0, words.columns);
}

void Emitter::prefetchWords(const Words &words, Value n, Value word) {
  Value pointer = pointerAt(getPointer(words.words, {n, word}),
                            builder.getI8Type(), constant(ahead));
  LLVM::Prefetch::create(builder, loc, pointer, /*rw=*/0, /*hint=*/3,
                         /*cache=*/1);
}

// Whole groups in a loop, then what is left of the last one.
void Emitter::emitGroups(const Words &words, int64_t depth, EmitGroup body) {
  int64_t whole = depth / words.group;
  emitLoop(constant(0), constant(whole), 1,
           [&](Value group) { body(group, words.group); });
  if (depth % words.group != 0)
    body(constant(whole), depth % words.group);
}

// Sums so far, or zeros, where the result will stand.
void Emitter::startResult(const Product &product) {
  if (product.accumulator)
    return copyTo(*product.result, product.accumulator);
  Value zero = constantOf(builder.getF32FloatAttr(0), true);
  emitLoop(constant(0), constant(product.m), 1, [&](Value m) {
    emitLoop(constant(0), constant(product.n), lanes, [&](Value n) {
      storeBuffer(*product.result, Point{product.at(m, n), true, product.n},
                  zero);
    });
  });
}

// result[m, n ..] += scale[n .., group] sum
void Emitter::scaleInto(const Product &product, const Words &words, Value group,
                        Value m, Value n, Value sum) {
  Point point{product.at(m, n), true, product.n};
  Value scale =
      emitLoadAlong(words.scales, {n, group}, /*laneDim=*/0, words.columns);
  Value before = emitBuffer(*product.result, builder.getF32Type(), point);
  storeBuffer(*product.result, point,
              math::FmaOp::create(builder, loc, sum, scale, before));
}

//===----------------------------------------------------------------------===//
// In f32
//===----------------------------------------------------------------------===//

// Number i of 16 words: to the upper end and back, so that its sign comes
// along.
Value Emitter::takeNumber(const Words &words, Value raw, int64_t i) {
  auto number = [&](int64_t value) {
    return constantOf(builder.getI32IntegerAttr(value), true);
  };
  int64_t up = 32 - words.bits - tile::getNumberShift(i, words.bits);
  if (up != 0)
    raw = arith::ShLIOp::create(builder, loc, raw, number(up));
  raw = arith::ShRSIOp::create(builder, loc, raw, number(32 - words.bits));
  return arith::SIToFPOp::create(builder, loc, vectorOf(builder.getF32Type()),
                                 raw);
}

// Sums of some rows by a panel's columns.
void Emitter::emitWordRows(const Product &product, const Words &words, Value m,
                           int64_t rows, Value n) {
  constexpr int64_t vectors = panelColumns / lanes;
  // The first `count` numbers of a word.
  auto multiplyWord = [&](Value word, int64_t count,
                          SmallVectorImpl<Value> &sums) {
    SmallVector<Value> raw;
    for (int64_t j = 0; j < vectors; ++j)
      raw.push_back(loadWords(words, add(n, j * lanes), word));
    for (int64_t i = 0; i < count; ++i) {
      SmallVector<Value> columns;
      for (Value value : raw)
        columns.push_back(takeNumber(words, value, i));
      Value k = add(multiply(word, words.count), i);
      for (int64_t row = 0; row < rows; ++row) {
        Value a =
            splat(emit(product.a, Point{product.at(add(m, row), k), false, 0}));
        for (int64_t j = 0; j < vectors; ++j) {
          Value &sum = sums[row * vectors + j];
          sum = math::FmaOp::create(builder, loc, a, columns[j], sum);
        }
      }
    }
  };
  emitGroups(words, product.k, [&](Value group, int64_t depth) {
    Value first = multiply(group, words.group / words.count);
    SmallVector<Value> sums(rows * vectors,
                            constantOf(builder.getF32FloatAttr(0), true));
    int64_t whole = depth / words.count;
    if (whole != 0)
      sums = emitFold(whole, 1, sums, [&](Value word, ValueRange carried) {
        SmallVector<Value> next(carried);
        multiplyWord(add(first, word), words.count, next);
        return next;
      });
    if (depth % words.count != 0)
      multiplyWord(add(first, whole), depth % words.count, sums);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t j = 0; j < vectors; ++j)
        scaleInto(product, words, group, add(m, row), add(n, j * lanes),
                  sums[row * vectors + j]);
  });
}

void Emitter::emitWordProduct(const Product &product, const Words &words) {
  int64_t blocks = llvm::divideCeil(product.m, machine.rows);
  int64_t rows = llvm::divideCeil(product.m, blocks);
  int64_t whole = product.m / rows * rows;
  startResult(product);
  emitLoop(constant(0), constant(product.n), panelColumns, [&](Value n) {
    emitLoop(constant(0), constant(whole), rows,
             [&](Value m) { emitWordRows(product, words, m, rows, n); });
    if (whole != product.m)
      emitWordRows(product, words, constant(whole), product.m - whole, n);
  });
}

//===----------------------------------------------------------------------===//
// Whole products
//===----------------------------------------------------------------------===//

void Emitter::emitQuantized(const Product &product) {
  tile::DequantizeOp op = product.quantized;
  auto getLoad = [&](Value value) {
    return plan.resolve(value).getDefiningOp<tile::LoadOp>();
  };
  Words words{getLoad(op.getWords()),
              getLoad(op.getScales()),
              int64_t(op.getBits()),
              int64_t(32 / op.getBits()),
              int64_t(op.getGroup()),
              product.n,
              emit::IntegerRows(product.m, product.k, op.getGroup())};
  if (!product.packed)
    return emitWordProduct(product, words);
  if (product.m <= emit::matrixUnitRows)
    return emitIntegerProduct(product, words);
  emitDepthEnd(product);
  emitUnfolded(product, words);
  emitUnitProduct(product);
}
