// How a checkpoint says that its matrices are quantised.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_HF_QUANTIZATION_H
#define SENNIT_FRONTENDS_HF_QUANTIZATION_H

#include "frontends/hf/Config.h"

namespace sennit::hf {

/// Matrices of `bits`, symmetric around zero. A `group` of neighbours of depth
/// shares a scale; 0: all of a row.
struct StoredQuantization {
  int64_t bits = 0, group = 0;
  /// Whether words hold several numbers, from their lowest bits on, each more
  /// by half of its range; else each number is a byte.
  bool isPacked = false;
};

/// What `quantization_config` says, none without it. Records an error for what
/// is not supported.
std::optional<StoredQuantization> readQuantization(Config &config);

} // namespace sennit::hf

#endif // SENNIT_FRONTENDS_HF_QUANTIZATION_H
