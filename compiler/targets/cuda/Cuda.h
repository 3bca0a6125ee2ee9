// The Hopper target: the way from roles and rings to PTX, and what PTX must not
// hold.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_CUDA_H
#define SENNIT_COMPILER_TARGETS_CUDA_CUDA_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"

namespace sennit::cuda {

/// The block's shared memory, whose size the launch decides.
constexpr llvm::StringLiteral sharedSymbol = "sennit_shared";

/// The attribute of a lowered kernel that says how it is launched.
constexpr llvm::StringLiteral launchAttrName = "cuda.launch";

/// From kernels as `func.func` holding `tile.roles` to LLVM's dialect.
void buildPipeline(mlir::OpPassManager &manager);

/// PTX of a module in LLVM's dialect, for sm_90a. Each kernel is preceded by a
/// comment line `// sennit: {..}`, JSON that says how to launch it. Fails on
/// what `checkPtx` finds.
llvm::Expected<std::string> emitPtx(mlir::ModuleOp module);

/// Refuses calls of functions that PTX does not hold, local memory, and writes
/// to registers that a wgmma in flight reads or writes.
llvm::Error checkPtx(llvm::StringRef ptx);

/// The path of ptxas: in $CUDA_HOME/bin, else on $PATH, else in
/// /usr/local/cuda; empty where there is none.
std::string findAssembler();

/// The cubin of a PTX text by ptxas at `assembler`. A spill, a serialised wgmma
/// and an unresolved extern are errors. `report`, where given, gets what ptxas
/// says about registers.
llvm::Expected<std::string> assemble(llvm::StringRef ptx,
                                     llvm::StringRef assembler,
                                     std::string *report = nullptr);

/// Makes `--tile-to-ptx` and `--tile-to-cubin` translations of
/// sennit-translate.
void registerTranslations();

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_CUDA_H
