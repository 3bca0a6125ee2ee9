// Writes the artifact: a stored ZIP with manifest, code and tables. See
// docs/artifact.md.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_ARTIFACT_H
#define SENNIT_COMPILER_ARTIFACT_H

#include "compiler/Codegen.h"

namespace sennit {

struct ArtifactOptions {
  /// Where the artifact goes; written beside it and renamed.
  std::string path;
  /// Copies the weight files into the artifact instead of referring to them.
  bool embedWeights = false;
};

/// A placed module and its code for one machine.
struct Program {
  mlir::ModuleOp module;
  const Code &code;
  const TargetMachineInfo &machine;
};

/// Writes the artifact of programs that compute the same, of which the runtime
/// takes the first that can run. `bytes` receives its size.
llvm::Error writeArtifact(llvm::ArrayRef<Program> programs,
                          const ArtifactOptions &options, int64_t &bytes);

} // namespace sennit

#endif // SENNIT_COMPILER_ARTIFACT_H
