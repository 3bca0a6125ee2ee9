// Attention with grouped heads, rotary positions, head norms and a window, from
// a checkpoint's tensors.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "frontends/hf/Blocks.h"
#include <cmath>

using namespace mlir;
using namespace sennit;
using namespace sennit::hf;

AttentionShape
sennit::hf::readAttention(Config &config,
                          std::optional<int64_t> defaultKeyValueHeads) {
  AttentionShape shape;
  int64_t width = config.positive("hidden_size");
  shape.heads = config.positive("num_attention_heads");
  shape.keyValueHeads = config.positive(
      "num_key_value_heads", defaultKeyValueHeads.value_or(shape.heads));
  if (shape.heads % shape.keyValueHeads != 0)
    config.failBroken("num_key_value_heads", llvm::Twine(shape.keyValueHeads) +
                                                 " does not divide the " +
                                                 llvm::Twine(shape.heads) +
                                                 " query heads");
  if (config.has("head_dim"))
    shape.headWidth = config.positive("head_dim");
  else if (width % shape.heads == 0)
    shape.headWidth = width / shape.heads;
  else
    config.failBroken("num_attention_heads", llvm::Twine(shape.heads) +
                                                 " does not divide the width " +
                                                 llvm::Twine(width));
  if (shape.headWidth > maxHeadWidth)
    config.failUnsupported("head_dim",
                           "heads wider than " + llvm::Twine(maxHeadWidth));
  config.product("num_attention_heads", shape.heads, shape.headWidth);
  return shape;
}

Value sennit::hf::buildAttention(ModelBuilder &model, Value x,
                                 const LayerName &layer,
                                 const AttentionShape &shape,
                                 std::optional<int64_t> window) {
  std::string name = layer.tensors + ".self_attn";
  model.at(name);
  ImplicitLocOpBuilder &builder = model.ops();
  auto project = [&](const char *part, int64_t heads) {
    Value y = linear(model, x, name + "." + part + "_proj",
                     heads * shape.headWidth, shape.hasBias);
    return splitHeads(model, y, heads);
  };
  Value query = project("q", shape.heads),
        key = project("k", shape.keyValueHeads);
  Value value = project("v", shape.keyValueHeads);
  if (shape.headNormEpsilon) {
    query = rmsNorm(model, query,
                    model.weight(name + ".q_norm.weight", shape.headWidth),
                    *shape.headNormEpsilon);
    key = rmsNorm(model, key,
                  model.weight(name + ".k_norm.weight", shape.headWidth),
                  *shape.headNormEpsilon);
  }
  auto rotate = [&](Value heads) -> Value {
    return seq::RopeOp::create(builder, heads.getType(), heads, model.past(),
                               shape.rope->cosine, shape.rope->sine);
  };
  if (shape.rope) {
    query = rotate(query);
    key = rotate(key);
  }
  int64_t cache[] = {model.getFacts().context, shape.keyValueHeads,
                     shape.headWidth};
  Value keys = model.state(layer.states + ".key", cache),
        values = model.state(layer.states + ".value", cache);
  FloatAttr scale = builder.getF32FloatAttr(static_cast<float>(
      1.0 / std::sqrt(static_cast<double>(shape.headWidth))));
  // A checkpoint's window counts the token itself.
  IntegerAttr left = window ? builder.getI64IntegerAttr(*window - 1) : nullptr;
  auto attention = seq::AttentionOp::create(
      builder, query, key, value, model.past(), /*lengths=*/nullptr,
      /*sinks=*/nullptr, ValueRange{keys, values}, /*pages=*/nullptr,
      /*captures=*/{}, scale,
      /*value_width=*/nullptr, left,
      /*window_right=*/builder.getI64IntegerAttr(0));
  model.setNext(keys, attention.getCachesAfter()[0]);
  model.setNext(values, attention.getCachesAfter()[1]);
  return linear(model, mergeHeads(model, attention.getOutput()),
                name + ".o_proj", model.getFacts().width, shape.hasBias);
}
