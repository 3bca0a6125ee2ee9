// The families of models that can be imported: one function each, and the table
// that finds it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_HF_FAMILIES_H
#define SENNIT_FRONTENDS_HF_FAMILIES_H

#include "frontends/hf/Config.h"
#include "frontends/hf/ModelBuilder.h"

namespace sennit::hf {

void buildLlama(ModelBuilder &model, Config &config);
void buildMistral(ModelBuilder &model, Config &config);
void buildQwen3(ModelBuilder &model, Config &config);
void buildQwen3Moe(ModelBuilder &model, Config &config);
void buildMixtral(ModelBuilder &model, Config &config);
void buildDeepSeekV2(ModelBuilder &model, Config &config);
void buildDeepSeekV3(ModelBuilder &model, Config &config);
void buildMambaFamily(ModelBuilder &model, Config &config);
void buildMamba2Family(ModelBuilder &model, Config &config);
void buildJamba(ModelBuilder &model, Config &config);

struct Family {
  llvm::StringRef architecture; // architectures[0]
  llvm::StringRef modelType;    // model_type
  void (*build)(ModelBuilder &model, Config &config);
};

inline constexpr Family families[] = {
    {"LlamaForCausalLM", "llama", buildLlama},
    {"MistralForCausalLM", "mistral", buildMistral},
    {"Qwen3ForCausalLM", "qwen3", buildQwen3},
    {"Qwen3MoeForCausalLM", "qwen3_moe", buildQwen3Moe},
    {"MixtralForCausalLM", "mixtral", buildMixtral},
    {"DeepseekV2ForCausalLM", "deepseek_v2", buildDeepSeekV2},
    {"DeepseekV3ForCausalLM", "deepseek_v3", buildDeepSeekV3},
    {"MambaForCausalLM", "mamba", buildMambaFamily},
    {"Mamba2ForCausalLM", "mamba2", buildMamba2Family},
    {"JambaForCausalLM", "jamba", buildJamba},
};

} // namespace sennit::hf

#endif // SENNIT_FRONTENDS_HF_FAMILIES_H
