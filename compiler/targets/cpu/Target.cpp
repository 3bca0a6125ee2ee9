// The CPU target's record: its machine as an attribute, objects by its
// pipeline.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Target.h"
#include "compiler/emit/Passes.h"
#include "compiler/targets/cpu/Cpu.h"
#include "compiler/targets/cpu/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;

namespace sennit::cpu {

/// Bytes of a data cache of this processor, from the kernel's description;
/// `otherwise` where there is none.
static int64_t readCacheBytes(int level, int64_t otherwise) {
  for (int index = 0; index < 8; ++index) {
    std::string folder =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index);
    auto read = [&](StringRef name) -> std::string {
      auto file = llvm::MemoryBuffer::getFileAsStream(folder + "/" + name);
      return file ? (*file)->getBuffer().trim().str() : "";
    };
    int64_t kilobytes;
    if (read("level") != std::to_string(level) || read("type") == "Instruction")
      continue;
    std::string text = read("size");
    StringRef size = text;
    if (size.consume_back("K") && !size.getAsInteger(10, kilobytes))
      return kilobytes * 1024;
  }
  return otherwise;
}

static llvm::Expected<TargetMachineInfo> describe(StringRef level,
                                                  MLIRContext &context) {
  auto machine = getMachine(level);
  if (!machine)
    return machine.takeError();
  bool isWide = machine->level != "avx2";
  TargetMachineInfo info;
  info.core = machine::CoreAttr::get(
      &context, "cpu", machine->level, isWide ? 512 : 256, isWide ? 32 : 16,
      readCacheBytes(1, 32 << 10), readCacheBytes(2, 1 << 20), /*threads=*/1,
      /*async_rows=*/0);
  for (StringRef feature : llvm::split(machine->features, ','))
    info.features.push_back(feature.ltrim('+').str());
  return info;
}

static llvm::Expected<EmittedCode> emit(ModuleOp module,
                                        const TargetMachineInfo &info) {
  auto machine = getMachine(info.core.getIsa());
  if (!machine)
    return machine.takeError();
  auto bytes = emitObject(module, *machine);
  if (!bytes)
    return bytes.takeError();
  EmittedCode code;
  code.add("o", *bytes);
  module.walk([&](LLVM::LLVMFuncOp function) {
    if (auto scratch = function->getAttrOfType<IntegerAttr>(scratchAttrName))
      code.scratch = std::max(code.scratch, scratch.getInt());
  });
  return code;
}

static llvm::Expected<EmittedCode> emitKernel(ModuleOp module,
                                              const TargetMachineInfo &info) {
  auto machine = getMachine(info.core.getIsa());
  if (!machine)
    return machine.takeError();
  PassManager manager(module.getContext());
  buildPipeline(manager, *machine);
  if (failed(manager.run(module)))
    return llvm::createStringError("a kernel has no code for `" +
                                   machine->level + "`; see the error above");
  return emit(module, info);
}

/// For a device's kernels, the host may be any x86-64.
static llvm::Expected<EmittedCode> emitEntries(ModuleOp module,
                                               const TargetMachineInfo &info) {
  bool onDevice = info.core.getName() != getTarget().name;
  PassManager manager(module.getContext());
  manager.addPass(createLowerEntries({onDevice}));
  if (failed(manager.run(module)))
    return llvm::createStringError(
        "the entries have no code; see the error above");
  if (!onDevice)
    return emit(module, info);
  CpuMachine any{"x86-64", "x86-64", "", 0, 0, 0};
  auto bytes = emitObject(module, any);
  if (!bytes)
    return bytes.takeError();
  EmittedCode code;
  code.add("o", *bytes);
  return code;
}

const Target &getTarget() {
  static const Target target = {"cpu",       "x86-64 with AVX2, AVX-512 or AMX",
                                getLevels(), describe,
                                emitKernel,  emitEntries};
  return target;
}

} // namespace sennit::cpu
