// The CPU target's record: its machine as an attribute, objects by its
// pipeline.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Target.h"
#include "compiler/emit/Passes.h"
#include "compiler/facts/Core.h"
#include "compiler/machine/Library.h"
#include "compiler/targets/cpu/Cpu.h"
#include "compiler/targets/cpu/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Threading.h"

using namespace mlir;

namespace sennit::cpu {

/// Takes the shipped machine of the level, with as many cores and such caches
/// as this processor has.
static llvm::Error describeMachine(const std::string &level,
                                   MLIRContext &context,
                                   TargetMachineInfo &info) {
  std::vector<machine::Problem> problems;
  std::string reason;
  HostCaches caches = readHostCaches();
  auto root = machine::readMachineOf("cpu", level, problems);
  std::pair<std::string, std::string> here[] = {
      {"core.l1.capacity", std::to_string(caches.l1) + " B"},
      {"core.l2.capacity", std::to_string(caches.l2) + " B"},
      {"core.count",
       std::to_string(llvm::hardware_concurrency().compute_thread_count())}};
  for (auto &[path, value] : here)
    if (root && value != "0 B" && !setField(*root, path, value, reason))
      problems.push_back({"", 0, reason});
  auto machine = root ? machine::build(*root, problems) : std::nullopt;
  if (!problems.empty())
    return llvm::createStringError(format(problems.front()));
  info.core = machine::makeCore(*root, *machine, context);
  info.roundsOperands = machine->roundsOperands();
  return llvm::Error::success();
}

static llvm::Expected<TargetMachineInfo> describe(StringRef level,
                                                  MLIRContext &context) {
  auto machine = getMachine(level);
  if (!machine)
    return machine.takeError();
  TargetMachineInfo info;
  if (auto error = describeMachine(machine->level, context, info))
    return std::move(error);
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
  static const Target target = {
      "cpu",       "x86-64 with AVX2, AVX-512, its bf16 or AMX",
      getLevels(), describe,
      emitKernel,  emitEntries,
      measureHost};
  return target;
}

} // namespace sennit::cpu
