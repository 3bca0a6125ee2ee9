// A context: one sequence's memory, and every entry bound to it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_RUNTIME_MODEL_CONTEXT_H
#define SENNIT_RUNTIME_MODEL_CONTEXT_H

#include "runtime/model/BoundEntry.h"
#include "runtime/model/Module.h"
#include "runtime/model/Rollback.h"

struct sennit_context {
  sennit_module *module = nullptr;
  int64_t position = 0;
  sennit::ModelMemory state, arena;
  /// Where logits go that the caller does not want.
  sennit::Array<float> unwanted;
  sennit::KernelRunner runner;
  /// The callable entries, by number; none of them moves once created.
  sennit::Array<sennit::BoundEntry> entries;
  /// A language model's; null where there is none.
  sennit::BoundEntry *prefill = nullptr, *decode = nullptr, *score = nullptr,
                     *verify = nullptr;
  sennit::Rollback rollback;
};

namespace sennit {

/// Calls |entry| for |tokens| tokens, all of which the caller has checked, and
/// extends the sequence by them where the entry has state.
Status callChecked(sennit_context &context, BoundEntry &entry,
                   const sennit_buffer *inputs, const sennit_buffer *outputs,
                   int64_t tokens);

/// Checks that |count| tokens, at least 1, are of the vocabulary and fit into
/// the context.
Status checkTokens(const sennit_context &context, const int32_t *tokens,
                   int64_t count);

} // namespace sennit

#endif // SENNIT_RUNTIME_MODEL_CONTEXT_H
