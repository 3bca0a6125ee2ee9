// DeepSeek-V2 and V3 (DeepSeek-AI 2024): latent attention, dense layers first,
// then routed experts beside shared ones. Moonlight and Kimi are V3.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/ImportError.h"
#include "frontends/hf/Decoder.h"
#include "frontends/hf/Families.h"
#include <cmath>

using namespace sennit;
using namespace sennit::hf;

namespace {

/// What absent keys mean in a version.
struct Version {
  llvm::StringRef scores, method;
  int64_t groups, topGroups, denseLayers, sharedExperts, experts, inner;
  bool renormalizes;
  double scaling;
};

constexpr Version version2 = {"softmax", "greedy", 1,    1,     0,
                              2,         64,       1407, false, 1.0};
constexpr Version version3 = {"sigmoid", "noaux_tc", 8,    4,    3,
                              1,         256,        2048, true, 2.5};

struct DeepSeek {
  LatentAttentionShape attention;
  FeedForwardShape shared;
  ExpertsShape experts;
  int64_t sharedExperts = 0, denseLayers = 0;
  bool hasRouterBias = false;
};

LatentAttentionShape readAttention(Config &config) {
  LatentAttentionShape shape;
  shape.heads = config.positive("num_attention_heads");
  if (config.positive("num_key_value_heads", shape.heads) != shape.heads)
    config.failUnsupported("num_key_value_heads",
                           "latent attention has as many as query heads");
  shape.plainWidth = config.positive("qk_nope_head_dim", 128);
  shape.rotaryWidth = config.positive("qk_rope_head_dim", 64);
  if (config.positive("head_dim", shape.rotaryWidth) != shape.rotaryWidth)
    config.failUnsupported("head_dim", "other than `qk_rope_head_dim`, the "
                                       "components that positions rotate");
  shape.valueWidth = config.positive("v_head_dim", 128);
  shape.keyValueRank = config.positive("kv_lora_rank", 512);
  shape.queryRank = config.window("q_lora_rank", 1536);
  shape.hasBias = config.boolean("attention_bias", false);
  shape.isInterleaved = config.boolean("rope_interleave", true);
  for (int64_t width : {shape.plainWidth, shape.rotaryWidth, shape.valueWidth,
                        shape.keyValueRank})
    if (width > maxHeadWidth / 2)
      config.failUnsupported("kv_lora_rank", "latents or heads wider than " +
                                                 llvm::Twine(maxHeadWidth / 2));
  config.product("num_attention_heads", shape.heads,
                 shape.plainWidth + shape.rotaryWidth + shape.valueWidth);
  return shape;
}

/// How experts are chosen: `scoring_func` and `topk_method`.
void readRouting(Config &config, const Version &version, DeepSeek &result) {
  ExpertsShape &experts = result.experts;
  llvm::StringRef scores = config.string("scoring_func", version.scores),
                  method = config.string("topk_method", version.method);
  if (scores != "softmax" && scores != "sigmoid")
    config.failUnsupported(
        "scoring_func", quoted(scores) + "; supported are softmax and sigmoid");
  if (method != "greedy" && method != "group_limited_greedy" &&
      method != "noaux_tc")
    config.failUnsupported(
        "topk_method",
        quoted(method) +
            "; supported are greedy, group_limited_greedy and noaux_tc");
  if (scores == "sigmoid")
    experts.scores = seq::ScoreFunction::Sigmoid;
  result.hasRouterBias = method == "noaux_tc";
  if (result.hasRouterBias)
    experts.groupValue = seq::GroupValue::BestTwo;
  int64_t groups = config.positive("n_group", version.groups),
          topGroups = config.positive("topk_group", version.topGroups);
  if (method != "greedy" && groups > 1) {
    experts.groups = groups;
    experts.topGroups = topGroups;
  }
  experts.scaling = config.number("routed_scaling_factor", version.scaling);
  experts.renormalize = config.boolean("norm_topk_prob", version.renormalizes);
  // DeepSeek's own code leaves the scaling out then, transformers does not
  // renormalise.
  if (experts.renormalize && !version.renormalizes)
    config.failUnsupported("norm_topk_prob",
                           "published code disagrees on what `true` means "
                           "in this version");
}

void checkGroups(Config &config, const ExpertsShape &experts) {
  int64_t least = experts.groupValue == seq::GroupValue::BestTwo ? 2 : 1;
  if (experts.groups == 1)
    return;
  if (experts.experts % experts.groups != 0 ||
      experts.experts / experts.groups < least)
    config.failBroken("n_group", llvm::Twine(experts.groups) + " groups of " +
                                     llvm::Twine(experts.experts) + " experts");
  else if (experts.topGroups > experts.groups ||
           experts.topK > experts.experts / experts.groups * experts.topGroups)
    config.failBroken("topk_group", llvm::Twine(experts.topGroups) + " of " +
                                        llvm::Twine(experts.groups) +
                                        " groups have no " +
                                        llvm::Twine(experts.topK) + " experts");
}

DeepSeek readDeepSeek(Config &config, const Version &version,
                      const FeedForwardShape &dense) {
  DeepSeek result;
  result.attention = readAttention(config);
  result.denseLayers =
      config.natural("first_k_dense_replace", version.denseLayers);
  if (config.positive("moe_layer_freq", 1) != 1)
    config.failUnsupported("moe_layer_freq", "experts in every layer only");
  ExpertsShape &experts = result.experts;
  experts.expert = {config.positive("moe_intermediate_size", version.inner),
                    /*hasBias=*/false, dense.activation};
  experts.experts =
      config.limited("n_routed_experts", maxExperts, version.experts);
  experts.topK = readChoices(config, experts.experts, 8);
  readRouting(config, version, result);
  checkGroups(config, experts);
  result.sharedExperts =
      config.natural("n_shared_experts", version.sharedExperts);
  result.shared = dense;
  result.shared.inner = config.product(
      "n_shared_experts", std::max<int64_t>(result.sharedExperts, 1),
      experts.expert.inner);
  return result;
}

/// The layers behind the last that predict further tokens, which serve
/// speculation only.
void ignorePredictors(ModelBuilder &model, int64_t layers, int64_t count) {
  for (int64_t index = layers; index < layers + count; ++index)
    if (!model.ignoreTensors("model.layers." + std::to_string(index) + "."))
      return;
}

void build(ModelBuilder &model, Config &config, const Version &version) {
  Decoder decoder = readStack(config, /*defaultEpsilon=*/1e-6);
  decoder.feedForward.hasBias = config.boolean("mlp_bias", false);
  DeepSeek shape = readDeepSeek(config, version, decoder.feedForward);
  decoder.rope = readRope(config, shape.attention.rotaryWidth,
                          /*defaultTheta=*/10000);
  shape.attention.scale =
      decoder.rope.magnitude * decoder.rope.magnitude /
      std::sqrt(static_cast<double>(shape.attention.plainWidth +
                                    shape.attention.rotaryWidth));
  int64_t predictors = config.natural("num_nextn_predict_layers", 0);
  if (config.failed())
    return;
  ignorePredictors(model, decoder.layers, predictors);
  auto attend = [&](mlir::Value x, const LayerName &layer,
                    const RopeTables &rope) {
    return buildLatentAttention(model, x, layer, shape.attention, rope);
  };
  auto feedForward = [&](mlir::Value x, const LayerName &layer) {
    std::string block = layer.tensors + ".mlp";
    if (layer.index < shape.denseLayers)
      return buildFeedForward(model, x, block, decoder.feedForward);
    ExpertNames names = {block + ".gate.weight", block + ".experts",
                         "gate_proj", "up_proj", "down_proj"};
    if (shape.hasRouterBias)
      names.routerBias = block + ".gate.e_score_correction_bias";
    mlir::Value routed = buildExperts(model, x, names, shape.experts);
    if (shape.sharedExperts == 0)
      return routed;
    return add(
        model, routed,
        buildFeedForward(model, x, block + ".shared_experts", shape.shared));
  };
  buildDecoder(model, decoder, attend, feedForward);
}

} // namespace

void sennit::hf::buildDeepSeekV2(ModelBuilder &model, Config &config) {
  build(model, config, version2);
}

void sennit::hf::buildDeepSeekV3(ModelBuilder &model, Config &config) {
  build(model, config, version3);
}
