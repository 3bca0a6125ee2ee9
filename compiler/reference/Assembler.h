// Turns functions into lists of closures, once; running them is a walk of the
// list.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_REFERENCE_ASSEMBLER_H
#define SENNIT_COMPILER_REFERENCE_ASSEMBLER_H

#include "compiler/reference/Value.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <functional>

namespace sennit::reference {

/// The values of one call.
struct Frame {
  std::vector<Value> slots;
  /// The indices of the elementwise loop around, for `linalg.index`.
  llvm::ArrayRef<int64_t> point;
  /// Calls around this one.
  unsigned depth = 0;
};

/// One op, ready to run.
using Action = std::function<llvm::Error(Frame &)>;

/// Where an op finds an operand.
struct Operand {
  unsigned slot;
  /// Nobody reads the value after this op, which may write over it.
  bool last;

  const Tensor &tensor(const Frame &frame) const {
    return frame.slots[slot].tensor;
  }
  Cell scalar(const Frame &frame) const { return frame.slots[slot].scalar; }
  int64_t integer(const Frame &frame) const { return scalar(frame).integer; }
  /// The value, moved out when this is its last use.
  Value take(Frame &frame) const;
};

/// Told how many steps of a call are done.
using Progress = llvm::function_ref<void(int64_t done, int64_t total)>;

/// The ops of a block in order, and what its terminator passes on.
struct Code {
  std::vector<unsigned> arguments;
  std::vector<Action> actions;
  std::vector<Operand> results;

  /// Runs the ops.
  llvm::Error run(Frame &frame, Progress progress = {}) const;
  /// What the terminator passes on, after a run.
  std::vector<Value> takeResults(Frame &frame) const;
};

/// An error at an op: its place, its name, the reason.
llvm::Error refuse(mlir::Operation &op, const llvm::Twine &why);

/// A function, ready to run.
struct Function {
  Code code;
  unsigned slots = 0;
  /// Why it cannot run; empty when it can.
  std::string refusal;
};

/// What all functions of a module have in common.
struct Library {
  /// Calls a function from within another one.
  llvm::Expected<std::vector<Value>> call(llvm::StringRef name,
                                          std::vector<Value> arguments,
                                          unsigned depth,
                                          Progress progress = {});

  llvm::StringMap<Function> functions;
  /// The values of `rt.constant`s that ran `rt.assign`, and of parameters.
  llvm::StringMap<Tensor> constants, parameters;
};

/// Compiles the ops of one function.
class Assembler {
public:
  Assembler(mlir::ModuleOp module, Library &library)
      : module(module), library(library) {}

  llvm::Expected<Function> compile(mlir::func::FuncOp function);
  llvm::Expected<Code> compile(mlir::Block &block);

  unsigned slot(mlir::Value value);
  Operand operand(mlir::OpOperand &operand);
  std::vector<Operand> operands(llvm::MutableArrayRef<mlir::OpOperand> list);
  std::vector<unsigned> slots(mlir::ValueRange values);

  mlir::ModuleOp module;
  Library &library;

private:
  llvm::Expected<Action> compile(mlir::Operation &op);

  llvm::DenseMap<mlir::Value, unsigned> numbers;
  /// Tensors whose last reader is the op.
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::Value>> ending;
};

/// A number of an op that may be known only at run time.
class Extent {
public:
  Extent(Assembler &assembler, mlir::OpFoldResult value);
  int64_t get(const Frame &frame) const {
    return slot ? frame.slots[*slot].scalar.integer : known;
  }

private:
  int64_t known = 0;
  std::optional<unsigned> slot;
};

/// Several of them.
struct Extents {
  Extents(Assembler &assembler, llvm::ArrayRef<mlir::OpFoldResult> values);
  Tensor::Shape get(const Frame &frame) const;

  std::vector<Extent> list;
};

/// Each dialect's part: an action, or an error at an op that it does not know.
llvm::Expected<Action> compileScalarOp(Assembler &, mlir::Operation &);
llvm::Expected<Action> compileTensorOp(Assembler &, mlir::Operation &);
llvm::Expected<Action> compileShapeOp(Assembler &, mlir::Operation &);
llvm::Expected<Action> compileLinalgOp(Assembler &, mlir::Operation &);
llvm::Expected<Action> compileControlOp(Assembler &, mlir::Operation &);
llvm::Expected<Action> compileParameterOp(Assembler &, mlir::Operation &);

} // namespace sennit::reference

#endif // SENNIT_COMPILER_REFERENCE_ASSEMBLER_H
