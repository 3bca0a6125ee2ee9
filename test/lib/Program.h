// Compiles MLIR text in the process and calls its functions on tensors.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_LIB_PROGRAM_H
#define SENNIT_TEST_LIB_PROGRAM_H

#include "test/lib/Tensor.h"

#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/MLIRContext.h"

#include <memory>
#include <string>

namespace sennit::test {

/// The reference form of everything: what fast forms are compared with.
inline constexpr llvm::StringLiteral kDecompose = "sennit-decompose";

/// Machine code of a module of functions on tensors.
class Program {
public:
  /// Runs `pipeline` on `text`, which must leave upstream ops on tensors, then
  /// upstream's bufferization and its plain lowering to LLVM. Fails with the
  /// diagnostics that the compilation gave.
  static llvm::Expected<std::unique_ptr<Program>>
  compile(llvm::StringRef text, llvm::StringRef pipeline = kDecompose);

  /// Calls `function` on copies of `arguments`. `results` give the shapes and
  /// element types of what comes back.
  llvm::Expected<std::vector<Tensor>> call(llvm::StringRef function,
                                           std::vector<Tensor> arguments,
                                           std::vector<Tensor> results);

private:
  Program() = default;
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<mlir::ExecutionEngine> engine;
};

} // namespace sennit::test

#endif // SENNIT_TEST_LIB_PROGRAM_H
