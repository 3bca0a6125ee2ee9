// A loaded module: code, constants, threads, and what the manifest says.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_MODEL_MODULE_H
#define SENNIT_RUNTIME_MODEL_MODULE_H

#include "runtime/artifact/Manifest.h"
#include "runtime/code/CodeImage.h"
#include "runtime/model/ModelMemory.h"
#include "runtime/threads/ThreadPool.h"

#include <atomic>

/// Nothing but |references| changes once it is loaded, and the pool guards
/// itself.
struct sennit_module {
  ~sennit_module();
  /// The creator's and one for each context.
  std::atomic<uint64_t> references{1};
  /// The text that |manifest|'s views point into.
  sennit::Array<char> manifestText;
  sennit::Manifest manifest;
  sennit::CodeImage code;
  /// What runs the kernels; null where this processor does. The module's own.
  sennit::Accelerator *accelerator = nullptr;
  sennit::ModelMemory constants;
  /// One for each of the manifest's entries.
  sennit::Array<sennit_entry_fn> functions;
  uint64_t artifactBytes = 0, weightBytes = 0;
  /// Last, so that its threads end first.
  sennit::ThreadPool pool;
};

namespace sennit {

/// Entries that are called by number: all but `initialize`, in the manifest's
/// order. Null where |number| is too large.
const ManifestEntry *findCallable(const sennit_module &module, uint64_t number);

/// Gives up one reference.
void releaseModule(sennit_module *module);

} // namespace sennit

#endif // SENNIT_RUNTIME_MODEL_MODULE_H
