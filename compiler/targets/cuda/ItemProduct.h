// One matrix product of a tile, as the threads of a block see it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_ITEMPRODUCT_H
#define SENNIT_COMPILER_TARGETS_CUDA_ITEMPRODUCT_H

#include "compiler/targets/cuda/ItemEmitter.h"

namespace sennit::cuda {

/// C [m, n] = A B, of which k is the depth, one matrix of a batch.
struct ItemProduct {
  explicit ItemProduct(tile::MmaOp mma);

  mutable tile::MmaOp mma;
  int64_t m, n, k;
  /// Whether A is stored [k, m], and B [n, k].
  bool turnedA, turnedB;
  llvm::SmallVector<mlir::Value> batch;

  /// Points of C, A and B.
  emit::Point at(mlir::Value row, mlir::Value column) const;
  emit::Point atA(mlir::Value row, mlir::Value depth) const;
  emit::Point atB(mlir::Value depth, mlir::Value column) const;
};

/// Whether threads multiply by themselves, an element of the result each: where
/// the matrix unit would have little to do for what it takes to reach it.
bool isThreads(const ItemProduct &product);

/// Whether a product is the matrix unit's, which copies its operands to shared
/// memory step by step. The others are threads' own, or read a matrix [n, k]
/// once, for few rows, at the speed of memory.
bool isStaged(tile::MmaOp mma);

/// Neighbours along the depth that a lane takes at once, 16 bytes of bf16, and
/// a warp.
constexpr int64_t laneDepth = 8, warpDepth = 256;

/// An operand's block of some rows and `depth` in shared memory, as bf16; where
/// the elements have more bits than that, in two parts.
struct StagedOperand {
  /// Rows of the block, its parts, and where it begins, in bytes.
  int64_t rows, parts, offset;

  /// Elements along the depth of one step, and between rows: such that eight
  /// rows of 16 bytes lie in different banks.
  static constexpr int64_t depth = 32, stride = depth + 8;
  int64_t partBytes() const { return rows * stride * 2; }
};

/// Bytes of shared memory in which a product stages its operands.
int64_t getStagingBytes(tile::MmaOp mma, const emit::Plan &plan);

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_ITEMPRODUCT_H
