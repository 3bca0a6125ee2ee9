// The Mamba-1 mixer, with or without Jamba's inner norms, from a checkpoint's
// tensors.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "frontends/hf/Blocks.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::hf;
using llvm::StringRef;

SmallVector<Value>
sennit::hf::buildConvs(ModelBuilder &model, ArrayRef<Value> inputs,
                       StringRef name, const LayerName &layer,
                       ArrayRef<RowBlock> blocks, int64_t taps, bool hasBias,
                       Activation activation) {
  ImplicitLocOpBuilder &builder = model.ops();
  // seq.conv takes f32 and bf16 weights.
  auto accepted = [&](Value weight) {
    auto type = cast<RankedTensorType>(weight.getType());
    if (!type.getElementType().isF16())
      return weight;
    return pointwise(model, {weight}, type.getShape(),
                     [](ImplicitLocOpBuilder &, ValueRange v) { return v[0]; });
  };
  SmallVector<Value> weights = model.weightBlocks(name + ".conv1d.weight",
                                                  blocks, {taps}, {1, taps}),
                     biases, results;
  if (hasBias)
    biases = model.weightBlocks(name + ".conv1d.bias", blocks, {}, {});
  for (auto [index, input] : llvm::enumerate(inputs)) {
    std::string state = layer.states + ".conv" +
                        (blocks[index].suffix.empty() ? "" : ".") +
                        blocks[index].suffix.str();
    Value window = model.state(state, {taps - 1, blocks[index].rows});
    auto conv = seq::ConvOp::create(
        builder, TypeRange{input.getType(), window.getType()}, input,
        accepted(weights[index]), hasBias ? accepted(biases[index]) : Value(),
        window, /*block=*/IntegerAttr());
    model.setNext(window, conv.getWindowAfter());
    results.push_back(pointwise(model, {conv.getOutput()},
                                {ShapedType::kDynamic, blocks[index].rows},
                                [&](ImplicitLocOpBuilder &b, ValueRange v) {
                                  return activate(b, activation, v[0]);
                                }));
  }
  return results;
}

Value sennit::hf::buildMamba(ModelBuilder &model, Value x, StringRef name,
                             const LayerName &layer, const MambaShape &shape) {
  model.at(name);
  ImplicitLocOpBuilder &builder = model.ops();
  int64_t dynamic = ShapedType::kDynamic, inner = shape.inner,
          states = shape.states;
  RowBlock halves[] = {{"x", inner}, {"z", inner}};
  SmallVector<Value> xz =
      linearBlocks(model, x, name + ".in_proj", halves, shape.hasBias);
  Value u = buildConvs(model, xz[0], name, layer, RowBlock{"", inner},
                       shape.taps, shape.hasConvBias, shape.activation)
                .front();

  RowBlock parts[] = {{"dt", shape.rank}, {"b", states}, {"c", states}};
  SmallVector<Value> selected =
      linearBlocks(model, u, name + ".x_proj", parts, /*hasBias=*/false);
  if (shape.normEpsilon)
    for (auto [value, part] : llvm::zip_equal(selected, parts))
      value =
          rmsNorm(model, value,
                  model.weight(name + "." + part.suffix + "_layernorm.weight",
                               part.rows),
                  *shape.normEpsilon);
  Value step =
      linear(model, selected[0], name + ".dt_proj", inner, /*hasBias=*/true);
  Value delta = pointwise(
      model, {step}, {dynamic, inner},
      [](ImplicitLocOpBuilder &b, ValueRange v) { return softplus(b, v[0]); });
  Value logs = model.weight(name + ".A_log", {inner, states});
  Value transition =
      pointwise(model, {logs}, {inner, states},
                [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                  return arith::NegFOp::create(b, math::ExpOp::create(b, v[0]));
                });
  Value state = model.state(layer.states + ".scan", {inner, states});
  auto scan = seq::SelectiveScanOp::create(
      builder, TypeRange{u.getType(), state.getType()}, u, delta, transition,
      selected[1], selected[2], state);
  model.setNext(state, scan.getStateAfter());

  Value skip = model.weight(name + ".D", inner);
  Value y = pointwise(model, {scan.getOutput(), {skip, {1}}, u, xz[1]},
                      {dynamic, inner},
                      [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                        Value sum = arith::AddFOp::create(
                            b, v[0], arith::MulFOp::create(b, v[1], v[2]));
                        return arith::MulFOp::create(b, sum, silu(b, v[3]));
                      });
  return linear(model, y, name + ".out_proj", model.getFacts().width,
                shape.hasBias);
}
