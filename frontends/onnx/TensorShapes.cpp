// Builds tensors that hold the elements of others: reshapes, slices, joins.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Model.h"
#include "frontends/onnx/Tensors.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

using namespace mlir;
using namespace sennit::onnx;

/// All dimensions of a tensor as one group, or none for a scalar.
static SmallVector<ReassociationIndices> oneGroup(int64_t rank) {
  SmallVector<ReassociationIndices> groups;
  if (rank > 0)
    groups.emplace_back(llvm::to_vector<2>(llvm::seq<int64_t>(0, rank)));
  return groups;
}

Tensor Tensors::reshape(const Tensor &input, ArrayRef<int64_t> shape) {
  if (failed() || !input)
    return {};
  RankedTensorType result = type(shape, input.element());
  if (result.getNumElements() != input.type.getNumElements())
    return fail("shape " + spell(input.shape()) + " cannot become " +
                spell(shape));
  if (result == input.type)
    return input;
  if (DenseElementsAttr elements = input.constant)
    return constant(elements.reshape(result));
  Value source = value(input);
  if (auto groups = getReassociationIndicesForReshape(input.type, result)) {
    if (input.rank() > result.getRank())
      return of(
          tensor::CollapseShapeOp::create(builder, result, source, *groups));
    return of(tensor::ExpandShapeOp::create(builder, result, source, *groups));
  }
  // By way of a row of all elements.
  auto row =
      RankedTensorType::get(input.type.getNumElements(), input.element());
  if (input.rank() > 1)
    source = tensor::CollapseShapeOp::create(builder, row, source,
                                             oneGroup(input.rank()));
  if (result.getRank() == 1)
    return of(source);
  return of(tensor::ExpandShapeOp::create(builder, result, source,
                                          oneGroup(result.getRank())));
}

Tensor Tensors::transpose(const Tensor &input, ArrayRef<int64_t> permutation) {
  if (failed() || !input)
    return {};
  Shape shape;
  SmallVector<AffineExpr> exprs(input.rank());
  for (auto [loop, dim] : llvm::enumerate(permutation)) {
    shape.push_back(input.extent(dim));
    exprs[dim] = builder.getAffineDimExpr(loop);
  }
  if (llvm::is_sorted(permutation))
    return input;
  return generic(type(shape, input.element()), value(input),
                 AffineMap::get(shape.size(), 0, exprs, builder.getContext()),
                 shape.size(), nullptr,
                 [](Scalars &, ValueRange x) { return x[0]; });
}

Tensor Tensors::expand(const Tensor &input, ArrayRef<int64_t> shape) {
  if (input.shape() == shape)
    return input;
  // Not through f32: elements stay what they are.
  Type element = input.element();
  return mapOnto(shape, input, element,
                 [](Scalars &, ValueRange x) { return x[0]; });
}

Tensor Tensors::slice(const Tensor &input, ArrayRef<int64_t> starts,
                      ArrayRef<int64_t> shape, ArrayRef<int64_t> steps) {
  if (failed() || !input)
    return {};
  RankedTensorType result = type(shape, input.element());
  bool isForward = llvm::all_of(steps, [](int64_t step) { return step > 0; });
  if (result == input.type && isForward)
    return input;
  if (!input.constant && isForward && result.getNumElements() > 0) {
    auto numbers = [&](ArrayRef<int64_t> values) {
      return llvm::map_to_vector(values, [&](int64_t value) -> OpFoldResult {
        return builder.getIndexAttr(value);
      });
    };
    return of(tensor::ExtractSliceOp::create(builder, result, value(input),
                                             numbers(starts), numbers(shape),
                                             numbers(steps)));
  }
  return generate(shape, input.element(), [&](Scalars &s, ValueRange indices) {
    SmallVector<Value> from;
    for (auto [index, start, step] : llvm::zip_equal(indices, starts, steps))
      from.push_back(s.add(s.index(start), s.mul(index, s.index(step))));
    return at(s, input, from);
  });
}

/// The elements of constants joined along `axis`.
static DenseElementsAttr joinConstants(ArrayRef<Tensor> inputs, int64_t axis,
                                       RankedTensorType type) {
  std::vector<Attribute> elements;
  int64_t outer = 1;
  for (int64_t dim = 0; dim < axis; ++dim)
    outer *= type.getDimSize(dim);
  for (int64_t block = 0; block < outer; ++block)
    for (const Tensor &input : inputs) {
      auto values = input.constant.getValues<Attribute>();
      int64_t size = input.type.getNumElements() / outer;
      for (int64_t i = 0; i < size; ++i)
        elements.push_back(values[block * size + i]);
    }
  return DenseElementsAttr::get(type, elements);
}

Tensor Tensors::concat(ArrayRef<Tensor> inputs, int64_t axis) {
  Shape shape;
  for (const Tensor &input : inputs) {
    if (failed() || !input)
      return {};
    if (shape.empty()) {
      shape.assign(input.shape().begin(), input.shape().end());
      continue;
    }
    Shape other(input.shape());
    if (other.size() == shape.size())
      other[axis] = shape[axis];
    if (other != shape)
      return fail("shapes " + spell(shape) + " and " + spell(input.shape()) +
                  " cannot be joined along dimension " + Twine(axis));
    shape[axis] += input.extent(axis);
  }
  if (inputs.size() == 1)
    return inputs.front();
  RankedTensorType result = type(shape, inputs.front().element());
  if (failed())
    return {};
  bool isConstant =
      result.getNumElements() > 0 && result.getNumElements() <= 4096 &&
      llvm::all_of(inputs, [](const Tensor &t) { return bool(t.constant); });
  if (isConstant)
    return constant(joinConstants(inputs, axis, result));
  Value all = tensor::EmptyOp::create(builder, shape, result.getElementType());
  SmallVector<OpFoldResult> offsets(shape.size(), builder.getIndexAttr(0)),
      steps(shape.size(), builder.getIndexAttr(1));
  int64_t offset = 0;
  for (const Tensor &input : inputs) {
    SmallVector<OpFoldResult> sizes;
    for (int64_t extent : input.shape())
      sizes.push_back(builder.getIndexAttr(extent));
    offsets[axis] = builder.getIndexAttr(offset);
    if (input.type.getNumElements() > 0)
      all = tensor::InsertSliceOp::create(builder, value(input), all, offsets,
                                          sizes, steps);
    offset += input.extent(axis);
  }
  return of(all);
}
