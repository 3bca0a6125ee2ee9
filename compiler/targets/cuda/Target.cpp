// The CUDA target's record: its levels as attributes, PTX and cubins of
// kernels.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Target.h"
#include "compiler/machine/Library.h"
#include "compiler/targets/cuda/Cuda.h"
#include "compiler/targets/cuda/ItemEmitter.h"
#include "compiler/targets/cuda/Passes.h"
#include "compiler/targets/cuda/Wgmma.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Threading.h"

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
    return CudaMachine{"sm_80", "+ptx78", 163 << 10, false, "nvidia-a100-sxm"};
  if (level == "sm_89")
    return CudaMachine{"sm_89", "+ptx78", 99 << 10, false, ""};
  if (level == "sm_90a" || level == "host")
    return CudaMachine{"sm_90a", "+ptx86", 227 << 10, true, "nvidia-h200-sxm"};
  return llvm::createStringError("CUDA level `" + level + "` is not one of " +
                                 llvm::join(getLevels(), ", "));
}

/// Rows from which on the matrix unit reads a matrix faster than threads do,
/// although most of its tile is empty.
static constexpr int64_t leastAsyncRows = 3;

/// The text of the shipped machine; empty where there is none.
static llvm::Expected<std::string> readDescription(const CudaMachine &machine) {
  if (machine.shipped.empty())
    return "";
  std::vector<machine::Problem> problems;
  auto root = machine::readMachine(machine.shipped, problems);
  if (!root)
    return llvm::createStringError(format(problems.front()));
  return print(*root);
}

static llvm::Expected<TargetMachineInfo> describe(StringRef level,
                                                  MLIRContext &context) {
  auto machine = getMachine(level);
  if (!machine)
    return machine.takeError();
  auto description = readDescription(*machine);
  if (!description)
    return description.takeError();
  TargetMachineInfo info;
  info.roundsOperands = true;
  info.chunk = kSharedItemChunk;
  // Tiles pass through registers: sixteen elements a thread. Scratch of half a
  // block's shared memory lets two blocks hide each other's waits.
  info.core = machine::CoreAttr::get(
      &context, "cuda", machine->level, /*vector_bits=*/32,
      /*vector_registers=*/255, /*l1_bytes=*/itemThreads * 16 * 4 * 2,
      /*l2_bytes=*/machine->sharedBytes / 2, /*threads=*/itemThreads,
      /*async_rows=*/machine->level == "sm_90a" ? leastAsyncRows : 0,
      *description);
  return info;
}

/// PTX, and its cubin where there is an assembler; without one the driver
/// assembles when it loads.
static llvm::Expected<EmittedCode>
assembleKernel(ModuleOp module, const CudaMachine &machine, Spills spills,
               std::string *report = nullptr) {
  auto ptx = emitPtx(module, machine);
  if (!ptx)
    return ptx.takeError();
  EmittedCode code;
  code.add("ptx", *ptx);
  std::string assembler = findAssembler();
  if (assembler.empty())
    return code;
  auto cubin = assemble(*ptx, assembler, machine, spills, report);
  if (!cubin)
    return cubin.takeError();
  code.add("cubin", *cubin);
  return code;
}

static llvm::Error makeError(const CudaMachine &machine, StringRef reason) {
  return llvm::createStringError("a kernel has no code for `" + machine.level +
                                 "`" + reason);
}

/// Whether none of its threads does nothing but copy: then all go through its
/// ops together.
static bool isStepwise(ModuleOp module) {
  ScopedDiagnosticHandler handler(module.getContext(),
                                  [](Diagnostic &) { return success(); });
  PassManager assignment(module.getContext());
  assignment.addPass(createCudaAssignRoles());
  if (failed(assignment.run(module)))
    return true;
  return !module.walk([](tile::RolesOp) { return WalkResult::interrupt(); })
              .wasInterrupted();
}

/// The code of a kernel by roles; nothing where it has none.
static llvm::Expected<std::optional<EmittedCode>>
emitByRoles(ModuleOp module, const CudaMachine &machine) {
  // What goes wrong here is a reason to go by items, not an error.
  std::string reason;
  uint64_t thread = llvm::get_threadid();
  ScopedDiagnosticHandler handler(module.getContext(),
                                  [&](Diagnostic &diagnostic) {
                                    if (llvm::get_threadid() != thread)
                                      return failure();
                                    if (reason.empty())
                                      reason = ": " + diagnostic.str();
                                    return success();
                                  });
  PassManager assignment(module.getContext());
  assignment.addPass(createCudaAssignRoles());
  if (failed(assignment.run(module)))
    return makeError(machine, reason);
  auto search =
      module.walk([](tile::RolesOp) { return WalkResult::interrupt(); });
  if (!search.wasInterrupted())
    return std::nullopt;
  PassManager manager(module.getContext());
  buildRolePipeline(manager);
  if (failed(manager.run(module)))
    return makeError(machine, reason);
  std::string report;
  auto code = assembleKernel(module, machine, Spills::Few, &report);
  if (!code)
    return code.takeError();
  if (StringRef spill = findSpill(report, Spills::Refused); !spill.empty())
    remark::analysis(module.getBody()->front().getLoc(),
                     remark::RemarkOpts::name("assign-roles").category("cuda"))
        << "ptxas: " << spill << ", which are few";
  return std::move(*code);
}

static llvm::Expected<EmittedCode> emitKernel(ModuleOp module,
                                              const TargetMachineInfo &info) {
  auto machine = getMachine(info.core.getIsa());
  if (!machine)
    return machine.takeError();
  if (info.core.getAsyncRows()) {
    OwningOpRef<ModuleOp> copy = module.clone();
    auto code = emitByRoles(*copy, *machine);
    if (code && *code)
      return std::move(**code);
    if (!code)
      remark::missed(module.getBody()->front().getLoc(),
                     remark::RemarkOpts::name("assign-roles").category("cuda"))
          << llvm::toString(code.takeError());
  }
  PassManager manager(module.getContext());
  buildItemPipeline(manager, *machine);
  if (failed(manager.run(module)))
    return makeError(*machine, "; see the error above");
  return assembleKernel(module, *machine, Spills::Allowed);
}

const Target &getTarget() {
  static const Target target = {"cuda",
                                "NVIDIA GPUs from compute capability 8.0",
                                getLevels(),
                                describe,
                                emitKernel,
                                /*emitEntries=*/nullptr,
                                /*measure=*/nullptr,
                                isStepwise};
  return target;
}

} // namespace sennit::cuda
