// Qwen3 (Yang et al. 2025): Llama with norms of the query and key heads, and
// windows in late layers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/ImportError.h"
#include "frontends/hf/Decoder.h"
#include "frontends/hf/Families.h"

using namespace sennit;
using namespace sennit::hf;

namespace {

/// Which layers slide: `layer_types`, or by default those from
/// `max_window_layers` on.
std::vector<bool> readSliding(Config &config, int64_t layers) {
  std::vector<std::string> types = config.strings("layer_types");
  std::vector<bool> result;
  if (types.empty()) {
    int64_t first = config.natural("max_window_layers", 28);
    for (int64_t layer = 0; layer < layers && !config.failed(); ++layer)
      result.push_back(layer >= first);
    return result;
  }
  if (static_cast<int64_t>(types.size()) != layers)
    config.failBroken("layer_types", "names " + llvm::Twine(types.size()) +
                                         " layers, the model has " +
                                         llvm::Twine(layers));
  for (const std::string &type : types) {
    if (type != "full_attention" && type != "sliding_attention")
      config.failUnsupported("layer_types", quoted(type) + " in a Qwen3 model");
    result.push_back(type == "sliding_attention");
  }
  return result;
}

} // namespace

void sennit::hf::buildQwen3(ModelBuilder &model, Config &config) {
  Decoder decoder =
      readDecoder(config, /*defaultEpsilon=*/1e-6, /*defaultTheta=*/10000);
  decoder.attention.hasBias = config.boolean("attention_bias", false);
  decoder.attention.headNormEpsilon = decoder.epsilon;
  std::optional<int64_t> window = config.window("sliding_window", 4096);
  if (!config.boolean("use_sliding_window", false))
    window.reset();
  std::vector<bool> slides =
      window ? readSliding(config, decoder.layers) : std::vector<bool>();
  if (config.failed())
    return;
  buildDecoder(model, decoder, [&](int64_t layer) {
    return window && slides[layer] ? window : std::nullopt;
  });
}
