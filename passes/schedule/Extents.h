// How many rows a tensor has: as an index on the host, and at most.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_EXTENTS_H
#define SENNIT_PASSES_SCHEDULE_EXTENTS_H

#include "dialects/seq/Seq.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace sennit::schedule {

/// Extents of dimension 0 in one entry. The tokens argument brings at most
/// `seq.max_tokens` rows; every other dynamic extent follows from it.
class Extents {
public:
  explicit Extents(mlir::func::FuncOp entry);

  /// The extent of dimension 0, a value that dominates the tensor's users.
  mlir::Value of(mlir::Value tensor);
  /// The most that this extent, or this index, can be.
  int64_t bound(mlir::Value value);
  /// States that `tensor` has the rows of `same`.
  void alias(mlir::Value tensor, mlir::Value same);

private:
  mlir::Value compute(mlir::Value tensor);

  mlir::func::FuncOp entry;
  int64_t maxTokens;
  llvm::DenseMap<mlir::Value, mlir::Value> known;
};

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_EXTENTS_H
