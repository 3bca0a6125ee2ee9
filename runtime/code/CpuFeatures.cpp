// Feature checks by CPUID and XGETBV, and the permission for AMX tiles.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/code/CpuFeatures.h"

#include <cerrno>
#include <cpuid.h>
#include <cstring>
#include <sys/syscall.h>
#include <unistd.h>

namespace sennit {

namespace {

enum Register { EAX, EBX, ECX, EDX };

/// Bits of XCR0: the register files that the system saves at a switch.
constexpr uint64_t none = 0, ymm = 0x6, zmm = 0xe6, tiles = 0x60000;

struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register word;
  int bit;
  uint64_t saved;
};

// Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E for leaf 0x80000001.
constexpr Feature table[] = {
    {"sse2", 1, 0, EDX, 26, none},
    {"sse3", 1, 0, ECX, 0, none},
    {"pclmul", 1, 0, ECX, 1, none},
    {"ssse3", 1, 0, ECX, 9, none},
    {"fma", 1, 0, ECX, 12, ymm},
    {"cx16", 1, 0, ECX, 13, none},
    {"sse41", 1, 0, ECX, 19, none},
    {"sse42", 1, 0, ECX, 20, none},
    {"movbe", 1, 0, ECX, 22, none},
    {"popcnt", 1, 0, ECX, 23, none},
    {"aes", 1, 0, ECX, 25, none},
    {"avx", 1, 0, ECX, 28, ymm},
    {"f16c", 1, 0, ECX, 29, ymm},
    {"bmi", 7, 0, EBX, 3, none},
    {"bmi1", 7, 0, EBX, 3, none},
    {"avx2", 7, 0, EBX, 5, ymm},
    {"bmi2", 7, 0, EBX, 8, none},
    {"avx512f", 7, 0, EBX, 16, zmm},
    {"avx512dq", 7, 0, EBX, 17, zmm},
    {"adx", 7, 0, EBX, 19, none},
    {"avx512ifma", 7, 0, EBX, 21, zmm},
    {"avx512cd", 7, 0, EBX, 28, zmm},
    {"sha", 7, 0, EBX, 29, none},
    {"avx512bw", 7, 0, EBX, 30, zmm},
    {"avx512vl", 7, 0, EBX, 31, zmm},
    {"avx512vbmi", 7, 0, ECX, 1, zmm},
    {"avx512vbmi2", 7, 0, ECX, 6, zmm},
    {"gfni", 7, 0, ECX, 8, none},
    {"vaes", 7, 0, ECX, 9, ymm},
    {"vpclmulqdq", 7, 0, ECX, 10, ymm},
    {"avx512vnni", 7, 0, ECX, 11, zmm},
    {"avx512bitalg", 7, 0, ECX, 12, zmm},
    {"avx512vpopcntdq", 7, 0, ECX, 14, zmm},
    {"amxbf16", 7, 0, EDX, 22, tiles},
    {"avx512fp16", 7, 0, EDX, 23, zmm},
    {"amxtile", 7, 0, EDX, 24, tiles},
    {"amxint8", 7, 0, EDX, 25, tiles},
    {"avxvnni", 7, 1, EAX, 4, ymm},
    {"avx512bf16", 7, 1, EAX, 5, zmm},
    {"amxfp16", 7, 1, EAX, 21, tiles},
    {"avxifma", 7, 1, EAX, 23, ymm},
    {"avxvnniint8", 7, 1, EDX, 4, ymm},
    {"avxneconvert", 7, 1, EDX, 5, ymm},
    {"amxcomplex", 7, 1, EDX, 8, tiles},
    {"lzcnt", 0x80000001, 0, ECX, 5, none},
};

} // namespace

/// Whether |name| without its `-`, `_` and `.` is |wanted|.
static bool isNamed(std::string_view name, const char *wanted) {
  for (char c : name) {
    if (c == '-' || c == '_' || c == '.')
      continue;
    if (c != *wanted++)
      return false;
  }
  return *wanted == 0;
}

static uint64_t savedRegisters() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1))
    return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

static Status check(std::string_view name, const Feature &feature) {
  unsigned words[4] = {};
  bool hasLeaf = __get_cpuid_count(feature.leaf, feature.subleaf, &words[EAX],
                                   &words[EBX], &words[ECX], &words[EDX]);
  if (!hasLeaf || !(words[feature.word] >> feature.bit & 1))
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "the code needs the processor feature `%.*s`, which this "
                     "processor has not",
                     SENNIT_VIEW(name));
  if ((savedRegisters() & feature.saved) != feature.saved)
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "the code needs the processor feature `%.*s`, whose "
                     "registers this system does not save",
                     SENNIT_VIEW(name));
  return {};
}

/// Linux hands out the 8 KiB of tile registers on demand only; the permission
/// holds for the whole process and its later threads.
static Status requestTiles() {
  constexpr long requestPermission = 0x1023, tileData = 18;
  if (syscall(SYS_arch_prctl, requestPermission, tileData) == 0)
    return {};
  return makeError(SENNIT_STATUS_UNSUPPORTED,
                   "the code needs AMX tiles, which the system refuses: %s",
                   strerror(errno));
}

static const Feature *findFeature(std::string_view name) {
  for (const Feature &feature : table)
    if (isNamed(name, feature.name))
      return &feature;
  return nullptr;
}

Status enableCpuFeatures(const Array<std::string_view> &features) {
  bool needsTiles = false;
  for (std::string_view name : features) {
    const Feature *feature = findFeature(name);
    if (!feature)
      return makeError(SENNIT_STATUS_UNSUPPORTED,
                       "the code needs the processor feature `%.*s`, which "
                       "this runtime does not know",
                       SENNIT_VIEW(name));
    SENNIT_RETURN_IF_ERROR(check(name, *feature));
    needsTiles |= feature->saved == tiles;
  }
  return needsTiles ? requestTiles() : Status();
}

} // namespace sennit
