// Hands the tensors of tests to the reference and back.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Reference.h"

#include "compiler/Register.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace sennit::test;

namespace reference = sennit::reference;

static const DialectRegistry &getRegistry() {
  static DialectRegistry registry = [] {
    DialectRegistry all;
    sennit::registerDialects(all);
    return all;
  }();
  return registry;
}

sennit::test::Reference::Reference()
    : context(getRegistry(), MLIRContext::Threading::DISABLED) {}

llvm::Expected<std::unique_ptr<Reference>>
sennit::test::Reference::compile(StringRef text) {
  std::unique_ptr<Reference> made(new Reference());
  std::string diagnostics;
  ScopedDiagnosticHandler handler(&made->context, [&](Diagnostic &diagnostic) {
    llvm::raw_string_ostream(diagnostics) << diagnostic << "\n";
    return success();
  });
  auto module = parseSourceString<ModuleOp>(text, &made->context);
  if (!module)
    return llvm::createStringError(diagnostics + "in\n" + text);
  auto program = reference::Program::create(std::move(module));
  if (!program)
    return program.takeError();
  made->program = std::move(*program);
  return made;
}

static reference::Value toValue(const Tensor &tensor, Type type) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(type));
  auto cellOf = [&](double value) {
    return isFloat ? reference::Cell::of(value)
                   : reference::Cell::of(static_cast<int64_t>(value));
  };
  if (!isa<RankedTensorType>(type))
    return cellOf(tensor.values[0]);
  reference::Tensor made(tensor.shape, cellOf(0));
  for (auto [cell, value] : llvm::zip_equal(*made.cells, tensor.values))
    cell = cellOf(value);
  return made;
}

static Tensor fromValue(const reference::Value &value, Type type) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(type));
  auto toDouble = [&](reference::Cell cell) {
    return isFloat ? cell.number : static_cast<double>(cell.integer);
  };
  if (!isa<RankedTensorType>(type))
    return Tensor::index(value.scalar.integer);
  Tensor tensor(isFloat ? Element::F32 : Element::I32,
                {value.tensor.shape.begin(), value.tensor.shape.end()});
  for (auto [number, cell] :
       llvm::zip_equal(tensor.values, *value.tensor.cells))
    number = toDouble(cell);
  return tensor;
}

llvm::Expected<std::vector<Tensor>>
sennit::test::Reference::call(const std::vector<Tensor> &arguments) {
  FunctionType type = program->typeOf("run");
  if (!type || type.getNumInputs() != arguments.size())
    return llvm::createStringError("@run does not take these arguments");
  std::vector<reference::Value> values;
  for (auto [tensor, input] : llvm::zip_equal(arguments, type.getInputs()))
    values.push_back(toValue(tensor, input));
  auto results = program->call("run", std::move(values));
  if (!results)
    return results.takeError();
  std::vector<Tensor> tensors;
  for (auto [value, output] : llvm::zip_equal(*results, type.getResults()))
    tensors.push_back(fromValue(value, output));
  return tensors;
}
