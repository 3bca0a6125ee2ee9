// Compiles MLIR text in the process and calls its functions on tensors.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_LIB_PROGRAM_H
#define SENNIT_TEST_LIB_PROGRAM_H

#include "test/lib/Tensor.h"

#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/MLIRContext.h"

#include <memory>

namespace sennit::test {

/// Machine code of a module of functions on tensors or views.
class Program {
public:
  /// From ops of seq on tensors to LLVM by their reference meaning and
  /// upstream's plain lowering. Results become arguments after the others.
  static const llvm::StringLiteral kReference;

  /// Makes machine code of `text` by `pipeline`, which must end in LLVM and
  /// leave C wrappers of the functions to be called. Fails with the diagnostics
  /// that the compilation gave.
  static llvm::Expected<std::unique_ptr<Program>>
  compile(llvm::StringRef text, llvm::StringRef pipeline = kReference);

  /// Calls `function` with `tensors` in order, each as a view of memory or, an
  /// index, by value, and reads back what the function left in the views.
  llvm::Error call(llvm::StringRef function,
                   llvm::MutableArrayRef<Tensor> tensors);

private:
  Program() = default;
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<mlir::ExecutionEngine> engine;
};

} // namespace sennit::test

#endif // SENNIT_TEST_LIB_PROGRAM_H
