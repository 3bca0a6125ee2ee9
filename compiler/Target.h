// What the compiler asks of a target: its machine, and objects of kernels and
// entries.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGET_H
#define SENNIT_COMPILER_TARGET_H

#include "dialects/machine/Machine.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace sennit {

/// One machine of a target, resolved: `host` has become what the host is.
struct TargetMachineInfo {
  machine::CoreAttr core;
  /// Processor features that the runtime must find, by the kernel's names.
  llvm::SmallVector<std::string> features;
};

/// An ELF relocatable object.
struct EmittedObject {
  llvm::SmallVector<char, 0> bytes;
  /// Bytes of scratch that a thread gives the object's kernels.
  int64_t scratch = 0;
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
  /// The object of a module that holds one kernel, a tile program. Several may
  /// be emitted at once, from different modules of one context.
  llvm::Expected<EmittedObject> (*emitKernel)(mlir::ModuleOp module,
                                              const TargetMachineInfo &machine);
  /// The object of a module that holds the placed entries. Leaves them lowered:
  /// each with `rt.bindings`, the module with `rt.kernels`.
  llvm::Expected<EmittedObject> (*emitEntries)(
      mlir::ModuleOp module, const TargetMachineInfo &machine);
};

/// The registered targets.
llvm::ArrayRef<const Target *> getTargets();

/// Resolves `cpu`, `cpu:host`, `cpu:avx2`: a target and an instruction set.
llvm::Expected<std::pair<const Target *, TargetMachineInfo>>
resolveTarget(llvm::StringRef spelling, mlir::MLIRContext &context);

} // namespace sennit

#endif // SENNIT_COMPILER_TARGET_H
