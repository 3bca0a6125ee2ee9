// Offers the importer to translation tools as --import-huggingface.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "mlir/Tools/mlir-translate/Translation.h"
#include "frontends/hf/Import.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::hf;

namespace {

struct Flags {
  llvm::cl::opt<int64_t> context{
      "import-context", llvm::cl::desc("tokens that the state can hold"),
      llvm::cl::init(0)};
  llvm::cl::opt<int64_t> chunk{"import-chunk",
                               llvm::cl::desc("most tokens of one call"),
                               llvm::cl::init(256)};
};

/// The tool opens config.json; its path says where the model lies.
OwningOpRef<Operation *> translate(llvm::SourceMgr &sources,
                                   MLIRContext *context, const Flags &flags) {
  llvm::StringRef file =
      sources.getMemoryBuffer(sources.getMainFileID())->getBufferIdentifier();
  llvm::StringRef directory = llvm::sys::path::parent_path(file);
  Location location = UnknownLoc::get(context);
  auto warn = [&](llvm::StringRef message) {
    emitWarning(location) << message;
  };
  ImportOptions options = {flags.context, flags.chunk, warn};
  auto module =
      importHuggingFace(directory.empty() ? "." : directory, options, *context);
  if (module)
    return OwningOpRef<Operation *>(module->release());
  llvm::handleAllErrors(module.takeError(), [&](const ImportError &error) {
    emitError(location) << (error.unsupported ? "unsupported: " : "broken: ")
                        << error.message;
  });
  return nullptr;
}

} // namespace

void sennit::hf::registerImportTranslation() {
  static Flags flags;
  TranslateToMLIRRegistration registration(
      "import-huggingface",
      "import the Hugging Face model whose config.json is the input",
      [](llvm::SourceMgr &sources, MLIRContext *context) {
        return translate(sources, context, flags);
      },
      registerImportDialects);
}
