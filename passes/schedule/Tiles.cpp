// The small vocabulary of tile programs: constants, broadcasts, conversions,
// loops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Program.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace sennit::schedule {

Value Program::index(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Value Program::value(OpFoldResult value) {
  if (auto attr = dyn_cast<Attribute>(value))
    return index(cast<IntegerAttr>(attr).getInt());
  return cast<Value>(value);
}

Value Program::add(Value a, Value b) {
  return arith::AddIOp::create(builder, loc, a, b);
}

Value Program::splat(VectorType type, double value) {
  auto attr = builder.getFloatAttr(type.getElementType(), value);
  return arith::ConstantOp::create(builder, loc,
                                   DenseElementsAttr::get(type, attr));
}

Value Program::splatInt(VectorType type, int64_t value) {
  auto attr = builder.getIntegerAttr(type.getElementType(), value);
  return arith::ConstantOp::create(builder, loc,
                                   DenseElementsAttr::get(type, attr));
}

Value Program::broadcast(Value a, ArrayRef<int64_t> shape,
                         ArrayRef<int64_t> dims) {
  if (auto index = dyn_cast<IndexType>(a.getType()))
    a = arith::IndexCastOp::create(builder, loc, builder.getI32Type(), a);
  auto type = VectorType::get(shape, getElementTypeOrSelf(a.getType()));
  if (a.getType() == type)
    return a;
  return tile::BroadcastOp::create(builder, loc, type, a, dims);
}

Value Program::toF32(Value tile) {
  auto type = cast<VectorType>(tile.getType());
  if (type.getElementType().isF32())
    return tile;
  auto wide = type.clone(builder.getF32Type());
  if (isa<FloatType>(type.getElementType()))
    return arith::ExtFOp::create(builder, loc, wide, tile);
  return arith::SIToFPOp::create(builder, loc, wide, tile);
}

Value Program::reshape(Value tile, ArrayRef<int64_t> shape) {
  auto type = cast<VectorType>(tile.getType());
  if (type.getShape() == shape)
    return tile;
  return tile::ReshapeOp::create(
      builder, loc, VectorType::get(shape, type.getElementType()), tile);
}

Value Program::trim(Value tile, ArrayRef<int64_t> shape) {
  auto type = cast<VectorType>(tile.getType());
  if (type.getShape() == shape)
    return tile;
  return tile::SliceOp::create(builder, loc,
                               VectorType::get(shape, type.getElementType()),
                               tile, SmallVector<int64_t>(shape.size(), 0));
}

Value Program::iota(Value base, int64_t size) {
  return tile::IotaOp::create(
      builder, loc, VectorType::get({size}, builder.getI32Type()), base);
}

/// The ops inside `body` that compute the operands of `load`, in order, or
/// nothing when one of them may not run in a fetch.
static std::optional<SetVector<Operation *>> getAddressOps(Operation *load,
                                                           Block &body) {
  SetVector<Operation *> ops;
  SmallVector<Operation *> worklist{load};
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val();
    if (!ops.insert(op))
      continue;
    for (Value operand : op->getOperands()) {
      if (operand.getParentBlock() != &body)
        continue;
      if (auto argument = dyn_cast<BlockArgument>(operand)) {
        if (argument.getArgNumber() != 0)
          return std::nullopt;
        continue;
      }
      Operation *source = operand.getDefiningOp();
      bool isAddress =
          isa<tile::LoadOp, tile::IotaOp, tile::BroadcastOp, memref::LoadOp>(
              source) ||
          (isa<arith::ArithDialect>(source->getDialect()) &&
           getElementTypeOrSelf(source->getResult(0).getType()).isIntOrIndex());
      if (!isAddress)
        return std::nullopt;
      worklist.push_back(source);
    }
  }
  return ops;
}

/// Moves the loads of `do` that depend on the position alone into `fetch`.
static void fetchLoads(tile::StreamOp stream) {
  Block &fetch = stream.getFetch().front(),
        &compute = stream.getCompute().front();
  Operation *yield = fetch.getTerminator();
  IRMapping mapping;
  mapping.map(stream.getComputeInductionVar(), stream.getFetchInductionVar());
  OpBuilder builder(yield);
  SmallVector<Value> fetched(yield->getOperands());
  for (auto load : llvm::make_early_inc_range(compute.getOps<tile::LoadOp>())) {
    // What the body stored before stays the body's to read.
    auto ops = getAddressOps(load, compute);
    if (!ops)
      continue;
    for (Operation &op : compute)
      if (ops->contains(&op) && !mapping.contains(&op) &&
          (op.getNumResults() == 0 || !mapping.contains(op.getResult(0))))
        builder.clone(op, mapping);
    fetched.push_back(mapping.lookup(load.getResult()));
    unsigned position = fetched.size();
    Value argument =
        compute.insertArgument(position, load.getType(), load.getLoc());
    load.getResult().replaceAllUsesWith(argument);
    load.erase();
  }
  yield->setOperands(fetched);
}

FailureOr<ValueRange> buildStream(
    Program &program, StringRef label, Value lower, Value upper, int64_t step,
    ValueRange inits,
    function_ref<FailureOr<SmallVector<Value>>(Value, ValueRange)> compute) {
  auto stream = tile::StreamOp::create(program.builder, program.loc, label,
                                       lower, upper, step, inits);
  {
    OpBuilder::InsertionGuard guard(program.builder);
    Block &body = stream.getCompute().front();
    program.builder.setInsertionPointToEnd(&body);
    auto next =
        compute(stream.getComputeInductionVar(), stream.getCarriedArguments());
    if (failed(next))
      return failure();
    tile::YieldOp::create(program.builder, program.loc, *next);
    program.builder.setInsertionPointToEnd(&stream.getFetch().front());
    tile::YieldOp::create(program.builder, program.loc);
  }
  program.forgetInside(stream);
  fetchLoads(stream);
  return ValueRange(stream.getResults());
}

} // namespace sennit::schedule
