/* A model small enough to compute by hand, against abi.h alone: what a compiled
 * module looks like to the runtime.
 * Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
 * LICENSE.
 *
 * For token t at position p:  h = 0.5 h + E[t] + 0.01 p,  logits = W h.
 * Weights E [V, D] and W [V, D], f32; constants are E and the transpose of W;
 * the state is h f32[D] and the tokens seen, i32[context].
 */
#include "sennit/abi.h"

#include <string.h>

enum { V = 256, D = 8 };

/* arguments: packed, weight W. Items: rows of W. */
static void packRows(const int64_t *arguments, int64_t begin, int64_t end,
                     void *scratch) {
  float *packed = (float *)arguments[0];
  const float *w = (const float *)arguments[1];
  (void)scratch;
  for (int64_t v = begin; v < end; ++v)
    for (int64_t d = 0; d < D; ++d)
      packed[d * V + v] = w[v * D + d];
}

/* arguments: hidden, packed W, logits. Items: vocabulary entries. */
static void projectItems(const int64_t *arguments, int64_t begin, int64_t end,
                         void *scratch) {
  const float *hidden = (const float *)arguments[0];
  const float *packed = (const float *)arguments[1];
  float *logits = (float *)arguments[2];
  float *copy = (float *)scratch;
  memcpy(copy, hidden, D * sizeof(float));
  for (int64_t v = begin; v < end; ++v) {
    float sum = 0;
    for (int64_t d = 0; d < D; ++d)
      sum += copy[d] * packed[d * V + v];
    logits[v] = sum;
  }
}

int32_t demo_initialize(sennit_invocation *invocation) {
  if (invocation->abi_version != SENNIT_ABI_VERSION)
    return 1;
  float *constants = (float *)invocation->bindings[0];
  memcpy(constants, invocation->bindings[2], V * D * sizeof(float));
  int64_t arguments[2] = {(int64_t)(constants + V * D),
                          (int64_t)invocation->bindings[3]};
  invocation->parallel_for(invocation, 0, packRows, arguments, V);
  return 0;
}

/* bindings: constants, arena, state, tokens, logits; scalars: tokens, past. */
static int32_t run(sennit_invocation *invocation, int64_t rowStride) {
  if (invocation->abi_version != SENNIT_ABI_VERSION)
    return 1;
  const float *constants = (const float *)invocation->bindings[0];
  float *hidden = (float *)invocation->bindings[2];
  int32_t *seen = (int32_t *)invocation->bindings[2] + D;
  const int32_t *tokens = (const int32_t *)invocation->bindings[3];
  float *logits = (float *)invocation->bindings[4];
  float *row = (float *)invocation->bindings[1];
  int64_t count = invocation->scalars[0], past = invocation->scalars[1];
  for (int64_t i = 0; i < count; ++i) {
    seen[past + i] = tokens[i];
    for (int64_t d = 0; d < D; ++d)
      hidden[d] = 0.5f * hidden[d] + constants[tokens[i] * D + d] +
                  0.01f * (float)(past + i);
    int isWanted = rowStride != 0 || i == count - 1;
    int64_t arguments[3] = {(int64_t)hidden, (int64_t)(constants + V * D),
                            (int64_t)row};
    invocation->parallel_for(invocation, 1, projectItems, arguments,
                             isWanted ? V : 0);
    if (isWanted)
      memcpy(logits + i * rowStride, row, V * sizeof(float));
  }
  return 0;
}

int32_t demo_prefill(sennit_invocation *invocation) {
  return run(invocation, 0);
}

int32_t demo_decode(sennit_invocation *invocation) {
  return run(invocation, 0);
}

int32_t demo_score(sennit_invocation *invocation) { return run(invocation, V); }

/* bindings: constants, arena, state, tokens, hidden f32[tokens, D]. */
int32_t demo_trace(sennit_invocation *invocation) {
  if (invocation->abi_version != SENNIT_ABI_VERSION)
    return 1;
  const float *constants = (const float *)invocation->bindings[0];
  float *hidden = (float *)invocation->bindings[2];
  const int32_t *tokens = (const int32_t *)invocation->bindings[3];
  float *rows = (float *)invocation->bindings[4];
  int64_t count = invocation->scalars[0], past = invocation->scalars[1];
  for (int64_t i = 0; i < count; ++i)
    for (int64_t d = 0; d < D; ++d)
      rows[i * D + d] = hidden[d] = 0.5f * hidden[d] +
                                    constants[tokens[i] * D + d] +
                                    0.01f * (float)(past + i);
  return 0;
}

/* bindings: a f32[2, 3], b i64[3], y f32[2, 3] = a b, positive bool[2] of each
 * row's first, nothing f64[0]; no scalars. */
int32_t demo_blend(sennit_invocation *invocation) {
  if (invocation->abi_version != SENNIT_ABI_VERSION)
    return 1;
  const float *a = (const float *)invocation->bindings[0];
  const int64_t *b = (const int64_t *)invocation->bindings[1];
  float *y = (float *)invocation->bindings[2];
  char *positive = (char *)invocation->bindings[3];
  for (int64_t i = 0; i < 6; ++i)
    y[i] = a[i] * (float)b[i % 3];
  for (int64_t row = 0; row < 2; ++row)
    positive[row] = y[row * 3] > 0;
  return 0;
}

/* bindings: logits, uniform, temperature, top_k, top_p, token. Greedy at
 * temperature 0, else even over the first top_k tokens, of which a top_p below
 * a half leaves the first; -1 where the logits are no distribution. */
int32_t demo_sample(sennit_invocation *invocation) {
  if (invocation->abi_version != SENNIT_ABI_VERSION)
    return 1;
  const float *logits = (const float *)invocation->bindings[0];
  double uniform = *(const double *)invocation->bindings[1];
  float temperature = *(const float *)invocation->bindings[2];
  int32_t kept = *(const int32_t *)invocation->bindings[3];
  float topP = *(const float *)invocation->bindings[4];
  int32_t largest = 0, finite = 0;
  for (int32_t i = 0; i < V; ++i) {
    finite += logits[i] - logits[i] == 0;
    if (logits[i] != logits[i] || logits[i] > 3e38f)
      finite = -V;
    largest = logits[i] > logits[largest] ? i : largest;
  }
  kept = kept == 0 ? V : kept;
  kept = topP > 0 && topP < 0.5f ? 1 : kept;
  *(int32_t *)invocation->bindings[5] = finite <= 0 ? -1
                                        : temperature == 0
                                            ? largest
                                            : (int32_t)(uniform * kept);
  return 0;
}

/* What an entry answers that was compiled for another abi_version. */
int32_t demo_refuse(sennit_invocation *invocation) {
  (void)invocation;
  return 1;
}
