// Turns placed IR into objects: one a kernel, emitted side by side, and one for
// the entries.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_CODEGEN_H
#define SENNIT_COMPILER_CODEGEN_H

#include "compiler/Target.h"
#include "mlir/IR/BuiltinTypes.h"

namespace sennit {

/// A file of code in the artifact.
struct CodeSection {
  std::string name;
  llvm::SmallVector<char, 0> bytes;
};

/// An input or output of an entry.
struct TensorInfo {
  std::string name;
  mlir::RankedTensorType type;
};

/// An entry as the manifest describes it.
struct EntryInfo {
  std::string name, symbol;
  /// Most tokens of a call; 0 for entries without tokens.
  int64_t maxTokens = 0;
  /// Kind and name of each binding, in the order of the entry's arguments.
  llvm::SmallVector<std::pair<std::string, std::string>> bindings;
  llvm::SmallVector<TensorInfo> inputs, outputs;
};

struct Code {
  std::vector<CodeSection> sections;
  std::vector<std::string> kernels;
  std::vector<EntryInfo> entries;
  /// Launches of the prefill entry, or of all entries where there is none.
  int64_t launches = 0;
  int64_t scratchBytes = 0;
};

/// Emits all code of a placed module, by `jobs` threads (0: all cores).
llvm::Expected<Code>
generateCode(mlir::ModuleOp module, const Target &target,
             const TargetMachineInfo &machine, unsigned jobs,
             llvm::function_ref<void(int64_t done, int64_t total)> progress);

} // namespace sennit

#endif // SENNIT_COMPILER_CODEGEN_H
