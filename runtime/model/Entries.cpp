// Entries by number: what they take and give, and their calls with buffers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/model/Context.h"

#include <algorithm>
#include <cstring>

using namespace sennit;

using ull = unsigned long long;

const ManifestEntry *sennit::findCallable(const sennit_module &module,
                                          uint64_t number) {
  for (const ManifestEntry &entry : module.manifest.entries)
    if (entry.name != "initialize" && number-- == 0)
      return &entry;
  return nullptr;
}

Status sennit::callChecked(sennit_context &context, BoundEntry &entry,
                           const sennit_buffer *inputs,
                           const sennit_buffer *outputs, int64_t tokens) {
  if (entry.description()->usesState)
    context.rollback.forget();
  SENNIT_RETURN_IF_ERROR(
      entry.call(context.runner, inputs, outputs, tokens, context.position));
  if (entry.description()->usesState)
    context.position += tokens;
  return {};
}

static Status refuseNull(const char *what) {
  return makeError(SENNIT_STATUS_INVALID_ARGUMENT, "%s is NULL", what);
}

static Status getEntry(const sennit_module *module, uint64_t number,
                       const ManifestEntry *&out_entry) {
  if (!module)
    return refuseNull("`module`");
  out_entry = findCallable(*module, number);
  return out_entry
             ? Status()
             : makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                         "entry %llu is asked for, the module has %llu",
                         ull(number), ull(sennit_module_entry_count(module)));
}

/// Copies as much of |info| as the caller's structure holds.
template <typename Info> static Status fill(Info info, Info *out_info) {
  if (!out_info || out_info->size < sizeof(uint32_t))
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "`out_info` is NULL, or `out_info->size` is not set");
  info.size = out_info->size;
  memcpy(out_info, &info, std::min<size_t>(info.size, sizeof(info)));
  return {};
}

uint64_t sennit_module_entry_count(const sennit_module *module) {
  uint64_t count = 0;
  if (module)
    for (const ManifestEntry &entry : module->manifest.entries)
      count += entry.name != "initialize";
  return count;
}

sennit_status sennit_module_find_entry(const sennit_module *module,
                                       const char *name, uint64_t *out_entry,
                                       sennit_error *out_error) {
  if (!module || !name || !out_entry)
    return refuseNull("`module`, `name` or `out_entry`").exportTo(out_error);
  uint64_t count = sennit_module_entry_count(module);
  for (uint64_t number = 0; number < count; ++number)
    if (findCallable(*module, number)->name == name) {
      *out_entry = number;
      return SENNIT_STATUS_OK;
    }
  return makeError(SENNIT_STATUS_UNSUPPORTED, "the module has no entry `%s`",
                   name)
      .exportTo(out_error);
}

sennit_status sennit_module_get_entry(const sennit_module *module,
                                      uint64_t number,
                                      sennit_entry_info *out_info,
                                      sennit_error *out_error) {
  const ManifestEntry *entry = nullptr;
  Status status = getEntry(module, number, entry);
  if (status.isOk())
    status = fill<sennit_entry_info>({0, entry->usesState, entry->name.data(),
                                      entry->maxTokens, entry->inputs.size(),
                                      entry->outputs.size()},
                                     out_info);
  return status.exportTo(out_error);
}

static Status getTensor(const sennit_module *module, uint64_t number,
                        uint64_t index, bool isInput,
                        sennit_tensor_info *out_info) {
  const ManifestEntry *entry = nullptr;
  SENNIT_RETURN_IF_ERROR(getEntry(module, number, entry));
  const Array<uint32_t> &positions = isInput ? entry->inputs : entry->outputs;
  if (index >= positions.size())
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "%s %llu of entry `%.*s` is asked for, it has %llu",
                     isInput ? "input" : "output", ull(index),
                     SENNIT_VIEW(entry->name), ull(positions.size()));
  const ManifestArgument &argument = entry->arguments[positions[index]];
  return fill<sennit_tensor_info>({0, argument.element, argument.name.data(),
                                   argument.shape.data(), argument.shape.size(),
                                   argument.bytes},
                                  out_info);
}

sennit_status sennit_module_get_input(const sennit_module *module,
                                      uint64_t entry, uint64_t index,
                                      sennit_tensor_info *out_info,
                                      sennit_error *out_error) {
  return getTensor(module, entry, index, true, out_info).exportTo(out_error);
}

sennit_status sennit_module_get_output(const sennit_module *module,
                                       uint64_t entry, uint64_t index,
                                       sennit_tensor_info *out_info,
                                       sennit_error *out_error) {
  return getTensor(module, entry, index, false, out_info).exportTo(out_error);
}

/// Checks the buffers of one direction; |tokens| is their number of tokens, 0
/// while none has said it.
static Status checkBuffers(const ManifestEntry &entry, const char *direction,
                           const Array<uint32_t> &positions,
                           const sennit_buffer *buffers, uint64_t count,
                           int64_t &tokens) {
  if (count != positions.size() || (count != 0 && !buffers))
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "entry `%.*s` is given %llu %ss, expected %llu",
                     SENNIT_VIEW(entry.name), ull(buffers ? count : 0),
                     direction, ull(positions.size()));
  for (uint64_t i = 0; i < count; ++i) {
    const ManifestArgument &argument = entry.arguments[positions[i]];
    uint64_t bytes = argument.bytes;
    if (argument.hasTokens && bytes != 0) {
      if (tokens == 0 && buffers[i].bytes % bytes == 0 &&
          buffers[i].bytes / bytes <= uint64_t(entry.maxTokens))
        tokens = static_cast<int64_t>(buffers[i].bytes / bytes);
      bytes *= static_cast<uint64_t>(std::max<int64_t>(tokens, 1));
    }
    if (buffers[i].bytes != bytes || (bytes != 0 && !buffers[i].data))
      return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                       "%s `%.*s` of entry `%.*s` is given %llu bytes, "
                       "expected %llu%s",
                       direction, SENNIT_VIEW(argument.name),
                       SENNIT_VIEW(entry.name),
                       ull(buffers[i].data ? buffers[i].bytes : 0), ull(bytes),
                       argument.hasTokens ? " for its tokens" : "");
  }
  return {};
}

/// The sequence may not grow past the context, and token numbers, which index a
/// table, are checked wherever an entry of a language model takes them.
static Status checkSequence(const sennit_context &context,
                            const ManifestEntry &entry,
                            const sennit_buffer *inputs, int64_t tokens) {
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    const ManifestArgument &argument = entry.arguments[entry.inputs[i]];
    if (argument.name == "tokens" && argument.element == SENNIT_ELEMENT_I32 &&
        context.module->manifest.vocabulary != 0)
      return checkTokens(context, static_cast<int32_t *>(inputs[i].data),
                         tokens);
  }
  int64_t room = context.module->manifest.context - context.position;
  if (entry.usesState && tokens > room)
    return makeError(SENNIT_STATUS_CONTEXT_FULL,
                     "%lld tokens after %lld exceed the context length",
                     static_cast<long long>(tokens),
                     static_cast<long long>(context.position));
  return {};
}

static Status call(sennit_context *context, uint64_t number,
                   const sennit_buffer *inputs, uint64_t inputCount,
                   const sennit_buffer *outputs, uint64_t outputCount) {
  if (!context)
    return refuseNull("`context`");
  const ManifestEntry *entry = nullptr;
  int64_t tokens = 0;
  SENNIT_RETURN_IF_ERROR(getEntry(context->module, number, entry));
  SENNIT_RETURN_IF_ERROR(
      checkBuffers(*entry, "input", entry->inputs, inputs, inputCount, tokens));
  SENNIT_RETURN_IF_ERROR(checkBuffers(*entry, "output", entry->outputs, outputs,
                                      outputCount, tokens));
  // An entry for one token may state its extents as 1.
  if (tokens == 0 && entry->maxTokens > 0)
    tokens = 1;
  SENNIT_RETURN_IF_ERROR(checkSequence(*context, *entry, inputs, tokens));
  return callChecked(*context, context->entries[number], inputs, outputs,
                     tokens);
}

sennit_status sennit_context_call(sennit_context *context, uint64_t entry,
                                  const sennit_buffer *inputs,
                                  uint64_t input_count,
                                  const sennit_buffer *outputs,
                                  uint64_t output_count,
                                  sennit_error *out_error) {
  return call(context, entry, inputs, input_count, outputs, output_count)
      .exportTo(out_error);
}
