// Counts a grid's items and finds their indices.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Items.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

FailureOr<SmallVector<tile::GridOp>>
sennit::emit::getGrids(func::FuncOp kernel) {
  SmallVector<tile::GridOp> grids(kernel.getBody().getOps<tile::GridOp>());
  for (tile::GridOp grid : grids)
    if (!llvm::hasSingleElement(kernel.getBody()) ||
        !(isa<tile::GridOp>(grid->getNextNode()) ||
          grid->getNextNode() == kernel.getBody().front().getTerminator()))
      return grid.emitOpError() << "does not stand last in its kernel";
  if (kernel.getNumResults() != 0)
    return kernel.emitOpError() << "returns " << kernel.getNumResults()
                                << " values, but a kernel writes to views";
  for (Type type : kernel.getArgumentTypes())
    if (!isa<MemRefType>(type) && !type.isIndex())
      return kernel.emitOpError()
             << "takes " << type << ", but a kernel takes views and indices";
  return grids;
}

std::optional<int64_t> sennit::emit::countItems(ArrayRef<tile::GridOp> grids) {
  int64_t total = 0;
  for (tile::GridOp grid : grids) {
    int64_t count = 1;
    for (auto [lower, upper, step] :
         llvm::zip_equal(grid.getLower(), grid.getUpper(), grid.getSteps())) {
      auto from = getConstantIntValue(lower), to = getConstantIntValue(upper);
      if (!from || !to)
        return std::nullopt;
      count *= llvm::divideCeil(std::max<int64_t>(*to - *from, 0), step);
    }
    total += count;
  }
  return total;
}

Value Items::integer(int64_t value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getI64IntegerAttr(value));
}

Value Items::toInteger(Value index) {
  return arith::IndexCastOp::create(builder, loc, builder.getI64Type(), index);
}

SmallVector<Value> Items::emitExtents(tile::GridOp grid) {
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

Value Items::emitCounts() {
  Value total;
  for (tile::GridOp grid : grids) {
    extents.push_back(emitExtents(grid));
    Value count = integer(1);
    for (Value extent : extents.back())
      count = arith::MulIOp::create(builder, loc, count, extent);
    counts.push_back(count);
    total = total ? arith::AddIOp::create(builder, loc, total, count) : count;
  }
  return total;
}

void Items::emitItem(Value item, function_ref<void(size_t i)> emitBody) {
  emitItem(item, {}, [&](size_t i) {
    emitBody(i);
    return SmallVector<Value>();
  });
}

SmallVector<Value>
Items::emitItem(Value item, TypeRange types,
                function_ref<SmallVector<Value>(size_t i)> emitBody) {
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<scf::IfOp> branches;
  // What the innermost branch that is open gives.
  auto yield = [&](ValueRange values) {
    if (!types.empty())
      scf::YieldOp::create(builder, loc, values);
  };
  for (size_t i = 0; i + 1 < grids.size(); ++i) {
    Value isMine = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::ult, item, counts[i]);
    auto branch =
        scf::IfOp::create(builder, loc, types, isMine, /*withElse=*/true);
    builder.setInsertionPointToStart(branch.thenBlock());
    emitIndices(grids[i], item, extents[i]);
    yield(emitBody(i));
    builder.setInsertionPointToStart(branch.elseBlock());
    item = arith::SubIOp::create(builder, loc, item, counts[i]);
    branches.push_back(branch);
  }
  emitIndices(grids.back(), item, extents.back());
  SmallVector<Value> values = emitBody(grids.size() - 1);
  for (scf::IfOp branch : llvm::reverse(branches)) {
    yield(values);
    values.assign(branch.result_begin(), branch.result_end());
    builder.setInsertionPointAfter(branch);
  }
  return values;
}

void Items::emitIndices(tile::GridOp grid, Value item, ValueRange extents) {
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
