// Turns an ONNX model into a verified module with one public function.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_ONNX_IMPORT_H
#define SENNIT_FRONTENDS_ONNX_IMPORT_H

#include "frontends/onnx/Model.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace sennit::onnx {

struct ImportOptions {
  /// Inputs that the model will be called with, in the graph's order; may be
  /// empty. Their shapes stand for extents that the model leaves open, and
  /// their values for what must be known at compile time, such as an axis or a
  /// shape that the model takes as an input.
  llvm::ArrayRef<StoredTensor> inputs;
};

struct Imported {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// Inputs whose values the module was specialised for.
  std::vector<std::string> specialised;
};

/// Imports the graph of `file` as the public function `main`, whose arguments
/// and results bear the graph's names as `seq.name`. Large initializers stay in
/// their files and are referenced by `seq.parameter`. Every failure is an
/// `ImportError`: one line, and whether the input is broken or only
/// unsupported.
llvm::Expected<Imported> importOnnx(llvm::StringRef file,
                                    const ImportOptions &options,
                                    mlir::MLIRContext &context);

/// The dialects of an imported module.
void registerImportDialects(mlir::DialectRegistry &registry);

/// Adds `--import-onnx` to a translation tool. Its input is the model's path.
void registerImportTranslation();

} // namespace sennit::onnx

#endif // SENNIT_FRONTENDS_ONNX_IMPORT_H
