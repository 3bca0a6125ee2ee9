// The CUDA target: its levels, the ways from tile programs to PTX, and what PTX
// must not hold.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_CUDA_H
#define SENNIT_COMPILER_TARGETS_CUDA_CUDA_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"

namespace sennit {
struct Target;
} // namespace sennit

namespace sennit::cuda {

/// The block's shared memory, whose size the launch decides.
constexpr llvm::StringLiteral sharedSymbol = "sennit_shared";

/// The attribute of a lowered kernel that says how it is launched.
constexpr llvm::StringLiteral launchAttrName = "cuda.launch";

/// One level of the target.
struct CudaMachine {
  /// The processor as ptxas names it: `sm_80`, `sm_89` or `sm_90a`.
  std::string level;
  /// LLVM's name for the version of PTX that the level needs at least.
  std::string features;
  /// Shared memory that one block may ask for.
  int64_t sharedBytes;
  /// Whether a kernel can wait for the end of those ahead of it by itself.
  bool waitsForKernels;
  /// The shipped machine by which forms are chosen; empty where none of the
  /// level is described.
  std::string shipped;
};

/// The names of all levels, from the lowest.
llvm::ArrayRef<llvm::StringRef> getLevels();

/// The machine of a level's name. Fails on other names.
llvm::Expected<CudaMachine> getMachine(llvm::StringRef level);

/// From kernels as `func.func` holding `tile.roles` to LLVM's dialect.
void buildRolePipeline(mlir::OpPassManager &manager);

/// From any program of tiles to LLVM's dialect, by items.
void buildItemPipeline(mlir::OpPassManager &manager,
                       const CudaMachine &machine);

/// The CUDA target's record for the compiler.
const Target &getTarget();

/// PTX of a module in LLVM's dialect, for `machine`. Each kernel is preceded by
/// a comment line `// sennit: {..}`, JSON that says how to launch it. Fails on
/// what `checkPtx` finds.
llvm::Expected<std::string> emitPtx(mlir::ModuleOp module,
                                    const CudaMachine &machine);

/// Refuses calls of functions that PTX does not hold, local memory, and writes
/// to registers that a wgmma in flight reads or writes.
llvm::Error checkPtx(llvm::StringRef ptx);

/// The path of ptxas: in $CUDA_HOME/bin, else on $PATH, else in
/// /usr/local/cuda; empty where there is none.
std::string findAssembler();

/// Which registers may go to memory: none, a few numbers that live long beside
/// the tiles of a kernel's roles, whose registers are counted out, or any.
enum class Spills { Refused, Few, Allowed };

/// The line of ptxas' report that tells of more spills than these; empty where
/// there are none.
llvm::StringRef findSpill(llvm::StringRef report, Spills spills);

/// The cubin of a PTX text by ptxas at `assembler`. A spill that is refused, a
/// serialised wgmma and an unresolved extern are errors. `report`, where given,
/// gets what ptxas says about registers.
llvm::Expected<std::string> assemble(llvm::StringRef ptx,
                                     llvm::StringRef assembler,
                                     const CudaMachine &machine, Spills spills,
                                     std::string *report = nullptr);

/// Makes `--tile-to-ptx` and `--tile-to-cubin` translations of
/// sennit-translate.
void registerTranslations();

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_CUDA_H
