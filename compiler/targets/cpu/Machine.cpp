// The instruction-set levels of the CPU target, and which one the host has.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/Cpu.h"

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

static bool hasAll(const llvm::StringMap<bool> &features,
                   ArrayRef<StringRef> names) {
  return llvm::all_of(names,
                      [&](StringRef name) { return features.lookup(name); });
}

llvm::Expected<CpuMachine> sennit::cpu::getMachine(StringRef level) {
  if (level == "avx512")
    return makeAvx512();
  if (level == "avx2")
    return makeAvx2();
  if (level != "host")
    return llvm::createStringError("CPU level `" + level +
                                   "` is not one of avx2, avx512, host");
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  if (hasAll(features, {"avx512f", "avx512vl", "avx512dq", "avx512bw"}))
    return makeAvx512();
  if (hasAll(features, {"avx2", "fma", "f16c", "bmi2"}))
    return makeAvx2();
  return llvm::createStringError(
      "this processor lacks AVX2, FMA, F16C or BMI2, which the lowest level "
      "`avx2` needs");
}
