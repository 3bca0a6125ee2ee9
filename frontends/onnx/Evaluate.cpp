// Computes small generic ops on constants at import: arithmetic of shapes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Tensors.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace sennit::onnx;

/// Shapes are short; whatever is longer is data and is computed at run time.
static constexpr int64_t maxPoints = 4096;

namespace {
class Evaluation {
public:
  explicit Evaluation(linalg::GenericOp op)
      : op(op), ranges(op.getStaticLoopRanges()) {}

  DenseElementsAttr run() {
    int64_t points = 1;
    for (int64_t range : ranges)
      points *= std::min(range, maxPoints + 1);
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    if (points > maxPoints || type.getNumElements() > maxPoints ||
        !bindInputs())
      return nullptr;
    Attribute start;
    if (auto fill = op.getDpsInits().front().getDefiningOp<linalg::FillOp>())
      matchPattern(fill.getInputs().front(), m_Constant(&start));
    results.assign(type.getNumElements(), start);
    SmallVector<int64_t> position(ranges.size(), 0);
    for (int64_t point = 0; point < points; ++point) {
      if (!runBody(position))
        return nullptr;
      for (int64_t dim = ranges.size() - 1; dim >= 0; --dim) {
        if (++position[dim] < ranges[dim])
          break;
        position[dim] = 0;
      }
    }
    // Folding may give poison, which is no number.
    for (Attribute result : results) {
      auto typed = dyn_cast_if_present<TypedAttr>(result);
      if (!typed || typed.getType() != type.getElementType())
        return nullptr;
    }
    return DenseElementsAttr::get(type, results);
  }

private:
  bool bindInputs() {
    for (Value input : op.getDpsInputs()) {
      DenseElementsAttr elements;
      if (!matchPattern(input, m_Constant(&elements)))
        return false;
      inputs.push_back(elements);
    }
    return true;
  }

  static int64_t flatten(ArrayRef<int64_t> shape, ArrayRef<int64_t> indices) {
    int64_t flat = 0;
    for (auto [extent, index] : llvm::zip_equal(shape, indices))
      flat = flat * extent + index;
    return flat;
  }

  int64_t positionOf(OpOperand *operand, ArrayRef<int64_t> loops) {
    auto type = cast<RankedTensorType>(operand->get().getType());
    return flatten(type.getShape(),
                   op.getMatchingIndexingMap(operand).compose(loops));
  }

  bool runBody(ArrayRef<int64_t> loops) {
    DenseMap<Value, Attribute> known;
    for (auto [operand, elements] :
         llvm::zip_equal(op.getDpsInputOperands(), inputs))
      known[op.getMatchingBlockArgument(operand)] =
          elements.getValues<Attribute>()[positionOf(operand, loops)];
    int64_t target = positionOf(op.getDpsInitOperand(0), loops);
    known[op.getMatchingBlockArgument(op.getDpsInitOperand(0))] =
        results[target];
    auto lookup = [&](Value value) {
      Attribute constant = known.lookup(value);
      if (!constant)
        matchPattern(value, m_Constant(&constant));
      return constant;
    };
    for (Operation &inner : *op.getBody()) {
      SmallVector<Attribute> operands =
          llvm::map_to_vector(inner.getOperands(), lookup);
      if (isa<linalg::YieldOp>(inner)) {
        results[target] = operands.front();
        return bool(operands.front());
      }
      Attribute result = runOp(&inner, operands, loops, lookup);
      if (!result)
        return false;
      known[inner.getResult(0)] = result;
    }
    return false;
  }

  static Attribute runOp(Operation *inner, ArrayRef<Attribute> operands,
                         ArrayRef<int64_t> loops,
                         llvm::function_ref<Attribute(Value)> lookup) {
    Builder builder(inner->getContext());
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      return builder.getIndexAttr(loops[index.getDim()]);
    if (auto constant = dyn_cast<arith::ConstantOp>(inner))
      return constant.getValue();
    if (llvm::is_contained(operands, Attribute()))
      return nullptr;
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
      auto elements = dyn_cast<DenseElementsAttr>(operands.front());
      SmallVector<int64_t> indices;
      for (Attribute index : operands.drop_front())
        indices.push_back(cast<IntegerAttr>(index).getInt());
      ArrayRef<int64_t> shape = extract.getTensor().getType().getShape();
      for (auto [extent, index] : llvm::zip_equal(shape, indices))
        if (index < 0 || index >= extent)
          return nullptr;
      return elements ? elements.getValues<Attribute>()[flatten(shape, indices)]
                      : Attribute();
    }
    SmallVector<OpFoldResult> folded;
    if (failed(inner->fold(operands, folded)) || folded.size() != 1)
      return nullptr;
    if (auto attribute = dyn_cast<Attribute>(folded.front()))
      return attribute;
    return lookup(cast<Value>(folded.front()));
  }

  linalg::GenericOp op;
  SmallVector<int64_t> ranges;
  SmallVector<DenseElementsAttr> inputs;
  std::vector<Attribute> results;
};
} // namespace

DenseElementsAttr sennit::onnx::evaluate(Operation *generic) {
  return Evaluation(cast<linalg::GenericOp>(generic)).run();
}
