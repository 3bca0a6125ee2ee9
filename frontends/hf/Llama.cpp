// Llama (Touvron et al. 2023): grouped attention with rotary positions, gated
// feed-forward blocks.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Decoder.h"
#include "frontends/hf/Families.h"

void sennit::hf::buildLlama(ModelBuilder &model, Config &config) {
  Decoder decoder =
      readDecoder(config, /*defaultEpsilon=*/1e-6, /*defaultTheta=*/10000);
  decoder.attention.hasBias = config.boolean("attention_bias", false);
  decoder.feedForward.hasBias = config.boolean("mlp_bias", false);
  if (!config.failed())
    buildDecoder(model, decoder, [](int64_t) { return std::nullopt; });
}
