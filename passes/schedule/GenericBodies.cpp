// Computes the body of a generic op on tiles.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/GenericTiles.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace sennit::schedule {

/// Indices have no tiles; positions fit 64 bits.
static Type getTileElement(Type scalar) {
  return scalar.isIndex() ? IntegerType::get(scalar.getContext(), 64) : scalar;
}

Value BodyEmitter::splat(TypedAttr value) {
  Type element = getTileElement(value.getType());
  if (value.getType().isIndex())
    value = program.builder.getIntegerAttr(element,
                                           cast<IntegerAttr>(value).getInt());
  auto type = VectorType::get(shape, element);
  return arith::ConstantOp::create(
      program.builder, program.loc,
      DenseElementsAttr::get(type, Attribute(value)));
}

Value BodyEmitter::lookup(Value scalar) {
  if (Value tile = mapping.lookupOrNull(scalar))
    return tile;
  Value tile;
  if (auto constant = scalar.getDefiningOp<arith::ConstantOp>()) {
    tile = splat(cast<TypedAttr>(constant.getValue()));
  } else {
    // What is no constant is an index of the host.
    Value index = arith::IndexCastOp::create(program.builder, program.loc,
                                             program.builder.getI64Type(),
                                             program.scalar(scalar));
    tile = program.broadcast(index, shape, {});
  }
  mapping.map(scalar, tile);
  return tile;
}

Value BodyEmitter::castIndex(Value tile, Type to, bool isSigned) {
  OpBuilder &b = program.builder;
  auto type = cast<VectorType>(tile.getType());
  Type element = getTileElement(to);
  unsigned from = type.getElementTypeBitWidth(),
           width = element.getIntOrFloatBitWidth();
  if (from == width)
    return tile;
  VectorType result = type.clone(element);
  if (from > width)
    return arith::TruncIOp::create(b, program.loc, result, tile);
  if (isSigned)
    return arith::ExtSIOp::create(b, program.loc, result, tile);
  return arith::ExtUIOp::create(b, program.loc, result, tile);
}

Value BodyEmitter::emitIndex(linalg::IndexOp index) {
  int64_t loop = index.getDim();
  Value steps = program.iota(program.value(loops.box.offsets[loop]),
                             loops.box.sizes[loop]);
  steps = program.broadcast(steps, shape, {loops.dimOf(loop)});
  return castIndex(steps, program.builder.getI64Type(), /*isSigned=*/true);
}

FailureOr<Value> BodyEmitter::emitExtract(Operation *op) {
  auto extract = cast<tensor::ExtractOp>(op);
  OpBuilder &b = program.builder;
  auto type = cast<RankedTensorType>(extract.getTensor().getType());
  auto places = VectorType::get(shape, b.getI32Type());
  Value linear = program.splatInt(places, 0);
  int64_t stride = 1;
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    Value position =
        castIndex(lookup(extract.getIndices()[dim]), b.getI32Type(), true);
    if (stride != 1)
      position = arith::MulIOp::create(b, program.loc, position,
                                       program.splatInt(places, stride));
    linear =
        dim == type.getRank() - 1 ? position : program.add(linear, position);
    stride *= type.isDynamicDim(dim) ? 1 : type.getDimSize(dim);
  }
  return gather(program, extract, extract.getTensor(), linear);
}

LogicalResult BodyEmitter::emitOp(Operation *inner) {
  OpBuilder &b = program.builder;
  if (auto constant = dyn_cast<arith::ConstantOp>(inner)) {
    map(constant, splat(cast<TypedAttr>(constant.getValue())));
    return success();
  }
  if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
    map(index, emitIndex(index));
    return success();
  }
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(inner)) {
    map(inner->getResult(0),
        castIndex(lookup(inner->getOperand(0)), inner->getResult(0).getType(),
                  isa<arith::IndexCastOp>(inner)));
    return success();
  }
  if (seq::readsMemory(inner)) {
    FailureOr<Value> tile = emitExtract(inner);
    if (succeeded(tile))
      map(inner->getResult(0), *tile);
    return tile;
  }
  if (!OpTrait::hasElementwiseMappableTraits(inner))
    return inner->emitOpError("does not apply to tiles element by element");
  for (Value operand : inner->getOperands())
    lookup(operand);
  Operation *clone = b.clone(*inner, mapping);
  for (Value result : clone->getResults())
    result.setType(VectorType::get(shape, getTileElement(result.getType())));
  return success();
}

LogicalResult BodyEmitter::readOperands(bool isInput) {
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (op.isDpsInput(&operand) != isInput || argument.use_empty() ||
        mapping.contains(argument))
      continue;
    FailureOr<Value> tile = readOperand(program, op, operand, loops);
    if (failed(tile))
      return failure();
    map(argument, *tile);
  }
  return success();
}

LogicalResult BodyEmitter::run() {
  if (failed(readInputs()) || failed(readOperands(/*isInput=*/false)))
    return failure();
  for (Operation &inner : op.getBody()->without_terminator())
    if (failed(emitOp(&inner)))
      return failure();
  return success();
}

} // namespace sennit::schedule
