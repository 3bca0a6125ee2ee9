// Lists every dialect, pass, translation and target of Sennit.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Register.h"

#include "compiler/Stages.h"
#include "compiler/Target.h"
#include "compiler/emit/Passes.h"
#include "compiler/targets/cpu/Cpu.h"
#include "compiler/targets/cpu/Passes.h"
#include "compiler/targets/cuda/Cuda.h"
#include "compiler/targets/cuda/Passes.h"
#include "dialects/machine/Machine.h"
#include "dialects/rt/Rt.h"
#include "dialects/seq/Seq.h"
#include "dialects/tile/Tile.h"
#include "frontends/hf/Import.h"
#include "frontends/onnx/Import.h"
#include "passes/fuse/Passes.h"
#include "passes/lower/Passes.h"
#include "passes/normalize/Passes.h"
#include "passes/schedule/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"

namespace sennit {

void registerDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllToLLVMIRTranslations(registry);
  registry.insert<seq::SeqDialect, tile::TileDialect, rt::RtDialect,
                  machine::MachineDialect>();
  registerTileProgramModels(registry);
}

void registerPasses() {
  mlir::registerAllPasses();
  registerNormalizePasses();
  registerFusePasses();
  registerSchedulePasses();
  registerLowerPasses();
  registerEmitPasses();
  registerCpuPasses();
  registerCudaPasses();
  registerStagePipelines();
}

llvm::ArrayRef<const Target *> getTargets() {
  static const Target *targets[] = {&cpu::getTarget(), &cuda::getTarget()};
  return targets;
}

const Target &getHostTarget() { return cpu::getTarget(); }

void registerTranslations() {
  hf::registerImportTranslation();
  onnx::registerImportTranslation();
  cuda::registerTranslations();
}

} // namespace sennit
