// Copies of states, one after the other.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/model/Rollback.h"

#include <cstring>

namespace sennit {

Status Rollback::create(const Manifest &given, Accelerator *accelerator,
                        int64_t most) {
  manifest = &given;
  for (const ManifestState &state : manifest->state) {
    rowBytes += state.rollsBackByPosition ? 0 : state.bytes;
    steps |= state.hasSnapshots;
  }
  // After the last token the state itself is what would be kept.
  uint64_t rows = steps ? static_cast<uint64_t>(most) : 1;
  if (rowBytes != 0 && rows > UINT64_MAX / rowBytes)
    return makeError(SENNIT_STATUS_OUT_OF_MEMORY,
                     "%lld copies of a state of %llu bytes are too many",
                     static_cast<long long>(most),
                     static_cast<unsigned long long>(rowBytes));
  SENNIT_RETURN_IF_ERROR(
      copies.create(accelerator, rows * rowBytes, "copies of the state"));
  return kept.grow(static_cast<size_t>(most));
}

Status Rollback::remember(const ModelMemory &state, int64_t position,
                          const int32_t *tokens, int64_t count) {
  SENNIT_RETURN_IF_ERROR(snapshot(state, 0));
  memcpy(kept.data(), tokens, static_cast<size_t>(count) * sizeof(int32_t));
  first = position;
  offered = 0;
  return {};
}

Status Rollback::snapshot(const ModelMemory &state, int64_t count) {
  uint64_t offset = rowBytes * static_cast<uint64_t>(count);
  for (const ManifestState &each : manifest->state) {
    if (each.rollsBackByPosition)
      continue;
    SENNIT_RETURN_IF_ERROR(
        copies.copy(offset, state.data() + each.offset, each.bytes));
    offset += each.bytes;
  }
  return {};
}

Status Rollback::restore(ModelMemory &state, int64_t count,
                         bool &out_any) const {
  out_any = rowBytes != 0;
  uint64_t offset = steps ? rowBytes * static_cast<uint64_t>(count) : 0;
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
