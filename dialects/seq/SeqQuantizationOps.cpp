// What quantised matrices mean, and what their verifiers check.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/SeqDecompose.h"
#include "dialects/seq/SeqVerify.h"
#include "dialects/tile/Tile.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit::seq;

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

template <typename OpTy> static LogicalResult verifyQuantized(OpTy op) {
  int64_t bits = op.getBits(), group = op.getGroup();
  if (bits != 4 && bits != 8)
    return op.emitOpError()
           << "has numbers of " << bits << " bits; 4 and 8 are known";
  if (group < 1 || group % 32 != 0)
    return op.emitOpError() << "has groups of " << group
                            << "; a positive multiple of 32 is expected";
  for (auto [name, value] :
       {std::pair<StringRef, Value>{"words", op.getWords()},
        {"scales", op.getScales()},
        {"matrix", op.getMatrix()}})
    if (failed(verifyStatic(op, name, value, 1)))
      return failure();
  ArrayRef<int64_t> matrix = op.getMatrix().getType().getShape();
  auto check = [&](StringRef what, Value part, int64_t size) -> LogicalResult {
    ArrayRef<int64_t> held = cast<RankedTensorType>(part.getType()).getShape();
    int64_t needed = llvm::divideCeil(matrix[1], size);
    if (held[0] == matrix[0] && held[1] == needed)
      return success();
    return op.emitOpError()
           << "has " << what << " of " << held[0] << "x" << held[1]
           << ", the matrix takes " << matrix[0] << "x" << needed;
  };
  if (failed(check("words", op.getWords(), op.getCount())))
    return failure();
  return check("scales", op.getScales(), group);
}

LogicalResult QuantizeOp::verify() { return verifyQuantized(*this); }
LogicalResult DequantizeOp::verify() { return verifyQuantized(*this); }

//===----------------------------------------------------------------------===//
// Meanings
//===----------------------------------------------------------------------===//

namespace {
/// Integers in the body of a formula.
class Integers {
public:
  explicit Integers(MeaningBuilder &b) : b(b) {}

  Value remainder(Value index, int64_t by) {
    return arith::RemUIOp::create(b, index, b.index(by));
  }
  Value quotient(Value index, int64_t by) {
    return arith::DivUIOp::create(b, index, b.index(by));
  }
  Value shiftLeft(Value word, Value by) {
    return arith::ShLIOp::create(b, word, by);
  }

private:
  MeaningBuilder &b;
};
} // namespace

/// As many rows as `operand` by the columns of `result`.
static MeaningBuilder::Extents getExtents(MeaningBuilder &b, Value operand,
                                          Value result) {
  int64_t columns = cast<RankedTensorType>(result.getType()).getDimSize(1);
  return {b.extent(operand, 0), b.getIndexAttr(columns)};
}

SmallVector<Value> DequantizeOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  Integers integers(b);
  auto type = getMatrix().getType();
  int64_t bits = getBits(), count = getCount();
  Value matrix = b.generic(
      "->nk", {},
      b.empty(getExtents(b, getWords(), getMatrix()), type.getElementType()),
      [&](ValueRange) -> Value {
        Value n = b.loopIndex(0), k = b.loopIndex(1);
        Value word = b.extract(getWords(), {n, integers.quotient(k, count)});
        Value number = integers.remainder(k, count);
        Value shift = b.toI32(arith::AddIOp::create(
            b,
            arith::MulIOp::create(b, integers.remainder(number, 2),
                                  b.index(16)),
            arith::MulIOp::create(b, integers.quotient(number, 2),
                                  b.index(bits))));
        // To the upper end and back: the sign comes along.
        word = integers.shiftLeft(
            word, arith::SubIOp::create(b, b.i32(32 - bits), shift));
        word = arith::ShRSIOp::create(b, word, b.i32(32 - bits));
        Value value = arith::SIToFPOp::create(b, b.getF32Type(), word);
        Value scale = b.toF32(
            b.extract(getScales(), {n, integers.quotient(k, getGroup())}));
        value = arith::MulFOp::create(b, value, scale);
        if (type.getElementType().isF32())
          return value;
        return arith::TruncFOp::create(b, type.getElementType(), value);
      });
  return b.asResults(matrix);
}

/// Element [n, k] of the matrix, or zero past its depth.
static Value extractPadded(MeaningBuilder &b, Value matrix, Value n, Value k) {
  Value depth = b.index(cast<RankedTensorType>(matrix.getType()).getDimSize(1));
  Value isInside =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, k, depth);
  Value at = arith::SelectOp::create(b, isInside, k, b.index(0));
  return arith::SelectOp::create(b, isInside,
                                 b.toF32(b.extract(matrix, {n, at})), b.f32(0));
}

SmallVector<Value> QuantizeOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  Integers integers(b);
  int64_t bits = getBits(), group = getGroup(), count = getCount();
  float largest = float((1 << (bits - 1)) - 1);
  // A table of a group's numbers gives the reduced loop its extent.
  Value table = b.empty({b.getIndexAttr(group)}, b.getF32Type());
  Value magnitudes = b.generic(
      "i->ng", table,
      b.filled(getExtents(b, getMatrix(), getScales()), b.f32(0)),
      [&](ValueRange a) -> Value {
        Value k = arith::AddIOp::create(
            b, arith::MulIOp::create(b, b.loopIndex(1), b.index(group)),
            b.loopIndex(2));
        Value element = extractPadded(b, getMatrix(), b.loopIndex(0), k);
        return arith::MaximumFOp::create(b, math::AbsFOp::create(b, element),
                                         a[1]);
      });
  Value scales = b.generic(
      "ng->ng", magnitudes,
      b.empty(getExtents(b, getMatrix(), getScales()), b.getF32Type()),
      [&](ValueRange a) -> Value {
        return arith::DivFOp::create(b, a[0], b.f32(largest));
      });
  Value words = b.generic(
      "->nw", {},
      b.empty(getExtents(b, getMatrix(), getWords()), b.getI32Type()),
      [&](ValueRange) -> Value {
        Value n = b.loopIndex(0), w = b.loopIndex(1), word = b.i32(0);
        for (int64_t i = 0; i < count; ++i) {
          Value k = arith::AddIOp::create(
              b, arith::MulIOp::create(b, w, b.index(count)), b.index(i));
          Value most = b.extract(magnitudes, {n, integers.quotient(k, group)});
          Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                               most, b.f32(0));
          most = arith::SelectOp::create(b, isZero, b.f32(1), most);
          Value number = arith::MulFOp::create(
              b, extractPadded(b, getMatrix(), n, k), b.f32(largest));
          number = math::RoundEvenOp::create(
              b, arith::DivFOp::create(b, number, most));
          Value bitsOf = arith::FPToSIOp::create(b, b.getI32Type(), number);
          bitsOf = arith::AndIOp::create(b, bitsOf, b.i32((1 << bits) - 1));
          word = arith::OrIOp::create(
              b, word,
              integers.shiftLeft(bitsOf,
                                 b.i32(sennit::tile::getNumberShift(i, bits))));
        }
        return word;
      });
  return b.asResults({words, scales});
}
