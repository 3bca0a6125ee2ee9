// Few rows as integers: dot products of bytes with quantised words.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// A block of a row is x = f (256 h + l) with bytes h and l and the factor f
// that its largest element asks for: 16 bits below that, where bf16 has 8 of
// each element. Words then need no widening. The processor multiplies unsigned
// bytes by signed ones: numbers are moved up by half of their range, which the
// sums begin without.
#include "compiler/targets/cpu/EmitterWords.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

/// The most rows whose sums of a panel stay in registers.
static constexpr int64_t fewRows = 4, panelColumns = 2 * lanes;
/// The largest |256 h + l|, and what moves a byte to where it has no sign.
static constexpr int64_t largest = 127 * 256, half = 128;

Value Emitter::getIntegerPointer(const Product &product, Value bytes) {
  Value start = getBufferPointer(*product.packed,
                                 {constant(0), constant(0), constant(0)});
  return pointerAt(start, builder.getI8Type(), bytes);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// The places of neighbours of depth in the bytes that a word becomes: first
/// those of lower nibbles, or all.
static SmallVector<int64_t> getByteOrder(int64_t bits) {
  SmallVector<int64_t> order(lanes);
  int64_t count = 32 / bits;
  for (int64_t i = 0; i < lanes; ++i) {
    int64_t shift = tile::getNumberShift(i % count, bits);
    int64_t place = shift % 8 == 0 ? shift / 8 : 4 + shift / 8;
    order[i / count * count + place] = i;
  }
  return order;
}

// `depth` elements of a block, whose last vector is padded by zeros.
void Emitter::emitIntegerBlock(const Product &product, const Words &words,
                               Value row, Value block, int64_t depth) {
  const emit::IntegerRows &space = words.space;
  Value first = multiply(block, space.block);
  auto number = [&](int64_t value) {
    return constantOf(builder.getI32IntegerAttr(value), true);
  };
  auto real = [&](double value) {
    return constantOf(builder.getF32FloatAttr(value), true);
  };
  auto fold = [&](Value init, function_ref<Value(Value, Value, Value)> body) {
    auto step = [&](Value k, int64_t count, Value carried) {
      Value x =
          emit(product.a, Point{product.at(row, add(first, k)), true,
                                int64_t(llvm::alignTo(product.k, lanes))});
      if (count < lanes) {
        Value isInside =
            arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                                  laneNumbers(32), number(count));
        x = arith::SelectOp::create(builder, loc, isInside, x, real(0));
      }
      return body(k, x, carried);
    };
    int64_t whole = depth / lanes * lanes;
    if (whole != 0)
      init = emitFold(whole, lanes, init, [&](Value k, ValueRange carried) {
        return SmallVector<Value>{step(k, lanes, carried[0])};
      })[0];
    return whole == depth ? init : step(constant(whole), depth - whole, init);
  };
  Value most = fold(real(0), [&](Value, Value x, Value carried) {
    return combine(tile::ReduceKind::Max, math::AbsFOp::create(builder, loc, x),
                   carried);
  });
  most = splat(combineLanes(tile::ReduceKind::Max, most));
  Value isZero = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ,
                                       most, real(0));
  Value inverse =
      arith::DivFOp::create(builder, loc, real(double(largest)), most);
  inverse = arith::SelectOp::create(builder, loc, isZero, real(0), inverse);
  Value byte = number(8);
  SmallVector<int64_t> order = getByteOrder(words.bits);
  Type bytes = vectorOf(builder.getI8Type());
  Value sum = fold(number(0), [&](Value k, Value x, Value carried) {
    x = math::RoundEvenOp::create(
        builder, loc, arith::MulFOp::create(builder, loc, x, inverse));
    Value value = arith::FPToSIOp::create(builder, loc,
                                          vectorOf(builder.getI32Type()), x);
    Value next = arith::AddIOp::create(builder, loc, carried, value);
    value = vector::ShuffleOp::create(builder, loc, value, value, order);
    Value high = arith::ShRSIOp::create(
        builder, loc, arith::AddIOp::create(builder, loc, value, number(half)),
        byte);
    Value place = add(multiply(row, space.stride), add(first, k));
    storeRaw(getIntegerPointer(product, place),
             arith::TruncIOp::create(builder, loc, bytes, high));
    storeRaw(getIntegerPointer(product, add(place, space.plane)),
             arith::TruncIOp::create(builder, loc, bytes, value));
    return next;
  });
  // Numbers of 4 bits stand in the upper half of a byte.
  double factor = 1.0 / double(largest) / (words.bits == 4 ? 16 : 1);
  Value place = multiply(add(multiply(row, space.blocks), block), 4);
  auto store = [&](int64_t offset, Value value) {
    storeRaw(
        getIntegerPointer(product, add(place, offset)),
        vector::ExtractOp::create(builder, loc, value, ArrayRef<int64_t>{0}));
  };
  store(space.factors, arith::MulFOp::create(builder, loc, most, real(factor)));
  sum = splat(combineLanes(tile::ReduceKind::Add, sum));
  store(space.biases, arith::MulIOp::create(builder, loc, sum, number(-half)));
}

void Emitter::emitIntegerRows(const Product &product, const Words &words) {
  int64_t whole = product.k / words.space.block,
          rest = product.k % words.space.block;
  emitLoop(constant(0), constant(product.m), 1, [&](Value row) {
    emitLoop(constant(0), constant(whole), 1, [&](Value block) {
      emitIntegerBlock(product, words, row, block, words.space.block);
    });
    if (rest != 0)
      emitIntegerBlock(product, words, row, constant(whole), rest);
  });
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

// Bytes of 16 columns by four places of depth; of 4 bits, twice, times 16.
// `flipped` are bits of a word that change.
SmallVector<Value> Emitter::unfoldBytes(const Words &words, Value raw,
                                        int64_t flipped) {
  auto number = [&](int64_t value) {
    return constantOf(builder.getI32IntegerAttr(int32_t(value)), true);
  };
  SmallVector<Value> bytes{raw};
  if (words.bits == 4) {
    Value upper = number(0xf0f0f0f0);
    Value moved = arith::ShLIOp::create(builder, loc, raw, number(4));
    bytes = {arith::AndIOp::create(builder, loc, moved, upper),
             arith::AndIOp::create(builder, loc, raw, upper)};
  }
  for (Value &part : bytes)
    if (flipped != 0)
      part = arith::XOrIOp::create(builder, loc, part, number(flipped));
  return bytes;
}

// result[m, n ..] += factor[m, block] scale[n .., group] (256 high + low)
void Emitter::addIntegerSum(const Product &product, const Words &words,
                            Value block, Value m, Value n, Value high,
                            Value low) {
  const emit::IntegerRows &space = words.space;
  Value sum = arith::ShLIOp::create(
      builder, loc, high, constantOf(builder.getI32IntegerAttr(8), true));
  sum = arith::AddIOp::create(builder, loc, sum, low);
  sum = arith::SIToFPOp::create(builder, loc, vectorOf(builder.getF32Type()),
                                sum);
  Value place = multiply(add(multiply(m, space.blocks), block), 4);
  Value factor = loadRaw(getIntegerPointer(product, add(place, space.factors)),
                         builder.getF32Type(), /*vector=*/false);
  sum = arith::MulFOp::create(builder, loc, sum, splat(factor));
  Value group = divide(multiply(block, space.block), words.group);
  scaleInto(product, words, group, m, n, sum);
}

// Sums of a block of some rows by a panel's columns.
void Emitter::emitByteProducts(const Product &product, const Words &words,
                               Value block, int64_t depth, Value m,
                               int64_t rows, Value n) {
  constexpr int64_t vectors = panelColumns / lanes, planes = 2;
  const emit::IntegerRows &space = words.space;
  int64_t chains = rows <= 2 ? 2 : 1,
          count = llvm::divideCeil(depth, words.count);
  Type sumType = vectorOf(builder.getI32Type());
  auto bytesType = VectorType::get(4 * lanes, builder.getI8Type());
  auto name = builder.getStringAttr("llvm.x86.avx512.vpdpbusd.512");
  auto asBytes = [&](Value value) {
    return Value(vector::BitCastOp::create(builder, loc, bytesType, value));
  };
  auto indexOf = [&](int64_t row, int64_t j, int64_t plane, int64_t chain) {
    return ((row * vectors + j) * planes + plane) * chains + chain;
  };
  Value zero = constantOf(builder.getI32IntegerAttr(0), true);
  SmallVector<Value> sums(rows * vectors * planes * chains, zero);
  for (int64_t row = 0; row < rows; ++row) {
    Value place = multiply(add(multiply(add(m, row), space.blocks), block), 4);
    Value bias =
        splat(loadRaw(getIntegerPointer(product, add(place, space.biases)),
                      builder.getI32Type(), /*vector=*/false));
    for (int64_t j = 0; j < vectors; ++j)
      sums[indexOf(row, j, 1, 0)] = bias;
  }
  auto multiplyWord = [&](Value word, int64_t turn,
                          SmallVectorImpl<Value> &next) {
    Value at = add(multiply(block, space.block / words.count), word);
    SmallVector<SmallVector<Value>> columns;
    for (int64_t j = 0; j < vectors; ++j) {
      Value column = add(n, j * lanes);
      columns.push_back(unfoldBytes(words, loadWords(words, column, at),
                                    /*flipped=*/0x80808080));
      prefetchWords(words, column, at);
    }
    int64_t parts = columns[0].size();
    for (int64_t part = 0; part < parts; ++part)
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t plane = 0; plane < planes; ++plane) {
          Value place = add(multiply(add(m, row), space.stride),
                            multiply(at, words.count));
          place = add(place, plane * space.plane + 4 * part);
          Value x = splat(loadRaw(getIntegerPointer(product, place),
                                  builder.getI32Type(), /*vector=*/false));
          for (int64_t j = 0; j < vectors; ++j) {
            Value &sum =
                next[indexOf(row, j, plane, (turn * parts + part) % chains)];
            sum = LLVM::CallIntrinsicOp::create(
                      builder, loc, sumType, name,
                      ValueRange{sum, asBytes(columns[j][part]), asBytes(x)})
                      .getResult(0);
          }
        }
  };
  int64_t unroll = count % 2 == 0 ? 2 : 1;
  sums = emitFold(count, unroll, sums, [&](Value word, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (int64_t i = 0; i < unroll; ++i)
      multiplyWord(add(word, i), i, next);
    return next;
  });
  auto total = [&](int64_t row, int64_t j, int64_t plane) {
    auto *begin = sums.begin() + indexOf(row, j, plane, 0);
    return combineAll(tile::ReduceKind::Add,
                      SmallVector<Value>(begin, begin + chains));
  };
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t j = 0; j < vectors; ++j)
      addIntegerSum(product, words, block, add(m, row), add(n, j * lanes),
                    total(row, j, 0), total(row, j, 1));
}

void Emitter::emitIntegerProduct(const Product &product, const Words &words) {
  const emit::IntegerRows &space = words.space;
  emitIntegerRows(product, words);
  startResult(product);
  tile::LoadOp load = words.words;
  auto view = cast<MemRefType>(load.getView().getType());
  bool usesTiles = machine.unit == MatrixUnit::tiles && product.m > fewRows &&
                   space.block % 64 == 0 &&
                   isa<tile::BlockedAttr>(view.getLayout());
  auto multiplyAll = [&](Value block, int64_t depth, Value n) {
    int64_t blocks = llvm::divideCeil(product.m, fewRows);
    int64_t rows = llvm::divideCeil(product.m, blocks);
    int64_t whole = product.m / rows * rows;
    emitLoop(constant(0), constant(whole), rows, [&](Value m) {
      emitByteProducts(product, words, block, depth, m, rows, n);
    });
    if (whole != product.m)
      emitByteProducts(product, words, block, depth, constant(whole),
                       product.m - whole, n);
  };
  int64_t whole = product.k / space.block, rest = product.k % space.block;
  emitLoop(constant(0), constant(product.n), panelColumns, [&](Value n) {
    if (usesTiles)
      emitIntegerTiles(product, words, whole, n);
    else
      emitLoop(constant(0), constant(whole), 1,
               [&](Value block) { multiplyAll(block, space.block, n); });
    if (rest != 0)
      multiplyAll(constant(whole), rest, n);
  });
}
