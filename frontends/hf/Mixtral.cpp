// Mixtral (Jiang et al. 2024): Mistral with a mixture of experts in every
// layer.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Decoder.h"
#include "frontends/hf/Families.h"

using namespace sennit::hf;

void sennit::hf::buildMixtral(ModelBuilder &model, Config &config) {
  Decoder decoder =
      readDecoder(config, /*defaultEpsilon=*/1e-5, /*defaultTheta=*/1e6);
  std::optional<int64_t> window = config.window("sliding_window", std::nullopt);
  ExpertsShape experts;
  experts.expert = decoder.feedForward;
  experts.experts = config.limited("num_local_experts", maxExperts, 8);
  experts.topK = readChoices(config, experts.experts, 2);
  experts.renormalize = true;
  if (config.failed())
    return;
  auto build = [&](mlir::Value x, const LayerName &layer) {
    // Published files say `block_sparse_moe`, modules since transformers 5
    // `mlp`.
    bool isPublished =
        model.hasTensor(layer.tensors + ".block_sparse_moe.gate.weight");
    std::string block =
        layer.tensors + (isPublished ? ".block_sparse_moe" : ".mlp");
    return buildExperts(
        model, x,
        {block + ".gate.weight", block + ".experts", "w1", "w3", "w2"},
        experts);
  };
  buildDecoder(model, decoder, [&](int64_t) { return window; }, build);
}
