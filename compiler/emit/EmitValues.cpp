// Computes elements of tiles at a point, down to loads and buffers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/EmitterAddress.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

static bool isTile(Value value) { return isa<VectorType>(value.getType()); }

static bool isElementwise(Operation *op) {
  return op->getNumResults() == 1 && isTile(op->getResult(0)) &&
         OpTrait::hasElementwiseMappableTraits(op);
}

Emitter::Key Emitter::getKey(Value tile, const Point &point) {
  SmallVector<void *> at;
  for (Value index : point.at)
    at.push_back(index.getAsOpaquePointer());
  return {tile.getAsOpaquePointer(), point.vector, at};
}

void Emitter::remember(Value tile, const Point &point, Value value) {
  caches.back()[getKey(tile, point)] = value;
}

Value Emitter::emit(Value tile, const Point &point) {
  tile = plan.resolve(tile);
  Key key = getKey(tile, point);
  for (Cache &cache : llvm::reverse(caches))
    if (auto known = cache.find(key); known != cache.end())
      return known->second;
  Point essential = getEssentialPoint(tile, point);
  Value value;
  if (point.vector && !essential.vector)
    value = splat(emit(tile, essential));
  else if (getKey(tile, essential) != key)
    value = emit(tile, essential);
  else
    value = emitUncached(tile, point);
  remember(tile, point, value);
  return value;
}

// Dimensions along which a tile is constant do not take part: its elements are
// computed once for all of them, outside the loops that walk them.
Point Emitter::getEssentialPoint(Value tile, const Point &point) {
  const llvm::SmallBitVector &varying = getVaryingDims(tile);
  Point essential = point;
  for (auto [dim, index] : llvm::enumerate(essential.at))
    if (!varying[dim])
      index = constant(0);
  if (!point.at.empty() && !varying[point.at.size() - 1])
    essential.vector = false;
  return essential;
}

const llvm::SmallBitVector &Emitter::getVaryingDims(Value tile) {
  tile = plan.resolve(tile);
  auto known = varyingDims.find(tile);
  if (known != varyingDims.end())
    return known->second;
  return varyingDims[tile] = findVaryingDims(tile);
}

llvm::SmallBitVector Emitter::findVaryingDims(Value tile) {
  auto type = cast<VectorType>(tile.getType());
  llvm::SmallBitVector varying(type.getRank(), true);
  Operation *op = tile.getDefiningOp();
  bool stands = plan.find(tile) && tile != computing;
  if (stands || !op)
    return varying;
  auto constant = dyn_cast<arith::ConstantOp>(op);
  if (constant && cast<DenseElementsAttr>(constant.getValue()).isSplat())
    varying.reset();
  if (isElementwise(op)) {
    varying.reset();
    for (Value operand : op->getOperands())
      if (isTile(operand))
        varying |= getVaryingDims(operand);
  }
  if (auto broadcast = dyn_cast<tile::BroadcastOp>(op)) {
    varying.reset();
    for (auto [i, dim] : llvm::enumerate(broadcast.getDims()))
      varying[dim] = getVaryingDims(broadcast.getValue())[i];
  }
  if (isa<tile::SliceOp>(op))
    varying = getVaryingDims(op->getOperand(0));
  return varying;
}

Value Emitter::emitUncached(Value tile, const Point &point) {
  Type element = cast<VectorType>(tile.getType()).getElementType();
  const Buffer *buffer = plan.find(tile);
  if (buffer && tile != computing)
    return emitBuffer(*buffer, element, point);
  Operation *op = tile.getDefiningOp();
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return emitLoad(load, point);
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return emitConstant(constant, point);
  if (auto iota = dyn_cast<tile::IotaOp>(op))
    return emitIota(iota, point);
  if (isElementwise(op))
    return emitElementwise(op, point);
  // What is left says where the element comes from.
  Value operand = op->getOperand(0);
  if (!isTile(operand)) {
    Value scalar = scalars.lookup(operand);
    return point.vector ? splat(scalar) : scalar;
  }
  Point inner = getOperandPoint(op, point);
  Value value = emit(operand, inner);
  return point.vector && !inner.vector ? splat(value) : value;
}

// Products and sums may fuse: one rounding less. Which zero is the larger is
// not asked: half the instructions.
static void relax(Operation *op) {
  auto math = dyn_cast<arith::ArithFastMathInterface>(op);
  // Conversions may have flags and none given.
  if (!math || !math.getFastMathFlagsAttr())
    return;
  arith::FastMathFlags flags = math.getFastMathFlagsAttr().getValue();
  flags = flags | arith::FastMathFlags::contract;
  if (isa<arith::MaximumFOp, arith::MinimumFOp>(op))
    flags = flags | arith::FastMathFlags::nsz;
  op->setAttr(math.getFastMathAttrName(),
              arith::FastMathFlagsAttr::get(op->getContext(), flags));
}

// Narrow floats are computed as f32, so widening them is nothing and narrowing
// a rounding that stays in f32.
Value Emitter::emitElementwise(Operation *op, const Point &point) {
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  Type compute = getComputeType(element);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(isTile(operand) ? emit(operand, point)
                                       : scalars.lookup(operand));
  Type type = point.vector ? vectorOf(compute) : compute;
  if (isa<arith::ExtFOp, arith::TruncFOp>(op) && operands[0].getType() == type)
    return roundTo(operands[0], element);
  if (isa<arith::BitcastOp>(op)) {
    // Of narrow floats the bits are those in memory.
    Type from = getElementTypeOrSelf(op->getOperand(0).getType());
    if (getRawType(from).isInteger(16) || getRawType(element).isInteger(16))
      return widen(narrow(operands[0], from), element);
  }
  Operation *clone = op->clone();
  clone->setOperands(operands);
  clone->getResult(0).setType(type);
  builder.insert(clone);
  relax(clone);
  return roundTo(clone->getResult(0), element);
}

Value Emitter::emitConstant(arith::ConstantOp op, const Point &point) {
  auto elements = cast<DenseElementsAttr>(op.getValue());
  Type element = elements.getElementType();
  Type compute = getComputeType(element);
  auto convert = [&](Attribute attribute) -> TypedAttr {
    auto number = dyn_cast<FloatAttr>(attribute);
    return number ? FloatAttr::get(compute, number.getValueAsDouble())
                  : cast<TypedAttr>(attribute);
  };
  if (elements.isSplat())
    return constantOf(convert(elements.getSplatValue<Attribute>()),
                      point.vector);
  return emitTable(op, point);
}

Value Emitter::emitIota(tile::IotaOp op, const Point &point) {
  Value first = toInteger(add(scalars.lookup(op.getBase()), point.at[0]), 32);
  if (!point.vector)
    return first;
  return arith::AddIOp::create(builder, loc, splat(first), laneNumbers(32));
}

Value Emitter::emitBuffer(const Buffer &buffer, Type element,
                          const Point &point) {
  Value pointer = getBufferPointer(buffer, point.at);
  Value raw = loadRaw(pointer, buffer.element, point.vector, nullptr, nullptr);
  return element.isInteger(1) ? widen(raw, element) : raw;
}

//===----------------------------------------------------------------------===//
// Where elements come from
//===----------------------------------------------------------------------===//

Point Emitter::getOperandPoint(Operation *op, const Point &point) {
  if (auto reshape = dyn_cast<tile::ReshapeOp>(op))
    return getReshapedPoint(reshape, point);
  Point inner = point;
  int64_t rank = point.at.size();
  if (auto broadcast = dyn_cast<tile::BroadcastOp>(op)) {
    ArrayRef<int64_t> dims = broadcast.getDims();
    inner.at.clear();
    for (int64_t dim : dims)
      inner.at.push_back(point.at[dim]);
    inner.vector = point.vector && !dims.empty() && dims.back() == rank - 1;
  }
  if (auto slice = dyn_cast<tile::SliceOp>(op)) {
    for (auto [index, offset] : llvm::zip_equal(inner.at, slice.getOffsets()))
      if (index)
        index = add(index, offset);
    if (rank != 0)
      inner.reach += slice.getOffsets().back();
  }
  if (auto transpose = dyn_cast<tile::TransposeOp>(op))
    for (auto [i, dim] : llvm::enumerate(transpose.getPermutation()))
      inner.at[dim] = point.at[i];
  return inner;
}

// Moves i and j behind the next runs of dimensions with equal products.
static void advanceGroup(ArrayRef<int64_t> from, ArrayRef<int64_t> to,
                         size_t &i, size_t &j) {
  int64_t fromSize = i < from.size() ? from[i++] : 1;
  int64_t toSize = j < to.size() ? to[j++] : 1;
  while (fromSize != toSize)
    if (fromSize < toSize)
      fromSize *= from[i++];
    else
      toSize *= to[j++];
  // Only ones are left when one side has ended.
  if (i == from.size())
    j = to.size();
  if (j == to.size())
    i = from.size();
}

// Runs of dimensions with equal products are merged and split again; all others
// keep their index, and no division is emitted for them.
Point Emitter::getReshapedPoint(tile::ReshapeOp op, const Point &point) {
  ArrayRef<int64_t> from = cast<VectorType>(op.getValue().getType()).getShape();
  ArrayRef<int64_t> to = cast<VectorType>(op.getResult().getType()).getShape();
  Point inner = point;
  inner.at.assign(from.size(), Value());
  size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    size_t firstFrom = i, firstTo = j;
    advanceGroup(from, to, i, j);
    Value linear = constant(0);
    for (size_t d = firstTo; d < j && linear; ++d)
      linear =
          point.at[d] ? add(multiply(linear, to[d]), point.at[d]) : Value();
    for (size_t d = i; d-- > firstFrom && linear;) {
      inner.at[d] = d == firstFrom ? linear : remainder(linear, from[d]);
      linear = d == firstFrom ? linear : divide(linear, from[d]);
    }
  }
  if (from.empty())
    inner.vector = false;
  else if (point.vector && from.back() != to.back())
    inner.reach = from.back() + (point.reach <= to.back() ? 0 : lanes);
  return inner;
}

//===----------------------------------------------------------------------===//
// Elements that inner loops share
//===----------------------------------------------------------------------===//

void Emitter::hoist(Value tile, const Point &point) {
  tile = plan.resolve(tile);
  if (!isTile(tile))
    return;
  Point essential = getEssentialPoint(tile, point);
  if (essential.isKnown()) {
    emit(tile, essential);
    return;
  }
  Operation *op = tile.getDefiningOp();
  if ((plan.find(tile) && tile != computing) || !op)
    return;
  if (isElementwise(op)) {
    for (Value operand : op->getOperands())
      hoist(operand, point);
    return;
  }
  if (isa<tile::BroadcastOp, tile::SliceOp, tile::ReshapeOp, tile::TransposeOp>(
          op) &&
      isTile(op->getOperand(0)))
    hoist(op->getOperand(0), getOperandPoint(op, point));
}
