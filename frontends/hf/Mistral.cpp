// Mistral (Jiang et al. 2023): Llama with a sliding window in every layer.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Decoder.h"
#include "frontends/hf/Families.h"

void sennit::hf::buildMistral(ModelBuilder &model, Config &config) {
  Decoder decoder =
      readDecoder(config, /*defaultEpsilon=*/1e-6, /*defaultTheta=*/10000);
  std::optional<int64_t> window = config.window("sliding_window", 4096);
  if (!config.failed())
    buildDecoder(model, decoder, [&](int64_t) { return window; });
}
