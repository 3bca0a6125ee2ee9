// The merges of a generic op: how each result takes in many elements at once.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_GENERICMERGES_H
#define SENNIT_PASSES_SCHEDULE_GENERICMERGES_H

#include "passes/schedule/GenericTiles.h"

namespace sennit::schedule {

/// One result as `before (+) element` with an op that tiles can reduce by.
struct Merge {
  mlir::Operation *op;
  /// The accumulator, or what a correction makes of the accumulators and of the
  /// results that are merged before this.
  mlir::Value before;
  mlir::Value element;
  tile::ReduceKind kind;

  /// Whether it adds the same float for every element, which is not narrow.
  bool addsConstants() const;
};

/// The values of a body that are the same for all elements of a row: what is
/// made of accumulators, and of results merged before, alone.
llvm::DenseSet<mlir::Value> findValuesOfRows(mlir::linalg::GenericOp op);

/// The merges of all results, or nothing when one of them is more than that.
std::optional<llvm::SmallVector<Merge>> findMerges(mlir::linalg::GenericOp op);

/// What changes nothing when it is merged.
mlir::TypedAttr getNeutral(mlir::Operation *merge, mlir::Type element);

/// Whether merging with `init` changes nothing.
bool isNeutralInit(mlir::OpOperand &init, mlir::Operation *merge);

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_GENERICMERGES_H
