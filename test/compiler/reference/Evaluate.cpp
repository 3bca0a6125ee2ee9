// Parses IR, runs it by the reference, and spells the results.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/reference/Evaluate.h"

#include "compiler/Register.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace sennit::test;
using sennit::reference::Program;
using sennit::reference::Tensor;

static MLIRContext &getContext() {
  static MLIRContext context = [] {
    DialectRegistry registry;
    sennit::registerDialects(registry);
    return MLIRContext(registry, MLIRContext::Threading::DISABLED);
  }();
  return context;
}

llvm::Expected<std::unique_ptr<Program>>
sennit::test::makeProgram(StringRef text) {
  std::string diagnostics;
  ScopedDiagnosticHandler handler(&getContext(), [&](Diagnostic &diagnostic) {
    llvm::raw_string_ostream(diagnostics) << diagnostic;
    return success();
  });
  auto module = parseSourceString<ModuleOp>(text, &getContext());
  if (!module)
    return llvm::createStringError(diagnostics);
  return Program::create(std::move(module));
}

static void spell(Type type, Cell cell, llvm::raw_ostream &os) {
  if (isa<FloatType>(type))
    os << llvm::format("%.17g", cell.number);
  else
    os << cell.integer;
}

std::string sennit::test::evaluate(std::vector<sennit::test::Value> arguments,
                                   StringRef text) {
  auto program = makeProgram(text);
  if (!program)
    return llvm::toString(program.takeError());
  auto results = (*program)->call("run", std::move(arguments));
  if (!results)
    return llvm::toString(results.takeError());
  std::string spelled;
  llvm::raw_string_ostream os(spelled);
  for (auto [value, type] :
       llvm::zip_equal(*results, (*program)->typeOf("run").getResults())) {
    os << (spelled.empty() ? "" : " ");
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor) {
      spell(type, value.scalar, os);
      continue;
    }
    llvm::interleave(value.tensor.shape, os, "x");
    os << "[";
    llvm::interleave(
        *value.tensor.cells,
        [&](Cell cell) { spell(tensor.getElementType(), cell, os); },
        [&] { os << " "; });
    os << "]";
  }
  return spelled;
}

sennit::test::Value sennit::test::number(double value) {
  return Cell::of(value);
}
sennit::test::Value sennit::test::integer(int64_t value) {
  return Cell::of(value);
}

sennit::test::Value sennit::test::numbers(llvm::ArrayRef<int64_t> shape,
                                          std::vector<double> values) {
  Tensor tensor(shape, Cell::of(0.0));
  for (auto [cell, value] : llvm::zip_equal(*tensor.cells, values))
    cell = Cell::of(value);
  return tensor;
}

sennit::test::Value sennit::test::integers(llvm::ArrayRef<int64_t> shape,
                                           std::vector<int64_t> values) {
  Tensor tensor(shape, Cell::of(int64_t(0)));
  for (auto [cell, value] : llvm::zip_equal(*tensor.cells, values))
    cell = Cell::of(value);
  return tensor;
}
