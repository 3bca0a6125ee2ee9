// Weights, read from their files, and the constants that stages computed.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Assembler.h"
#include "dialects/rt/Rt.h"
#include "dialects/seq/Seq.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstring>

using namespace mlir;

namespace sennit::reference {

/// One element of `type` from little-endian bytes.
static Cell decode(Type type, const char *bytes, unsigned size) {
  uint64_t bits = 0;
  std::memcpy(&bits, bytes, size);
  if (type.isF32() || type.isBF16()) {
    auto narrow = uint32_t(type.isF32() ? bits : bits << 16);
    return Cell::of(double(llvm::bit_cast<float>(narrow)));
  }
  if (auto number = dyn_cast<FloatType>(type)) {
    APFloat value(number.getFloatSemantics(), APInt(size * 8, bits));
    bool losesInformation;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                  &losesInformation);
    return Cell::of(value.convertToDouble());
  }
  return Cell::of(wrap(int64_t(bits), size * 8));
}

/// The elements of a parameter, from the bytes that it names.
static llvm::Expected<Tensor> readParameter(seq::ParameterOp op) {
  auto type = cast<ShapedType>(op.getType());
  unsigned size = type.getElementTypeBitWidth() / 8;
  int64_t offset = op.getOffset(), bytes = type.getNumElements() * size;
  if (size > 8)
    return refuse(*op, "has elements of " + Twine(size) +
                           " bytes; the reference knows at most 8");
  auto file = llvm::MemoryBuffer::getFileSlice(op.getFile(), bytes, offset);
  if (!file || int64_t((*file)->getBufferSize()) < bytes)
    return refuse(*op, "takes " + Twine(bytes) + " bytes at " + Twine(offset) +
                           " of `" + op.getFile() +
                           "`, which is not there or ends before");
  Tensor tensor(type.getShape(), Cell::of(int64_t(0)));
  Cell *cells = tensor.own();
  const char *data = (*file)->getBufferStart();
  for (int64_t i = 0; i != tensor.size(); ++i)
    cells[i] = decode(type.getElementType(), data + i * size, size);
  return tensor;
}

static llvm::Expected<Action> compileWeight(Assembler &assembler,
                                            seq::WeightOp op) {
  auto parameter = SymbolTable::lookupNearestSymbolFrom<seq::ParameterOp>(
      op, op.getParameterAttr());
  auto [known, isNew] =
      assembler.library.parameters.try_emplace(op.getParameter());
  if (isNew) {
    llvm::Expected<Tensor> tensor = readParameter(parameter);
    if (!tensor)
      return tensor.takeError();
    known->second = std::move(*tensor);
  }
  return [result = assembler.slot(op), value = known->second](Frame &frame) {
    frame.slots[result] = value;
    return llvm::Error::success();
  };
}

static Action compileRead(Assembler &assembler, rt::ReadOp op) {
  return [op, &library = assembler.library, name = op.getConstant().str(),
          result = assembler.slot(op)](Frame &frame) mutable -> llvm::Error {
    auto found = library.constants.find(name);
    if (found == library.constants.end())
      return refuse(*op, "reads `" + name +
                             "`, which no `rt.assign` has written; call "
                             "@initialize first");
    frame.slots[result] = found->second;
    return llvm::Error::success();
  };
}

static Action compileAssign(Assembler &assembler, rt::AssignOp op) {
  return [&library = assembler.library, name = op.getConstant().str(),
          value = assembler.slot(op.getValue())](Frame &frame) {
    library.constants[name] = frame.slots[value].tensor;
    return llvm::Error::success();
  };
}

/// The operands one after the other: layout has no meaning here.
static Action compilePack(Assembler &assembler, seq::PackOp op) {
  auto type = cast<ShapedType>(op.getOutput().getType());
  return [shape = Tensor::Shape(type.getShape()),
          inputs = assembler.slots(op.getInputs()),
          result = assembler.slot(op)](Frame &frame) {
    Tensor packed(shape, Cell::of(int64_t(0)));
    Cell *cells = packed.own();
    for (unsigned slot : inputs)
      cells = llvm::copy(*frame.slots[slot].tensor.cells, cells);
    frame.slots[result] = std::move(packed);
    return llvm::Error::success();
  };
}

llvm::Expected<Action> compileParameterOp(Assembler &assembler, Operation &op) {
  using Result = llvm::Expected<Action>;
  return llvm::TypeSwitch<Operation *, Result>(&op)
      .Case([&](seq::WeightOp op) { return compileWeight(assembler, op); })
      .Case(
          [&](seq::PackOp op) -> Result { return compilePack(assembler, op); })
      .Case([&](rt::ReadOp op) -> Result { return compileRead(assembler, op); })
      .Case([&](rt::AssignOp op) -> Result {
        return compileAssign(assembler, op);
      })
      .Default([&](Operation *) -> Result {
        return refuse(op, "is not an op that the reference knows");
      });
}

} // namespace sennit::reference
