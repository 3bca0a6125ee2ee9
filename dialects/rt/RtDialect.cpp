// Registers rt and checks that kernels and constants fit their users.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/rt/Rt.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace sennit::rt;

#include "dialects/rt/RtDialect.cpp.inc"
#include "dialects/rt/RtEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/rt/RtAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/rt/RtOps.cpp.inc"

void RtDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/rt/RtAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/rt/RtOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// Fails unless `name` is an rt.constant of `type`.
static LogicalResult verifyConstant(Operation *op, FlatSymbolRefAttr name,
                                    Type type, SymbolTableCollection &symbols) {
  Operation *symbol = symbols.lookupNearestSymbolFrom(op, name);
  if (!symbol)
    return op->emitOpError() << "no symbol `" << name.getValue() << "`";
  auto constant = dyn_cast<ConstantOp>(symbol);
  if (constant && constant.getType() == type)
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError();
  if (constant)
    diagnostic << "has " << type << ", `" << name.getValue() << "` is "
               << constant.getType();
  else
    diagnostic << "`" << name.getValue() << "` is a `" << symbol->getName()
               << "`, not an `rt.constant`";
  diagnostic.attachNote(symbol->getLoc()) << "declared here";
  return diagnostic;
}

LogicalResult AssignOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyConstant(*this, getConstantAttr(), getValue().getType(),
                        symbols);
}

LogicalResult ReadOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyConstant(*this, getConstantAttr(), getValue().getType(),
                        symbols);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// The kernel that `op` names, after checking that it is a function that
/// takes `arguments` arguments and returns nothing; null after an error.
static FunctionOpInterface lookupKernel(Operation *op, FlatSymbolRefAttr name,
                                        size_t arguments,
                                        SymbolTableCollection &symbols) {
  Operation *symbol = symbols.lookupNearestSymbolFrom(op, name);
  if (!symbol) {
    op->emitOpError() << "no symbol `" << name.getValue() << "`";
    return {};
  }
  auto kernel = dyn_cast<FunctionOpInterface>(symbol);
  if (kernel && kernel.getNumResults() == 0 &&
      kernel.getNumArguments() == arguments)
    return kernel;
  InFlightDiagnostic diagnostic = op->emitOpError();
  if (!kernel)
    diagnostic << "`" << name.getValue() << "` is a `" << symbol->getName()
               << "`, not a function";
  else if (kernel.getNumResults() != 0)
    diagnostic << "kernel `" << name.getValue() << "` returns "
               << kernel.getNumResults() << " values, a kernel returns nothing";
  else
    diagnostic << "passes " << arguments << " arguments, kernel `"
               << name.getValue() << "` takes " << kernel.getNumArguments();
  diagnostic.attachNote(symbol->getLoc()) << "declared here";
  return {};
}

static LogicalResult emitArgument(Operation *op, FunctionOpInterface kernel,
                                  unsigned index, Type given) {
  InFlightDiagnostic diagnostic =
      op->emitOpError() << "passes " << given << " as argument " << index
                        << ", kernel `" << kernel.getName() << "` takes "
                        << kernel.getArgumentTypes()[index];
  diagnostic.attachNote(kernel.getLoc()) << "declared here";
  return diagnostic;
}

/// Whether a kernel that takes `view` can run on the memory of `tensor`.
static bool isViewOf(Type view, Type tensor) {
  auto memory = dyn_cast<MemRefType>(view);
  auto value = cast<RankedTensorType>(tensor);
  return memory && memory.getElementType() == value.getElementType() &&
         succeeded(verifyCompatibleShape(memory.getShape(), value.getShape()));
}

/// Fails unless `op` ties each result to an operand of its type, none twice.
static LogicalResult verifyTies(DispatchOp op) {
  ArrayRef<int64_t> ties = op.getTies();
  if (ties.size() != op.getOutputs().size())
    return op.emitOpError() << "has " << ties.size() << " ties for "
                            << op.getOutputs().size() << " results";
  llvm::SmallSet<int64_t, 4> tied;
  for (auto [index, tie] : llvm::enumerate(ties)) {
    if (tie == -1)
      continue;
    if (tie < 0 || tie >= int64_t(op.getInputs().size()))
      return op.emitOpError() << "ties result " << index << " to operand "
                              << tie << " of " << op.getInputs().size();
    if (!tied.insert(tie).second)
      return op.emitOpError() << "ties operand " << tie << " twice";
    Value input = op.getInputs()[tie];
    if (input.getType() == op.getOutputs()[index].getType())
      continue;
    InFlightDiagnostic diagnostic =
        op.emitOpError() << "ties result " << index << ", which is "
                         << op.getOutputs()[index].getType() << ", to operand "
                         << tie << ", which is " << input.getType();
    diagnostic.attachNote(input.getLoc()) << "operand " << tie << " is here";
    return diagnostic;
  }
  return success();
}

LogicalResult DispatchOp::verify() {
  if (failed(verifyTies(*this)))
    return failure();
  int64_t dynamic = 0;
  for (Value output : getOutputs())
    dynamic += cast<RankedTensorType>(output.getType()).getNumDynamicDims();
  if (dynamic != int64_t(getExtents().size()))
    return emitOpError() << "has " << getExtents().size() << " extents for "
                         << dynamic << " dynamic dimensions";
  return success();
}

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  SmallVector<Type> tensors(getInputs().getTypes());
  for (auto [tie, output] : llvm::zip_equal(getTies(), getOutputs()))
    if (tie == -1)
      tensors.push_back(output.getType());
  FunctionOpInterface kernel = lookupKernel(
      *this, getKernelAttr(), tensors.size() + getScalars().size(), symbols);
  if (!kernel)
    return failure();
  for (auto [index, type] : llvm::enumerate(kernel.getArgumentTypes())) {
    if (index < tensors.size() && !isViewOf(type, tensors[index]))
      return emitArgument(*this, kernel, index, tensors[index]);
    if (index >= tensors.size() && !type.isIndex())
      return emitArgument(*this, kernel, index, IndexType::get(getContext()));
  }
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  FunctionOpInterface kernel =
      lookupKernel(*this, getKernelAttr(), getArguments().size(), symbols);
  if (!kernel)
    return failure();
  for (auto [index, type] : llvm::enumerate(getArguments().getTypes()))
    if (kernel.getArgumentTypes()[index] != type)
      return emitArgument(*this, kernel, index, type);
  return success();
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

LogicalResult BufferOp::verify() {
  if (int64_t(getOffset()) < 0)
    return emitOpError() << "starts at byte " << int64_t(getOffset());
  Memory memory = getMemory();
  bool named = memory == Memory::Input || memory == Memory::Output ||
               memory == Memory::Weight;
  if (named != getName().has_value())
    return emitOpError() << "in `" << stringifyMemory(memory) << "` "
                         << (named ? "has no name" : "has a name");
  return success();
}
