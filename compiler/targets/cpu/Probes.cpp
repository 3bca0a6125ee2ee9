// Microbenchmarks in intrinsics: small loops whose best round is undisturbed.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// Neighbours on the same host slow everything down for milliseconds to seconds,
// so each probe takes the best of many rounds. Loops are inline-asm fences
// around intrinsics: nothing is hoisted, nothing is stored that is not meant.
#include "compiler/targets/cpu/Probes.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#ifdef __x86_64__
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sennit::cpu {

using Clock = std::chrono::steady_clock;

static double now() {
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

static void use(const void *pointer) {
  asm volatile("" ::"r"(pointer) : "memory");
}

/// The least seconds of `body`, over at least five rounds and 0.4 s.
template <typename BodyT> static double timeBest(BodyT body) {
  constexpr double enough = 0.4;
  double best = std::numeric_limits<double>::max(), start = now();
  for (int round = 0; round < 5 || now() - start < enough; ++round) {
    double before = now();
    body();
    best = std::min(best, now() - before);
  }
  return best;
}

//===----------------------------------------------------------------------===//
// Bandwidth
//===----------------------------------------------------------------------===//

// Four accumulators hide the latency of the adds that keep the loads alive.
[[gnu::target("avx512f")]] static void read512(const char *data, size_t bytes) {
  __m512i sums[4] = {};
  for (size_t i = 0; i < bytes; i += 256)
    for (size_t j = 0; j < 4; ++j)
      sums[j] = _mm512_or_si512(sums[j], _mm512_load_si512(data + i + 64 * j));
  use(sums);
}
[[gnu::target("avx2")]] static void read256(const char *data, size_t bytes) {
  __m256i sums[4] = {};
  for (size_t i = 0; i < bytes; i += 128)
    for (size_t j = 0; j < 4; ++j)
      sums[j] = _mm256_or_si256(
          sums[j],
          _mm256_load_si256(reinterpret_cast<const __m256i *>(data + i) + j));
  use(sums);
}
[[gnu::target("avx512f")]] static void write512(char *data, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64)
    _mm512_store_si512(data + i, _mm512_setzero_si512());
  use(data);
}
[[gnu::target("avx2")]] static void write256(char *data, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 32)
    _mm256_store_si256(reinterpret_cast<__m256i *>(data + i),
                       _mm256_setzero_si256());
  use(data);
}
[[gnu::target("avx512f")]] static void copy512(const char *from, char *to,
                                               size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64)
    _mm512_store_si512(to + i, _mm512_load_si512(from + i));
  use(to);
}
[[gnu::target("avx2")]] static void copy256(const char *from, char *to,
                                            size_t bytes) {
  for (size_t i = 0; i < bytes; i += 32)
    _mm256_store_si256(
        reinterpret_cast<__m256i *>(to + i),
        _mm256_load_si256(reinterpret_cast<const __m256i *>(from + i)));
  use(to);
}

static void stream(Width width, Stream kind, char *data, size_t bytes) {
  bool isWide = width != Width::avx2;
  size_t half = bytes / 2;
  switch (kind) {
  case Stream::read:
    return isWide ? read512(data, bytes) : read256(data, bytes);
  case Stream::write:
    return isWide ? write512(data, bytes) : write256(data, bytes);
  case Stream::copy:
    return isWide ? copy512(data, data + half, half)
                  : copy256(data, data + half, half);
  }
}

using Buffer = std::unique_ptr<char, decltype(&std::free)>;

static Buffer allocate(size_t bytes) {
  Buffer buffer(static_cast<char *>(std::aligned_alloc(4096, bytes)),
                &std::free);
  std::memset(buffer.get(), 1, bytes);
  return buffer;
}

double measureBandwidth(Width width, Stream kind, size_t bytes,
                        unsigned threads) {
  bytes = std::max<size_t>(bytes / 4096, 1) * 4096;
  // A round is long enough for the clock, and short beside a disturbance.
  size_t passes = std::max<size_t>(1, (size_t(2) << 20) / bytes);
  size_t rounds = std::max<size_t>(8, (size_t(3) << 30) / (passes * bytes) /
                                          std::max(1u, threads));
  rounds = std::min<size_t>(rounds, 1500);
  std::vector<double> ends(threads);
  double best = std::numeric_limits<double>::max(), start = 0;
  std::barrier<> gate(threads);
  auto work = [&](unsigned index) {
    Buffer buffer = allocate(bytes);
    for (size_t round = 0; round < rounds; ++round) {
      gate.arrive_and_wait();
      if (index == 0)
        start = now();
      for (size_t pass = 0; pass < passes; ++pass)
        stream(width, kind, buffer.get(), bytes);
      ends[index] = now();
      gate.arrive_and_wait();
      if (index == 0)
        best =
            std::min(best, *std::max_element(ends.begin(), ends.end()) - start);
    }
  };
  std::vector<std::thread> others;
  for (unsigned index = 1; index < threads; ++index)
    others.emplace_back(work, index);
  work(0);
  for (std::thread &other : others)
    other.join();
  return double(passes * bytes) * threads / best;
}

//===----------------------------------------------------------------------===//
// Latency and clock
//===----------------------------------------------------------------------===//

double measureLatency(size_t bytes) {
  constexpr size_t line = 64, links = 20000;
  size_t count = std::max<size_t>(bytes / line, 2);
  Buffer buffer = allocate((count * line + 4095) / 4096 * 4096);
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  auto at = [&](uint32_t index) -> char *& {
    return *reinterpret_cast<char **>(buffer.get() + index * line);
  };
  for (size_t i = 0; i < count; ++i)
    at(order[i]) = buffer.get() + order[(i + 1) % count] * line;
  char *place = buffer.get();
  for (size_t i = 0; i < count; ++i)
    place = *reinterpret_cast<char **>(place);
  double seconds = timeBest([&] {
    for (size_t i = 0; i < links; ++i)
      place = *reinterpret_cast<char **>(place);
    use(place);
  });
  return seconds / links;
}

double measureClock() {
  constexpr int64_t count = 100000, cycles = 3;
  uint64_t x = 3;
  double seconds = timeBest([&] {
    for (int64_t i = 0; i < count / 4; ++i)
      asm volatile("imul %0, %0\n imul %0, %0\n imul %0, %0\n imul %0, %0\n"
                   : "+r"(x));
  });
  return count * cycles / seconds;
}

//===----------------------------------------------------------------------===//
// Rates
//===----------------------------------------------------------------------===//

// Twelve sums: more than latency times width of any such core.
static constexpr int sumCount = 12;

[[gnu::target("avx512f")]] static void multiply512(int64_t count) {
  __m512 sums[sumCount];
  for (__m512 &sum : sums)
    sum = _mm512_setzero_ps();
  __m512 x = _mm512_set1_ps(0.5f);
  for (int64_t i = 0; i < count; ++i)
    for (__m512 &sum : sums) {
      sum = _mm512_fmadd_ps(sum, x, x);
      asm volatile("" : "+v"(sum));
    }
  use(sums);
}
[[gnu::target("avx2,fma")]] static void multiply256(int64_t count) {
  __m256 sums[sumCount];
  for (__m256 &sum : sums)
    sum = _mm256_setzero_ps();
  __m256 x = _mm256_set1_ps(0.5f);
  for (int64_t i = 0; i < count; ++i)
    for (__m256 &sum : sums) {
      sum = _mm256_fmadd_ps(sum, x, x);
      asm volatile("" : "+x"(sum));
    }
  use(sums);
}

double measureMultiplyAdds(Width width) {
  constexpr int64_t count = 20000;
  bool isWide = width != Width::avx2;
  double seconds =
      timeBest([&] { isWide ? multiply512(count) : multiply256(count); });
  return 2.0 * (isWide ? 16 : 8) * sumCount * count / seconds;
}

[[gnu::target("avx512f,avx512bf16")]] static void multiplyPairs(int64_t count) {
  __m512 sums[sumCount];
  for (__m512 &sum : sums)
    sum = _mm512_setzero_ps();
  // Pairs of a half.
  auto x = (__m512bh)_mm512_set1_epi32(0x3f003f00);
  for (int64_t i = 0; i < count; ++i)
    for (__m512 &sum : sums) {
      sum = _mm512_dpbf16_ps(sum, x, x);
      asm volatile("" : "+v"(sum));
    }
  use(sums);
}

double measurePairs() {
  constexpr int64_t count = 20000;
  double seconds = timeBest([&] { multiplyPairs(count); });
  return 4.0 * 16 * sumCount * count / seconds;
}

[[gnu::target("amx-tile,amx-bf16")]] static void multiplyTiles(int64_t count) {
  struct alignas(64) {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t columns[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } shape;
  _tile_loadconfig(&shape);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (int64_t i = 0; i < count; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
}

double measureTiles() {
  // Linux grants a process the tiles' state on request: ARCH_REQ_XCOMP_PERM of
  // XFEATURE_XTILEDATA.
  constexpr int request = 0x1023, tileData = 18;
  if (syscall(SYS_arch_prctl, request, tileData) != 0)
    return 0;
  constexpr int64_t count = 5000;
  double seconds = timeBest([&] { multiplyTiles(count); });
  return 2.0 * 16 * 16 * 32 * 4 * count / seconds;
}

} // namespace sennit::cpu
#else
namespace sennit::cpu {

// Hosts of another architecture emit code for x86-64 and cannot measure one.
double measureBandwidth(Width, Stream, size_t, unsigned) { return 0; }
double measureLatency(size_t) { return 0; }
double measureClock() { return 0; }
double measureMultiplyAdds(Width) { return 0; }
double measureTiles() { return 0; }
double measurePairs() { return 0; }

} // namespace sennit::cpu
#endif
