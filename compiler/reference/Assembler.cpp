// Numbers the values of a function, finds their last uses, and joins what the
// dialects' parts make of the ops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Assembler.h"

#include "compiler/reference/Lanes.h"
#include "dialects/rt/Rt.h"
#include "dialects/seq/Seq.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace sennit::reference {

llvm::Error refuse(Operation &op, const Twine &why) {
  std::string place;
  llvm::raw_string_ostream(place) << op.getLoc();
  return llvm::createStringError(place + ": `" + op.getName().getStringRef() +
                                 "` " + why);
}

Value Operand::take(Frame &frame) const {
  return last ? std::move(frame.slots[slot]) : frame.slots[slot];
}

llvm::Error Code::run(Frame &frame, Progress progress) const {
  for (auto [number, action] : llvm::enumerate(actions)) {
    if (progress)
      progress(number, actions.size());
    if (llvm::Error error = action(frame))
      return error;
  }
  return llvm::Error::success();
}

std::vector<Value> Code::takeResults(Frame &frame) const {
  std::vector<Value> values;
  values.reserve(results.size());
  for (const Operand &result : results)
    values.push_back(result.take(frame));
  return values;
}

Extent::Extent(Assembler &assembler, OpFoldResult value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    known = *constant;
  else
    slot = assembler.slot(cast<mlir::Value>(value));
}

Extents::Extents(Assembler &assembler, ArrayRef<OpFoldResult> values) {
  for (OpFoldResult value : values)
    list.emplace_back(assembler, value);
}

Tensor::Shape Extents::get(const Frame &frame) const {
  Tensor::Shape shape;
  for (const Extent &extent : list)
    shape.push_back(extent.get(frame));
  return shape;
}

//===----------------------------------------------------------------------===//
// Slots and last uses
//===----------------------------------------------------------------------===//

unsigned Assembler::slot(mlir::Value value) {
  return numbers.try_emplace(value, numbers.size()).first->second;
}

std::vector<unsigned> Assembler::slots(ValueRange values) {
  std::vector<unsigned> list;
  for (mlir::Value value : values)
    list.push_back(slot(value));
  return list;
}

Operand Assembler::operand(OpOperand &operand) {
  Operation *op = operand.getOwner();
  auto found = ending.find(op);
  bool last =
      found != ending.end() && llvm::is_contained(found->second, operand.get());
  // Another reader inside the same op still needs the value.
  for (OpOperand &other : operand.get().getUses())
    last &= &other == &operand || !op->isAncestor(other.getOwner());
  return {slot(operand.get()), last};
}

std::vector<Operand> Assembler::operands(MutableArrayRef<OpOperand> list) {
  std::vector<Operand> found;
  for (OpOperand &each : list)
    found.push_back(operand(each));
  return found;
}

/// The last op of `block` that reads a value of it, itself or inside.
static Operation *findLastReader(mlir::Value value, Block &block) {
  Operation *last = nullptr;
  for (Operation *user : value.getUsers()) {
    Operation *reader = block.findAncestorOpInBlock(*user);
    if (reader && (!last || last->isBeforeInBlock(reader)))
      last = reader;
  }
  return last;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// Of the types that values may have, what this value's is not.
static std::string describeUnknownType(Type type) {
  Type element = type;
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    element = tensor.getElementType();
  if (isa<FloatType, IndexType>(element) ||
      (element.isInteger() && element.getIntOrFloatBitWidth() <= 64 &&
       element.getIntOrFloatBitWidth() > 0))
    return {};
  std::string text;
  llvm::raw_string_ostream(text)
      << "gives " << type
      << "; the reference knows floats, index, integers of at most 64 bits, "
         "and ranked tensors of them";
  return text;
}

llvm::Expected<Action> Assembler::compile(Operation &op) {
  for (Type type : op.getResultTypes())
    if (std::string why = describeUnknownType(type); !why.empty())
      return refuse(op, why);
  Dialect *dialect = op.getDialect();
  if (isa_and_nonnull<arith::ArithDialect, math::MathDialect,
                      affine::AffineDialect>(dialect))
    return compileScalarOp(*this, op);
  if (isa_and_nonnull<tensor::TensorDialect>(dialect))
    return compileTensorOp(*this, op);
  if (isa_and_nonnull<linalg::LinalgDialect>(dialect))
    return compileLinalgOp(*this, op);
  if (isa_and_nonnull<scf::SCFDialect, func::FuncDialect>(dialect))
    return compileControlOp(*this, op);
  return compileParameterOp(*this, op);
}

llvm::Expected<Code> Assembler::compile(Block &block) {
  Code code;
  code.arguments = slots(block.getArguments());
  auto note = [&](mlir::Value value) {
    if (isa<RankedTensorType>(value.getType()))
      if (Operation *reader = findLastReader(value, block))
        ending[reader].push_back(value);
  };
  llvm::for_each(block.getArguments(), note);
  for (Operation &op : block)
    llvm::for_each(op.getResults(), note);
  for (Operation &op : block.without_terminator()) {
    llvm::Expected<Action> action = compile(op);
    if (!action)
      return action.takeError();
    code.actions.push_back(std::move(*action));
    auto found = ending.find(&op);
    if (found == ending.end())
      continue;
    code.actions.push_back([dead = slots(found->second)](Frame &frame) {
      for (unsigned slot : dead)
        frame.slots[slot].tensor = Tensor();
      return llvm::Error::success();
    });
  }
  code.results = operands(block.getTerminator()->getOpOperands());
  return code;
}

llvm::Expected<Function> Assembler::compile(func::FuncOp function) {
  if (!function.getBody().hasOneBlock())
    return refuse(*function, "has " +
                                 Twine(function.getBody().getBlocks().size()) +
                                 " blocks; one is expected");
  llvm::Expected<Code> code = compile(function.getBody().front());
  if (!code)
    return code.takeError();
  return Function{std::move(*code), unsigned(numbers.size()), {}};
}

} // namespace sennit::reference
