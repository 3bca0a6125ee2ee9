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
  SENNIT_RETURN_IF_ERROR(profile.grow(kernels + 1));
  return scratch.map(scratchBytes, "the calling thread's scratch");
}

void KernelRunner::resetProfile() {
  for (Counts &counts : profile)
    counts = {};
}

void KernelRunner::begin(LaunchSequence *launches) {
  sequence = profiled == SENNIT_PROFILE_KERNELS ? nullptr : launches;
  if (sequence)
    sequence->begin();
  if (profiled == SENNIT_PROFILE_CALLS)
    callStart = readClock();
}

Status KernelRunner::finish() {
  bool isCounted = profiled == SENNIT_PROFILE_CALLS;
  uint64_t nanoseconds = 0;
  if (failure.isOk() && sequence)
    failure = sequence->finish(isCounted ? &nanoseconds : nullptr);
  else if (isCounted)
    nanoseconds = readClock() - callStart;
  if (failure.isOk() && nanoseconds != 0)
    count(static_cast<int64_t>(profile.size()) - 1, 0, nanoseconds);
  return std::exchange(failure, Status());
}

void KernelRunner::launch(int64_t id, const int64_t *slots, int64_t count) {
  if (!failure.isOk())
    return;
  if (sequence) {
    failure = sequence->launch(id, slots, count);
    return;
  }
  uint64_t nanoseconds = 0;
  failure = device->time(id, slots, count, nanoseconds);
  this->count(id, 0, nanoseconds);
}

void KernelRunner::count(int64_t id, uint64_t items, uint64_t nanoseconds) {
  if (id < 0 || static_cast<uint64_t>(id) >= profile.size())
    return;
  Counts &counts = profile[static_cast<size_t>(id)];
  counts.nanoseconds += nanoseconds;
  counts.items += items;
  ++counts.calls;
}

void KernelRunner::parallelFor(sennit_invocation *invocation, int64_t id,
                               sennit_kernel_fn kernel,
                               const int64_t *arguments, int64_t count) {
  auto *self = static_cast<KernelRunner *>(invocation->host);
  if (self->device)
    return self->launch(id, arguments, count);
  bool isCounted = self->profiled == SENNIT_PROFILE_KERNELS;
  uint64_t start = isCounted ? readClock() : 0;
  self->threads->parallelFor(kernel, arguments, count, self->scratch.data());
  if (isCounted)
    self->count(id, static_cast<uint64_t>(count > 0 ? count : 0),
                readClock() - start);
}

} // namespace sennit
