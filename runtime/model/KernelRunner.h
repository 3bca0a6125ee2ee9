// The runtime's side of `parallel_for`: threads, scratch, and the profile.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_MODEL_KERNELRUNNER_H
#define SENNIT_RUNTIME_MODEL_KERNELRUNNER_H

#include "runtime/drivers/Accelerator.h"
#include "runtime/threads/ThreadPool.h"

namespace sennit {

/// What stands behind `sennit_invocation.host`: one per calling thread's
/// context, since scratch and counts are not shared.
class KernelRunner {
public:
  struct Counts {
    uint64_t calls = 0;
    uint64_t items = 0;
    uint64_t nanoseconds = 0;
  };

  /// |kernels| is the number of counts, but for that of calls, which is the
  /// last.
  /// |accelerator| runs the kernels, or |pool| where it is null.
  Status create(ThreadPool &pool, Accelerator *accelerator,
                uint64_t scratchBytes, uint64_t kernels);

  /// Begins a call of the entry whose |launches| these are, null where a pool
  /// runs the kernels.
  void begin(LaunchSequence *launches);
  /// Ends it: the first refusal of a launch, after which none was made.
  Status finish();

  /// The callback of `sennit_invocation`.
  static void parallelFor(sennit_invocation *invocation, int64_t id,
                          sennit_kernel_fn kernel, const int64_t *arguments,
                          int64_t count);

  void enableProfile(sennit_profile what) { profiled = what; }
  void resetProfile();
  const Counts &counts(uint64_t kernel) const { return profile[kernel]; }

private:
  void launch(int64_t id, const int64_t *slots, int64_t count);
  void count(int64_t id, uint64_t items, uint64_t nanoseconds);

  ThreadPool *threads = nullptr;
  Accelerator *device = nullptr;
  /// Of the call, null while each kernel is measured by itself.
  LaunchSequence *sequence = nullptr;
  Status failure;
  Pages scratch;
  Array<Counts> profile;
  sennit_profile profiled = SENNIT_PROFILE_NOTHING;
  /// When the call that is counted began.
  uint64_t callStart = 0;
};

} // namespace sennit

#endif // SENNIT_RUNTIME_MODEL_KERNELRUNNER_H
