// Running and timing kernels on behalf of generated code.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/model/KernelRunner.h"

#include <ctime>

namespace sennit {

static uint64_t readClock() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1000000000 + uint64_t(now.tv_nsec);
}

Status KernelRunner::create(ThreadPool &pool, uint64_t scratchBytes,
                            uint64_t kernels) {
  threads = &pool;
  SENNIT_RETURN_IF_ERROR(profile.grow(kernels));
  return scratch.map(scratchBytes, "the calling thread's scratch");
}

void KernelRunner::resetProfile() {
  for (Counts &counts : profile)
    counts = {};
}

void KernelRunner::parallelFor(sennit_invocation *invocation, int64_t id,
                               sennit_kernel_fn kernel,
                               const int64_t *arguments, int64_t count) {
  auto *self = static_cast<KernelRunner *>(invocation->host);
  void *scratch = self->scratch.data();
  bool isCounted = self->isProfiling && id >= 0 &&
                   static_cast<uint64_t>(id) < self->profile.size();
  if (!isCounted) {
    self->threads->parallelFor(kernel, arguments, count, scratch);
    return;
  }
  uint64_t start = readClock();
  self->threads->parallelFor(kernel, arguments, count, scratch);
  Counts &counts = self->profile[static_cast<size_t>(id)];
  counts.nanoseconds += readClock() - start;
  counts.items += static_cast<uint64_t>(count > 0 ? count : 0);
  ++counts.calls;
}

} // namespace sennit
