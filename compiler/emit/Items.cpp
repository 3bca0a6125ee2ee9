// Counts a grid's items and finds their indices.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Items.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

FailureOr<tile::GridOp> sennit::emit::getGrid(func::FuncOp kernel) {
  auto grids = kernel.getBody().getOps<tile::GridOp>();
  tile::GridOp grid = *grids.begin();
  for (tile::GridOp other : grids)
    if (other != grid)
      return other.emitOpError() << "is the second grid of its kernel";
  if (!llvm::hasSingleElement(kernel.getBody()) ||
      grid->getNextNode() != kernel.getBody().front().getTerminator())
    return grid.emitOpError() << "is not the last op of its kernel";
  if (kernel.getNumResults() != 0)
    return kernel.emitOpError() << "returns " << kernel.getNumResults()
                                << " values, but a kernel writes to views";
  for (Type type : kernel.getArgumentTypes())
    if (!isa<MemRefType>(type) && !type.isIndex())
      return kernel.emitOpError()
             << "takes " << type << ", but a kernel takes views and indices";
  return grid;
}

Value Items::integer(int64_t value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getI64IntegerAttr(value));
}

Value Items::toInteger(Value index) {
  return arith::IndexCastOp::create(builder, loc, builder.getI64Type(), index);
}

SmallVector<Value> Items::emitExtents() {
  SmallVector<Value> extents;
  for (auto [lower, upper, step] :
       llvm::zip_equal(grid.getLower(), grid.getUpper(), grid.getSteps())) {
    Value length =
        arith::SubIOp::create(builder, loc, toInteger(scalars.lookup(upper)),
                              toInteger(scalars.lookup(lower)));
    length = arith::MaxSIOp::create(builder, loc, length, integer(0));
    length = arith::AddIOp::create(builder, loc, length, integer(step - 1));
    extents.push_back(
        arith::DivUIOp::create(builder, loc, length, integer(step)));
  }
  return extents;
}

Value Items::emitCount(ValueRange extents) {
  Value count = integer(1);
  for (Value extent : extents)
    count = arith::MulIOp::create(builder, loc, count, extent);
  return count;
}

void Items::emitIndices(Value item, ValueRange extents) {
  for (int64_t i = extents.size() - 1; i >= 0; --i) {
    Value position = item;
    if (i != 0) {
      position = arith::RemUIOp::create(builder, loc, item, extents[i]);
      item = arith::DivUIOp::create(builder, loc, item, extents[i]);
    }
    position = arith::MulIOp::create(builder, loc, position,
                                     integer(grid.getSteps()[i]));
    position = arith::AddIOp::create(
        builder, loc, position, toInteger(scalars.lookup(grid.getLower()[i])));
    scalars.map(grid.getInductionVars()[i],
                arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                           position));
  }
}
