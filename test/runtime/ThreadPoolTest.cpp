// The thread pool: every item once, whatever the counts, the nesting or the
// load.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/threads/ThreadPool.h"

#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

using namespace sennit;

static constexpr uint64_t scratchBytes = 256;

namespace {

/// A pool, and scratch of the calling thread.
struct Pool {
  explicit Pool(int threads) {
    Status status = pool.start(threads, scratchBytes, false);
    EXPECT_TRUE(status.isOk()) << status.message();
  }
  void run(sennit_kernel_fn kernel, void *data, int64_t count) {
    int64_t arguments[] = {reinterpret_cast<intptr_t>(data)};
    pool.parallelFor(kernel, arguments, count, scratch);
  }
  ThreadPool pool;
  alignas(64) char scratch[scratchBytes];
};

using Visits = std::vector<std::atomic<int>>;

void visit(const int64_t *arguments, int64_t begin, int64_t end, void *) {
  auto &visits = *reinterpret_cast<Visits *>(arguments[0]);
  for (int64_t i = begin; i < end; ++i)
    ++visits[size_t(i)];
}

void nothing(const int64_t *, int64_t, int64_t, void *) {}

/// Fills the scratch with a value of its own and looks whether it stays.
void keepScratch(const int64_t *arguments, int64_t begin, int64_t,
                 void *scratch) {
  auto &wrong = *reinterpret_cast<std::atomic<int> *>(arguments[0]);
  wrong += reinterpret_cast<uintptr_t>(scratch) % 64 != 0;
  volatile int64_t *values = static_cast<int64_t *>(scratch);
  for (uint64_t i = 0; i < scratchBytes / 8; ++i)
    values[i] = begin;
  for (uint64_t i = 0; i < scratchBytes / 8; ++i)
    wrong += values[i] != begin;
}

struct Nested {
  Pool *pool;
  std::atomic<int64_t> items{0};
};

void countItems(const int64_t *arguments, int64_t begin, int64_t end, void *) {
  reinterpret_cast<Nested *>(arguments[0])->items += end - begin;
}

void runNested(const int64_t *arguments, int64_t begin, int64_t end,
               void *scratch) {
  auto &nested = *reinterpret_cast<Nested *>(arguments[0]);
  for (int64_t i = begin; i < end; ++i)
    nested.pool->pool.parallelFor(countItems, arguments, 10, scratch);
}

} // namespace

TEST(ThreadPool, VisitsEachItemOnceForAnyThreadsAndCounts) {
  for (int threads = 1; threads <= 6; ++threads) {
    Pool pool(threads);
    EXPECT_EQ(pool.pool.threads(), threads);
    for (int64_t count : {0, 1, 2, 3, 7, 64, 1000, 12345}) {
      Visits visits(size_t(count) + 1);
      pool.run(visit, &visits, count);
      for (int64_t i = 0; i < count; ++i)
        ASSERT_EQ(visits[size_t(i)], 1) << i << " of " << count;
      ASSERT_EQ(visits[size_t(count)], 0);
    }
  }
}

TEST(ThreadPool, IgnoresNegativeCounts) {
  Pool pool(2);
  pool.run(nothing, nullptr, -5);
}

TEST(ThreadPool, RunsManyRoundsWithAndWithoutSleepBetween) {
  Pool pool(4);
  Visits visits(50);
  constexpr int rounds = 20000;
  for (int round = 0; round < rounds; ++round) {
    pool.run(visit, &visits, 50);
    // Long enough for workers to fall asleep, at any stage of doing so.
    if (round % 500 == 0)
      std::this_thread::sleep_for(std::chrono::microseconds(round / 40));
  }
  for (std::atomic<int> &count : visits)
    EXPECT_EQ(count, rounds);
}

TEST(ThreadPool, GivesEachThreadScratchOfItsOwn) {
  Pool pool(4);
  std::atomic<int> wrong{0};
  for (int round = 0; round < 1000; ++round)
    pool.run(keepScratch, &wrong, 64);
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadPool, RunsANestedRegionOnItsCallingThread) {
  Pool pool(3);
  Nested nested{&pool};
  pool.run(runNested, &nested, 100);
  EXPECT_EQ(nested.items, 1000);
}

TEST(ThreadPool, ServesSeveralCallersAtOnce) {
  Pool pool(3);
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t)
    callers.emplace_back([&] {
      alignas(64) char scratch[scratchBytes];
      Nested nested{&pool};
      int64_t arguments[] = {reinterpret_cast<intptr_t>(&nested)};
      for (int round = 0; round < 2000; ++round)
        pool.pool.parallelFor(countItems, arguments, 17, scratch);
      sum += nested.items;
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(sum, 4 * 2000 * 17);
}

TEST(ThreadPool, StartsAndEndsIdlePools) {
  for (int i = 0; i < 200; ++i)
    Pool pool(1 + i % 5);
}

TEST(ThreadPool, BindsWorkersWhenItHasEveryProcessor) {
  ThreadPool pool;
  ASSERT_TRUE(pool.start(onlineProcessors(), 64, true).isOk());
  Visits visits(100);
  alignas(64) char scratch[64];
  int64_t arguments[] = {reinterpret_cast<intptr_t>(&visits)};
  pool.parallelFor(visit, arguments, 100, scratch);
  for (std::atomic<int> &count : visits)
    EXPECT_EQ(count, 1);
}

/// Not a gate, since machines are shared: prints what a region costs.
TEST(ThreadPool, MeasuresAHotEmptyRegion) {
  Pool pool(std::min(onlineProcessors(), 8));
  using Clock = std::chrono::steady_clock;
  std::vector<double> nanoseconds;
  for (int batch = 0; batch < 200; ++batch) {
    auto start = Clock::now();
    for (int i = 0; i < 100; ++i)
      pool.run(nothing, nullptr, 64);
    std::chrono::duration<double, std::nano> time = Clock::now() - start;
    nanoseconds.push_back(time.count() / 100);
  }
  std::sort(nanoseconds.begin(), nanoseconds.end());
  printf("hot empty region on %d threads: median %.0f ns, best %.0f ns\n",
         pool.pool.threads(), nanoseconds[100], nanoseconds[0]);
}
