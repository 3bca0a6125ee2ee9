// The Mamba-2 mixer as gated linear attention, from a checkpoint's tensors.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "frontends/hf/Blocks.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace sennit;
using namespace sennit::hf;
using llvm::StringRef;

namespace {

/// softplus(step + bias), within the configured bounds. [token, head]
Value buildStep(ModelBuilder &model, Value step, StringRef name,
                const Mamba2Shape &shape) {
  int64_t extents[] = {ShapedType::kDynamic, shape.heads};
  Value bias = model.weight(name + ".dt_bias", shape.heads);
  Value biased = pointwise(model, {step, {bias, {1}}}, extents,
                           [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                             return arith::AddFOp::create(b, v[0], v[1]);
                           });
  Value delta = pointwise(
      model, {biased}, extents,
      [](ImplicitLocOpBuilder &b, ValueRange v) { return softplus(b, v[0]); });
  // softplus lies in (0, infinity) by itself.
  if (shape.stepLeast <= 0 && std::isinf(shape.stepMost))
    return delta;
  return pointwise(model, {delta}, extents,
                   [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                     Value raised = arith::MaximumFOp::create(
                         b, v[0], constant(b, shape.stepLeast));
                     return arith::MinimumFOp::create(
                         b, raised, constant(b, shape.stepMost));
                   });
}

/// norm(y * silu(z)) by groups, with a weight over all channels. y: [token,
/// channel]
Value buildGatedNorm(ModelBuilder &model, Value y, Value z, StringRef name,
                     const Mamba2Shape &shape) {
  int64_t inner = shape.heads * shape.headWidth, groups = shape.groups;
  Value gated =
      pointwise(model, {y, z}, {ShapedType::kDynamic, inner},
                [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                  return arith::MulFOp::create(b, v[0], silu(b, v[1]));
                });
  std::string weight = (name + ".norm.weight").str();
  if (groups == 1)
    return rmsNorm(model, gated, model.weight(weight, inner),
                   shape.normEpsilon);
  Value grouped = model.weight(weight, {groups, inner / groups}, inner);
  return mergeHeads(model, rmsNorm(model, splitHeads(model, gated, groups),
                                   grouped, shape.normEpsilon));
}

} // namespace

Value sennit::hf::buildMamba2(ModelBuilder &model, Value x, StringRef name,
                              const LayerName &layer,
                              const Mamba2Shape &shape) {
  model.at(name);
  ImplicitLocOpBuilder &builder = model.ops();
  int64_t dynamic = ShapedType::kDynamic, heads = shape.heads,
          width = shape.headWidth;
  int64_t inner = heads * width, keys = shape.groups * shape.states;
  RowBlock parts[] = {
      {"z", inner}, {"x", inner}, {"b", keys}, {"c", keys}, {"dt", heads}};
  SmallVector<Value> projected =
      linearBlocks(model, x, name + ".in_proj", parts, shape.hasBias);
  SmallVector<Value> convolved =
      buildConvs(model, ArrayRef(projected).slice(1, 3), name, layer,
                 ArrayRef(parts).slice(1, 3), shape.taps, shape.hasConvBias,
                 shape.activation);
  Value input = splitHeads(model, convolved[0], heads);
  Value write = splitHeads(model, convolved[1], shape.groups),
        read = splitHeads(model, convolved[2], shape.groups);

  Value delta = buildStep(model, projected[4], name, shape);
  Value logs = model.weight(name + ".A_log", heads);
  Value rate = pointwise(
      model, {logs}, heads, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        return arith::NegFOp::create(b, math::ExpOp::create(b, v[0]));
      });
  auto product = [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
    return arith::MulFOp::create(b, v[0], v[1]);
  };
  Value decay =
      pointwise(model, {delta, {rate, {1}}}, {dynamic, heads}, product);
  Value value =
      pointwise(model, {delta, input}, {dynamic, heads, width}, product);
  Value state =
      model.state(layer.states + ".state", {heads, shape.states, width});
  auto mixed = seq::LinearAttentionOp::create(
      builder, TypeRange{value.getType(), state.getType()},
      seq::UpdateRule::Gated, read, write, value, decay, /*beta=*/Value(),
      /*erase_read=*/Value(), /*erase_write=*/Value(), state,
      llvm::APFloat(1.0f), /*chunk=*/IntegerAttr());
  model.setNext(state, mixed.getStateAfter());

  Value skip = model.weight(name + ".D", heads);
  Value y = pointwise(model, {mixed.getOutput(), {skip, {1}}, input},
                      {dynamic, heads, width},
                      [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                        return arith::AddFOp::create(
                            b, v[0], arith::MulFOp::create(b, v[1], v[2]));
                      });
  Value normed =
      buildGatedNorm(model, mergeHeads(model, y), projected[0], name, shape);
  return linear(model, normed, name + ".out_proj", model.getFacts().width,
                shape.hasBias);
}
