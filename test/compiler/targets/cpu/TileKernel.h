// Compiles a tile program in this process and runs it, to test numbers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_COMPILER_TARGETS_CPU_TILEKERNEL_H
#define SENNIT_TEST_COMPILER_TARGETS_CPU_TILEKERNEL_H

#include "runtime/include/sennit/abi.h"
#include "test/lib/GuardedMemory.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace sennit::test {

/// The levels that this processor runs.
std::vector<std::string> levels();

/// Whether products of bf16 panels in groups of two have a unit at the level.
bool hasMatrixUnit(const std::string &level);

/// One kernel, compiled for one level.
class TileKernel {
public:
  TileKernel(const std::string &level, const std::string &program) {
    compile(level, program);
  }
  /// Runs all items in three calls, with scratch full of NaN.
  void run(const std::vector<int64_t> &arguments);
  /// Runs all items in one call.
  void runAtOnce(const std::vector<int64_t> &arguments);
  int64_t scratchBytes = 0;
  double compileSeconds = 0;

private:
  void compile(const std::string &level, const std::string &program);

  std::unique_ptr<llvm::orc::LLJIT> jit;
  sennit_kernel_fn kernel = nullptr;
  int64_t (*items)(const int64_t *) = nullptr;
};

inline uint16_t toBFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  bits += 0x7fff + ((bits >> 16) & 1);
  return bits >> 16;
}

inline float fromBFloat(uint16_t value) {
  uint32_t bits = uint32_t(value) << 16;
  float number;
  std::memcpy(&number, &bits, 4);
  return number;
}

/// An array of f32, i32 or bf16 (as uint16_t) that ends at a guard page.
template <typename T> class Array {
public:
  explicit Array(size_t size) : size_(size), memory(size * sizeof(T)) {
    std::memset(memory.data(), 0, size * sizeof(T));
  }
  T *data() const { return reinterpret_cast<T *>(memory.data()); }
  size_t size() const { return size_; }
  T &operator[](size_t i) const { return data()[i]; }
  int64_t slot() const { return reinterpret_cast<int64_t>(data()); }

private:
  size_t size_;
  GuardedMemory memory;
};

/// Uniform numbers in [low, high).
Array<float> randomFloats(size_t size, float low = -1, float high = 1);
Array<uint16_t> randomBFloats(size_t size, float low = -1, float high = 1);

/// Replaces each `$name` in the text by a number.
std::string fill(std::string text,
                 const std::vector<std::pair<std::string, int64_t>> &numbers);

/// Fails at the first element that is off by more than `relative` of the
/// larger size plus `absolute`.
void expectNear(const float *expected, const float *actual, size_t size,
                double relative, double absolute);

/// One test for each level.
class TileTest : public testing::TestWithParam<std::string> {};
#define SENNIT_TILE_TESTS(Fixture)                                             \
  INSTANTIATE_TEST_SUITE_P(Levels, Fixture, testing::ValuesIn(levels()),       \
                           [](const auto &info) { return info.param; })

} // namespace sennit::test

#endif // SENNIT_TEST_COMPILER_TARGETS_CPU_TILEKERNEL_H
