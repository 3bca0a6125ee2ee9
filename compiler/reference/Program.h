// The reference meaning, executable: any module of seq and linalg in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_REFERENCE_PROGRAM_H
#define SENNIT_COMPILER_REFERENCE_PROGRAM_H

#include "compiler/reference/Assembler.h"
#include "mlir/IR/OwningOpRef.h"

namespace sennit::reference {

/// Interprets the decomposition of a module. All floats are f64 whatever their
/// type says, so the differences to a compiled form are that form's; integers
/// are exact and wrap at their width. Nothing is shared with the stages below
/// decomposition.
///
/// Known are func, scf (for, if, while), tensor (but gather, scatter, pack,
/// unpack, rank and bitcast), linalg on tensors after upstream's
/// generalisation, arith, math and affine.apply, seq.weight and
/// seq.pack, rt.read and rt.assign. Anything else is an error that names the
/// op. Tensors are dense, 8 bytes an element, parameters too: a model of a
/// thousand million parameters needs 8 GB.
class Program {
public:
  /// Decomposes the module in place and makes closures of its functions. Reads
  /// the parameters that they name.
  static llvm::Expected<std::unique_ptr<Program>>
  create(mlir::OwningOpRef<mlir::ModuleOp> module);

  /// An error that says why a function cannot be called.
  llvm::Error check(llvm::StringRef function) const;

  /// The function's type, or null if there is none with a body.
  mlir::FunctionType typeOf(llvm::StringRef function) const;

  /// Calls a function. Arguments given by moving are overwritten in place where
  /// the program permits. An error names the op.
  llvm::Expected<std::vector<Value>> call(llvm::StringRef function,
                                          std::vector<Value> arguments,
                                          Progress progress = {});

  mlir::ModuleOp getModule() const { return *module; }

private:
  explicit Program(mlir::OwningOpRef<mlir::ModuleOp> module)
      : module(std::move(module)) {}

  mlir::OwningOpRef<mlir::ModuleOp> module;
  Library library;
};

} // namespace sennit::reference

#endif // SENNIT_COMPILER_REFERENCE_PROGRAM_H
