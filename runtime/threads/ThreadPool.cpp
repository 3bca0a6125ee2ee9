// The thread pool: a gate of one word, an item counter, spinning, and a futex.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/threads/ThreadPool.h"

#include <algorithm>
#include <cstring>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sennit {

static constexpr uint64_t openBit = 1 << 16;
static constexpr uint64_t insideMask = openBit - 1;
/// Pauses before a worker sleeps: about 100 microseconds where a pause takes
/// 140 cycles (Skylake and later), a third of that elsewhere.
static constexpr int spinPauses = 2000;
/// Pauses before the caller lets another thread run on its processor: a worker
/// inside may have lost its own.
static constexpr int patiencePauses = 500;
/// Chunks a thread: more evens out slow processors, fewer costs less counting.
static constexpr int64_t chunksPerThread = 8;
static constexpr size_t stackBytes = 1 << 20;
/// Scratches apart by more than a page, so that equal offsets in them do not
/// fall into one set of the first-level cache.
static constexpr uint64_t scratchStagger = 4096 + 256;

static void pause() { __builtin_ia32_pause(); }

static uint32_t generationOf(uint64_t gate) {
  return static_cast<uint32_t>(gate >> 32);
}

static long futex(std::atomic<uint32_t> &word, int operation, uint32_t value) {
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value,
                 nullptr, nullptr, 0);
}

int onlineProcessors() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
    return std::max(1, CPU_COUNT(&allowed));
  return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

Status ThreadPool::start(int threads, uint64_t scratchBytes, bool pin) {
  uint64_t stride = roundUp(scratchBytes, 64) + scratchStagger;
  uint64_t workerCount = static_cast<uint64_t>(threads - 1);
  if (workerCount == 0)
    return {};
  SENNIT_RETURN_IF_ERROR(
      scratchPages.map(stride * workerCount, "the threads' scratch"));
  SENNIT_RETURN_IF_ERROR(workers.grow(workerCount));
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0)
    return makeOutOfMemory("a thread", stackBytes);
  (void)pthread_attr_setstacksize(&attributes, stackBytes);
  int error = 0;
  for (uint64_t i = 0; i < workerCount && error == 0; ++i) {
    Worker &worker = workers[i];
    worker.pool = this;
    worker.scratch = scratchPages.data() + stride * i;
    error = pthread_create(&worker.thread, &attributes, runWorker, &worker);
    worker.started = error == 0;
  }
  pthread_attr_destroy(&attributes);
  if (error != 0)
    return makeError(SENNIT_STATUS_OUT_OF_MEMORY,
                     "the system refuses a thread (%d wanted): %s", threads,
                     strerror(error));
  if (pin && threads == onlineProcessors())
    pinWorkers();
  return {};
}

/// Leaves the calling thread's processor free: it computes too, and stays
/// where the system puts it.
void ThreadPool::pinWorkers() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
    return;
  int own = sched_getcpu(), processor = -1;
  for (Worker &worker : workers) {
    do
      ++processor;
    while (processor < CPU_SETSIZE &&
           (processor == own || !CPU_ISSET(processor, &allowed)));
    if (processor >= CPU_SETSIZE)
      return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    (void)pthread_setaffinity_np(worker.thread, sizeof(one), &one);
  }
}

ThreadPool::~ThreadPool() {
  stopping.store(true);
  wakeCount.fetch_add(1);
  futex(wakeCount, FUTEX_WAKE, INT32_MAX);
  for (Worker &worker : workers)
    if (worker.started)
      pthread_join(worker.thread, nullptr);
}

void *ThreadPool::runWorker(void *argument) {
  Worker *worker = static_cast<Worker *>(argument);
  worker->pool->work(worker->scratch);
  return nullptr;
}

void ThreadPool::work(void *scratch) {
  uint32_t seen = 0;
  while (!stopping.load(std::memory_order_relaxed)) {
    uint32_t generation = generationOf(awaitRegion(seen));
    seen = generation;
    if (!join(generation))
      continue;
    drain(scratch);
    gate.fetch_sub(1, std::memory_order_release);
  }
}

/// Returns the gate once its generation is not |seen|, or at the end.
uint64_t ThreadPool::awaitRegion(uint32_t seen) {
  for (;;) {
    for (int i = 0; i < spinPauses; ++i) {
      uint64_t now = gate.load(std::memory_order_acquire);
      if (generationOf(now) != seen || stopping.load(std::memory_order_relaxed))
        return now;
      pause();
    }
    if (sleep(seen))
      return gate.load(std::memory_order_acquire);
  }
}

/// Sleeps until woken; true where there is something to look at. Sequentially
/// consistent with `publish`: either it sees the sleeper, or the sleeper sees
/// the region.
bool ThreadPool::sleep(uint32_t seen) {
  uint32_t before = wakeCount.load();
  sleepers.fetch_add(1);
  bool news = generationOf(gate.load()) != seen || stopping.load();
  if (!news)
    futex(wakeCount, FUTEX_WAIT, before);
  sleepers.fetch_sub(1);
  return news || generationOf(gate.load()) != seen || stopping.load();
}

/// Enters the region |generation| while it is open.
bool ThreadPool::join(uint32_t generation) {
  uint64_t now = gate.load(std::memory_order_relaxed);
  while (generationOf(now) == generation && (now & openBit))
    if (gate.compare_exchange_weak(now, now + 1, std::memory_order_acquire,
                                   std::memory_order_relaxed))
      return true;
  return false;
}

void ThreadPool::drain(void *scratch) {
  for (;;) {
    int64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
    if (begin >= count)
      return;
    kernel(arguments, begin, std::min(begin + chunk, count), scratch);
  }
}

void ThreadPool::publish() {
  next.store(0, std::memory_order_relaxed);
  uint64_t generation = generationOf(gate.load(std::memory_order_relaxed)) + 1;
  gate.store(generation << 32 | openBit);
  uint32_t asleep = sleepers.load();
  if (asleep == 0)
    return;
  // Nobody is woken to find nothing: the caller takes a chunk itself.
  int64_t useful = std::min<int64_t>((count - 1) / chunk, asleep);
  wakeCount.fetch_add(1);
  futex(wakeCount, FUTEX_WAKE, static_cast<uint32_t>(useful));
}

void ThreadPool::finish() {
  uint64_t now = gate.fetch_and(~openBit, std::memory_order_acq_rel);
  for (int i = 0; now & insideMask; ++i) {
    if (i < patiencePauses)
      pause();
    else
      sched_yield();
    now = gate.load(std::memory_order_acquire);
  }
}

void ThreadPool::parallelFor(sennit_kernel_fn function, const int64_t *values,
                             int64_t items, void *scratch) {
  if (items <= 0)
    return;
  if (items == 1 || workers.isEmpty() ||
      busy.exchange(true, std::memory_order_acquire)) {
    function(values, 0, items, scratch);
    return;
  }
  kernel = function;
  arguments = values;
  count = items;
  chunk = std::max<int64_t>(1, items / (threads() * chunksPerThread));
  publish();
  drain(scratch);
  finish();
  busy.store(false, std::memory_order_release);
}

} // namespace sennit
