// Compiles the body of a linalg.generic to steps on registers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Nest.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace sennit::reference {

Nest::Nest(Assembler &assembler, linalg::GenericOp op)
    : op(op), operands(assembler.operands(op->getOpOperands())),
      results(assembler.slots(op->getResults())), inputs(op.getNumDpsInputs()) {
  for (AffineMap map : op.getIndexingMapsArray())
    maps.emplace_back(map);
  if (AffineMap map = op.getShapesToLoopsMap())
    extents.emplace(map);
  for (utils::IteratorType kind : op.getIteratorTypesArray())
    isReduction.push_back(kind == utils::IteratorType::reduction);
  // Registers of the block's arguments come first, as the operands do.
  for (mlir::Value argument : op.getBody()->getArguments()) {
    unsigned number = registerOf(argument);
    bool varies = number >= inputs;
    for (unsigned loop = 0; loop != isReduction.size(); ++loop)
      varies = varies || (isReduction[loop] && maps[number].dependsOn(loop));
    invariant[number] = !varies;
  }
}

unsigned Nest::registerOf(mlir::Value value) {
  auto [found, isNew] = registers.try_emplace(value, registerCount);
  if (isNew) {
    ++registerCount;
    invariant.push_back(true);
  }
  return found->second;
}

void Nest::compileOutside(Assembler &assembler, mlir::Value value,
                          unsigned in) {
  Attribute constant;
  if (matchPattern(value, m_Constant(&constant)) &&
      isa<FloatAttr, IntegerAttr>(constant))
    constants.push_back({in, cellOf(constant)});
  else
    captures.push_back({in, assembler.slot(value)});
}

bool Nest::compileStep(Assembler &assembler, Operation &inner) {
  if (inner.getNumResults() != 1 || inner.getNumRegions() != 0 ||
      isa<ShapedType>(inner.getResult(0).getType()))
    return false;
  mlir::Value result = inner.getResult(0);
  if (inner.hasTrait<OpTrait::ConstantLike>()) {
    compileOutside(assembler, result, registerOf(result));
    return true;
  }
  if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
    indices.push_back({registerOf(result), unsigned(index.getDim())});
    invariant.back() = !isReduction[index.getDim()];
    return true;
  }
  Step step;
  step.op = &inner;
  ValueRange in = inner.getOperands();
  if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
    step.tensor = assembler.slot(extract.getTensor());
    in = extract.getIndices();
  } else {
    step.function = findArithFunction(inner);
    if (!step.function)
      step.function = findMathFunction(inner);
    if (!step.function)
      return false;
  }
  step.invariant = true;
  for (mlir::Value value : in) {
    bool isNew = !registers.contains(value);
    step.in.push_back(registerOf(value));
    if (isNew)
      compileOutside(assembler, value, step.in.back());
    step.invariant = step.invariant && invariant[step.in.back()];
  }
  step.out = registerOf(result);
  invariant[step.out] = step.invariant;
  steps.push_back(std::move(step));
  return true;
}

Operation *Nest::compileBody(Assembler &assembler) {
  for (Operation &inner : op.getBody()->without_terminator()) {
    // Floats do not round to their type.
    if (isa<arith::ExtFOp, arith::TruncFOp>(inner) &&
        registers.contains(inner.getOperand(0))) {
      unsigned source = registerOf(inner.getOperand(0));
      registers[inner.getResult(0)] = source;
      continue;
    }
    if (!compileStep(assembler, inner))
      return &inner;
  }
  for (mlir::Value value : op.getBody()->getTerminator()->getOperands()) {
    bool isNew = !registers.contains(value);
    yields.push_back(registerOf(value));
    if (isNew)
      compileOutside(assembler, value, yields.back());
  }
  return nullptr;
}

llvm::Error Nest::compilePlainBody(Assembler &assembler) {
  steps.clear();
  constants.clear();
  captures.clear();
  indices.clear();
  yields.clear();
  llvm::Expected<Code> code = assembler.compile(*op.getBody());
  if (!code)
    return code.takeError();
  plain = std::move(*code);
  return llvm::Error::success();
}

} // namespace sennit::reference
