// Ops of tensor that move elements: slices, insertions, padding, joining.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Assembler.h"
#include "compiler/reference/Regions.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace sennit::reference {

static Type elementOf(mlir::Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// The place of an element, or an error when it lies outside.
static llvm::Expected<int64_t> findElement(Operation &op, const Tensor &tensor,
                                           ArrayRef<unsigned> indices,
                                           const Frame &frame) {
  Tensor::Shape strides = stridesOf(tensor.shape);
  int64_t place = 0;
  for (auto [dim, slot] : llvm::enumerate(indices)) {
    int64_t index = frame.slots[slot].scalar.integer;
    if (index < 0 || index >= tensor.shape[dim])
      return refuse(op, "takes element " + Twine(index) + " of dimension " +
                            Twine(dim) + ", whose extent is " +
                            Twine(tensor.shape[dim]));
    place += index * strides[dim];
  }
  return place;
}

static Action compileExtract(Assembler &assembler, tensor::ExtractOp op) {
  return [op, source = assembler.slot(op.getTensor()),
          indices = assembler.slots(op.getIndices()),
          result = assembler.slot(op)](Frame &frame) -> llvm::Error {
    const Tensor &tensor = frame.slots[source].tensor;
    llvm::Expected<int64_t> place = findElement(*op, tensor, indices, frame);
    if (!place)
      return place.takeError();
    frame.slots[result].scalar = tensor.data()[*place];
    return llvm::Error::success();
  };
}

static Action compileInsert(Assembler &assembler, tensor::InsertOp op) {
  return [op, scalar = assembler.slot(op.getScalar()),
          target = assembler.operand(op.getDestMutable()),
          indices = assembler.slots(op.getIndices()),
          result = assembler.slot(op)](Frame &frame) -> llvm::Error {
    Value value = target.take(frame);
    llvm::Expected<int64_t> place =
        findElement(*op, value.tensor, indices, frame);
    if (!place)
      return place.takeError();
    value.tensor.own()[*place] = frame.slots[scalar].scalar;
    frame.slots[result] = std::move(value);
    return llvm::Error::success();
  };
}

static Action compileFromElements(Assembler &assembler,
                                  tensor::FromElementsOp op) {
  return [shape = Tensor::Shape(op.getType().getShape()),
          elements = assembler.slots(op.getElements()),
          result = assembler.slot(op)](Frame &frame) {
    Tensor tensor(shape, Cell::of(int64_t(0)));
    Cell *cells = tensor.own();
    for (unsigned slot : elements)
      *cells++ = frame.slots[slot].scalar;
    frame.slots[result] = std::move(tensor);
    return llvm::Error::success();
  };
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

namespace {
/// Offsets, sizes and strides of an op, some known only at run time.
struct RegionExtents {
  RegionExtents(Assembler &assembler, OffsetSizeAndStrideOpInterface op)
      : offsets(assembler, op.getMixedOffsets()),
        sizes(assembler, op.getMixedSizes()),
        strides(assembler, op.getMixedStrides()) {}
  Region get(const Frame &frame) const {
    return {offsets.get(frame), sizes.get(frame), strides.get(frame)};
  }
  Extents offsets, sizes, strides;
};
} // namespace

static Action compileExtractSlice(Assembler &assembler,
                                  tensor::ExtractSliceOp op) {
  // A result of lower rank drops extents of 1.
  llvm::SmallBitVector dropped = op.getDroppedDims();
  return [=, extents = RegionExtents(assembler, op),
          source = assembler.slot(op.getSource()),
          result = assembler.slot(op)](Frame &frame) mutable -> llvm::Error {
    Region region = extents.get(frame);
    const Tensor &tensor = frame.slots[source].tensor;
    if (std::string why = region.describeExcess(tensor.shape); !why.empty())
      return refuse(*op, why);
    Tensor part = readRegion(tensor, region);
    part.shape.clear();
    for (auto [dim, size] : llvm::enumerate(region.sizes))
      if (!dropped[dim])
        part.shape.push_back(size);
    frame.slots[result] = std::move(part);
    return llvm::Error::success();
  };
}

static Action compileInsertSlice(Assembler &assembler,
                                 tensor::InsertSliceOp op) {
  return [op, extents = RegionExtents(assembler, op),
          source = assembler.slot(op.getSource()),
          target = assembler.operand(op.getDestMutable()),
          result = assembler.slot(op)](Frame &frame) mutable -> llvm::Error {
    Region region = extents.get(frame);
    // A copy is not made: both hold the elements until one writes.
    Tensor part = frame.slots[source].tensor;
    Value value = target.take(frame);
    std::string why = region.describeExcess(value.tensor.shape);
    if (why.empty() && Tensor::count(region.sizes) != part.size())
      why = "puts " + std::to_string(part.size()) + " elements in place of " +
            std::to_string(Tensor::count(region.sizes));
    if (!why.empty())
      return refuse(*op, why);
    writeRegion(part, value.tensor, region);
    frame.slots[result] = std::move(value);
    return llvm::Error::success();
  };
}

static Action compileConcat(Assembler &assembler, tensor::ConcatOp op) {
  return [=, dim = op.getDim(), inputs = assembler.slots(op.getInputs()),
          poison = poisonOf(op.getResultType().getElementType()),
          result = assembler.slot(op)](Frame &frame) {
    Tensor::Shape shape = frame.slots[inputs[0]].tensor.shape;
    shape[dim] = 0;
    for (unsigned slot : inputs)
      shape[dim] += frame.slots[slot].tensor.shape[dim];
    Tensor joined(shape, poison);
    Region region{
        Tensor::Shape(shape.size(), 0), {}, Tensor::Shape(shape.size(), 1)};
    for (unsigned slot : inputs) {
      const Tensor &part = frame.slots[slot].tensor;
      region.sizes = part.shape;
      writeRegion(part, joined, region);
      region.offsets[dim] += part.shape[dim];
    }
    frame.slots[result] = std::move(joined);
    return llvm::Error::success();
  };
}

//===----------------------------------------------------------------------===//
// Elements that a region computes
//===----------------------------------------------------------------------===//

/// Gives every element of `tensor` what `code` yields for its index.
static llvm::Error generate(const Code &code, Frame &frame, Tensor &tensor) {
  llvm::Error failure = llvm::Error::success();
  Cell *cells = tensor.own();
  forEachIndex(tensor.shape, [&](ArrayRef<int64_t> index, int64_t number) {
    if (failure)
      return;
    for (auto [slot, value] : llvm::zip_equal(code.arguments, index))
      frame.slots[slot].scalar = Cell::of(value);
    failure = code.run(frame);
    cells[number] = code.results[0].scalar(frame);
  });
  return failure;
}

static llvm::Expected<Action> compileGenerate(Assembler &assembler,
                                              tensor::GenerateOp op) {
  llvm::Expected<Code> code = assembler.compile(op.getBody().front());
  if (!code)
    return code.takeError();
  Builder builder(op.getContext());
  SmallVector<OpFoldResult> sizes =
      getMixedValues(op.getType().getShape(), op.getDynamicExtents(), builder);
  return [code = std::move(*code), extents = Extents(assembler, sizes),
          poison = poisonOf(elementOf(op)),
          result = assembler.slot(op)](Frame &frame) {
    Tensor tensor(extents.get(frame), poison);
    llvm::Error error = generate(code, frame, tensor);
    frame.slots[result] = std::move(tensor);
    return error;
  };
}

static llvm::Expected<Action> compilePad(Assembler &assembler,
                                         tensor::PadOp op) {
  llvm::Expected<Code> code = assembler.compile(op.getRegion().front());
  if (!code)
    return code.takeError();
  return [op, code = std::move(*code),
          low = Extents(assembler, op.getMixedLowPad()),
          high = Extents(assembler, op.getMixedHighPad()),
          poison = poisonOf(elementOf(op)),
          source = assembler.slot(op.getSource()),
          result = assembler.slot(op)](Frame &frame) mutable -> llvm::Error {
    Tensor inner = frame.slots[source].tensor;
    Region region{low.get(frame), inner.shape,
                  Tensor::Shape(inner.shape.size(), 1)};
    Tensor::Shape shape = high.get(frame);
    for (auto [dim, extent] : llvm::enumerate(shape)) {
      extent += region.offsets[dim] + inner.shape[dim];
      if (extent < 0)
        return refuse(*op, "makes dimension " + Twine(dim) + " of extent " +
                               Twine(extent));
    }
    if (std::string why = region.describeExcess(shape); !why.empty())
      return refuse(*op, why);
    Tensor padded(shape, poison);
    if (llvm::Error error = generate(code, frame, padded))
      return error;
    writeRegion(inner, padded, region);
    frame.slots[result] = std::move(padded);
    return llvm::Error::success();
  };
}

llvm::Expected<Action> compileTensorOp(Assembler &assembler, Operation &op) {
  using Result = llvm::Expected<Action>;
  return llvm::TypeSwitch<Operation *, Result>(&op)
      .Case([&](tensor::ExtractOp op) -> Result {
        return compileExtract(assembler, op);
      })
      .Case([&](tensor::InsertOp op) -> Result {
        return compileInsert(assembler, op);
      })
      .Case([&](tensor::FromElementsOp op) -> Result {
        return compileFromElements(assembler, op);
      })
      .Case([&](tensor::ExtractSliceOp op) -> Result {
        return compileExtractSlice(assembler, op);
      })
      .Case([&](tensor::InsertSliceOp op) -> Result {
        return compileInsertSlice(assembler, op);
      })
      .Case([&](tensor::ConcatOp op) -> Result {
        return compileConcat(assembler, op);
      })
      .Case(
          [&](tensor::GenerateOp op) { return compileGenerate(assembler, op); })
      .Case([&](tensor::PadOp op) { return compilePad(assembler, op); })
      .Default([&](Operation *) { return compileShapeOp(assembler, op); });
}

} // namespace sennit::reference
