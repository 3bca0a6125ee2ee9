// Builds the tensors of an imported graph: constants, maps, reductions.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Tensors.h"
#include "frontends/onnx/Model.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace sennit::onnx;

bool Tensor::isFloat() const { return isa_and_nonnull<FloatType>(element()); }

Tensor Tensors::fail(const Twine &why) {
  if (reason.empty())
    reason = why.str();
  return {};
}

//===-- Values
//-------------------------------------------------------------------===//

Value Tensors::value(const Tensor &tensor) {
  if (tensor.value)
    return tensor.value;
  return arith::ConstantOp::create(builder, tensor.constant);
}

Tensor Tensors::of(Value value) {
  return {value, nullptr, mlir::cast<RankedTensorType>(value.getType())};
}

Tensor Tensors::constant(DenseElementsAttr elements) {
  return {nullptr, elements, mlir::cast<RankedTensorType>(elements.getType())};
}

Tensor Tensors::scalar(Type element, double value) {
  mlir::Attribute attribute =
      isa<FloatType>(element)
          ? mlir::Attribute(builder.getFloatAttr(element, value))
          : mlir::Attribute(builder.getIntegerAttr(element, int64_t(value)));
  return constant(DenseElementsAttr::get(RankedTensorType::get({}, element),
                                         ArrayRef<mlir::Attribute>(attribute)));
}

Tensor Tensors::integers(ArrayRef<int64_t> values) {
  auto type =
      RankedTensorType::get(int64_t(values.size()), builder.getI64Type());
  return constant(DenseElementsAttr::get(type, values));
}

Tensor Tensors::filled(ArrayRef<int64_t> shape, Type element, double value) {
  Tensor one = scalar(element, value);
  return mapOnto(shape, one, element,
                 [](Scalars &, ValueRange x) { return x[0]; });
}

RankedTensorType Tensors::type(ArrayRef<int64_t> shape, Type element) {
  int64_t count = 1;
  for (int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count) ||
        count > maxElements) {
      fail("a tensor of shape " + spell(shape) + " has more than " +
           Twine(maxElements) + " elements");
      return RankedTensorType::get({}, element);
    }
  return RankedTensorType::get(shape, element);
}

Type Tensors::computeType(Type element) {
  return element.isF16() || element.isBF16() ? builder.getF32Type() : element;
}

//===-- Generic ops
//--------------------------------------------------------------===//

/// The leading loops walk the result, the others are reductions. `start` fills
/// the result where there are any.
Tensor Tensors::generic(RankedTensorType result, ArrayRef<Value> inputs,
                        ArrayRef<AffineMap> maps, unsigned loops, Value start,
                        Body body) {
  using utils::IteratorType;
  SmallVector<IteratorType> kinds(loops, IteratorType::reduction);
  std::fill_n(kinds.begin(), result.getRank(), IteratorType::parallel);
  SmallVector<AffineMap> all(maps);
  // Not a sub-map of the identity: that of no dimensions would be no map.
  SmallVector<AffineExpr> leading;
  for (int64_t dim = 0; dim < result.getRank(); ++dim)
    leading.push_back(builder.getAffineDimExpr(dim));
  all.push_back(AffineMap::get(loops, 0, leading, builder.getContext()));
  Value init = tensor::EmptyOp::create(builder, result.getShape(),
                                       result.getElementType());
  if (start)
    init = linalg::FillOp::create(builder, start, init).getResult(0);
  auto op = linalg::GenericOp::create(
      builder, result, inputs, init, all, kinds,
      [&](OpBuilder &nested, Location loc, ValueRange arguments) {
        ImplicitLocOpBuilder inner(loc, nested);
        Scalars scalars(inner);
        linalg::YieldOp::create(inner, body(scalars, arguments));
      });
  Tensor tensor = of(op.getResult(0));
  if (DenseElementsAttr elements = evaluate(op))
    return constant(elements);
  return tensor;
}

bool Tensors::broadcast(Shape &shape, ArrayRef<int64_t> other) {
  Shape before = shape;
  if (other.size() > shape.size())
    shape.insert(shape.begin(), other.size() - shape.size(), 1);
  for (size_t i = 0; i < other.size(); ++i) {
    int64_t &extent = shape[shape.size() - other.size() + i];
    if (extent == 1)
      extent = other[i];
    else if (other[i] != 1 && other[i] != extent) {
      fail("shapes " + spell(before) + " and " + spell(other) +
           " do not broadcast");
      return false;
    }
  }
  return true;
}

Tensor Tensors::map(ArrayRef<Tensor> inputs, Type result, Body body) {
  Shape shape;
  for (const Tensor &input : inputs)
    if (!input || !broadcast(shape, input.shape()))
      return {};
  return mapOnto(shape, inputs, result, body);
}

Tensor Tensors::mapOnto(ArrayRef<int64_t> shape, ArrayRef<Tensor> inputs,
                        Type element, Body body) {
  Shape joined(shape);
  for (const Tensor &input : inputs)
    if (failed() || !input || !broadcast(joined, input.shape()))
      return {};
  if (ArrayRef<int64_t>(joined) != shape)
    return fail("an operand of shape " + spell(joined) +
                " does not broadcast to " + spell(shape));
  RankedTensorType result = type(shape, element);
  if (failed())
    return {};
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  // One number for all elements needs no memory.
  auto isInline = [](const Tensor &input) {
    return input.constant && input.constant.isSplat();
  };
  for (const Tensor &input : inputs) {
    if (isInline(input))
      continue;
    SmallVector<AffineExpr> exprs;
    for (int64_t dim = 0; dim < input.rank(); ++dim) {
      int64_t loop = shape.size() - input.rank() + dim;
      exprs.push_back(input.extent(dim) == shape[loop]
                          ? builder.getAffineDimExpr(loop)
                          : builder.getAffineConstantExpr(0));
    }
    operands.push_back(value(input));
    maps.push_back(
        AffineMap::get(shape.size(), 0, exprs, builder.getContext()));
  }
  return generic(result, operands, maps, shape.size(), nullptr,
                 [&](Scalars &scalars, ValueRange arguments) {
                   SmallVector<Value> values;
                   for (const Tensor &input : inputs) {
                     Value x;
                     if (isInline(input)) {
                       auto number = mlir::cast<TypedAttr>(
                           input.constant.getSplatValue<Attribute>());
                       x = arith::ConstantOp::create(scalars.builder, number);
                     } else {
                       x = arguments.front();
                       arguments = arguments.drop_front();
                     }
                     values.push_back(
                         scalars.convert(x, computeType(x.getType())));
                   }
                   return scalars.convert(body(scalars, values), element);
                 });
}

Tensor Tensors::generate(ArrayRef<int64_t> shape, Type element, Body body) {
  RankedTensorType result = type(shape, element);
  if (failed())
    return {};
  return generic(
      result, {}, {}, shape.size(), nullptr, [&](Scalars &scalars, ValueRange) {
        SmallVector<Value> indices;
        for (size_t dim = 0; dim < shape.size(); ++dim)
          indices.push_back(linalg::IndexOp::create(scalars.builder, dim));
        return scalars.convert(body(scalars, indices), element);
      });
}

Value Tensors::at(Scalars &scalars, const Tensor &tensor, ValueRange indices) {
  Value source = tensor.value;
  if (!source)
    source = arith::ConstantOp::create(scalars.builder, tensor.constant);
  return tensor::ExtractOp::create(scalars.builder, source, indices);
}

Value Tensors::place(Scalars &scalars, int64_t dim) {
  return linalg::IndexOp::create(scalars.builder, dim);
}

Tensor Tensors::cast(const Tensor &input, Type element) {
  if (!input || input.element() == element)
    return input;
  // Not by way of the compute type: f64 to f16 rounds once.
  return map(input, element, [&](Scalars &scalars, ValueRange x) {
    return scalars.convert(x[0], element);
  });
}
