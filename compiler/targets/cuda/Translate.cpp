// Translations from roles and rings to PTX and to a cubin, for tests and for
// looking.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Cuda.h"
#include "compiler/targets/cuda/Passes.h"

#include "dialects/tile/Tile.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace sennit;

/// Roles and rings are Hopper's.
static cuda::CudaMachine getHopper() {
  return llvm::cantFail(cuda::getMachine("sm_90a"));
}

static llvm::Expected<std::string> lower(ModuleOp module) {
  PassManager manager(module.getContext());
  manager.addPass(createInlinerPass());
  manager.addPass(createSymbolDCEPass());
  manager.addPass(createCudaAssignRoles());
  cuda::buildRolePipeline(manager);
  if (failed(manager.run(module)))
    return llvm::createStringError(
        "the kernel has no code; see the error above");
  return cuda::emitPtx(module, getHopper());
}

static LogicalResult write(Operation *op, llvm::Expected<std::string> text,
                           llvm::raw_ostream &output) {
  if (!text)
    return op->emitError(llvm::toString(text.takeError()));
  output << *text;
  return success();
}

static LogicalResult writeCubin(Operation *op, llvm::raw_ostream &output) {
  std::string assembler = cuda::findAssembler();
  if (assembler.empty())
    return op->emitError("no ptxas in $CUDA_HOME/bin, on $PATH or in "
                         "/usr/local/cuda/bin; PTX needs none");
  auto ptx = lower(cast<ModuleOp>(op));
  if (!ptx)
    return write(op, std::move(ptx), output);
  std::string report;
  auto cubin = cuda::assemble(*ptx, assembler, getHopper(),
                              cuda::Spills::Refused, &report);
  llvm::errs() << report;
  return write(op, std::move(cubin), output);
}

void sennit::cuda::registerTranslations() {
  auto addDialects = [](DialectRegistry &registry) {
    registerAllDialects(registry);
    registerAllExtensions(registry);
    registerAllToLLVMIRTranslations(registry);
    registry.insert<tile::TileDialect>();
  };
  static TranslateFromMLIRRegistration ptx(
      "tile-to-ptx", "roles and rings of tile to PTX for sm_90a",
      [](Operation *op, llvm::raw_ostream &output) {
        return write(op, lower(cast<ModuleOp>(op)), output);
      },
      addDialects);
  static TranslateFromMLIRRegistration cubin(
      "tile-to-cubin", "the same, assembled by ptxas", writeCubin, addDialects);
}
