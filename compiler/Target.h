// What the compiler asks of a target: its machine, and objects of kernels and
// entries.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGET_H
#define SENNIT_COMPILER_TARGET_H

#include "dialects/machine/Machine.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace sennit {

/// Tokens of one call that keep a machine busy whose threads share items.
inline constexpr int64_t kSharedItemChunk = 2048;

/// One machine of a target, resolved: `host` has become what the host is.
struct TargetMachineInfo {
  machine::CoreAttr core;
  /// Whether its matrix unit is worth rounding operands to 16 bits for, unless
  /// someone asks for more.
  bool roundsOperands = false;
  /// Tokens of one call that keep it busy, unless someone asks for others; 0:
  /// the importer's number.
  int64_t chunk = 0;
  /// Processor features that the runtime must find, by the kernel's names.
  llvm::SmallVector<std::string> features;
};

/// One form of a kernel's or the entries' code.
struct EmittedFile {
  /// `o` of an ELF relocatable object, `ptx`, `cubin`.
  llvm::StringRef suffix;
  llvm::SmallVector<char, 0> bytes;
};

struct EmittedCode {
  llvm::SmallVector<EmittedFile> files;
  /// Bytes of scratch that a thread gives the kernels.
  int64_t scratch = 0;

  void add(llvm::StringRef suffix, llvm::ArrayRef<char> bytes) {
    files.push_back({suffix, llvm::SmallVector<char, 0>(bytes)});
  }
};

/// A number of the host, as a field of a machine's file and its value:
/// `core.l1.bandwidth`, `280 GB/s`.
struct MeasuredField {
  std::string path, value;
};

/// A target; one record of functions, registered in Register.cpp.
struct Target {
  llvm::StringRef name;
  /// One line for `sennit targets`.
  llvm::StringRef summary;
  /// The instruction sets that it knows.
  llvm::ArrayRef<llvm::StringRef> levels;
  /// The machine of an instruction set, or of the host.
  llvm::Expected<TargetMachineInfo> (*describe)(llvm::StringRef level,
                                                mlir::MLIRContext &context);
  /// The code of a module that holds one kernel, a tile program. Several may
  /// be emitted at once, from different modules of one context.
  llvm::Expected<EmittedCode> (*emitKernel)(mlir::ModuleOp module,
                                            const TargetMachineInfo &machine);
  /// The object of a module that holds the placed entries, for this machine or
  /// for one whose kernels run on a device. Leaves them lowered: each with
  /// `rt.bindings`, the module with `rt.kernels`. Null of a device, whose
  /// entries the host runs.
  llvm::Expected<EmittedCode> (*emitEntries)(mlir::ModuleOp module,
                                             const TargetMachineInfo &machine);
  /// Measures the host at a level, on `threads` threads where all count; tells
  /// `show` what comes next. Null where there are no probes.
  llvm::Expected<std::vector<MeasuredField>> (*measure)(
      llvm::StringRef level, unsigned threads,
      llvm::function_ref<void(llvm::StringRef)> show) = nullptr;
  /// Whether the code of a module that holds one kernel goes op by op: the
  /// threads of an item meet after each, and loads are waited for where they
  /// stand. For the cost model; null where no code does.
  bool (*isStepwise)(mlir::ModuleOp module) = nullptr;
};

/// Asks the target that emits code for a core of `isStepwise`, by kernel; none
/// where nobody emits code for it, and where no kernel's code goes otherwise:
/// of such machines none was measured.
std::function<bool(mlir::func::FuncOp)> getStepwiseTest(machine::CoreAttr core);

/// The registered targets.
llvm::ArrayRef<const Target *> getTargets();

/// The target of the host, which runs the entries of every target.
const Target &getHostTarget();

/// Resolves `cpu`, `cpu:host`, `cpu:avx2`: a target and an instruction set.
llvm::Expected<std::pair<const Target *, TargetMachineInfo>>
resolveTarget(llvm::StringRef spelling, mlir::MLIRContext &context);

} // namespace sennit

#endif // SENNIT_COMPILER_TARGET_H
