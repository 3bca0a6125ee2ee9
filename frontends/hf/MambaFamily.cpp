// Mamba and Mamba-2 models: a norm and a mixer in each layer, nothing else.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Decoder.h"
#include "frontends/hf/Families.h"

using namespace mlir;
using namespace sennit::hf;
using llvm::StringRef;

namespace {

/// Builds both functions. Names: `backbone.embeddings`,
/// `backbone.layers.N.{norm, mixer}`, `backbone.norm_f`.
void buildBackbone(
    ModelBuilder &model, Config &config, bool tiedByDefault, double epsilon,
    llvm::function_ref<Value(Value, StringRef, const LayerName &)> mixer) {
  int64_t layers = config.limited("num_hidden_layers", maxLayers);
  bool tied = config.boolean("tie_word_embeddings", tiedByDefault);
  if (config.failed())
    return;
  // The original implementation's name of the table is singular.
  bool isOriginal = model.hasTensor("backbone.embedding.weight");
  StringRef table =
      isOriginal ? "backbone.embedding.weight" : "backbone.embeddings.weight";
  TiedNames names = resolveTies(model, tied, table);
  Value hidden = model.beginBody(names.table);
  for (int64_t index = 0; index < layers && !model.failed(); ++index) {
    LayerName layer = {"backbone.layers." + std::to_string(index),
                       "layers." + std::to_string(index)};
    model.at(layer.tensors + ".norm");
    Value weight =
        model.weight(layer.tensors + ".norm.weight", model.getFacts().width);
    Value x = rmsNorm(model, hidden, weight, epsilon);
    hidden = add(model, hidden, mixer(x, layer.tensors + ".mixer", layer));
  }
  model.finishBody(hidden);
  buildHead(model, "backbone.norm_f.weight", epsilon, names.head);
}

} // namespace

void sennit::hf::buildMambaFamily(ModelBuilder &model, Config &config) {
  int64_t width = model.getFacts().width, defaultRank = (width + 15) / 16;
  double epsilon = config.number("layer_norm_epsilon", 1e-5);
  MambaShape shape;
  shape.inner = config.product("expand", config.positive("expand", 2), width);
  // Written by transformers, and always this product.
  if (config.positive("intermediate_size", shape.inner) != shape.inner)
    config.failBroken("intermediate_size",
                      "is not `expand` times `hidden_size`");
  shape.states = config.positive("state_size", 16);
  shape.taps = config.positive("conv_kernel", 4);
  shape.rank = config.isString("time_step_rank", "auto")
                   ? defaultRank
                   : config.positive("time_step_rank", defaultRank);
  shape.hasBias = config.boolean("use_bias", false);
  shape.hasConvBias = config.boolean("use_conv_bias", true);
  shape.activation = readActivation(config, "hidden_act");
  if (shape.taps < 2)
    config.failUnsupported("conv_kernel", "a convolution of one tap");
  buildBackbone(model, config, /*tiedByDefault=*/true, epsilon,
                [&](Value x, StringRef name, const LayerName &layer) {
                  return buildMamba(model, x, name, layer, shape);
                });
}

void sennit::hf::buildMamba2Family(ModelBuilder &model, Config &config) {
  int64_t width = model.getFacts().width;
  Mamba2Shape shape;
  shape.normEpsilon = config.number("layer_norm_epsilon", 1e-5);
  shape.heads = config.positive("num_heads", 128);
  shape.headWidth = config.positive("head_dim", 64);
  shape.groups = config.positive("n_groups", 8);
  shape.states = config.positive("state_size", 128);
  shape.taps = config.positive("conv_kernel", 4);
  shape.hasBias = config.boolean("use_bias", false);
  shape.hasConvBias = config.boolean("use_conv_bias", true);
  shape.activation = readActivation(config, "hidden_act");
  std::vector<double> limits = config.numbers("time_step_limit");
  shape.stepLeast = limits.size() == 2 ? limits[0] : 0;
  shape.stepMost = limits.size() == 2 ? limits[1] : HUGE_VAL;
  if (!limits.empty() && (limits.size() != 2 || !(limits[0] <= limits[1])))
    config.failBroken("time_step_limit", "expected a lower and an upper bound");
  int64_t inner = config.product("expand", config.positive("expand", 2), width);
  config.product("n_groups", shape.groups, shape.states);
  if (config.product("num_heads", shape.heads, shape.headWidth) != inner)
    config.failBroken(
        "num_heads",
        "`num_heads` times `head_dim` is not `expand` times `hidden_size`");
  if (shape.heads % shape.groups != 0)
    config.failBroken("n_groups", llvm::Twine(shape.groups) +
                                      " does not divide the " +
                                      llvm::Twine(shape.heads) + " heads");
  if (shape.taps < 2)
    config.failUnsupported("conv_kernel", "a convolution of one tap");
  buildBackbone(model, config, /*tiedByDefault=*/false, shape.normEpsilon,
                [&](Value x, StringRef name, const LayerName &layer) {
                  return buildMamba2(model, x, name, layer, shape);
                });
}
