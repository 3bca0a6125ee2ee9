// Offers the importer to translation tools as --import-onnx.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "mlir/Tools/mlir-translate/Translation.h"
#include "frontends/onnx/Import.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::onnx;

static OwningOpRef<Operation *>
translate(llvm::SourceMgr &sources, MLIRContext *context,
          const llvm::cl::list<std::string> &examples) {
  llvm::StringRef file =
      sources.getMemoryBuffer(sources.getMainFileID())->getBufferIdentifier();
  Location location = UnknownLoc::get(context);
  auto report = [&](llvm::Error error) {
    llvm::handleAllErrors(std::move(error), [&](const ImportError &reason) {
      emitError(location) << (reason.unsupported ? "unsupported: " : "broken: ")
                          << reason.message;
    });
    return nullptr;
  };
  std::vector<StoredTensor> inputs;
  for (const std::string &path : examples) {
    auto tensor = readTensorFile(path);
    if (!tensor)
      return report(tensor.takeError());
    inputs.push_back(std::move(*tensor));
  }
  ImportOptions options;
  options.inputs = inputs;
  auto imported = importOnnx(file, options, *context);
  if (!imported)
    return report(imported.takeError());
  return OwningOpRef<Operation *>(imported->module.release());
}

void sennit::onnx::registerImportTranslation() {
  static llvm::cl::list<std::string> examples(
      "import-inputs", llvm::cl::CommaSeparated,
      llvm::cl::desc("files of tensors that the ONNX model is called with"));
  TranslateToMLIRRegistration registration(
      "import-onnx", "import the ONNX model that is the input",
      [](llvm::SourceMgr &sources, MLIRContext *context) {
        return translate(sources, context, examples);
      },
      registerImportDialects);
}
