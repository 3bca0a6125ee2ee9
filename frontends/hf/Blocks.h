// The mixers and feed-forward blocks that the families are put together from.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_HF_BLOCKS_H
#define SENNIT_FRONTENDS_HF_BLOCKS_H

#include "dialects/seq/Seq.h"
#include "frontends/hf/Linalg.h"
#include "frontends/hf/Rope.h"

namespace sennit::hf {

/// Where a layer's tensors and states are named: "model.layers.3", "layers.3".
struct LayerName {
  std::string tensors;
  std::string states;
  int64_t index = 0;
};

/// Bounds on what a module is made of, far above any published model.
constexpr int64_t maxLayers = 4096, maxExperts = 4096, maxHeadWidth = 4096;

struct AttentionShape {
  int64_t heads = 1, keyValueHeads = 1, headWidth = 1;
  bool hasBias = false;
  std::optional<double> headNormEpsilon; // Norms of each query and key head
                                         // before the rotation (Qwen3).
  std::optional<RopeTables> rope;
};

/// Reads heads and their width, and checks that they fit each other.
AttentionShape readAttention(Config &config,
                             std::optional<int64_t> defaultKeyValueHeads);

/// `layer.self_attn`. x: [token, width]. `window` counts the keys that a query
/// sees, itself included.
mlir::Value buildAttention(ModelBuilder &model, mlir::Value x,
                           const LayerName &layer, const AttentionShape &shape,
                           std::optional<int64_t> window = std::nullopt);

/// Multi-head latent attention (DeepSeek-AI 2024). A head's query and key have
/// plain components and rotated ones; the latter are the same in all key heads.
struct LatentAttentionShape {
  int64_t heads = 1, plainWidth = 1, rotaryWidth = 1, valueWidth = 1;
  int64_t keyValueRank = 1;         // Components of a latent.
  std::optional<int64_t> queryRank; // Without one queries are a linear map.
  bool hasBias = false, isInterleaved = true;
  double scale = 1; // Of the scores.
};

/// `layer.self_attn` over a cache of latents: keys and values of the heads are
/// never made.
mlir::Value buildLatentAttention(ModelBuilder &model, mlir::Value x,
                                 const LayerName &layer,
                                 const LatentAttentionShape &shape,
                                 const RopeTables &rope);

struct FeedForwardShape {
  int64_t inner = 1;
  bool hasBias = false;
  Activation activation = Activation::Silu;
};

/// `name.{gate,up,down}_proj`: down(act(gate x) * up x).
mlir::Value buildFeedForward(ModelBuilder &model, mlir::Value x,
                             llvm::StringRef name,
                             const FeedForwardShape &shape);

struct ExpertsShape {
  FeedForwardShape expert;
  int64_t experts = 1, topK = 1;
  seq::ScoreFunction scores = seq::ScoreFunction::Softmax;
  bool renormalize = false;
  double scaling = 1;
  /// Choices are from `topGroups` of `groups`, the worthiest.
  int64_t groups = 1, topGroups = 1;
  seq::GroupValue groupValue = seq::GroupValue::Best;
};

/// Reads `num_experts_per_tok`, at most `experts`.
int64_t readChoices(Config &config, int64_t experts, int64_t fallback);

/// How a family names its experts' matrices, one by one; fused files have
/// `gate_up_proj` and `down_proj`.
struct ExpertNames {
  std::string router;  // The router's matrix.
  std::string experts; // "...block_sparse_moe.experts"
  llvm::StringRef gate, up, down;
  std::string routerBias = {}; // Of the choice; empty: none.
};

/// Top-k routing without dropped tokens.
mlir::Value buildExperts(ModelBuilder &model, mlir::Value x,
                         const ExpertNames &names, const ExpertsShape &shape);

struct MambaShape {
  int64_t inner = 1, states = 1, rank = 1, taps = 1;
  bool hasBias = false, hasConvBias = true;
  Activation activation = Activation::Silu;
  std::optional<double> normEpsilon; // Norms of step, B and C (Jamba).
};

/// Mamba-1 (Gu and Dao 2023) with the tensors of `name` ("....mixer").
mlir::Value buildMamba(ModelBuilder &model, mlir::Value x, llvm::StringRef name,
                       const LayerName &layer, const MambaShape &shape);

struct Mamba2Shape {
  int64_t heads = 1, headWidth = 1, groups = 1, states = 1, taps = 1;
  bool hasBias = false, hasConvBias = true;
  Activation activation = Activation::Silu;
  double stepLeast = 0, stepMost = 0; // Bounds of the step after softplus.
  double normEpsilon = 0;
};

/// Mamba-2 (Dao and Gu 2024) with the tensors of `name`.
mlir::Value buildMamba2(ModelBuilder &model, mlir::Value x,
                        llvm::StringRef name, const LayerName &layer,
                        const Mamba2Shape &shape);

/// `name.conv1d` over channels that come in blocks, a window of state each,
/// then the activation.
llvm::SmallVector<mlir::Value>
buildConvs(ModelBuilder &model, llvm::ArrayRef<mlir::Value> inputs,
           llvm::StringRef name, const LayerName &layer,
           llvm::ArrayRef<RowBlock> blocks, int64_t taps, bool hasBias,
           Activation activation);

} // namespace sennit::hf

#endif // SENNIT_FRONTENDS_HF_BLOCKS_H
