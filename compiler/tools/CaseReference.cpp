// Runs a test case of the ONNX project by the reference.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/tools/CaseReference.h"

#include "compiler/Register.h"
#include "compiler/reference/Program.h"
#include "compiler/tools/Cases.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <cstring>

using namespace mlir;

namespace sennit::tools {

using onnx::ElementType;

static bool isFloat(ElementType type) {
  return type == ElementType::F64 || type == ElementType::F32 ||
         type == ElementType::F16 || type == ElementType::BF16;
}

/// The integer in the first `bytes` bytes at `from`, extended by its sign.
static int64_t readInteger(const char *from, unsigned bytes) {
  uint64_t bits = 0;
  std::memcpy(&bits, from, bytes);
  return reference::wrap(static_cast<int64_t>(bits), 8 * bytes);
}

static reference::Value toValue(const onnx::StoredTensor &stored) {
  reference::Tensor tensor(stored.shape, reference::Cell::of(int64_t(0)));
  reference::Cell *cells = tensor.own();
  if (isFloat(stored.type)) {
    for (auto [i, number] :
         llvm::enumerate(readNumbers(int(stored.type), stored.data)))
      cells[i] = reference::Cell::of(number);
    return tensor;
  }
  unsigned bytes = onnx::elementBytes(stored.type);
  for (int64_t i = 0; i != tensor.size(); ++i) {
    int64_t integer = readInteger(stored.data.data() + i * bytes, bytes);
    // A true i1 is -1.
    cells[i] = reference::Cell::of(
        stored.type == ElementType::Bool ? -(integer & 1) : integer);
  }
  return tensor;
}

/// The bytes of `number` in a narrow type.
static uint64_t roundTo(double number, const llvm::fltSemantics &kind) {
  llvm::APFloat value(number);
  bool losesInfo;
  value.convert(kind, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return value.bitcastToAPInt().getZExtValue();
}

static uint64_t bitsOf(reference::Cell cell, ElementType type) {
  switch (type) {
  case ElementType::F64:
    return roundTo(cell.number, llvm::APFloat::IEEEdouble());
  case ElementType::F32:
    return roundTo(cell.number, llvm::APFloat::IEEEsingle());
  case ElementType::F16:
    return roundTo(cell.number, llvm::APFloat::IEEEhalf());
  case ElementType::BF16:
    return roundTo(cell.number, llvm::APFloat::BFloat());
  case ElementType::Bool:
    return cell.integer & 1;
  default:
    return static_cast<uint64_t>(cell.integer);
  }
}

static std::vector<char> toBytes(const reference::Value &value,
                                 ElementType type) {
  unsigned width = onnx::elementBytes(type);
  std::vector<char> bytes(value.tensor.size() * width);
  for (int64_t i = 0; i != value.tensor.size(); ++i) {
    uint64_t bits = bitsOf(value.tensor.data()[i], type);
    std::memcpy(bytes.data() + i * width, &bits, width);
  }
  return bytes;
}

/// Whether the model takes as many tensors of these shapes.
static llvm::Error checkShapes(llvm::StringRef what, TypeRange types,
                               llvm::ArrayRef<onnx::StoredTensor> tensors) {
  if (types.size() != tensors.size())
    return llvm::createStringError(llvm::Twine(tensors.size()) + " files of " +
                                   what + " for " + llvm::Twine(types.size()));
  for (auto [i, pair] : llvm::enumerate(llvm::zip_equal(types, tensors))) {
    auto type = dyn_cast<RankedTensorType>(std::get<0>(pair));
    if (!type || type.getShape() != llvm::ArrayRef(std::get<1>(pair).shape))
      return llvm::createStringError(what + " " + llvm::Twine(i) +
                                     " is not the tensor that the model has "
                                     "here");
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<std::vector<char>>>
interpretCase(llvm::StringRef text, llvm::ArrayRef<onnx::StoredTensor> inputs,
              llvm::ArrayRef<onnx::StoredTensor> expected) {
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  auto module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    return llvm::createStringError("the imported IR does not read back");
  auto program = reference::Program::create(std::move(module));
  if (!program)
    return program.takeError();
  FunctionType type = (*program)->typeOf("main");
  if (!type)
    return llvm::createStringError("the model has no function `main`");
  if (llvm::Error error = checkShapes("inputs", type.getInputs(), inputs))
    return error;
  if (llvm::Error error = checkShapes("outputs", type.getResults(), expected))
    return error;
  std::vector<reference::Value> arguments;
  for (const onnx::StoredTensor &input : inputs)
    arguments.push_back(toValue(input));
  auto results = (*program)->call("main", std::move(arguments));
  if (!results)
    return results.takeError();
  std::vector<std::vector<char>> bytes;
  for (auto [result, tensor] : llvm::zip_equal(*results, expected))
    bytes.push_back(toBytes(result, tensor.type));
  return bytes;
}

} // namespace sennit::tools
