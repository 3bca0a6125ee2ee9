// The C interface that offers tokens and takes some of them back.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/model/Context.h"

using namespace sennit;

/// Checks all that can be refused before anything changes.
static Status checkOffer(const sennit_context *context, const int32_t *tokens,
                         int64_t count, const float *logits) {
  if (!context || !context->verify)
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "the module has no entry `verify`; it comes with "
                     "`sennit compile --verify`");
  int64_t most = context->verify->description()->maxTokens;
  if (count > most || !logits)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "%lld tokens are offered, expected at most %lld, and a "
                     "place for their logits",
                     static_cast<long long>(count),
                     static_cast<long long>(most));
  return checkTokens(*context, tokens, count);
}

/// Token by token, the states kept before each. What was done before an error
/// is taken back.
static Status verifyBySteps(sennit_context &context, const int32_t *tokens,
                            int64_t count, float *logits) {
  Rollback &rollback = context.rollback;
  int64_t width = context.module->manifest.vocabulary;
  for (int64_t i = 0; i < count; ++i) {
    sennit_buffer input = {const_cast<int32_t *>(tokens + i), 0};
    sennit_buffer output = {logits + i * width, 0};
    Status status = i ? rollback.snapshot(context.state, i) : Status();
    if (status.isOk())
      status = callChecked(context, *context.decode, &input, &output, 1);
    if (status.isOk())
      continue;
    bool isRestored = false;
    context.position = rollback.position();
    // The first error is the one to tell.
    (void)rollback.restore(context.state, 0, isRestored);
    return status;
  }
  return {};
}

sennit_status sennit_context_verify(sennit_context *context,
                                    const int32_t *tokens, int64_t count,
                                    float *out_logits,
                                    sennit_error *out_error) {
  Status status = checkOffer(context, tokens, count, out_logits);
  if (!status.isOk())
    return status.exportTo(out_error);
  status = context->rollback.remember(context->state, context->position, tokens,
                                      count);
  if (!status.isOk())
    return status.exportTo(out_error);
  sennit_buffer input = {const_cast<int32_t *>(tokens), 0};
  sennit_buffer output = {out_logits, 0};
  status =
      context->rollback.hasSnapshots()
          ? verifyBySteps(*context, tokens, count, out_logits)
          : callChecked(*context, *context->verify, &input, &output, count);
  if (status.isOk())
    context->rollback.offer(count);
  return status.exportTo(out_error);
}

/// The entry that took them takes them again: its code is made for so few.
static Status feedAgain(sennit_context &context, int64_t count) {
  if (count == 0)
    return {};
  sennit_buffer input = {const_cast<int32_t *>(context.rollback.tokens()), 0};
  sennit_buffer output = {context.unwanted.data(), 0};
  return callChecked(context, *context.verify, &input, &output, count);
}

sennit_status sennit_context_accept(sennit_context *context, int64_t count,
                                    sennit_error *out_error) {
  int64_t offered = context ? context->rollback.count() : 0;
  if (offered == 0 || count < 0 || count > offered)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "%lld tokens are accepted of %lld that the last call "
                     "offered; a verify must come before",
                     static_cast<long long>(count),
                     static_cast<long long>(offered))
        .exportTo(out_error);
  context->rollback.forget();
  if (count == offered)
    return SENNIT_STATUS_OK;
  context->position = context->rollback.position();
  bool isRestored = false;
  Status status = context->rollback.restore(context->state, count, isRestored);
  if (!status.isOk())
    return status.exportTo(out_error);
  if (isRestored && context->rollback.feedsAgain())
    return feedAgain(*context, count).exportTo(out_error);
  context->position += count;
  return SENNIT_STATUS_OK;
}
