// What a context needs to take tokens back: the states as they were.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_RUNTIME_MODEL_ROLLBACK_H
#define SENNIT_RUNTIME_MODEL_ROLLBACK_H

#include "runtime/artifact/Manifest.h"
#include "runtime/model/ModelMemory.h"

namespace sennit {

/// The state before some tokens were offered, and these tokens; where the
/// manifest asks for snapshots, also the state before each of them. A state
/// that rolls back by position is not kept: what lies past the position is
/// never read before it is written.
class Rollback {
public:
  /// Makes room for |most| tokens and the states of |manifest|, which must
  /// outlive this.
  Status create(const Manifest &manifest, Accelerator *accelerator,
                int64_t most);

  /// Keeps |state| as it is before |count| <= most tokens after |position|,
  /// which count as offered from `offer` on.
  Status remember(const ModelMemory &state, int64_t position,
                  const int32_t *tokens, int64_t count);
  /// Keeps |state| as it is after the first |count| of them.
  Status snapshot(const ModelMemory &state, int64_t count);
  /// Puts the states back to what they were before the tokens, or with
  /// snapshots after the first |count| of them; |out_any| says whether any had
  /// to be put back.
  Status restore(ModelMemory &state, int64_t count, bool &out_any) const;
  void offer(int64_t count) { offered = count; }
  void forget() { offered = 0; }

  /// Tokens that can be taken back.
  int64_t count() const { return offered; }
  int64_t position() const { return first; }
  bool hasSnapshots() const { return steps; }
  /// Whether the tokens that stay must be fed again.
  bool feedsAgain() const { return !steps && rowBytes != 0; }
  const int32_t *tokens() const { return kept.data(); }

private:
  const Manifest *manifest = nullptr;
  /// Copies of the states side by side, one such row a snapshot.
  ModelMemory copies;
  uint64_t rowBytes = 0;
  bool steps = false;
  Array<int32_t> kept;
  int64_t first = 0, offered = 0;
};

} // namespace sennit

#endif // SENNIT_RUNTIME_MODEL_ROLLBACK_H
