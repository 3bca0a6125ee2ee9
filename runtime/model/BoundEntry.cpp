// Binding and calling of entry points.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/model/BoundEntry.h"

namespace sennit {

static void *bindArgument(const ManifestArgument &argument,
                          const EntryBuffers &buffers) {
  switch (argument.kind) {
  case ArgumentKind::Constants:
    return buffers.constants;
  case ArgumentKind::Arena:
    return buffers.arena;
  case ArgumentKind::State:
    return buffers.state;
  case ArgumentKind::Weight:
    // The table is of `void *`; weights are mapped read-only.
    return const_cast<uint8_t *>((*buffers.files)[argument.file]) +
           argument.offset;
  case ArgumentKind::Input:
  case ArgumentKind::Output:
    break;
  }
  return nullptr;
}

Status BoundEntry::bind(const ManifestEntry &manifestEntry,
                        sennit_entry_fn address, const EntryBuffers &buffers) {
  entry = &manifestEntry;
  function = address;
  SENNIT_RETURN_IF_ERROR(bindings.reserve(entry->arguments.size()));
  for (const ManifestArgument &argument : entry->arguments)
    SENNIT_RETURN_IF_ERROR(bindings.append(bindArgument(argument, buffers)));
  return scalars.grow(entry->scalars.size());
}

Status BoundEntry::call(KernelRunner &runner, const sennit_buffer *inputs,
                        const sennit_buffer *outputs, int64_t tokens,
                        int64_t past) {
  for (size_t i = 0; i < entry->inputs.size(); ++i)
    bindings[entry->inputs[i]] = inputs[i].data;
  for (size_t i = 0; i < entry->outputs.size(); ++i)
    bindings[entry->outputs[i]] = outputs[i].data;
  for (size_t i = 0; i < scalars.size(); ++i)
    scalars[i] = entry->scalars[i] == ScalarKind::Tokens ? tokens : past;
  sennit_invocation invocation = {SENNIT_ABI_VERSION, bindings.data(),
                                  scalars.data(), KernelRunner::parallelFor,
                                  &runner};
  // The workers round to nearest and keep denormals; the calling thread must
  // not differ, or results would depend on who computes an item.
  constexpr unsigned defaultControl = 0x1f80;
  unsigned callersControl = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(defaultControl);
  int32_t result = function(&invocation);
  __builtin_ia32_ldmxcsr(callersControl);
  if (result != 0)
    return makeError(SENNIT_STATUS_INTERNAL,
                     "entry `%.*s` returned %d, expected 0: it was compiled "
                     "for another ABI version than %d",
                     SENNIT_VIEW(entry->name), result, SENNIT_ABI_VERSION);
  return {};
}

} // namespace sennit
