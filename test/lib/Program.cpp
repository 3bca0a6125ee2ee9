// Compiles MLIR text in the process: upstream's bufferization, loops and JIT.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Program.h"

#include "dialects/seq/Seq.h"
#include "dialects/tile/Tile.h"
#include "passes/lower/Passes.h"

#include "mlir/ExecutionEngine/CRunnerUtils.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace sennit::test;

const llvm::StringLiteral Program::kReference =
    "sennit-decompose, canonicalize, cse,"
    "one-shot-bufferize{bufferize-function-boundaries=true"
    " allow-return-allocs-from-loops=true"
    " function-boundary-type-conversion=identity-layout-map},"
    "buffer-results-to-out-params{modify-public-functions=true},"
    "buffer-deallocation-pipeline,"
    "convert-linalg-to-loops, convert-scf-to-cf, expand-strided-metadata,"
    "lower-affine, func.func(llvm-request-c-wrappers), convert-to-llvm,"
    "reconcile-unrealized-casts";

static const DialectRegistry &getRegistry() {
  static DialectRegistry registry = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    registerAllPasses();
    sennit::registerLowerPasses();
    DialectRegistry all;
    registerAllDialects(all);
    registerAllExtensions(all);
    registerAllToLLVMIRTranslations(all);
    all.insert<sennit::seq::SeqDialect, sennit::tile::TileDialect>();
    return all;
  }();
  return registry;
}

static LogicalResult lower(ModuleOp module, StringRef pipeline) {
  PassManager manager(module.getContext());
  if (failed(parsePassPipeline(pipeline, manager)))
    return emitError(module.getLoc()) << "no such pipeline: " << pipeline;
  return manager.run(module);
}

llvm::Expected<std::unique_ptr<Program>>
Program::compile(llvm::StringRef text, llvm::StringRef pipeline) {
  std::unique_ptr<Program> program(new Program());
  program->context = std::make_unique<MLIRContext>(
      getRegistry(), MLIRContext::Threading::DISABLED);
  std::string diagnostics;
  ScopedDiagnosticHandler handler(
      program->context.get(), [&](Diagnostic &diagnostic) {
        llvm::raw_string_ostream(diagnostics) << diagnostic << "\n";
        return success();
      });
  auto module = parseSourceString<ModuleOp>(text, program->context.get());
  if (!module || failed(lower(*module, pipeline)))
    return llvm::createStringError(diagnostics + "in\n" + text);
  auto engine = ExecutionEngine::create(*module);
  if (!engine)
    return engine.takeError();
  program->engine = std::move(*engine);
  // What upstream's lowering of strided copies calls.
  program->engine->registerSymbols([](llvm::orc::MangleAndInterner mangle) {
    llvm::orc::SymbolMap symbols;
    symbols[mangle("memrefCopy")] = {
        llvm::orc::ExecutorAddr::fromPtr(&memrefCopy),
        llvm::JITSymbolFlags::Exported};
    return symbols;
  });
  return program;
}

namespace {
/// One argument as generated code takes it: an index, or the descriptor of a
/// view: allocated pointer, aligned pointer, offset, sizes, strides.
class Argument {
public:
  explicit Argument(const Tensor &tensor)
      : isIndex(tensor.element == Element::Index), bytes(tensor.pack()) {
    auto address = reinterpret_cast<int64_t>(bytes.data());
    words = {address, address, 0};
    if (isIndex)
      words = {static_cast<int64_t>(tensor.values[0])};
    else
      words.append(tensor.shape.begin(), tensor.shape.end());
    int64_t stride = 1;
    llvm::SmallVector<int64_t> strides;
    for (int64_t extent : llvm::reverse(tensor.shape)) {
      strides.push_back(stride);
      stride *= extent;
    }
    words.append(strides.rbegin(), strides.rend());
    pointer = words.data();
  }

  void *getPacked() {
    return isIndex ? static_cast<void *>(words.data()) : &pointer;
  }
  const std::vector<std::byte> &getBytes() const { return bytes; }

private:
  bool isIndex;
  std::vector<std::byte> bytes;
  llvm::SmallVector<int64_t> words;
  void *pointer;
};
} // namespace

llvm::Error Program::call(llvm::StringRef function,
                          llvm::MutableArrayRef<Tensor> tensors) {
  std::vector<std::unique_ptr<Argument>> owned;
  llvm::SmallVector<void *> packed;
  for (const Tensor &tensor : tensors) {
    owned.push_back(std::make_unique<Argument>(tensor));
    packed.push_back(owned.back()->getPacked());
  }
  if (llvm::Error error =
          engine->invokePacked(("_mlir_ciface_" + function).str(), packed))
    return error;
  for (auto [tensor, argument] : llvm::zip_equal(tensors, owned))
    tensor.unpack(argument->getBytes());
  return llvm::Error::success();
}
