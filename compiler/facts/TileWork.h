// The work of the ops of a tile program, one execution each.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_FACTS_TILEWORK_H
#define SENNIT_COMPILER_FACTS_TILEWORK_H

#include "compiler/cost/Facts.h"
#include "mlir/IR/Block.h"
#include "llvm/ADT/DenseMap.h"

namespace sennit::facts {

/// Counts the work of ops. An elementwise op on repeated values (out of
/// `tile.broadcast`, or a constant) is counted once for each that differs.
class TileWork {
public:
  /// Products, elementwise and special operations of one op, regions left out.
  cost::Work count(mlir::Operation *op);

  /// Work of a block once: its ops, of an `scf.if` the larger branch. Streams
  /// are left out; `streams` collects them.
  cost::Work count(mlir::Block &block,
                   llvm::SmallVectorImpl<mlir::Operation *> &streams);

  /// What waits where the threads of an item go through the ops of a block one
  /// by one: meetings, reads one after the other, and bytes that pass from
  /// thread to thread. Of the ops of a stream all values lie in memory, as
  /// carried ones do; elsewhere those alone that other threads need.
  struct Exchanges {
    double meetings = 0, reads = 0, bytes = 0;
  };
  static Exchanges countExchanges(mlir::Block &block, int64_t threads);

  /// The longest way through a block's ops from `starts` (from anywhere, where
  /// there are none) to `ends` (to anywhere): what waits for one another.
  static cost::Chain findChain(mlir::Block &block,
                               llvm::ArrayRef<mlir::Value> starts,
                               mlir::ValueRange ends);

private:
  /// Along which dimensions the elements of a vector differ.
  llvm::SmallVector<bool> getVarying(mlir::Value value);
  double countDistinct(mlir::Value value);

  llvm::DenseMap<mlir::Value, llvm::SmallVector<bool>> varying;
};

} // namespace sennit::facts

#endif // SENNIT_COMPILER_FACTS_TILEWORK_H
