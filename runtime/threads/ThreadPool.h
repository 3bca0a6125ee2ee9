// The threads that run kernels: one region at a time, no allocation, no queue.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_THREADS_THREADPOOL_H
#define SENNIT_RUNTIME_THREADS_THREADPOOL_H

#include "runtime/Memory.h"
#include "sennit/abi.h"

#include <atomic>
#include <pthread.h>

namespace sennit {

/// A fixed set of workers beside the calling thread. They spin for some
/// microseconds after a region, since the next kernel mostly follows at once,
/// and then sleep.
///
/// A region is open from when the caller publishes it until the caller has
/// drained its items; a worker may join while it is open. The caller waits for
/// those that joined, never for one that the system has not yet woken, so a
/// busy machine costs speed-up and not latency.
class ThreadPool {
public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;
  ~ThreadPool();

  /// Starts |threads| - 1 workers, each with |scratchBytes| of scratch. |pin|
  /// binds them to processors of their own, when |threads| is the number of
  /// processors that the process may run on. At most once.
  Status start(int threads, uint64_t scratchBytes, bool pin);

  /// Runs |kernel| over [0, |count|) and returns when all is done. |scratch| is
  /// the calling thread's. May be called from any thread, and from within a
  /// kernel with another scratch: while a region runs, a second one runs on its
  /// calling thread alone.
  void parallelFor(sennit_kernel_fn kernel, const int64_t *arguments,
                   int64_t count, void *scratch);

  /// Threads that compute, with the calling one.
  int threads() const { return static_cast<int>(workers.size()) + 1; }

private:
  struct Worker {
    ThreadPool *pool;
    pthread_t thread;
    void *scratch;
    bool started;
  };

  static void *runWorker(void *worker);
  void work(void *scratch);
  uint64_t awaitRegion(uint32_t seen);
  bool sleep(uint32_t seen);
  bool join(uint32_t generation);
  void drain(void *scratch);
  void publish();
  void finish();
  void pinWorkers();

  /// generation << 32 | open << 16 | workers inside: all that decides who may
  /// read the region below.
  alignas(64) std::atomic<uint64_t> gate{0};
  std::atomic<bool> stopping{false};
  /// Workers about to sleep, and the word on which they do.
  alignas(64) std::atomic<uint32_t> sleepers{0};
  std::atomic<uint32_t> wakeCount{0};
  /// The next item to take.
  alignas(64) std::atomic<int64_t> next{0};
  /// The region; written only while nobody is inside.
  alignas(64) sennit_kernel_fn kernel = nullptr;
  const int64_t *arguments = nullptr;
  int64_t count = 0;
  int64_t chunk = 0;
  /// Held by the thread whose region runs.
  alignas(64) std::atomic<bool> busy{false};
  Array<Worker> workers;
  Pages scratchPages;
};

/// Processors that this process may run on, at least 1.
int onlineProcessors();

} // namespace sennit

#endif // SENNIT_RUNTIME_THREADS_THREADPOOL_H
