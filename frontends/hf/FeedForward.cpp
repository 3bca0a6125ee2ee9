// Gated feed-forward blocks, dense and as a mixture of experts, from a
// checkpoint's tensors.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "frontends/hf/Blocks.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::hf;
using llvm::StringRef;

namespace {

/// act(gate) * up.
Value gated(ModelBuilder &model, Value gate, Value up,
            const FeedForwardShape &shape, Value extent = nullptr) {
  return pointwise(
      model, {gate, up}, {ShapedType::kDynamic, shape.inner},
      [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        return arith::MulFOp::create(b, activate(b, shape.activation, v[0]),
                                     v[1]);
      },
      extent);
}

/// The experts' matrices of one kind, stacked: [expert, out, in].
Value stack(ModelBuilder &model, ArrayRef<Value> matrices) {
  auto type = cast<RankedTensorType>(matrices.front().getType());
  SmallVector<int64_t> shape = {static_cast<int64_t>(matrices.size())};
  llvm::append_range(shape, type.getShape());
  return seq::PackOp::create(
      model.ops(), RankedTensorType::get(shape, type.getElementType()),
      matrices);
}

struct ExpertMatrices {
  SmallVector<Value> gate, up, down;
};

/// One tensor for each expert and matrix, the form in which files are
/// published.
ExpertMatrices readSeparate(ModelBuilder &model, const ExpertNames &names,
                            const ExpertsShape &shape) {
  ExpertMatrices result;
  int64_t width = model.getFacts().width, inner = shape.expert.inner;
  for (int64_t expert = 0; expert < shape.experts && !model.failed();
       ++expert) {
    auto matrix = [&](StringRef part, int64_t rows, int64_t columns) {
      return model.weight(names.experts + "." + llvm::Twine(expert) + "." +
                              part + ".weight",
                          {rows, columns});
    };
    result.gate.push_back(matrix(names.gate, inner, width));
    result.up.push_back(matrix(names.up, inner, width));
    result.down.push_back(matrix(names.down, width, inner));
  }
  return result;
}

/// `gate_up_proj` [expert, 2 inner, width] and `down_proj` [expert, width,
/// inner], the form of the modules.
ExpertMatrices readFused(ModelBuilder &model, const ExpertNames &names,
                         const ExpertsShape &shape) {
  ExpertMatrices result;
  int64_t width = model.getFacts().width, inner = shape.expert.inner;
  std::string both = names.experts + ".gate_up_proj",
              down = names.experts + ".down_proj";
  int64_t bothShape[] = {shape.experts, 2 * inner, width},
          downShape[] = {shape.experts, width, inner};
  if (!model.expect(both, bothShape) || !model.expect(down, downShape))
    return result;
  int64_t size = inner * width;
  for (int64_t expert = 0; expert < shape.experts; ++expert) {
    std::string suffix = std::to_string(expert);
    result.gate.push_back(model.weightSlice(both, bothShape, suffix + ".gate",
                                            2 * expert * size, {inner, width}));
    result.up.push_back(model.weightSlice(both, bothShape, suffix + ".up",
                                          (2 * expert + 1) * size,
                                          {inner, width}));
    result.down.push_back(model.weightSlice(down, downShape, suffix,
                                            expert * size, {width, inner}));
  }
  return result;
}

/// The router's bias in f32, whatever it is stored in; null without one.
Value readRouterBias(ModelBuilder &model, const ExpertNames &names,
                     int64_t experts) {
  if (names.routerBias.empty())
    return nullptr;
  Value bias = model.weight(names.routerBias, experts);
  if (getElementTypeOrSelf(bias.getType()).isF32())
    return bias;
  return pointwise(model, {bias}, experts,
                   [](ImplicitLocOpBuilder &, ValueRange v) { return v[0]; });
}

seq::RouteOp buildRoute(ModelBuilder &model, Value x, const ExpertNames &names,
                        const ExpertsShape &shape) {
  ImplicitLocOpBuilder &builder = model.ops();
  Value logits = linear(
      model, x,
      model.weight(names.router, {shape.experts, model.getFacts().width}));
  int64_t choices[] = {ShapedType::kDynamic, shape.topK};
  bool hasGroups = shape.groups > 1;
  auto number = [&](int64_t value) {
    return hasGroups ? builder.getI64IntegerAttr(value) : nullptr;
  };
  return seq::RouteOp::create(
      builder, model.f32(choices),
      RankedTensorType::get(choices, builder.getI32Type()), shape.scores,
      logits, readRouterBias(model, names, shape.experts), number(shape.groups),
      number(shape.topGroups),
      hasGroups
          ? seq::GroupValueAttr::get(builder.getContext(), shape.groupValue)
          : nullptr,
      shape.renormalize,
      shape.scaling == 1
          ? nullptr
          : builder.getF32FloatAttr(static_cast<float>(shape.scaling)));
}

} // namespace

int64_t sennit::hf::readChoices(Config &config, int64_t experts,
                                int64_t fallback) {
  int64_t choices = config.positive("num_experts_per_tok", fallback);
  if (choices > experts)
    config.failBroken("num_experts_per_tok",
                      "more than the " + llvm::Twine(experts) + " experts");
  return choices;
}

Value sennit::hf::buildFeedForward(ModelBuilder &model, Value x, StringRef name,
                                   const FeedForwardShape &shape) {
  model.at(name);
  Value gate =
      linear(model, x, name + ".gate_proj", shape.inner, shape.hasBias);
  Value up = linear(model, x, name + ".up_proj", shape.inner, shape.hasBias);
  Value y = gated(model, gate, up, shape);
  return linear(model, y, name + ".down_proj", model.getFacts().width,
                shape.hasBias);
}

Value sennit::hf::buildExperts(ModelBuilder &model, Value x,
                               const ExpertNames &names,
                               const ExpertsShape &shape) {
  model.at(StringRef(names.experts).rsplit('.').first);
  ImplicitLocOpBuilder &builder = model.ops();
  int64_t dynamic = ShapedType::kDynamic, width = model.getFacts().width,
          inner = shape.expert.inner;
  auto i32 = [&](ArrayRef<int64_t> extents) {
    return RankedTensorType::get(extents, builder.getI32Type());
  };

  seq::RouteOp route = buildRoute(model, x, names, shape);
  auto dispatch =
      seq::DispatchOp::create(builder, i32(dynamic), i32({dynamic, shape.topK}),
                              i32(shape.experts + 1), route.getExperts(),
                              /*capacity=*/nullptr);
  bool isFused = model.hasTensor(names.experts + ".gate_up_proj");
  ExpertMatrices matrices = isFused ? readFused(model, names, shape)
                                    : readSeparate(model, names, shape);
  if (model.failed())
    return x;
  auto apply = [&](Value rows, ArrayRef<Value> weights, int64_t outputs,
                   bool gathers) -> Value {
    IntegerAttr topK =
        gathers ? builder.getI64IntegerAttr(shape.topK) : nullptr;
    return seq::ExpertsOp::create(
        builder, model.f32({dynamic, outputs}), rows, stack(model, weights),
        dispatch.getOffsets(), gathers ? dispatch.getPairs() : Value(), topK);
  };
  Value gate = apply(x, matrices.gate, inner, true),
        up = apply(x, matrices.up, inner, true);
  Value choices = arith::ConstantIndexOp::create(builder, shape.topK);
  Value pairs = arith::MulIOp::create(builder, model.tokenCount(), choices);
  Value rows = apply(gated(model, gate, up, shape.expert, pairs), matrices.down,
                     width, false);
  return seq::CombineOp::create(builder, model.f32({dynamic, width}), rows,
                                route.getWeights(), dispatch.getPositions());
}
