// Turns a Hugging Face model directory (config.json and safetensors) into a
// verified seq module.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_HF_IMPORT_H
#define SENNIT_FRONTENDS_HF_IMPORT_H

#include "frontends/ImportError.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace sennit::hf {

struct ImportOptions {
  /// Tokens that the state can hold; 0 means what the model was made for, at
  /// most 4096.
  int64_t context = 0;
  /// Most tokens of one call; never more than the context.
  int64_t chunk = 256;
  /// Receives one line if the configuration has keys that were not understood.
  llvm::function_ref<void(llvm::StringRef)> warn = nullptr;
  /// Whether a directory without tensors is imported too, as if its tensors had
  /// the shapes that the architecture expects and the configuration's type.
  bool imaginesWeights = false;
};

/// Reads the model of `directory`. Weights stay in their files and are
/// referenced by `seq.parameter`. Every failure is an `ImportError`: one line,
/// and whether the input is broken or only unsupported. No input makes this
/// crash, read outside the directory, or allocate more than its files justify.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importHuggingFace(llvm::StringRef directory, const ImportOptions &options,
                  mlir::MLIRContext &context);

/// The dialects of an imported module.
void registerImportDialects(mlir::DialectRegistry &registry);

/// Adds `--import-huggingface` to a translation tool. Its input is the path of
/// a model's config.json.
void registerImportTranslation();

} // namespace sennit::hf

#endif // SENNIT_FRONTENDS_HF_IMPORT_H
