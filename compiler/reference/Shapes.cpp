// Ops of tensor that make tensors or see the same elements in another shape.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Assembler.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace sennit::reference {

static std::string spell(ArrayRef<int64_t> shape) {
  std::string text = "[";
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(shape, os);
  return text + "]";
}

/// The operand's elements in the shape that `find` gives.
template <typename F>
static Action reshape(Assembler &assembler, OpOperand &source, F find) {
  Operation *op = source.getOwner();
  return
      [=, source = assembler.operand(source),
       result = assembler.slot(op->getResult(0))](Frame &frame) -> llvm::Error {
        Value value = source.take(frame);
        Tensor::Shape shape = find(frame, value.tensor);
        if (Tensor::count(shape) != value.tensor.size())
          return refuse(*op, "gives " + spell(value.tensor.shape) +
                                 " the shape " + spell(shape));
        value.tensor.shape = shape;
        frame.slots[result] = std::move(value);
        return llvm::Error::success();
      };
}

static Action compileExpand(Assembler &assembler, tensor::ExpandShapeOp op) {
  return reshape(
      assembler, op.getSrcMutable(),
      [extents = Extents(assembler, op.getMixedOutputShape())](
          const Frame &frame, const Tensor &) { return extents.get(frame); });
}

static Action compileCollapse(Assembler &assembler,
                              tensor::CollapseShapeOp op) {
  return reshape(assembler, op.getSrcMutable(),
                 [groups = op.getReassociationIndices()](const Frame &,
                                                         const Tensor &source) {
                   Tensor::Shape shape;
                   for (const ReassociationIndices &group : groups) {
                     shape.push_back(1);
                     for (int64_t dim : group)
                       shape.back() *= source.shape[dim];
                   }
                   return shape;
                 });
}

static Action compileReshape(Assembler &assembler, tensor::ReshapeOp op) {
  return reshape(assembler, op.getSourceMutable(),
                 [shape = assembler.slot(op.getShape())](const Frame &frame,
                                                         const Tensor &) {
                   Tensor::Shape extents;
                   const Tensor &given = frame.slots[shape].tensor;
                   for (int64_t i = 0; i != given.size(); ++i)
                     extents.push_back(given.data()[i].integer);
                   return extents;
                 });
}

static Action compileCast(Assembler &assembler, tensor::CastOp op) {
  auto type = cast<RankedTensorType>(op.getType());
  return [op, shape = Tensor::Shape(type.getShape()),
          source = assembler.operand(op.getSourceMutable()),
          result = assembler.slot(op)](Frame &frame) mutable -> llvm::Error {
    Value value = source.take(frame);
    if (failed(verifyCompatibleShape(shape, value.tensor.shape)))
      return refuse(*op, "gives " + spell(value.tensor.shape) + " the shape " +
                             spell(shape));
    frame.slots[result] = std::move(value);
    return llvm::Error::success();
  };
}

static Action compileDim(Assembler &assembler, tensor::DimOp op) {
  return [op, source = assembler.slot(op.getSource()),
          index = assembler.slot(op.getIndex()),
          result = assembler.slot(op)](Frame &frame) mutable -> llvm::Error {
    const Tensor &tensor = frame.slots[source].tensor;
    int64_t dim = frame.slots[index].scalar.integer;
    if (dim < 0 || dim >= int64_t(tensor.shape.size()))
      return refuse(*op, "asks for dimension " + Twine(dim) + " of " +
                             Twine(tensor.shape.size()));
    frame.slots[result].scalar = Cell::of(tensor.shape[dim]);
    return llvm::Error::success();
  };
}

/// A tensor of one value, which is undefined for tensor.empty.
static Action compileUniform(Assembler &assembler, mlir::Value result,
                             ArrayRef<OpFoldResult> sizes,
                             std::optional<mlir::Value> input) {
  Type element = cast<RankedTensorType>(result.getType()).getElementType();
  std::optional<unsigned> scalar;
  if (input)
    scalar = assembler.slot(*input);
  return [=, poison = poisonOf(element), extents = Extents(assembler, sizes),
          op = result.getDefiningOp(),
          result = assembler.slot(result)](Frame &frame) -> llvm::Error {
    Tensor::Shape shape = extents.get(frame);
    if (llvm::any_of(shape, [](int64_t extent) { return extent < 0; }))
      return refuse(*op, "makes a tensor of shape " + spell(shape));
    frame.slots[result] =
        Tensor(shape, scalar ? frame.slots[*scalar].scalar : poison);
    return llvm::Error::success();
  };
}

llvm::Expected<Action> compileShapeOp(Assembler &assembler, Operation &op) {
  using Result = llvm::Expected<Action>;
  Builder builder(op.getContext());
  return llvm::TypeSwitch<Operation *, Result>(&op)
      .Case([&](tensor::EmptyOp op) -> Result {
        return compileUniform(assembler, op, op.getMixedSizes(), std::nullopt);
      })
      .Case([&](tensor::SplatOp op) -> Result {
        return compileUniform(assembler, op,
                              getMixedValues(op.getType().getShape(),
                                             op.getDynamicSizes(), builder),
                              op.getInput());
      })
      .Case([&](tensor::ExpandShapeOp op) -> Result {
        return compileExpand(assembler, op);
      })
      .Case([&](tensor::CollapseShapeOp op) -> Result {
        return compileCollapse(assembler, op);
      })
      .Case([&](tensor::ReshapeOp op) -> Result {
        return compileReshape(assembler, op);
      })
      .Case([&](tensor::CastOp op) -> Result {
        return compileCast(assembler, op);
      })
      .Case(
          [&](tensor::DimOp op) -> Result { return compileDim(assembler, op); })
      .Default([&](Operation *) -> Result {
        return refuse(op, "is not an op that the reference knows");
      });
}

} // namespace sennit::reference
