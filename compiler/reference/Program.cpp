// Decomposes a module, makes closures of its functions, and calls them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Program.h"

#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "passes/lower/Passes.h"

using namespace mlir;

namespace sennit::reference {

static LogicalResult decompose(ModuleOp module, std::string &diagnostics) {
  ScopedDiagnosticHandler handler(
      module.getContext(), [&](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          llvm::raw_string_ostream(diagnostics)
              << diagnostic.getLocation() << ": " << diagnostic << "\n";
        return success();
      });
  PassManager manager(module.getContext());
  manager.addPass(createDecompose());
  manager.addPass(createLinalgGeneralizeNamedOpsPass());
  return manager.run(module);
}

llvm::Expected<std::unique_ptr<Program>>
Program::create(OwningOpRef<ModuleOp> module) {
  std::unique_ptr<Program> program(new Program(std::move(module)));
  std::string diagnostics;
  if (failed(decompose(*program->module, diagnostics)))
    return llvm::createStringError(diagnostics);
  for (auto function : program->module->getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    Assembler assembler(*program->module, program->library);
    llvm::Expected<Function> compiled = assembler.compile(function);
    Function &known = program->library.functions[function.getName()];
    if (compiled)
      known = std::move(*compiled);
    else
      known.refusal = llvm::toString(compiled.takeError());
  }
  return program;
}

llvm::Error Program::check(StringRef function) const {
  auto found = library.functions.find(function);
  if (found == library.functions.end())
    return llvm::createStringError("the module has no function `" + function +
                                   "` with a body");
  return found->second.refusal.empty()
             ? llvm::Error::success()
             : llvm::createStringError(found->second.refusal);
}

FunctionType Program::typeOf(StringRef function) const {
  auto found = getModule().lookupSymbol<func::FuncOp>(function);
  return found && !found.isExternal() ? found.getFunctionType()
                                      : FunctionType();
}

/// Empty, or how an argument is not of its type.
static std::string describeMismatch(const Value &value, Type type) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (bool(tensor) != bool(value.tensor.cells))
    os << "is a " << (tensor ? "scalar" : "tensor") << " where " << type
       << " is expected";
  else if (tensor && failed(verifyCompatibleShape(tensor.getShape(),
                                                  value.tensor.shape))) {
    os << "has the extents [";
    llvm::interleaveComma(value.tensor.shape, os);
    os << "] where " << type << " is expected";
  }
  return text;
}

llvm::Expected<std::vector<Value>> Program::call(StringRef function,
                                                 std::vector<Value> arguments,
                                                 Progress progress) {
  if (llvm::Error error = check(function))
    return error;
  FunctionType type = typeOf(function);
  if (arguments.size() != type.getNumInputs())
    return llvm::createStringError("`" + function + "` takes " +
                                   Twine(type.getNumInputs()) + " arguments, " +
                                   Twine(arguments.size()) + " are given");
  for (auto [number, value] : llvm::enumerate(arguments))
    if (std::string why = describeMismatch(value, type.getInput(number));
        !why.empty())
      return llvm::createStringError("argument " + Twine(number) + " of `" +
                                     function + "` " + why);
  return library.call(function, std::move(arguments), 0, progress);
}

} // namespace sennit::reference
