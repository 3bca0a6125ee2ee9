// Verifies the tile ops that compute on values.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "dialects/tile/Tile.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit::tile;

#define GET_OP_CLASSES
#include "dialects/tile/TileOps.cpp.inc"

int64_t sennit::tile::getNumberShift(int64_t number, int64_t bits) {
  return number % 2 * 16 + number / 2 * bits;
}

static ArrayRef<int64_t> shapeOf(Value value) {
  auto type = dyn_cast<VectorType>(value.getType());
  return type ? type.getShape() : ArrayRef<int64_t>();
}

static LogicalResult verifySameElement(Operation *op, Value from, Value to) {
  Type fromType = getElementTypeOrSelf(from.getType());
  Type toType = getElementTypeOrSelf(to.getType());
  if (fromType != toType)
    return op->emitOpError() << "turns elements " << fromType << " into "
                             << toType << ", it only moves them";
  return success();
}

LogicalResult BroadcastOp::verify() {
  ArrayRef<int64_t> from = shapeOf(getValue());
  ArrayRef<int64_t> to = shapeOf(getResult());
  if (getDims().size() != from.size())
    return emitOpError() << "has " << getDims().size()
                         << " dims for an operand of rank " << from.size();
  int64_t last = -1;
  for (auto [i, dim] : llvm::enumerate(getDims())) {
    if (dim <= last)
      return emitOpError() << "dims do not rise at " << dim;
    if (dim >= static_cast<int64_t>(to.size()))
      return emitOpError() << "dim " << dim << " out of range for rank "
                           << to.size();
    if (from[i] != to[dim])
      return emitOpError() << "operand extent " << from[i]
                           << " differs from result extent " << to[dim]
                           << " along dim " << dim;
    last = dim;
  }
  return verifySameElement(*this, getValue(), getResult());
}

LogicalResult TransposeOp::verify() {
  ArrayRef<int64_t> from = shapeOf(getValue());
  ArrayRef<int64_t> to = shapeOf(getResult());
  if (!isPermutationVector(getPermutation()) ||
      getPermutation().size() != from.size())
    return emitOpError() << "`permutation` is not one of " << from.size()
                         << " dimensions";
  if (to.size() != from.size())
    return emitOpError() << "result has rank " << to.size()
                         << ", the operand rank " << from.size();
  for (auto [i, dim] : llvm::enumerate(getPermutation()))
    if (to[i] != from[dim])
      return emitOpError() << "result extent " << to[i] << " of dim " << i
                           << " differs from operand extent " << from[dim]
                           << " of dim " << dim;
  return verifySameElement(*this, getValue(), getResult());
}

LogicalResult ReshapeOp::verify() {
  auto from = cast<VectorType>(getValue().getType());
  auto to = cast<VectorType>(getResult().getType());
  if (from.getNumElements() != to.getNumElements())
    return emitOpError() << "operand has " << from.getNumElements()
                         << " elements, result " << to.getNumElements();
  return verifySameElement(*this, getValue(), getResult());
}

LogicalResult SliceOp::verify() {
  ArrayRef<int64_t> from = shapeOf(getValue());
  ArrayRef<int64_t> to = shapeOf(getResult());
  if (from.size() != to.size() || getOffsets().size() != from.size())
    return emitOpError() << "has operand rank " << from.size()
                         << ", result rank " << to.size() << " and "
                         << getOffsets().size()
                         << " offsets, they must be equal";
  for (auto [i, offset] : llvm::enumerate(getOffsets()))
    if (offset < 0 || offset + to[i] > from[i])
      return emitOpError() << "offset " << offset << " plus extent " << to[i]
                           << " exceeds operand extent " << from[i]
                           << " along dim " << i;
  return verifySameElement(*this, getValue(), getResult());
}

LogicalResult ConcatOp::verify() {
  ArrayRef<int64_t> first = shapeOf(getFirst());
  ArrayRef<int64_t> second = shapeOf(getSecond());
  ArrayRef<int64_t> to = shapeOf(getResult());
  int64_t dim = getDim();
  if (first.size() != to.size() || second.size() != to.size())
    return emitOpError() << "joins ranks " << first.size() << " and "
                         << second.size() << " into rank " << to.size();
  if (dim < 0 || dim >= static_cast<int64_t>(to.size()))
    return emitOpError() << "dim " << dim << " out of range for rank "
                         << to.size();
  for (int64_t i = 0, rank = to.size(); i < rank; ++i) {
    if (i == dim && first[i] + second[i] != to[i])
      return emitOpError() << "extents " << first[i] << " and " << second[i]
                           << " do not add to " << to[i] << " along dim " << i;
    if (i != dim && (first[i] != to[i] || second[i] != to[i]))
      return emitOpError() << "extents " << first[i] << ", " << second[i]
                           << " and " << to[i] << " differ along dim " << i;
  }
  if (failed(verifySameElement(*this, getFirst(), getResult())))
    return failure();
  return verifySameElement(*this, getSecond(), getResult());
}

LogicalResult MmaOp::verify() {
  ArrayRef<int64_t> a = shapeOf(getA());
  ArrayRef<int64_t> b = shapeOf(getB());
  ArrayRef<int64_t> c = shapeOf(getResult());
  if (a.size() < 2 || a.size() != b.size() || a.size() != c.size())
    return emitOpError() << "has ranks " << a.size() << ", " << b.size()
                         << " and " << c.size()
                         << ", they must be equal and at least 2";
  size_t batch = a.size() - 2;
  if (a.take_front(batch) != c.take_front(batch) ||
      b.take_front(batch) != c.take_front(batch))
    return emitOpError() << "batch extents of A, B and the result differ";
  MmaForm form = getForm();
  bool turnedA = form == MmaForm::TN || form == MmaForm::TT;
  bool turnedB = form == MmaForm::NT || form == MmaForm::TT;
  int64_t m = a[batch + turnedA], k = a[batch + !turnedA];
  int64_t kOfB = b[batch + turnedB], n = b[batch + !turnedB];
  if (k != kOfB)
    return emitOpError() << "contracts " << k << " of A with " << kOfB
                         << " of B";
  if (m != c[batch] || n != c[batch + 1])
    return emitOpError() << "makes " << m << "x" << n << ", but the result is "
                         << c[batch] << "x" << c[batch + 1];
  Type element = cast<VectorType>(getResult().getType()).getElementType();
  if (!element.isF32())
    return emitOpError() << "accumulates in f32, but the result has "
                         << element;
  if (getAcc() && getAcc().getType() != getResult().getType())
    return emitOpError() << "accumulator " << getAcc().getType()
                         << " differs from result " << getResult().getType();
  return success();
}

LogicalResult DequantizeOp::verify() {
  if (getBits() != 4 && getBits() != 8)
    return emitOpError() << "has numbers of " << getBits()
                         << " bits; 4 and 8 are known";
  int64_t count = 32 / getBits(), group = getGroup();
  if (group < 1 || group % 32 != 0)
    return emitOpError() << "has groups of " << group
                         << "; a positive multiple of 32 is expected";
  ArrayRef<int64_t> shape = shapeOf(getResult());
  auto check = [&](StringRef what, Value part, int64_t size) -> LogicalResult {
    int64_t rows = shapeOf(part)[0], held = shapeOf(part)[1];
    int64_t needed = llvm::divideCeil(shape[1], size);
    if (rows == shape[0] && held == needed)
      return success();
    return emitOpError() << "has " << what << " of " << rows << "x" << held
                         << ", the result takes " << shape[0] << "x" << needed;
  };
  if (failed(check("words", getWords(), count)))
    return failure();
  return check("scales", getScales(), group);
}

// The shape of `value` without dimension `dim`.
static SmallVector<int64_t> dropDim(ArrayRef<int64_t> shape, int64_t dim) {
  SmallVector<int64_t> rest(shape);
  rest.erase(rest.begin() + dim);
  return rest;
}

LogicalResult ReduceOp::verify() {
  ArrayRef<int64_t> from = shapeOf(getValue());
  int64_t dim = getDim();
  if (dim < 0 || dim >= static_cast<int64_t>(from.size()))
    return emitOpError() << "dim " << dim << " out of range for rank "
                         << from.size();
  if (shapeOf(getResult()) != ArrayRef<int64_t>(dropDim(from, dim)))
    return emitOpError() << "result " << getResult().getType()
                         << " is not the operand without dim " << dim;
  bool mergesBits = getKind() == ReduceKind::And || getKind() == ReduceKind::Or;
  Type element = getElementTypeOrSelf(getValue().getType());
  if (mergesBits && !isa<IntegerType>(element))
    return emitOpError() << "`" << stringifyReduceKind(getKind())
                         << "` merges integers, not " << element;
  return verifySameElement(*this, getValue(), getResult());
}

LogicalResult ScanOp::verify() {
  size_t needed = getKind() == ScanKind::Affine ? 2 : 1;
  if (getInputs().size() != needed)
    return emitOpError() << "`" << stringifyScanKind(getKind()) << "` takes "
                         << needed << " operands, it has "
                         << getInputs().size();
  for (Value input : getInputs())
    if (input.getType() != getScanned().getType())
      return emitOpError() << "operand " << input.getType()
                           << " differs from result " << getScanned().getType();
  ArrayRef<int64_t> shape = shapeOf(getScanned());
  int64_t dim = getDim();
  if (dim < 0 || dim >= static_cast<int64_t>(shape.size()))
    return emitOpError() << "dim " << dim << " out of range for rank "
                         << shape.size();
  if (shapeOf(getLast()) != ArrayRef<int64_t>(dropDim(shape, dim)))
    return emitOpError() << "last value " << getLast().getType()
                         << " is not the result without dim " << dim;
  if (getInit() && getInit().getType() != getLast().getType())
    return emitOpError() << "initial value " << getInit().getType()
                         << " differs from last value " << getLast().getType();
  return verifySameElement(*this, getScanned(), getLast());
}
