// Rotary positions: reads their parameters as transformers does and makes the
// tables of seq.rope.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_HF_ROPE_H
#define SENNIT_FRONTENDS_HF_ROPE_H

#include "frontends/hf/Config.h"
#include "frontends/hf/ModelBuilder.h"

namespace sennit::hf {

struct RopeParameters {
  std::vector<float> inverseFrequencies; // One for each plane.
  float factor = 1; // On cosine and sine (YaRN's attention factor).
  /// YaRN's magnitude by `mscale_all_dim`, whose square scales scores in the
  /// models that say so (DeepSeek).
  double magnitude = 1;
};

/// Reads `rope_parameters`, or the older `rope_theta` and `rope_scaling`.
/// Types: default, linear, llama3, yarn; mrope, which for text is the default
/// with a note; others are refused. The frequencies are what
/// `modeling_rope_utils.py` computes, in f32.
RopeParameters readRope(Config &config, int64_t headWidth, double defaultTheta);

struct RopeTables {
  mlir::Value cosine, sine; // [context, plane]
};

/// Constants for all positions that the state can hold.
RopeTables buildRopeTables(ModelBuilder &model, const RopeParameters &rope);

} // namespace sennit::hf

#endif // SENNIT_FRONTENDS_HF_ROPE_H
