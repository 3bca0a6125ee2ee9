// The CUDA target's record: its levels as attributes, PTX and cubins of
// kernels.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Target.h"
#include "compiler/targets/cuda/Cuda.h"
#include "compiler/targets/cuda/ItemEmitter.h"
#include "compiler/targets/cuda/Passes.h"
#include "compiler/targets/cuda/Wgmma.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace sennit::cuda {

ArrayRef<StringRef> getLevels() {
  static const StringRef levels[] = {"sm_80", "sm_89", "sm_90a"};
  return levels;
}

// Shared memory of one block: the CUDA C++ programming guide's table of compute
// capabilities.
llvm::Expected<CudaMachine> getMachine(StringRef level) {
  if (level == "sm_80")
    return CudaMachine{"sm_80", "+ptx78", 163 << 10};
  if (level == "sm_89")
    return CudaMachine{"sm_89", "+ptx78", 99 << 10};
  if (level == "sm_90a" || level == "host")
    return CudaMachine{"sm_90a", "+ptx86", 227 << 10};
  return llvm::createStringError("CUDA level `" + level + "` is not one of " +
                                 llvm::join(getLevels(), ", "));
}

static llvm::Expected<TargetMachineInfo> describe(StringRef level,
                                                  MLIRContext &context) {
  auto machine = getMachine(level);
  if (!machine)
    return machine.takeError();
  TargetMachineInfo info;
  info.roundsOperands = true;
  // Tiles pass through registers: sixteen elements a thread. Scratch of half a
  // block's shared memory lets two blocks hide each other's waits.
  info.core = machine::CoreAttr::get(
      &context, "cuda", machine->level, /*vector_bits=*/32,
      /*vector_registers=*/255, /*l1_bytes=*/itemThreads * 16 * 4 * 2,
      /*l2_bytes=*/machine->sharedBytes / 2, /*threads=*/itemThreads,
      /*async_rows=*/machine->level == "sm_90a" ? wgmmaRows : 0);
  return info;
}

/// Whether the module's kernel runs by roles from here on.
static bool assignRoles(ModuleOp module) {
  PassManager manager(module.getContext());
  manager.addPass(createCudaAssignRoles());
  return succeeded(manager.run(module)) &&
         module.walk([](tile::RolesOp) { return WalkResult::interrupt(); })
             .wasInterrupted();
}

static llvm::Expected<EmittedCode> emitKernel(ModuleOp module,
                                              const TargetMachineInfo &info) {
  auto machine = getMachine(info.core.getIsa());
  if (!machine)
    return machine.takeError();
  bool byRoles = machine->level == "sm_90a" && assignRoles(module);
  PassManager manager(module.getContext());
  if (byRoles)
    buildRolePipeline(manager);
  else
    buildItemPipeline(manager, *machine);
  if (failed(manager.run(module)))
    return llvm::createStringError("a kernel has no code for `" +
                                   machine->level + "`; see the error above");
  auto ptx = emitPtx(module, *machine);
  if (!ptx)
    return ptx.takeError();
  EmittedCode code;
  code.add("ptx", *ptx);
  // Without an assembler the driver assembles when it loads.
  std::string assembler = findAssembler();
  if (assembler.empty())
    return code;
  auto cubin = assemble(*ptx, assembler, *machine,
                        byRoles ? Spills::Refused : Spills::Allowed);
  if (!cubin)
    return cubin.takeError();
  code.add("cubin", *cubin);
  return code;
}

const Target &getTarget() {
  static const Target target = {
      "cuda",      "NVIDIA GPUs from compute capability 8.0",
      getLevels(), describe,
      emitKernel,  /*emitEntries=*/nullptr};
  return target;
}

} // namespace sennit::cuda
