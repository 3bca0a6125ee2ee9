// Jamba (Lieber et al. 2024): Mamba and attention layers, dense and expert
// feed-forward blocks, no positions.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Decoder.h"
#include "frontends/hf/Families.h"

using namespace mlir;
using namespace sennit::hf;
using llvm::StringRef;

namespace {

/// Every `period`-th layer from `offset` on.
struct Schedule {
  int64_t period, offset;
  bool contains(int64_t layer) const { return layer % period == offset; }
};

Schedule readSchedule(Config &config, const std::string &prefix, int64_t period,
                      int64_t offset) {
  Schedule schedule = {config.positive(prefix + "_period", period),
                       config.natural(prefix + "_offset", offset)};
  if (schedule.offset >= schedule.period)
    config.failBroken(prefix + "_offset", llvm::Twine(schedule.offset) +
                                              " is not below the period " +
                                              llvm::Twine(schedule.period));
  return schedule;
}

MambaShape readMamba(Config &config, int64_t width, double epsilon) {
  MambaShape shape;
  shape.inner =
      config.product("mamba_expand", config.positive("mamba_expand", 2), width);
  shape.states = config.positive("mamba_d_state", 16);
  shape.taps = config.positive("mamba_d_conv", 4);
  shape.rank = config.isString("mamba_dt_rank", "auto")
                   ? (width + 15) / 16
                   : config.positive("mamba_dt_rank", (width + 15) / 16);
  shape.hasBias = config.boolean("mamba_proj_bias", false);
  shape.hasConvBias = config.boolean("mamba_conv_bias", true);
  shape.activation = readActivation(config, "hidden_act");
  shape.normEpsilon = epsilon;
  if (shape.taps < 2)
    config.failUnsupported("mamba_d_conv", "a convolution of one tap");
  return shape;
}

ExpertsShape readExperts(Config &config) {
  ExpertsShape shape;
  shape.expert.inner = config.positive("intermediate_size");
  shape.expert.activation = readActivation(config, "hidden_act");
  shape.experts = config.limited("num_experts", maxExperts, 16);
  shape.topK = config.positive("num_experts_per_tok", 2);
  if (shape.experts > 1 && shape.topK > shape.experts)
    config.failBroken("num_experts_per_tok", "more than the " +
                                                 llvm::Twine(shape.experts) +
                                                 " experts");
  return shape;
}

} // namespace

void sennit::hf::buildJamba(ModelBuilder &model, Config &config) {
  int64_t layers = config.limited("num_hidden_layers", maxLayers);
  double epsilon = config.number("rms_norm_eps", 1e-6);
  bool tied = config.boolean("tie_word_embeddings", false);
  Schedule attends = readSchedule(config, "attn_layer", 8, 4),
           routes = readSchedule(config, "expert_layer", 2, 1);
  AttentionShape attention = readAttention(config, 8);
  MambaShape mamba = readMamba(config, model.getFacts().width, epsilon);
  ExpertsShape experts = readExperts(config);
  if (config.failed())
    return;

  TiedNames names = resolveTies(model, tied, "model.embed_tokens.weight");
  Value hidden = model.beginBody(names.table);
  for (int64_t index = 0; index < layers && !model.failed(); ++index) {
    LayerName layer = {"model.layers." + std::to_string(index),
                       "layers." + std::to_string(index), index};
    auto norm = [&](const char *name) {
      model.at(layer.tensors + "." + name);
      Value weight = model.weight(layer.tensors + "." + name + ".weight",
                                  model.getFacts().width);
      return rmsNorm(model, hidden, weight, epsilon);
    };
    Value x = norm("input_layernorm");
    hidden =
        add(model, hidden,
            attends.contains(index)
                ? buildAttention(model, x, layer, attention)
                : buildMamba(model, x, layer.tensors + ".mamba", layer, mamba));
    std::string block = layer.tensors + ".feed_forward";
    Value y = norm("pre_ff_layernorm");
    hidden =
        add(model, hidden,
            routes.contains(index) && experts.experts > 1
                ? buildExperts(model, y,
                               {block + ".router.weight", block + ".experts",
                                "gate_proj", "up_proj", "down_proj"},
                               experts)
                : buildFeedForward(model, y, block, experts.expert));
  }
  model.finishBody(hidden);
  buildHead(model, "model.final_layernorm.weight", epsilon, names.head);
}
