// Contexts: a sequence's memory, its entries bound once, and the C interface.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/model/Context.h"

#include <algorithm>

using namespace sennit;

static Status bindEntries(sennit_context &context) {
  sennit_module &module = *context.module;
  const Array<ManifestEntry> &entries = module.manifest.entries;
  SENNIT_RETURN_IF_ERROR(context.entries.reserve(entries.size()));
  for (size_t i = 0; i < entries.size(); ++i) {
    const ManifestEntry &entry = entries[i];
    if (entry.name == "initialize")
      continue;
    SENNIT_RETURN_IF_ERROR(context.entries.append(BoundEntry()));
    BoundEntry &bound = context.entries.back();
    SENNIT_RETURN_IF_ERROR(
        bound.bind(entry, module.functions[i],
                   {module.constants.data(), context.arena.data(),
                    context.state.data(), nullptr, module.accelerator}));
    if (entry.name == "prefill")
      context.prefill = &bound;
    if (entry.name == "decode")
      context.decode = &bound;
    if (entry.name == "score")
      context.score = &bound;
    if (entry.name == "verify")
      context.verify = &bound;
  }
  return {};
}

static Status create(sennit_context &context) {
  sennit_module &module = *context.module;
  const Manifest &manifest = module.manifest;
  Accelerator *accelerator = module.accelerator;
  if (accelerator)
    SENNIT_RETURN_IF_ERROR(accelerator->enter());
  SENNIT_RETURN_IF_ERROR(
      context.state.create(accelerator, manifest.stateBytes, "the state"));
  SENNIT_RETURN_IF_ERROR(
      context.arena.create(accelerator, manifest.arenaBytes, "the arena"));
  SENNIT_RETURN_IF_ERROR(context.runner.create(module.pool, accelerator,
                                               manifest.scratchBytes,
                                               manifest.kernels.size()));
  SENNIT_RETURN_IF_ERROR(bindEntries(context));
  int64_t offered =
      context.verify ? context.verify->description()->maxTokens : 0;
  if (context.verify)
    SENNIT_RETURN_IF_ERROR(
        context.rollback.create(manifest, accelerator, offered));
  // A row of an offered token that is fed again.
  int64_t rows = context.rollback.feedsAgain() ? offered : 1;
  return context.unwanted.grow(static_cast<size_t>(manifest.vocabulary) *
                               static_cast<size_t>(rows));
}

Status sennit::checkTokens(const sennit_context &context, const int32_t *tokens,
                           int64_t count) {
  if (!tokens || count < 1)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "%lld tokens are given, expected a context, an array and "
                     "at least 1",
                     static_cast<long long>(count));
  const Manifest &manifest = context.module->manifest;
  if (count > manifest.context - context.position)
    return makeError(SENNIT_STATUS_CONTEXT_FULL,
                     "%lld tokens after %lld exceed the context length of %lld",
                     static_cast<long long>(count),
                     static_cast<long long>(context.position),
                     static_cast<long long>(manifest.context));
  for (int64_t i = 0; i < count; ++i)
    if (tokens[i] < 0 || tokens[i] >= manifest.vocabulary)
      return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                       "token %lld is %d, expected 0 to %lld",
                       static_cast<long long>(i), tokens[i],
                       static_cast<long long>(manifest.vocabulary - 1));
  return {};
}

/// Checks all that can be refused of a language model's call before anything
/// changes.
static Status checkModelCall(const sennit_context *context,
                             const BoundEntry *entry, const char *name,
                             const int32_t *tokens, int64_t count) {
  if (!context)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "%lld tokens are given, expected a context, an array and "
                     "at least 1",
                     static_cast<long long>(count));
  if (!entry)
    return makeError(SENNIT_STATUS_UNSUPPORTED, "the module has no entry `%s`",
                     name);
  return checkTokens(*context, tokens, count);
}

/// Feeds |tokens| in pieces that the entry takes; |rowStride| values of output
/// lie between the first tokens' logits, 0 where only the last are kept.
static Status feed(sennit_context &context, BoundEntry &entry,
                   const int32_t *tokens, int64_t count, float *logits,
                   int64_t rowStride) {
  for (int64_t done = 0; done < count;) {
    int64_t piece = std::min(count - done, entry.description()->maxTokens);
    sennit_buffer input = {const_cast<int32_t *>(tokens + done), 0};
    sennit_buffer output = {logits + done * rowStride, 0};
    SENNIT_RETURN_IF_ERROR(callChecked(context, entry, &input, &output, piece));
    done += piece;
  }
  return {};
}

sennit_status sennit_context_create(sennit_module *module,
                                    sennit_context **out_context,
                                    sennit_error *out_error) {
  if (out_context)
    *out_context = nullptr;
  if (!module || !out_context)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "`module` or `out_context` is NULL")
        .exportTo(out_error);
  auto *context = createObject<sennit_context>();
  if (!context)
    return makeOutOfMemory("a context", sizeof(*context)).exportTo(out_error);
  context->module = module;
  module->references.fetch_add(1);
  if (Status status = create(*context); !status.isOk()) {
    sennit_context_destroy(context);
    return status.exportTo(out_error);
  }
  *out_context = context;
  return SENNIT_STATUS_OK;
}

void sennit_context_destroy(sennit_context *context) {
  if (!context)
    return;
  sennit_module *module = context->module;
  destroyObject(context);
  releaseModule(module);
}

void sennit_context_reset(sennit_context *context) {
  // A device that fails here fails at the next call too, which says so.
  (void)context->state.clear();
  context->position = 0;
  context->rollback.forget();
}

int64_t sennit_context_position(const sennit_context *context) {
  return context->position;
}

sennit_status sennit_context_prefill(sennit_context *context,
                                     const int32_t *tokens, int64_t count,
                                     float *out_logits,
                                     sennit_error *out_error) {
  BoundEntry *entry = context ? context->prefill : nullptr;
  Status status = checkModelCall(context, entry, "prefill", tokens, count);
  if (status.isOk())
    status = feed(*context, *entry, tokens, count,
                  out_logits ? out_logits : context->unwanted.data(), 0);
  return status.exportTo(out_error);
}

sennit_status sennit_context_decode(sennit_context *context, int32_t token,
                                    float *out_logits,
                                    sennit_error *out_error) {
  BoundEntry *entry = context ? context->decode : nullptr;
  Status status = checkModelCall(context, entry, "decode", &token, 1);
  if (status.isOk())
    status = feed(*context, *entry, &token, 1,
                  out_logits ? out_logits : context->unwanted.data(), 0);
  return status.exportTo(out_error);
}

sennit_status sennit_context_score(sennit_context *context,
                                   const int32_t *tokens, int64_t count,
                                   float *out_logits, sennit_error *out_error) {
  BoundEntry *entry = context ? context->score : nullptr;
  Status status = checkModelCall(context, entry, "score", tokens, count);
  if (status.isOk() && !out_logits)
    status = makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                       "`out_logits` is NULL, expected %lld rows",
                       static_cast<long long>(count));
  if (status.isOk())
    status = feed(*context, *entry, tokens, count, out_logits,
                  context->module->manifest.vocabulary);
  return status.exportTo(out_error);
}

void sennit_context_profile_enable(sennit_context *context,
                                   sennit_profile profile) {
  context->runner.enableProfile(profile);
}

void sennit_context_profile_reset(sennit_context *context) {
  context->runner.resetProfile();
}

sennit_status sennit_context_profile_get(const sennit_context *context,
                                         uint64_t index,
                                         sennit_kernel_profile *out_profile,
                                         sennit_error *out_error) {
  const Array<std::string_view> *kernels =
      context ? &context->module->manifest.kernels : nullptr;
  if (!kernels || !out_profile || index > kernels->size())
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "kernel %llu is asked for, expected one of %zu or after "
                     "those the calls, a context and a place for it",
                     static_cast<unsigned long long>(index),
                     kernels ? kernels->size() : 0)
        .exportTo(out_error);
  const KernelRunner::Counts &counts = context->runner.counts(index);
  const char *name =
      index < kernels->size() ? (*kernels)[index].data() : "call";
  *out_profile = {name, counts.calls, counts.items, counts.nanoseconds};
  return SENNIT_STATUS_OK;
}
