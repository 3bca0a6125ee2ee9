// Qwen3 with a mixture of experts in most layers (Yang et al. 2025).
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Decoder.h"
#include "frontends/hf/Families.h"
#include "llvm/ADT/STLExtras.h"

using namespace sennit::hf;

void sennit::hf::buildQwen3Moe(ModelBuilder &model, Config &config) {
  Decoder decoder =
      readDecoder(config, /*defaultEpsilon=*/1e-6, /*defaultTheta=*/10000);
  decoder.attention.hasBias = config.boolean("attention_bias", false);
  decoder.attention.headNormEpsilon = decoder.epsilon;
  std::optional<int64_t> window = config.window("sliding_window", 4096);
  if (!config.boolean("use_sliding_window", false))
    window.reset();
  ExpertsShape experts;
  experts.expert = decoder.feedForward;
  experts.expert.inner = config.positive("moe_intermediate_size", 768);
  // Transformers 5 renames the key where it writes it.
  experts.experts = config.limited(
      config.has("num_local_experts") ? "num_local_experts" : "num_experts",
      maxExperts, 128);
  experts.topK = readChoices(config, experts.experts, 8);
  experts.renormalize = config.boolean("norm_topk_prob", false);
  int64_t step = config.positive("decoder_sparse_step", 1);
  std::vector<int64_t> dense = config.integers("mlp_only_layers");
  if (config.failed())
    return;
  auto feedForward = [&](mlir::Value x, const LayerName &layer) {
    std::string block = layer.tensors + ".mlp";
    if ((layer.index + 1) % step != 0 || llvm::is_contained(dense, layer.index))
      return buildFeedForward(model, x, block, decoder.feedForward);
    return buildExperts(model, x,
                        {block + ".gate.weight", block + ".experts",
                         "gate_proj", "up_proj", "down_proj"},
                        experts);
  };
  buildDecoder(model, decoder, [&](int64_t) { return window; }, feedForward);
}
