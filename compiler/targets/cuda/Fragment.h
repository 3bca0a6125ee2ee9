// How the threads of a role hold a tile: the layout of a wgmma accumulator.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_FRAGMENT_H
#define SENNIT_COMPILER_TARGETS_CUDA_FRAGMENT_H

#include "compiler/targets/cuda/DeviceBuilder.h"

namespace sennit::cuda {

/// One thread's part of a tile [M, N] or of its rows [M], by the layout of the
/// PTX manual for wgmma's D fragment; its order is also that of A in registers:
///
///   m = [copy, block, warp:4, half:2, lane.1:8]
///   n = [octet, lane.0:4, pair:2]       register = [block, octet, half, pair]
///
/// A thread holds a row's value for each block and half; the four threads of a
/// row hold the same.
struct Fragment {
  int64_t copies = 1;
  /// Rows of a copy, in blocks of 64, and columns; 0 columns for rows alone.
  int64_t blocks = 0, columns = 0;

  /// Nothing where the layout does not fit: rows not a multiple of 64 a copy,
  /// columns not of 8.
  static std::optional<Fragment> get(mlir::VectorType tile, int64_t copies);

  int64_t registers() const { return blocks * 2 * (columns ? columns / 4 : 1); }
  mlir::VectorType type(mlir::Type element) const {
    return mlir::VectorType::get(registers(), element);
  }
  /// The register of a thread's row (2 block + half) that holds this row's
  /// element number `i` of `columns / 4`.
  int64_t registerOf(int64_t row, int64_t i) const {
    return (row / 2) * (columns / 2) + i / 2 * 4 + row % 2 * 2 + i % 2;
  }
  /// The row (2 block + half) of a register.
  int64_t rowOf(int64_t reg) const {
    return reg / (columns / 2) * 2 + reg / 2 % 2;
  }
  /// Of a register, the row and column in the tile without the thread's part.
  int64_t rowOffset(int64_t reg) const {
    return rowOf(reg) / 2 * 64 + rowOf(reg) % 2 * 8;
  }
  int64_t columnOffset(int64_t reg) const {
    return reg % (columns / 2) / 4 * 8 + reg % 2;
  }
};

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_FRAGMENT_H
