// Reading of what the manifest says of a tensor: element type, shape, bytes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_RUNTIME_ARTIFACT_MANIFESTTENSOR_H
#define SENNIT_RUNTIME_ARTIFACT_MANIFESTTENSOR_H

#include "runtime/artifact/JsonField.h"
#include "runtime/artifact/Manifest.h"

namespace sennit {

struct ManifestTensor {
  sennit_element element;
  /// SENNIT_EXTENT_TOKENS for `tokens`, which only the first extent may be.
  Array<int64_t> shape;
  bool hasTokens;
  /// Of the whole tensor, or of one token; below 2^46.
  uint64_t bytes;
};

/// Reads the members `dtype` and `shape` of |field|.
Status readTensor(const JsonField &field, ManifestTensor &out_tensor);

} // namespace sennit

#endif // SENNIT_RUNTIME_ARTIFACT_MANIFESTTENSOR_H
