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

Status KernelRunner::create(ThreadPool &pool, Accelerator *accelerator,
                            uint64_t scratchBytes, uint64_t kernels) {
  threads = &pool;
  device = accelerator;
  SENNIT_RETURN_IF_ERROR(profile.grow(kernels));
  return scratch.map(scratchBytes, "the calling thread's scratch");
}

void KernelRunner::resetProfile() {
  for (Counts &counts : profile)
    counts = {};
}

void KernelRunner::run(int64_t id, sennit_kernel_fn kernel,
                       const int64_t *arguments, int64_t count) {
  if (!device)
    return threads->parallelFor(kernel, arguments, count, scratch.data());
  Status status = device->launch(id, arguments, count);
  // A kernel's time is that until it ends.
  if (status.isOk() && isProfiling)
    status = device->finish();
  if (failure.isOk())
    failure = std::move(status);
}

void KernelRunner::parallelFor(sennit_invocation *invocation, int64_t id,
                               sennit_kernel_fn kernel,
                               const int64_t *arguments, int64_t count) {
  auto *self = static_cast<KernelRunner *>(invocation->host);
  bool isCounted = self->isProfiling && id >= 0 &&
                   static_cast<uint64_t>(id) < self->profile.size();
  if (!isCounted) {
    self->run(id, kernel, arguments, count);
    return;
  }
  uint64_t start = readClock();
  self->run(id, kernel, arguments, count);
  Counts &counts = self->profile[static_cast<size_t>(id)];
  counts.nanoseconds += readClock() - start;
  counts.items += static_cast<uint64_t>(count > 0 ? count : 0);
  ++counts.calls;
}

} // namespace sennit
