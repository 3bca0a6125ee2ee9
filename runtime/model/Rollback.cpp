// Copies of states, one after the other.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/model/Rollback.h"

#include <cstring>

namespace sennit {

Status Rollback::create(const Manifest &given, int64_t most) {
  manifest = &given;
  uint64_t bytes = 0;
  for (const ManifestState &state : manifest->state)
    bytes += state.rollsBackByPosition ? 0 : state.bytes;
  SENNIT_RETURN_IF_ERROR(copies.grow(bytes));
  return kept.grow(static_cast<size_t>(most));
}

void Rollback::remember(const uint8_t *state, int64_t position,
                        const int32_t *tokens, int64_t count) {
  uint8_t *copy = copies.data();
  for (const ManifestState &each : manifest->state) {
    if (each.rollsBackByPosition)
      continue;
    memcpy(copy, state + each.offset, each.bytes);
    copy += each.bytes;
  }
  memcpy(kept.data(), tokens, static_cast<size_t>(count) * sizeof(int32_t));
  first = position;
  offered = 0;
}

bool Rollback::restore(uint8_t *state) const {
  const uint8_t *copy = copies.data();
  for (const ManifestState &each : manifest->state) {
    if (each.rollsBackByPosition)
      continue;
    memcpy(state + each.offset, copy, each.bytes);
    copy += each.bytes;
  }
  return !copies.isEmpty();
}

} // namespace sennit
