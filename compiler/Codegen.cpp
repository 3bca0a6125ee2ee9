// Emits the objects of kernels on several threads, and that of the entries.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Codegen.h"

#include "dialects/rt/Rt.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/ThreadPool.h"
#include <mutex>

using namespace mlir;

namespace sennit {

/// A module of its own that holds a copy of `op`.
static OwningOpRef<ModuleOp> isolate(Operation *op) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(op->getLoc());
  module->push_back(op->clone());
  return module;
}

static std::vector<CodeSection> makeSections(StringRef name,
                                             EmittedCode &&emitted) {
  std::vector<CodeSection> sections;
  for (EmittedFile &file : emitted.files)
    sections.push_back(
        {("code/" + name + "." + file.suffix).str(), std::move(file.bytes)});
  return sections;
}

/// Kernels become public in their own object, where the entries find them.
static llvm::Error
emitKernels(ArrayRef<func::FuncOp> kernels, const Target &target,
            const TargetMachineInfo &machine, unsigned jobs,
            llvm::function_ref<void(int64_t, int64_t)> progress, Code &code) {
  std::vector<std::vector<CodeSection>> sections(kernels.size());
  std::mutex mutex;
  std::string failures;
  int64_t done = 0;
  llvm::StdThreadPool pool(llvm::hardware_concurrency(jobs));
  for (auto [position, kernel] : llvm::enumerate(kernels)) {
    // Cloned here: attributes of the module are not for several threads.
    auto module = std::make_shared<OwningOpRef<ModuleOp>>(isolate(kernel));
    cast<func::FuncOp>((*module)->getBody()->front()).setPublic();
    std::string name = func::FuncOp(kernel).getName().str();
    pool.async([&, position = position, name, module] {
      auto emitted = target.emitKernel(**module, machine);
      std::lock_guard<std::mutex> lock(mutex);
      if (emitted) {
        sections[position] = makeSections(name, std::move(*emitted));
        code.scratchBytes = std::max(code.scratchBytes, emitted->scratch);
      } else {
        failures += "kernel `" + name +
                    "`: " + llvm::toString(emitted.takeError()) + "\n";
      }
      progress(++done, kernels.size());
    });
  }
  pool.wait();
  if (!failures.empty())
    return llvm::createStringError(StringRef(failures).rtrim());
  for (std::vector<CodeSection> &own : sections)
    llvm::move(own, std::back_inserter(code.sections));
  return llvm::Error::success();
}

static SmallVector<TensorInfo> describeTensors(Attribute list) {
  SmallVector<TensorInfo> tensors;
  if (list)
    for (auto tensor : cast<ArrayAttr>(list).getAsRange<DictionaryAttr>())
      tensors.push_back(
          {tensor.getAs<StringAttr>("name").str(),
           cast<RankedTensorType>(tensor.getAs<TypeAttr>("type").getValue())});
  return tensors;
}

static EntryInfo describeEntry(LLVM::LLVMFuncOp function) {
  EntryInfo entry;
  entry.symbol = function.getName().str();
  entry.name =
      StringRef(entry.symbol).drop_front(StringRef("sennit_").size()).str();
  if (auto most = function->getAttrOfType<IntegerAttr>("seq.max_tokens"))
    entry.maxTokens = most.getInt();
  entry.inputs = describeTensors(function->getAttr("rt.inputs"));
  entry.outputs = describeTensors(function->getAttr("rt.outputs"));
  for (auto binding : function->getAttrOfType<ArrayAttr>("rt.bindings")
                          .getAsRange<DictionaryAttr>())
    entry.bindings.push_back({binding.getAs<StringAttr>("kind").str(),
                              binding.getAs<StringAttr>("name").str()});
  return entry;
}

static llvm::Error emitEntries(ModuleOp module, const Target &target,
                               const TargetMachineInfo &machine, Code &code) {
  OwningOpRef<ModuleOp> host = ModuleOp::create(module.getLoc());
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isPrivate())
      host->push_back(function->clone());
  const Target &runner = target.emitEntries ? target : getHostTarget();
  auto emitted = runner.emitEntries(*host, machine);
  if (!emitted)
    return emitted.takeError();
  for (auto function : host->getOps<LLVM::LLVMFuncOp>())
    if (function->hasAttr("rt.bindings"))
      code.entries.push_back(describeEntry(function));
  for (auto name : (*host)
                       ->getAttrOfType<ArrayAttr>("rt.kernels")
                       .getAsValueRange<StringAttr>())
    code.kernels.push_back(name.str());
  llvm::move(makeSections("entries", std::move(*emitted)),
             std::back_inserter(code.sections));
  return llvm::Error::success();
}

llvm::Expected<Code>
generateCode(ModuleOp module, const Target &target,
             const TargetMachineInfo &machine, unsigned jobs,
             llvm::function_ref<void(int64_t, int64_t)> progress) {
  Code code;
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isPrivate())
      kernels.push_back(function);
    else if (function.getName() == "prefill" || !module.lookupSymbol("prefill"))
      code.launches += llvm::range_size(function.getOps<rt::LaunchOp>());
  }
  if (auto error = emitKernels(kernels, target, machine, jobs, progress, code))
    return error;
  if (auto error = emitEntries(module, target, machine, code))
    return error;
  return code;
}

} // namespace sennit
