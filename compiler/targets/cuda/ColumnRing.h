// The matrices that a kernel of items reads once, and the ring through which
// each lane copies them ahead.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_COLUMNRING_H
#define SENNIT_COMPILER_TARGETS_CUDA_COLUMNRING_H

#include "compiler/emit/Plan.h"

namespace sennit::cuda {

/// A product of few rows, and the load of its matrix, stored [n, k].
struct ColumnPart {
  mutable tile::MmaOp product;
  mutable tile::LoadOp load;
};

/// How the warps of a block share a matrix [n, k]: `depthWarps` of them divide
/// the depth of the same columns, so that a row of the other operand is read
/// once for `columns` columns. A warp goes through its depth in `steps` of
/// `warpDepth`, of which a lane has 16 bytes a column.
struct ColumnShares {
  int64_t n = 0, k = 0, depthWarps = 0, columns = 0, steps = 0;

  bool operator==(const ColumnShares &other) const {
    return n == other.n && k == other.k;
  }
  /// The shares of [n, k] for rows as few as these; no columns where there are
  /// none that come out even.
  static ColumnShares make(int64_t rows, int64_t n, int64_t k);
};

/// Memory is busy only while enough of it is asked for. So lanes copy what they
/// will read `slots` copies ahead, past the ends of products and of items. A
/// lane reads what it copied itself, and waits for nobody.
class ColumnRing {
public:
  /// Finds the products of few rows whose matrices have 16 bits an element, lie
  /// where the grids' indices say, and are shared alike. No ring where there
  /// are none.
  ColumnRing(llvm::ArrayRef<tile::GridOp> grids,
             llvm::ArrayRef<emit::Plan> plans);

  explicit operator bool() const { return slots != 0; }
  /// Copies under way: those of as many whole steps as fit.
  int64_t getSlots() const { return slots; }
  /// Bytes of shared memory of a block.
  int64_t getBytes() const;
  const ColumnShares &getShares() const { return shares; }
  /// What an item of grid `i` reads, in order.
  llvm::ArrayRef<ColumnPart> getParts(size_t i) const { return parts[i]; }
  /// Whether all that is read stands in views that hold constants.
  bool readsConstants() const;

private:
  llvm::SmallVector<llvm::SmallVector<ColumnPart>> parts;
  ColumnShares shares;
  int64_t slots = 0;
};

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_COLUMNRING_H
