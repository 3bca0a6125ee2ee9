// The work items of a kernel: how many, and where in the grid each stands.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_EMIT_ITEMS_H
#define SENNIT_COMPILER_EMIT_ITEMS_H

#include "dialects/tile/Tile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

namespace sennit::emit {

/// The one grid of a kernel, which stands last in it. Fails with a diagnostic
/// on kernels with several, with other work beside it, with results, or with
/// arguments other than views and indices.
mlir::FailureOr<tile::GridOp> getGrid(mlir::func::FuncOp kernel);

/// Emits the arithmetic of a grid's items, in i64.
struct Items {
  mlir::OpBuilder &builder;
  mlir::Location loc;
  tile::GridOp grid;
  /// The program's scalars, to which the grid's indices are added.
  mlir::IRMapping &scalars;

  /// max(0, ceil((upper - lower) / step)) for each dimension.
  llvm::SmallVector<mlir::Value> emitExtents();
  mlir::Value emitCount(mlir::ValueRange extents);
  /// Maps the grid's indices to those of `item`; the last dimension varies
  /// fastest.
  void emitIndices(mlir::Value item, mlir::ValueRange extents);

private:
  mlir::Value integer(int64_t value);
  mlir::Value toInteger(mlir::Value index);
};

} // namespace sennit::emit

#endif // SENNIT_COMPILER_EMIT_ITEMS_H
