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
  SENNIT_RETURN_IF_ERROR(scalars.grow(entry->scalars.size()));
  accelerator = buffers.accelerator;
  if (!accelerator)
    return {};
  SENNIT_RETURN_IF_ERROR(accelerator->createSequence(launches));
  return bindStaging();
}

//===----------------------------------------------------------------------===//
// Memory of the host's on a device
//===----------------------------------------------------------------------===//

uint64_t BoundEntry::bytesOf(uint32_t position, int64_t tokens) const {
  const ManifestArgument &argument = entry->arguments[position];
  return argument.bytes *
         (argument.hasTokens ? static_cast<uint64_t>(tokens) : 1);
}

/// Weights are copied once, to where each begins as kernels expect; inputs and
/// outputs at every call.
Status BoundEntry::bindStaging() {
  constexpr uint64_t alignment = 256;
  uint64_t bytes = 0;
  auto forEach = [&](auto visit) {
    bytes = 0;
    for (uint32_t i = 0; i < entry->arguments.size(); ++i) {
      ArgumentKind kind = entry->arguments[i].kind;
      if (kind != ArgumentKind::Weight && kind != ArgumentKind::Input &&
          kind != ArgumentKind::Output)
        continue;
      uint64_t own = bytesOf(i, entry->maxTokens);
      SENNIT_RETURN_IF_ERROR(visit(i, own));
      bytes += roundUp(own, alignment);
    }
    return Status();
  };
  SENNIT_RETURN_IF_ERROR(forEach([](uint32_t, uint64_t) { return Status(); }));
  SENNIT_RETURN_IF_ERROR(staging.create(
      accelerator, bytes, "weights, inputs and outputs on the device"));
  return forEach([&](uint32_t position, uint64_t own) {
    uint8_t *place = staging.data() + bytes;
    const void *host = std::exchange(bindings[position], place);
    bool isWeight = entry->arguments[position].kind == ArgumentKind::Weight;
    return isWeight ? accelerator->copyIn(place, host, own) : Status();
  });
}

Status BoundEntry::copyInputs(const sennit_buffer *inputs, int64_t tokens) {
  for (size_t i = 0; i < entry->inputs.size(); ++i) {
    uint32_t position = entry->inputs[i];
    SENNIT_RETURN_IF_ERROR(
        accelerator->copyIn(static_cast<uint8_t *>(bindings[position]),
                            inputs[i].data, bytesOf(position, tokens)));
  }
  return {};
}

Status BoundEntry::copyOutputs(const sennit_buffer *outputs, int64_t tokens) {
  for (size_t i = 0; i < entry->outputs.size(); ++i) {
    uint32_t position = entry->outputs[i];
    SENNIT_RETURN_IF_ERROR(accelerator->copyOut(
        outputs[i].data, static_cast<uint8_t *>(bindings[position]),
        bytesOf(position, tokens)));
  }
  return accelerator->finish();
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

Status BoundEntry::call(KernelRunner &runner, const sennit_buffer *inputs,
                        const sennit_buffer *outputs, int64_t tokens,
                        int64_t past) {
  for (size_t i = 0; i < scalars.size(); ++i)
    scalars[i] = entry->scalars[i] == ScalarKind::Tokens ? tokens : past;
  if (accelerator) {
    SENNIT_RETURN_IF_ERROR(accelerator->enter());
    SENNIT_RETURN_IF_ERROR(copyInputs(inputs, tokens));
    SENNIT_RETURN_IF_ERROR(run(runner));
    return copyOutputs(outputs, tokens);
  }
  for (size_t i = 0; i < entry->inputs.size(); ++i)
    bindings[entry->inputs[i]] = inputs[i].data;
  for (size_t i = 0; i < entry->outputs.size(); ++i)
    bindings[entry->outputs[i]] = outputs[i].data;
  return run(runner);
}

Status BoundEntry::run(KernelRunner &runner) {
  sennit_invocation invocation = {SENNIT_ABI_VERSION, bindings.data(),
                                  scalars.data(), KernelRunner::parallelFor,
                                  &runner};
  // The workers round to nearest and keep denormals; the calling thread must
  // not differ, or results would depend on who computes an item.
  constexpr unsigned defaultControl = 0x1f80;
  unsigned callersControl = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(defaultControl);
  runner.begin(launches.get());
  int32_t result = function(&invocation);
  __builtin_ia32_ldmxcsr(callersControl);
  if (result != 0)
    return makeError(SENNIT_STATUS_INTERNAL,
                     "entry `%.*s` returned %d, expected 0: it was compiled "
                     "for another ABI version than %d",
                     SENNIT_VIEW(entry->name), result, SENNIT_ABI_VERSION);
  return runner.finish();
}

} // namespace sennit
