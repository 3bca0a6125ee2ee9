// Reads the facts of a program's entries out of placed IR.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_FACTS_PROGRAMFACTS_H
#define SENNIT_COMPILER_FACTS_PROGRAMFACTS_H

#include "compiler/cost/Program.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace sennit::facts {

/// A call of an entry.
struct Call {
  std::string entry;
  int64_t tokens = 1, past = 0;
  /// How unevenly experts are chosen; 0: evenly. See `routeTokens`.
  double skew = 0;
  /// Whether the code of a kernel goes op by op; none: no kernel's does.
  std::function<bool(mlir::func::FuncOp)> isStepwise = {};
};

/// The facts of a call, of a module after stage `place`: its launches, each
/// kernel's facts, and the bytes of buffers that they touch. Fails, naming the
/// kernel, where a kernel cannot be read, and where there is no such entry or
/// it takes fewer tokens. The tokens of an entry whose extents are all fixed
/// are not asked for.
llvm::Expected<cost::EntryFacts> readEntryFacts(mlir::ModuleOp module,
                                                const Call &call);

/// Most tokens of a call of an entry; 0 where there is no such entry.
int64_t getMaxTokens(mlir::ModuleOp module, llvm::StringRef entry);

} // namespace sennit::facts

#endif // SENNIT_COMPILER_FACTS_PROGRAMFACTS_H
