// The work items of a kernel: how many, and where in the grid each stands.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_EMIT_ITEMS_H
#define SENNIT_COMPILER_EMIT_ITEMS_H

#include "dialects/tile/Tile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>

namespace sennit::emit {

/// The grids of a kernel, which stand last in it; their items follow each
/// other. Fails with a diagnostic on kernels with other work between or behind
/// them, with results, or with arguments other than views and indices.
mlir::FailureOr<llvm::SmallVector<tile::GridOp>>
getGrids(mlir::func::FuncOp kernel);

/// How many items the grids have together, where their bounds are constants.
std::optional<int64_t> countItems(llvm::ArrayRef<tile::GridOp> grids);

/// Emits the arithmetic of a kernel's items, in i64.
class Items {
public:
  /// To `scalars`, those of the program, the grids' indices are added.
  Items(mlir::OpBuilder &builder, mlir::Location loc,
        llvm::ArrayRef<tile::GridOp> grids, mlir::IRMapping &scalars)
      : builder(builder), loc(loc), grids(grids), scalars(scalars) {}

  /// Counts the items of each grid, and returns how many all have. Comes before
  /// `emitItem`, and outside the loop over items.
  mlir::Value emitCounts();
  /// Finds the grid of `item` and maps its indices; `emitBody` emits what grid
  /// number i does.
  void emitItem(mlir::Value item, llvm::function_ref<void(size_t i)> emitBody);
  /// The same where `emitBody` returns values of `types`, which are the item's.
  llvm::SmallVector<mlir::Value> emitItem(
      mlir::Value item, mlir::TypeRange types,
      llvm::function_ref<llvm::SmallVector<mlir::Value>(size_t i)> emitBody);

private:
  /// max(0, ceil((upper - lower) / step)) for each dimension.
  llvm::SmallVector<mlir::Value> emitExtents(tile::GridOp grid);
  /// Maps the grid's indices; the last dimension varies fastest.
  void emitIndices(tile::GridOp grid, mlir::Value item,
                   mlir::ValueRange extents);
  mlir::Value integer(int64_t value);
  mlir::Value toInteger(mlir::Value index);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  llvm::ArrayRef<tile::GridOp> grids;
  mlir::IRMapping &scalars;
  /// Of each grid, those of its dimensions, and how many items it has.
  llvm::SmallVector<llvm::SmallVector<mlir::Value>> extents;
  llvm::SmallVector<mlir::Value> counts;
};

} // namespace sennit::emit

#endif // SENNIT_COMPILER_EMIT_ITEMS_H
