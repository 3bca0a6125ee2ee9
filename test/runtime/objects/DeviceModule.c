/* The entries of a model whose kernels run on a device, against abi.h alone.
 * Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
 *
 * Kernels: 0 pack, 1 embed, 2 attend, 3 project. No entry reads what a kernel
 * writes, and each gives its slots up when a launch returns.
 */
#include "sennit/abi.h"

static void launch(sennit_invocation *invocation, int64_t kernel, int64_t first,
                   int64_t second) {
  int64_t slots[2] = {first, second};
  invocation->parallel_for(invocation, kernel, 0, slots, 2);
  slots[0] = slots[1] = -1;
}

int32_t device_initialize(sennit_invocation *invocation) {
  launch(invocation, 0, (int64_t)invocation->bindings[0], 1);
  return 0;
}

/* bindings: arena, state, tokens, logits; scalars: tokens, past. */
int32_t device_step(sennit_invocation *invocation) {
  int64_t tokens = invocation->scalars[0], past = invocation->scalars[1];
  launch(invocation, 1, (int64_t)invocation->bindings[2], tokens);
  launch(invocation, 2, (int64_t)invocation->bindings[1], past);
  launch(invocation, 3, (int64_t)invocation->bindings[3], 3);
  return 0;
}
