// The CPU target: its levels, and the way from a tile program to an object.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CPU_CPU_H
#define SENNIT_COMPILER_TARGETS_CPU_CPU_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Passes/OptimizationLevel.h"
#include "llvm/Support/Error.h"

namespace sennit {
struct MeasuredField;
struct Target;
} // namespace sennit

namespace sennit::cpu {

/// The attribute on a lowered kernel that says how many bytes of scratch each
/// thread gives it.
constexpr llvm::StringLiteral scratchAttrName = "sennit.scratch";

/// What multiplies bf16 panels in groups of two: nothing, dot products of pairs
/// in vectors, or AMX tiles.
enum class MatrixUnit { none, pairs, tiles };

/// One level of the instruction set.
struct CpuMachine {
  /// `avx2`, `avx512`, `avx512bf16` or `amx`.
  std::string level;
  /// LLVM's names for the processor and its features.
  std::string processor, features;
  /// Accumulators of a product that live in registers, counted in vectors of
  /// `lanes`, and the rows of A that share one vector of B.
  int64_t accumulators, rows;
  /// Vectors of B side by side when there are rows enough.
  int64_t columns;
  MatrixUnit unit = MatrixUnit::none;
};

/// The machine of a level's name; `host` is the best level that this processor
/// runs. Fails on other names, and on a host below AVX2.
llvm::Expected<CpuMachine> getMachine(llvm::StringRef level);

/// The names of all levels, from the lowest, and of those that this processor
/// runs.
llvm::ArrayRef<llvm::StringRef> getLevels();
std::vector<std::string> getHostLevels();

/// Bytes of this processor's data caches, of one core and of the last shared
/// one, from the kernel's description; 0 where there is none.
struct HostCaches {
  int64_t l1 = 0, l2 = 0, l3 = 0;
};
HostCaches readHostCaches();

/// See `Target::measure`.
llvm::Expected<std::vector<MeasuredField>>
measureHost(llvm::StringRef level, unsigned threads,
            llvm::function_ref<void(llvm::StringRef)> show);

/// From kernels as `func.func` holding one `tile.grid` to LLVM's dialect:
/// for kernel `k`, `void k(ptr arguments, i64 begin, i64 end, ptr scratch)`
/// and `i64 k.items(ptr arguments)`. See `sennit_kernel_fn` in the runtime's
/// ABI. What a kernel stores may overlap what it loads through another argument
/// only at the same positions. Kernels flush denormals, and leave the caller's
/// mode as it was.
void buildPipeline(mlir::OpPassManager &manager, const CpuMachine &machine);

/// A position-independent ELF object of a module in LLVM's dialect. It refers
/// to nothing but itself, memcpy, memmove and memset. May run on several
/// threads for different modules of one context.
llvm::Expected<llvm::SmallVector<char>>
emitObject(mlir::ModuleOp module, const CpuMachine &machine,
           llvm::OptimizationLevel level = llvm::OptimizationLevel::O2);

/// The CPU's record for the compiler.
const Target &getTarget();

} // namespace sennit::cpu

#endif // SENNIT_COMPILER_TARGETS_CPU_CPU_H
