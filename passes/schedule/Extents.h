// How far a tensor's dynamic dimensions reach: as an index on the host, and at
// most.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_EXTENTS_H
#define SENNIT_PASSES_SCHEDULE_EXTENTS_H

#include "dialects/seq/Seq.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace sennit::schedule {

/// Dynamic extents in one entry. The tokens argument brings at most
/// `seq.max_tokens` rows; every other dynamic extent follows from it.
class Extents {
public:
  explicit Extents(mlir::func::FuncOp entry);

  /// The extent of a dimension, a value that dominates the tensor's users.
  mlir::Value of(mlir::Value tensor, int64_t dim = 0);
  /// The most that the extent of a tensor's dimension, or an index, can be.
  int64_t bound(mlir::Value value, int64_t dim = 0);
  /// States that `tensor` has the extents of `same`.
  void alias(mlir::Value tensor, mlir::Value same);

private:
  mlir::Value compute(mlir::Value tensor, int64_t dim);

  mlir::func::FuncOp entry;
  int64_t maxTokens;
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::Value> known;
};

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_EXTENTS_H
