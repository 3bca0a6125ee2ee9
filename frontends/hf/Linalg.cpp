// The linalg idioms of an imported model: linear maps, pointwise maps, norms,
// heads.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Linalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>

using namespace mlir;
using namespace sennit::hf;
using llvm::StringRef;
using llvm::Twine;

namespace {

ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

AffineMap projection(MLIRContext *context, int64_t rank,
                     ArrayRef<int64_t> dimensions) {
  SmallVector<AffineExpr> results;
  for (int64_t dimension : dimensions)
    results.push_back(getAffineDimExpr(dimension, context));
  return AffineMap::get(rank, 0, results, context);
}

SmallVector<int64_t> sequence(int64_t first, int64_t last) {
  return llvm::to_vector(llvm::seq(first, last));
}

Value emptyTensor(ModelBuilder &model, ArrayRef<int64_t> shape, Value extent) {
  SmallVector<Value> dynamic;
  if (ShapedType::isDynamic(shape.front()))
    dynamic.push_back(extent ? extent : model.tokenCount());
  return tensor::EmptyOp::create(model.ops(), shape, model.ops().getF32Type(),
                                 dynamic);
}

/// Scalars of a generic's body, widened to f32.
SmallVector<Value> widen(ImplicitLocOpBuilder &builder, ValueRange scalars) {
  SmallVector<Value> result;
  for (Value scalar : scalars)
    result.push_back(
        scalar.getType().isF32()
            ? scalar
            : arith::ExtFOp::create(builder, builder.getF32Type(), scalar));
  return result;
}

} // namespace

Value sennit::hf::zeros(ModelBuilder &model, ArrayRef<int64_t> shape) {
  Value zero = constant(model.ops(), 0.0);
  return linalg::FillOp::create(model.ops(), zero,
                                emptyTensor(model, shape, nullptr))
      .getResult(0);
}

Operand::Operand(Value value)
    : value(value),
      dimensions(
          sequence(0, cast<RankedTensorType>(value.getType()).getRank())) {}

Value sennit::hf::pointwise(ModelBuilder &model, ArrayRef<Operand> inputs,
                            ArrayRef<int64_t> shape, Body body, Value extent) {
  ImplicitLocOpBuilder &builder = model.ops();
  SmallVector<AffineMap> maps;
  SmallVector<Value> values;
  for (const Operand &input : inputs) {
    maps.push_back(
        projection(builder.getContext(), shape.size(), input.dimensions));
    values.push_back(input.value);
  }
  maps.push_back(builder.getMultiDimIdentityMap(shape.size()));
  SmallVector<utils::IteratorType> iterators(shape.size(),
                                             utils::IteratorType::parallel);
  Value target = emptyTensor(model, shape, extent);
  auto generic = linalg::GenericOp::create(
      builder, target.getType(), values, target, maps, iterators,
      [&](OpBuilder &inner, Location loc, ValueRange scalars) {
        ImplicitLocOpBuilder b(loc, inner);
        Value result = body(b, widen(b, scalars.drop_back()));
        linalg::YieldOp::create(b, result);
      });
  return generic.getResult(0);
}

Value sennit::hf::add(ModelBuilder &model, Value a, Value b) {
  return pointwise(model, {a, b}, shapeOf(a),
                   [](ImplicitLocOpBuilder &builder, ValueRange x) -> Value {
                     return arith::AddFOp::create(builder, x[0], x[1]);
                   });
}

Value sennit::hf::linear(ModelBuilder &model, Value x, Value weight,
                         Value bias) {
  ImplicitLocOpBuilder &builder = model.ops();
  int64_t width = shapeOf(weight)[0];
  Value target = zeros(model, {ShapedType::kDynamic, width});
  Value y = linalg::MatmulTransposeBOp::create(
                builder, builder.getLoc(), TypeRange{target.getType()},
                ValueRange{x, weight}, ValueRange{target})
                .getResult(0);
  if (!bias)
    return y;
  return pointwise(model, {y, {bias, {1}}}, shapeOf(y),
                   [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                     return arith::AddFOp::create(b, v[0], v[1]);
                   });
}

Value sennit::hf::linear(ModelBuilder &model, Value x, const Twine &name,
                         int64_t width, bool hasBias) {
  return linearBlocks(model, x, name, RowBlock{"", width}, hasBias).front();
}

SmallVector<Value> sennit::hf::linearBlocks(ModelBuilder &model, Value x,
                                            const Twine &name,
                                            ArrayRef<RowBlock> blocks,
                                            bool hasBias) {
  std::string prefix = name.str();
  int64_t inputs = shapeOf(x)[1];
  SmallVector<Value> weights = model.weightBlocks(prefix + ".weight", blocks,
                                                  inputs, inputs),
                     biases;
  if (hasBias)
    biases = model.weightBlocks(prefix + ".bias", blocks, {}, {});
  SmallVector<Value> results;
  for (auto [index, weight] : llvm::enumerate(weights))
    results.push_back(
        linear(model, x, weight, hasBias ? biases[index] : nullptr));
  return results;
}

Value sennit::hf::rmsNorm(ModelBuilder &model, Value x, Value weight,
                          double epsilon) {
  ImplicitLocOpBuilder &builder = model.ops();
  ArrayRef<int64_t> shape = shapeOf(x);
  int64_t rank = shape.size();
  SmallVector<AffineMap> maps = {
      builder.getMultiDimIdentityMap(rank),
      projection(builder.getContext(), rank, sequence(0, rank - 1))};
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  Value target = zeros(model, shape.drop_back());
  Value squares =
      linalg::GenericOp::create(
          builder, target.getType(), x, target, maps, iterators,
          [](OpBuilder &inner, Location loc, ValueRange v) {
            Value square = arith::MulFOp::create(inner, loc, v[0], v[0]);
            Value sum = arith::AddFOp::create(inner, loc, v[1], square);
            linalg::YieldOp::create(inner, loc, sum);
          })
          .getResult(0);
  SmallVector<Operand> inputs = {x, squares};
  if (weight)
    inputs.push_back({weight, sequence(rank - shapeOf(weight).size(), rank)});
  double inverseWidth = 1.0 / static_cast<double>(shape.back());
  return pointwise(
      model, inputs, shape,
      [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        Value mean = arith::MulFOp::create(b, v[1], constant(b, inverseWidth));
        Value shifted = arith::AddFOp::create(b, mean, constant(b, epsilon));
        Value scaled =
            arith::MulFOp::create(b, v[0], math::RsqrtOp::create(b, shifted));
        return weight ? arith::MulFOp::create(b, scaled, v[2]) : scaled;
      });
}

Value sennit::hf::splitHeads(ModelBuilder &model, Value x, int64_t heads) {
  ImplicitLocOpBuilder &builder = model.ops();
  int64_t width = shapeOf(x)[1] / heads;
  SmallVector<OpFoldResult> extents = {model.tokenCount(),
                                       builder.getIndexAttr(heads),
                                       builder.getIndexAttr(width)};
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
  return tensor::ExpandShapeOp::create(
      builder, model.f32({ShapedType::kDynamic, heads, width}), x, groups,
      extents);
}

Value sennit::hf::mergeHeads(ModelBuilder &model, Value x) {
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
  return tensor::CollapseShapeOp::create(model.ops(), x, groups);
}

void sennit::hf::buildHead(ModelBuilder &model, StringRef norm, double epsilon,
                           StringRef matrix) {
  Value hidden = model.beginHead();
  const ModelFacts &facts = model.getFacts();
  model.at(norm.rsplit('.').first);
  Value normed =
      rmsNorm(model, hidden, model.weight(norm, facts.width), epsilon);
  model.at(matrix.rsplit('.').first);
  model.finishHead(linear(
      model, normed, model.weight(matrix, {facts.vocabulary, facts.width})));
}

//===-- Scalars
//----------------------------------------------------------------------------------------===//

Activation sennit::hf::readActivation(Config &config, StringRef key) {
  StringRef name = config.string(key, "silu");
  std::optional<Activation> result =
      llvm::StringSwitch<std::optional<Activation>>(name)
          .Cases({"silu", "swish"}, Activation::Silu)
          .Case("gelu", Activation::Gelu)
          .Cases({"gelu_new", "gelu_pytorch_tanh", "gelu_fast"},
                 Activation::GeluTanh)
          .Case("relu", Activation::Relu)
          .Default(std::nullopt);
  if (!result)
    config.failUnsupported(key, "unknown activation; supported are silu, gelu, "
                                "gelu_new, gelu_pytorch_tanh and relu");
  return result.value_or(Activation::Silu);
}

Value sennit::hf::constant(ImplicitLocOpBuilder &builder, double value) {
  return arith::ConstantOp::create(
      builder, builder.getF32FloatAttr(static_cast<float>(value)));
}

Value sennit::hf::silu(ImplicitLocOpBuilder &builder, Value x) {
  Value decayed =
      math::ExpOp::create(builder, arith::NegFOp::create(builder, x));
  Value denominator =
      arith::AddFOp::create(builder, constant(builder, 1.0), decayed);
  return arith::DivFOp::create(builder, x, denominator);
}

Value sennit::hf::softplus(ImplicitLocOpBuilder &builder, Value x) {
  Value positive =
      arith::MaximumFOp::create(builder, x, constant(builder, 0.0));
  Value magnitude = math::AbsFOp::create(builder, x);
  Value decayed =
      math::ExpOp::create(builder, arith::NegFOp::create(builder, magnitude));
  return arith::AddFOp::create(builder, positive,
                               math::Log1pOp::create(builder, decayed));
}

Value sennit::hf::activate(ImplicitLocOpBuilder &builder, Activation activation,
                           Value x) {
  auto times = [&](Value a, Value b) -> Value {
    return arith::MulFOp::create(builder, a, b);
  };
  auto plus = [&](Value a, Value b) -> Value {
    return arith::AddFOp::create(builder, a, b);
  };
  auto number = [&](double value) { return constant(builder, value); };
  switch (activation) {
  case Activation::Silu:
    return silu(builder, x);
  case Activation::Relu:
    return arith::MaximumFOp::create(builder, x, number(0.0));
  case Activation::Gelu: {
    Value error = math::ErfOp::create(builder, times(x, number(M_SQRT1_2)));
    return times(times(number(0.5), x), plus(number(1.0), error));
  }
  case Activation::GeluTanh: {
    Value cube = times(times(x, x), x);
    Value inner = times(number(M_2_SQRTPI * M_SQRT1_2),
                        plus(x, times(number(0.044715), cube)));
    return times(times(number(0.5), x),
                 plus(number(1.0), math::TanhOp::create(builder, inner)));
  }
  }
  llvm_unreachable("all activations are listed");
}
