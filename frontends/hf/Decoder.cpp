// The decoder that Llama and its relatives share: attention and a feed-forward
// block in each layer.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Decoder.h"

using namespace mlir;
using namespace sennit::hf;
using llvm::StringRef;

Decoder sennit::hf::readStack(Config &config, double defaultEpsilon) {
  Decoder decoder;
  decoder.layers = config.limited("num_hidden_layers", maxLayers);
  decoder.epsilon = config.number("rms_norm_eps", defaultEpsilon);
  decoder.tied = config.boolean("tie_word_embeddings", false);
  decoder.feedForward.inner = config.positive("intermediate_size");
  decoder.feedForward.activation = readActivation(config, "hidden_act");
  return decoder;
}

Decoder sennit::hf::readDecoder(Config &config, double defaultEpsilon,
                                double defaultTheta) {
  Decoder decoder = readStack(config, defaultEpsilon);
  decoder.attention = readAttention(config, std::nullopt);
  decoder.rope = readRope(config, decoder.attention.headWidth, defaultTheta);
  return decoder;
}

TiedNames sennit::hf::resolveTies(const ModelBuilder &model, bool tied,
                                  StringRef table) {
  constexpr StringRef head = "lm_head.weight";
  if (!tied)
    return {table, head};
  return {model.hasTensor(table) ? table : head,
          model.hasTensor(head) ? head : table};
}

void sennit::hf::buildDecoder(ModelBuilder &model, const Decoder &decoder,
                              AttentionBuilder attend,
                              FeedForwardBuilder feedForward) {
  TiedNames names =
      resolveTies(model, decoder.tied, "model.embed_tokens.weight");
  Value hidden = model.beginBody(names.table);
  model.at("model.rotary_emb");
  RopeTables rope = buildRopeTables(model, decoder.rope);
  if (model.failed())
    return;
  for (int64_t index = 0; index < decoder.layers && !model.failed(); ++index) {
    LayerName layer = {"model.layers." + std::to_string(index),
                       "layers." + std::to_string(index), index};
    // Older files carry the frequencies, which the configuration gives.
    model.ignoreTensor(layer.tensors + ".self_attn.rotary_emb.inv_freq");
    auto norm = [&](const char *name) {
      model.at(layer.tensors + "." + name);
      Value weight = model.weight(layer.tensors + "." + name + ".weight",
                                  model.getFacts().width);
      return rmsNorm(model, hidden, weight, decoder.epsilon);
    };
    hidden = add(model, hidden, attend(norm("input_layernorm"), layer, rope));
    hidden = add(model, hidden,
                 feedForward(norm("post_attention_layernorm"), layer));
  }
  model.finishBody(hidden);
  buildHead(model, "model.norm.weight", decoder.epsilon, names.head);
}

void sennit::hf::buildDecoder(ModelBuilder &model, const Decoder &decoder,
                              WindowOfLayer window,
                              FeedForwardBuilder feedForward) {
  auto attend = [&](Value x, const LayerName &layer, const RopeTables &rope) {
    AttentionShape shape = decoder.attention;
    shape.rope = rope;
    return buildAttention(model, x, layer, shape, window(layer.index));
  };
  buildDecoder(model, decoder, attend, feedForward);
}

void sennit::hf::buildDecoder(ModelBuilder &model, const Decoder &decoder,
                              WindowOfLayer window) {
  buildDecoder(model, decoder, window, [&](Value x, const LayerName &layer) {
    return buildFeedForward(model, x, layer.tensors + ".mlp",
                            decoder.feedForward);
  });
}
