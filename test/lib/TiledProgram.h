// Compiles a function of seq ops to tile programs and runs it as a runtime
// would.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_LIB_TILEDPROGRAM_H
#define SENNIT_TEST_LIB_TILEDPROGRAM_H

#include "runtime/include/sennit/abi.h"
#include "test/lib/Tensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"

#include <memory>

namespace sennit::test {

/// The levels that this processor runs, less those of a unit of bf16: programs
/// that multiply no bf16 are the same there, and the forms are run there.
std::vector<std::string> findVectorLevels();

/// The kernels of one function, as machine code, and the function that
/// dispatches them, interpreted: what memory planning, the entries' code and
/// the runtime would make of it is left out.
class TiledProgram {
public:
  /// Runs the stages `fuse` and `schedule` on `text`, which holds @run, and
  /// makes machine code of the kernels for `target`, such as `cpu:avx2`. No
  /// dynamic extent of an argument may ever exceed `mostRows`. The programs are
  /// for a machine whose matrix unit takes `asyncRows` rows and more beside the
  /// threads, and for none such with 0. Fails with the diagnostics that the
  /// compilation gave.
  static llvm::Expected<std::unique_ptr<TiledProgram>>
  compile(llvm::StringRef text, int64_t mostRows, llvm::StringRef target,
          int64_t asyncRows = 0);

  /// The results of @run. Every tensor ends at a guard page, results and
  /// scratch begin as NaN, and the items of each kernel run in several ranges
  /// of random bounds in random order.
  llvm::Expected<std::vector<Tensor>>
  call(const std::vector<Tensor> &arguments);

private:
  struct Kernel {
    sennit_kernel_fn run;
    int64_t (*items)(const int64_t *);
    int64_t scratchBytes;
  };

  explicit TiledProgram(const mlir::DialectRegistry &registry)
      : context(registry, mlir::MLIRContext::Threading::DISABLED) {}
  llvm::Error build(llvm::StringRef text, int64_t mostRows,
                    llvm::StringRef target, int64_t asyncRows);
  llvm::Error schedule(int64_t mostRows);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp host;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  llvm::StringMap<Kernel> kernels;

  friend class HostCall;
};

} // namespace sennit::test

#endif // SENNIT_TEST_LIB_TILEDPROGRAM_H
