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

/// Writes the artifact of a placed module and its code. `bytes` receives its
/// size.
llvm::Error writeArtifact(mlir::ModuleOp module, const Code &code,
                          const TargetMachineInfo &machine,
                          const ArtifactOptions &options, int64_t &bytes);

} // namespace sennit

#endif // SENNIT_COMPILER_ARTIFACT_H
