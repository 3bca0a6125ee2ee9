// The instruction-set levels of the CPU target, and which one the host has.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/Cpu.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace sennit::cpu;

// 16 registers hold 6 x 1 vectors of two ymm each, one of B and a broadcast.
static CpuMachine makeAvx2() {
  return {"avx2", "haswell", "+avx2,+fma,+f16c,+bmi,+bmi2", 6, 6, 1};
}

// 32 registers hold 12 x 2 accumulators, two of B and the scratch of bf16's
// widening.
static CpuMachine makeAvx512() {
  return {"avx512",
          "skylake-avx512",
          "+avx512f,+avx512vl,+avx512dq,+avx512bw,+fma,+f16c,+bmi,+bmi2",
          24,
          12,
          2};
}

// AVX-512's bf16 came after its products of bytes, in Cooper Lake and Zen 4.
static CpuMachine makeAvx512BFloat() {
  CpuMachine machine = makeAvx512();
  machine.level = "avx512bf16";
  machine.features += ",+avx512bf16,+avx512vnni";
  machine.unit = MatrixUnit::pairs;
  return machine;
}

static CpuMachine makeAmx() {
  CpuMachine machine = makeAvx512BFloat();
  machine.level = "amx";
  machine.features += ",+amx-tile,+amx-bf16,+amx-int8";
  machine.unit = MatrixUnit::tiles;
  return machine;
}

ArrayRef<StringRef> sennit::cpu::getLevels() {
  static const StringRef levels[] = {"avx2", "avx512", "avx512bf16", "amx"};
  return levels;
}

static CpuMachine makeMachine(StringRef level) {
  return level == "avx2"         ? makeAvx2()
         : level == "avx512"     ? makeAvx512()
         : level == "avx512bf16" ? makeAvx512BFloat()
                                 : makeAmx();
}

std::vector<std::string> sennit::cpu::getHostLevels() {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  std::vector<std::string> found;
  for (StringRef level : getLevels()) {
    std::string features = makeMachine(level).features;
    if (llvm::all_of(llvm::split(features, ','), [&](StringRef feature) {
          return host.lookup(feature.ltrim('+'));
        }))
      found.push_back(level.str());
  }
  return found;
}

HostCaches sennit::cpu::readHostCaches() {
  HostCaches caches;
  for (int index = 0; index < 8; ++index) {
    std::string folder =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index);
    auto read = [&](StringRef name) -> std::string {
      auto file = llvm::MemoryBuffer::getFileAsStream(folder + "/" + name);
      return file ? (*file)->getBuffer().trim().str() : "";
    };
    std::string text = read("size"), level = read("level");
    StringRef size = text;
    int64_t kilobytes;
    if (read("type") == "Instruction" || !size.consume_back("K") ||
        size.getAsInteger(10, kilobytes))
      continue;
    int64_t &bytes = level == "1"   ? caches.l1
                     : level == "2" ? caches.l2
                                    : caches.l3;
    bytes = kilobytes * 1024;
  }
  return caches;
}

llvm::Expected<CpuMachine> sennit::cpu::getMachine(StringRef level) {
  if (llvm::is_contained(getLevels(), level))
    return makeMachine(level);
  if (level != "host")
    return llvm::createStringError("CPU level `" + level + "` is not one of " +
                                   llvm::join(getLevels(), ", ") + ", host");
  std::vector<std::string> host = getHostLevels();
  if (!host.empty())
    return makeMachine(host.back());
  return llvm::createStringError(
      "this processor lacks AVX2, FMA, F16C or BMI, which the lowest level "
      "`avx2` needs");
}
