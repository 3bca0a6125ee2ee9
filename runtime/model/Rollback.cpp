// Copies of states, one after the other.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/model/Rollback.h"

#include <cstring>

namespace sennit {

Status Rollback::create(const Manifest &given, Accelerator *accelerator,
                        int64_t most) {
  manifest = &given;
  uint64_t bytes = 0;
  for (const ManifestState &state : manifest->state)
    bytes += state.rollsBackByPosition ? 0 : state.bytes;
  SENNIT_RETURN_IF_ERROR(
      copies.create(accelerator, bytes, "copies of the state"));
  return kept.grow(static_cast<size_t>(most));
}

Status Rollback::remember(const ModelMemory &state, int64_t position,
                          const int32_t *tokens, int64_t count) {
  uint64_t offset = 0;
  for (const ManifestState &each : manifest->state) {
    if (each.rollsBackByPosition)
      continue;
    SENNIT_RETURN_IF_ERROR(
        copies.copy(offset, state.data() + each.offset, each.bytes));
    offset += each.bytes;
  }
  memcpy(kept.data(), tokens, static_cast<size_t>(count) * sizeof(int32_t));
  first = position;
  offered = 0;
  return {};
}

Status Rollback::restore(ModelMemory &state, bool &out_any) const {
  out_any = copies.size() != 0;
  uint64_t offset = 0;
  for (const ManifestState &each : manifest->state) {
    if (each.rollsBackByPosition)
      continue;
    SENNIT_RETURN_IF_ERROR(
        state.copy(each.offset, copies.data() + offset, each.bytes));
    offset += each.bytes;
  }
  return {};
}

} // namespace sennit
