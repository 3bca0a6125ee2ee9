// An entry point with its table of addresses built, ready to be called.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_MODEL_BOUNDENTRY_H
#define SENNIT_RUNTIME_MODEL_BOUNDENTRY_H

#include "runtime/artifact/Manifest.h"
#include "runtime/model/KernelRunner.h"
#include "runtime/model/ModelMemory.h"

namespace sennit {

/// The memory that arguments refer to; null where an entry has none of a kind.
struct EntryBuffers {
  void *constants;
  void *arena;
  void *state;
  /// The start of each of the manifest's files, in this process.
  const Array<const uint8_t *> *files;
  /// Where all of this lies; null for this process.
  Accelerator *accelerator;
};

class BoundEntry {
public:
  /// |entry| and |buffers|' memory must outlive this.
  Status bind(const ManifestEntry &entry, sennit_entry_fn function,
              const EntryBuffers &buffers);

  /// Calls the entry for |tokens| tokens after |past| on a buffer for each
  /// input and output. Does not allocate, unless it refuses.
  Status call(KernelRunner &runner, const sennit_buffer *inputs,
              const sennit_buffer *outputs, int64_t tokens, int64_t past);

  /// Null before `bind`.
  const ManifestEntry *description() const { return entry; }

private:
  /// Gives each weight, input and output its place on the device.
  Status bindStaging();
  uint64_t bytesOf(uint32_t argument, int64_t tokens) const;
  Status copyInputs(const sennit_buffer *inputs, int64_t tokens);
  Status copyOutputs(const sennit_buffer *outputs, int64_t tokens);
  Status run(KernelRunner &runner);

  const ManifestEntry *entry = nullptr;
  sennit_entry_fn function = nullptr;
  Array<void *> bindings;
  Array<int64_t> scalars;
  Accelerator *accelerator = nullptr;
  Owned<LaunchSequence> launches;
  /// Weights, inputs and outputs on the device, one after the other.
  ModelMemory staging;
};

} // namespace sennit

#endif // SENNIT_RUNTIME_MODEL_BOUNDENTRY_H
