// The decoder that Llama and its relatives share: attention and a feed-forward
// block in each layer.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_HF_DECODER_H
#define SENNIT_FRONTENDS_HF_DECODER_H

#include "frontends/hf/Blocks.h"

namespace sennit::hf {

struct Decoder {
  int64_t layers = 1;
  double epsilon = 1e-6;
  bool tied = false; // The map to logits is the table of embeddings.
  AttentionShape attention;
  RopeParameters rope;
  FeedForwardShape feedForward;
};

/// Reads everything but attention.
Decoder readStack(Config &config, double defaultEpsilon);
/// Reads what most families have in common; a family changes the rest.
Decoder readDecoder(Config &config, double defaultEpsilon, double defaultTheta);

/// Builds the feed-forward block of a layer from its normed input.
using FeedForwardBuilder =
    llvm::function_ref<mlir::Value(mlir::Value x, const LayerName &layer)>;
/// Builds the attention of a layer from its normed input.
using AttentionBuilder = llvm::function_ref<mlir::Value(
    mlir::Value x, const LayerName &layer, const RopeTables &rope)>;
/// The window of a layer's attention, if it has one.
using WindowOfLayer = llvm::function_ref<std::optional<int64_t>(int64_t layer)>;

/// Builds both functions. Names: `model.embed_tokens`, `model.layers.N.*`,
/// `model.norm`, `lm_head`.
void buildDecoder(ModelBuilder &model, const Decoder &decoder,
                  AttentionBuilder attend, FeedForwardBuilder feedForward);
/// The same with attention of grouped heads.
void buildDecoder(ModelBuilder &model, const Decoder &decoder,
                  WindowOfLayer window, FeedForwardBuilder feedForward);
/// The same with dense feed-forward blocks, `mlp`.
void buildDecoder(ModelBuilder &model, const Decoder &decoder,
                  WindowOfLayer window);

/// Which tensor embeds and which maps to logits. A tied model stores one of
/// them, or two equal ones, or two that differ because its configuration is
/// wrong: what is stored counts, as in transformers 5.
struct TiedNames {
  llvm::StringRef table, head;
};
TiedNames resolveTies(const ModelBuilder &model, bool tied,
                      llvm::StringRef table);

} // namespace sennit::hf

#endif // SENNIT_FRONTENDS_HF_DECODER_H
