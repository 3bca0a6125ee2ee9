// From roles and rings to LLVM's dialect, and from there to PTX in memory.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Passes.h"
#include "compiler/targets/cuda/Cuda.h"
#include "compiler/targets/cuda/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/Transforms/Scalar/Scalarizer.h"

#include <mutex>

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

/// Bits of an index on the device: sizes in elements along one dimension.
constexpr unsigned indexBits = 32;
/// Elements of a thread's fragment that a polynomial computes at a time.
constexpr int64_t polynomialLanes = 8;

void sennit::cuda::buildRolePipeline(OpPassManager &manager) {
  manager.addPass(createCudaTakeTurns());
  manager.addPass(createCudaDistributeTiles());
  manager.addPass(createCudaLowerTileRings());
  manager.addPass(createCudaLowerTileMatrix());
  manager.addPass(createCudaLowerTileRoles());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createExpandMath(
      {/*scales=*/false, /*approximates=*/true, polynomialLanes}));
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass({indexBits}));
  manager.addPass(createConvertControlFlowToLLVMPass({indexBits}));
  manager.addPass(createConvertNVVMToLLVMPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

void sennit::cuda::buildItemPipeline(OpPassManager &manager,
                                     const CudaMachine &machine) {
  manager.addPass(createCudaLowerItems({machine.level}));
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createExpandMath({/*scales=*/false, /*approximates=*/true}));
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createUBToLLVMConversionPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createConvertNVVMToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
makeTargetMachine(const CudaMachine &machine) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return llvm::createStringError(message);
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, machine.level, machine.features, llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// PTX that is written by hand is a whole warp's: no pass may put it, or copies
/// of it, under a branch that some threads do not take.
static void markConvergent(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::Instruction &instruction : llvm::instructions(function))
      if (auto *call = llvm::dyn_cast<llvm::CallInst>(&instruction))
        if (call->isInlineAsm())
          call->setConvergent();
}

static void optimize(llvm::Module &module, llvm::TargetMachine &target) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  tuning.LoopUnrolling = false;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&target, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  // Fragments are registers: instruction selection would widen vectors of, say,
  // 88 elements to 128.
  builder.registerPipelineStartEPCallback(
      [](llvm::ModulePassManager &manager, llvm::OptimizationLevel) {
        manager.addPass(llvm::createModuleToFunctionPassAdaptor(
            llvm::ScalarizerPass(llvm::ScalarizerPassOptions())));
      });
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

static llvm::json::Value toJson(Attribute attribute) {
  if (auto integer = dyn_cast<IntegerAttr>(attribute))
    return integer.getInt();
  if (auto type = dyn_cast<TypeAttr>(attribute))
    return type.getValue().isBF16() ? "bf16" : "f16";
  if (auto integers = dyn_cast<DenseI64ArrayAttr>(attribute))
    return llvm::json::Array(integers.asArrayRef());
  llvm::json::Array array;
  if (auto list = dyn_cast<ArrayAttr>(attribute)) {
    for (Attribute element : list)
      array.push_back(toJson(element));
    return array;
  }
  llvm::json::Object object;
  for (NamedAttribute entry : cast<DictionaryAttr>(attribute))
    object[entry.getName().strref()] = toJson(entry.getValue());
  return object;
}

/// The lines that say how to launch the module's kernels.
static std::string describeLaunches(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (auto kernel : module.getOps<LLVM::LLVMFuncOp>())
    if (auto launch = kernel->getAttrOfType<DictionaryAttr>(launchAttrName)) {
      llvm::json::Value description = toJson(launch);
      (*description.getAsObject())["kernel"] = kernel.getName();
      stream << "// sennit: " << description << "\n";
    }
  return text;
}

llvm::Expected<std::string> sennit::cuda::emitPtx(ModuleOp module,
                                                  const CudaMachine &machine) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated =
      translateModuleToLLVMIR(module, context);
  if (!translated)
    return llvm::createStringError("module is not in LLVM's dialect");
  auto target = makeTargetMachine(machine);
  if (!target)
    return target.takeError();
  translated->setTargetTriple((*target)->getTargetTriple());
  translated->setDataLayout((*target)->createDataLayout());
  markConvergent(*translated);
  optimize(*translated, **target);
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager emission;
  if ((*target)->addPassesToEmitFile(emission, stream, nullptr,
                                     llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("LLVM's NVPTX target emits no text");
  emission.run(*translated);
  if (auto error = checkPtx(text))
    return error;
  return describeLaunches(module) + text.str().str();
}
