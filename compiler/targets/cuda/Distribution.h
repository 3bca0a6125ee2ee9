// The walk that gives each thread of a role its part of every tile.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_DISTRIBUTION_H
#define SENNIT_COMPILER_TARGETS_CUDA_DISTRIBUTION_H

#include "compiler/targets/cuda/Fragment.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace sennit::cuda {

/// Walks one role in order and gives every tile in registers its fragment.
/// Tiles of rings stay where products read them, and have one where something
/// else reads them too; operands in registers have none.
class Distribution {
public:
  Distribution(tile::RolesOp roles, RoleThreads threads)
      : roles(roles), threads(threads) {}

  mlir::LogicalResult run(mlir::Block &block);

private:
  mlir::LogicalResult visit(mlir::Block &block);
  mlir::LogicalResult visit(mlir::Operation *op);
  mlir::LogicalResult visitElementwise(mlir::Operation *op);
  mlir::LogicalResult visitTruncation(mlir::arith::TruncFOp op);
  mlir::LogicalResult visitBroadcast(tile::BroadcastOp op);
  mlir::LogicalResult visitReduce(tile::ReduceOp op);
  mlir::LogicalResult visitSlice(tile::SliceOp op);
  mlir::LogicalResult visitLoad(tile::LoadOp op);
  mlir::LogicalResult visitStore(tile::StoreOp op);
  /// A single number, which every thread has.
  mlir::LogicalResult visitNumber(tile::LoadOp op);
  /// Numbers of rows, and of columns where matrices take them along those.
  mlir::LogicalResult visitLoadLine(tile::LoadOp op);
  mlir::LogicalResult visitStoreLine(tile::StoreOp op);
  /// Numbers of columns for each row; null where no thread holds them.
  mlir::Value repeatColumns(tile::BroadcastOp op);
  mlir::LogicalResult visitReshape(tile::ReshapeOp op);
  mlir::LogicalResult visitLoop(mlir::scf::ForOp loop);
  mlir::LogicalResult visitBranch(mlir::scf::IfOp branch);
  mlir::LogicalResult visitStart(tile::StartOp start);
  mlir::LogicalResult visitFinish(tile::FinishOp finish);
  mlir::LogicalResult visitFill(tile::CloseOp close);

  /// Whether `op` repeats positions, or numbers as they are loaded, for groups
  /// of neighbouring rows, which a reshape puts below each other.
  static bool isRepeated(mlir::Operation *op);
  /// Whether `op` loads numbers that matrices take along their columns alone:
  /// rows have no part of those.
  static bool isLine(mlir::Operation *op);
  /// The first row and the first column of the thread's part of a tile.
  std::pair<mlir::Value, mlir::Value> getThreadPlace(DeviceBuilder &device,
                                                     const Fragment &fragment);
  /// The positions of a matrix's elements along its rows or columns.
  mlir::Value makePositions(DeviceBuilder &device, mlir::Value base,
                            const Fragment &fragment, bool alongRows);
  /// The layout of a tile, in flight or not; nothing where there is none.
  std::optional<Fragment> layout(mlir::Type type);
  /// The type of a thread's part; of other than tiles, the type itself.
  mlir::Type convert(mlir::Type type);
  /// The fragment of a tile that lies in a slot; null where it has none.
  mlir::Value readSlot(tile::OpenOp open, mlir::Value tile);
  /// A tile's fragment; null for operands in registers.
  mlir::Value fragment(mlir::Value value);
  /// Fragments of tiles, other values as they are; false when one is missing.
  bool collect(mlir::ValueRange values,
               llvm::SmallVectorImpl<mlir::Value> &collected);
  mlir::LogicalResult refuse(mlir::Operation *op, const llvm::Twine &reason) {
    return op->emitOpError() << reason;
  }
  void replace(mlir::Operation *op, mlir::ValueRange values);

  tile::RolesOp roles;
  RoleThreads threads;
  mlir::IRMapping fragments;
  /// Of tiles of one dimension: a thread's columns, pairs in groups of 8.
  mlir::IRMapping columns;
  llvm::SmallVector<mlir::Operation *> dead;
};

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_DISTRIBUTION_H
