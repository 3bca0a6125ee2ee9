// Operands as units read them: bf16 in one or two parts, words of two depths.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/EmitterProduct.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

static constexpr int64_t unitColumns = 16, unitDepth = emit::matrixUnitDepth;

// Rows as the unit reads them.
void Emitter::emitParts(const Product &product) {
  if (!product.turnedA)
    return copyTo(*product.parts, product.a);
  int64_t reach = llvm::alignTo(product.m, lanes);
  emitTurned(
      product.k, product.m,
      [&](Value k, Value m) {
        return emit(product.a, Point{{k, m}, true, reach});
      },
      [&](Value m, Value k, Value value) {
        storeBuffer(*product.parts, Point{{m, k}, true, 0}, value);
      });
}

// The depth past the last element up to a whole step is multiplied too: rows
// hold zeros there, as what they are multiplied by does.
void Emitter::emitDepthEnd(const Product &product) {
  const Buffer &parts = *product.parts;
  int64_t end = llvm::alignTo(product.k, unitDepth);
  int64_t first = product.k / lanes * lanes;
  Type half = builder.getI16Type();
  for (int64_t part = 0; part < parts.parts && first != end; ++part)
    emitLoop(constant(0), constant(product.m), 1, [&](Value m) {
      for (int64_t k = first; k < end; k += lanes) {
        Value pointer = getBufferPointer(parts, product.at(m, constant(k)));
        pointer = pointerAt(pointer, half, constant(part * parts.plane));
        Value isPast;
        if (k < product.k)
          isPast = arith::CmpIOp::create(
              builder, loc, arith::CmpIPredicate::sge, laneNumbers(32),
              constantOf(builder.getI32IntegerAttr(product.k - k), true));
        storeRaw(pointer, constantOf(builder.getI16IntegerAttr(0), true),
                 isPast);
      }
    });
}

// Words of two numbers of bf16, neighbours in depth, as the unit takes them,
// with zeros up to a whole step of depth.
void Emitter::emitPacked(const Product &product, bool isTurned) {
  const Buffer &packed = *product.packed;
  auto store = [&](Value pair, Value n, Value words) {
    storeRaw(
        getBufferPointer(packed, {divide(n, unitColumns), pair, constant(0)}),
        words);
  };
  if (isTurned)
    emitPackedTurned(product, store);
  else
    emitPackedRows(product, store);
}

// Rows of [n, k] hold such words, and blocks of them are turned.
void Emitter::emitPackedTurned(const Product &product, StoreWords store) {
  Type f32 = builder.getF32Type();
  // `count` elements of row n from column k on, and zeros.
  auto loadHalf = [&](Value n, Value k, int64_t count) {
    if (count <= 0)
      return constantOf(builder.getI16IntegerAttr(0), true);
    Value value =
        emit(product.b, Point{product.at(n, k), true,
                              int64_t(llvm::alignTo(product.k, lanes))});
    if (count < lanes) {
      Value isInside = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::slt, laneNumbers(32),
          constantOf(builder.getI32IntegerAttr(count), true));
      value =
          arith::SelectOp::create(builder, loc, isInside, value,
                                  constantOf(builder.getF32FloatAttr(0), true));
    }
    return takeUpper(value);
  };
  auto loadStep = [&](Value n, Value k, int64_t count) {
    Value first = loadHalf(n, k, count),
          second = loadHalf(n, add(k, lanes), count - lanes);
    auto both = llvm::to_vector(llvm::seq<int64_t>(0, 2 * lanes));
    Value row = vector::ShuffleOp::create(builder, loc, first, second, both);
    return Value(vector::BitCastOp::create(builder, loc, vectorOf(f32), row));
  };
  int64_t whole = product.k / unitDepth * unitDepth;
  emitTurned(
      product.n, whole / 2,
      [&](Value n, Value pair) {
        return loadStep(n, multiply(pair, 2), unitDepth);
      },
      store);
  if (whole != product.k)
    emitTurned(
        product.n, unitDepth / 2,
        [&](Value n, Value) {
          return loadStep(n, constant(whole), product.k - whole);
        },
        [&](Value pair, Value n, Value words) {
          store(add(pair, whole / 2), n, words);
        });
}

// Two rows of [k, n] are joined word by word.
void Emitter::emitPackedRows(const Product &product, StoreWords store) {
  Value upper = constantOf(builder.getI32IntegerAttr(0xffff0000), true),
        half = constantOf(builder.getI32IntegerAttr(16), true),
        zero = constantOf(builder.getI32IntegerAttr(0), true);
  int64_t reach = llvm::alignTo(product.n, lanes);
  auto load = [&](Value k, Value n) {
    Value row = emit(product.b, Point{product.at(k, n), true, reach});
    return Value(arith::BitcastOp::create(builder, loc,
                                          vectorOf(builder.getI32Type()), row));
  };
  auto emitPairs = [&](int64_t from, int64_t to,
                       function_ref<Value(Value, Value)> get) {
    emitLoop(constant(from), constant(to), 1, [&](Value pair) {
      emitLoop(constant(0), constant(reach), lanes,
               [&](Value n) { store(pair, n, get(multiply(pair, 2), n)); });
    });
  };
  auto loadEven = [&](Value k, Value n) {
    return Value(arith::ShRUIOp::create(builder, loc, load(k, n), half));
  };
  int64_t whole = product.k / 2, pairs = llvm::divideCeil(product.k, 2);
  emitPairs(0, whole, [&](Value k, Value n) {
    Value even = loadEven(k, n);
    Value odd = arith::AndIOp::create(builder, loc, load(add(k, 1), n), upper);
    return Value(arith::OrIOp::create(builder, loc, even, odd));
  });
  emitPairs(whole, pairs, loadEven);
  emitPairs(pairs, llvm::alignTo(product.k, unitDepth) / 2,
            [&](Value, Value) { return zero; });
}

// An instruction, which counts numbers below the normal ones as zero.
Value Emitter::roundToBFloat(Value value) {
  if (machine.unit == MatrixUnit::none)
    return emit::Emitter::roundToBFloat(value);
  auto as = [&](Type element) -> Type {
    auto vector = dyn_cast<VectorType>(value.getType());
    return vector ? Type(vector.clone(element)) : element;
  };
  Value half =
      arith::TruncFOp::create(builder, loc, as(builder.getBF16Type()), value);
  Value bits =
      arith::BitcastOp::create(builder, loc, as(builder.getI16Type()), half);
  Type words = as(builder.getI32Type());
  bits = arith::ExtUIOp::create(builder, loc, words, bits);
  TypedAttr by = builder.getI32IntegerAttr(16);
  return arith::ShLIOp::create(builder, loc, bits,
                               constantOf(by, isa<VectorType>(words)));
}

// What infinity leaves out is nothing: infinity less itself would be NaN.
void Emitter::storeParts(const Buffer &buffer, Value pointer, Value value) {
  if (buffer.parts == 1)
    return storeRaw(pointer, takeUpper(value));
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
