// Ops of arith, math and affine outside of elementwise loops: on scalars, or on
// tensors element by element.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Assembler.h"
#include "compiler/reference/Indices.h"
#include "compiler/reference/Lanes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::reference {

static llvm::Expected<Action> compileConstant(Assembler &assembler,
                                              arith::ConstantOp op) {
  unsigned result = assembler.slot(op);
  Value value;
  if (auto elements = dyn_cast<DenseElementsAttr>(op.getValue()))
    value = Tensor::of(elements);
  else if (isa<FloatAttr, IntegerAttr>(op.getValue()))
    value = cellOf(op.getValue());
  else
    return refuse(*op, "is neither a number nor dense");
  return [=](Frame &frame) {
    frame.slots[result] = value;
    return llvm::Error::success();
  };
}

static Action compileAffine(Assembler &assembler, AffineMap map, ValueRange in,
                            mlir::Value out) {
  // Symbols follow the dimensions among the operands, as IndexMap has them.
  return [map = IndexMap(map), in = assembler.slots(in),
          result = assembler.slot(out)](Frame &frame) {
    Tensor::Shape point;
    for (unsigned slot : in)
      point.push_back(frame.slots[slot].scalar.integer);
    frame.slots[result] = Cell::of(map.evaluate(0, point));
    return llvm::Error::success();
  };
}

/// `function` of tensors of one shape.
static Action compileElementwise(Assembler &assembler, Operation &op,
                                 LaneFunction function) {
  return [=, in = assembler.slots(op.getOperands()),
          result = assembler.slot(op.getResult(0)),
          &op](Frame &frame) -> llvm::Error {
    Tensor::Shape shape;
    for (unsigned slot : in)
      if (frame.slots[slot].tensor.cells)
        shape = frame.slots[slot].tensor.shape;
    Tensor out(shape, Cell::of(int64_t(0)));
    std::vector<Tensor> spread;
    SmallVector<const Cell *> cells;
    for (unsigned slot : in) {
      const Value &value = frame.slots[slot];
      // The condition of a select may be one for all.
      spread.push_back(value.tensor.cells ? value.tensor
                                          : Tensor(shape, value.scalar));
      if (spread.back().shape != shape)
        return refuse(op, "has operands of " + Twine(out.size()) + " and " +
                              Twine(spread.back().size()) + " elements");
      cells.push_back(spread.back().data());
    }
    function(cells, out.own(), out.size());
    frame.slots[result] = std::move(out);
    return llvm::Error::success();
  };
}

llvm::Expected<Action> compileScalarOp(Assembler &assembler, Operation &op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return compileConstant(assembler, constant);
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    return compileAffine(assembler, apply.getAffineMap(), apply.getOperands(),
                         apply);
  LaneFunction function =
      op.getNumResults() == 1 ? findArithFunction(op) : LaneFunction();
  if (!function && op.getNumResults() == 1)
    function = findMathFunction(op);
  if (!function)
    return refuse(op, "is not an op that the reference knows");
  if (isa<RankedTensorType>(op.getResult(0).getType()))
    return compileElementwise(assembler, op, std::move(function));
  return [=, in = assembler.slots(op.getOperands()),
          result = assembler.slot(op.getResult(0))](Frame &frame) {
    SmallVector<const Cell *, 3> cells;
    for (unsigned slot : in)
      cells.push_back(&frame.slots[slot].scalar);
    Cell value;
    function(cells, &value, 1);
    frame.slots[result].scalar = value;
    return llvm::Error::success();
  };
}

} // namespace sennit::reference
