// Where rings lie in shared memory, and who waits for whom.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_RINGS_H
#define SENNIT_COMPILER_TARGETS_CUDA_RINGS_H

#include "compiler/targets/cuda/DeviceBuilder.h"

namespace sennit::cuda {

/// Bytes of a swizzled row: 64 elements of 16 bits. A tile [R, C] lies in C/64
/// panels one after the other, each of R such rows, which is what TMA writes
/// and what wgmma's descriptors name.
constexpr int64_t panelRowBytes = 128, panelColumns = 64;

/// Bytes of a panel of a tile, and of the tile.
int64_t getPanelBytes(mlir::VectorType tile);
int64_t getTileBytes(mlir::VectorType tile);

/// Whether a tile can lie in shared memory so.
bool isStorable(mlir::VectorType tile);
/// The same; says why not.
mlir::LogicalResult checkTile(mlir::Operation *op, mlir::Type tile);

struct Ring {
  tile::RingType type;
  /// Bytes from the start of shared memory: the first slot, the barriers.
  int64_t storage = 0, full = 0, empty = 0;
  int64_t slotBytes = 0;
  /// Written and read by one role, whose copies keep to their own rows.
  bool isOwn = false;
  /// Whether the copy engine stores its tiles, and must have read a slot before
  /// that is filled again.
  bool isStored = false;
  /// Copies of the role that reads.
  int64_t readers = 1;
  /// Of each tile, the rows that copies write; the others, which no copy of a
  /// view of so few rows can reach, stay zero.
  llvm::SmallVector<int64_t> rows;

  mlir::VectorType getTile(unsigned part) const {
    return mlir::cast<mlir::VectorType>(type.getTiles()[part]);
  }
  int64_t partOffset(unsigned part) const;
  /// Bytes that copies write into a slot.
  int64_t getCopiedBytes() const;
};

/// All rings of a kernel, and the bytes of shared memory that it takes.
struct RingPlan {
  llvm::MapVector<mlir::Value, Ring> rings;
  int64_t bytes = 0;
};

/// Shared memory that a block can have on sm_90, of which a processor has 1 KiB
/// more and keeps as much for each block.
constexpr int64_t sharedCapacity = 232448;
inline int64_t getSharedCapacity(int64_t blocks) {
  return (sharedCapacity + 1024) / blocks - 1024;
}

/// The dimension of a copy's box that the tile's rows are along, outermost.
size_t getRowDim(tile::CopyOp copy);

/// Places the rings; says why one cannot be.
mlir::FailureOr<RingPlan> planRings(tile::RolesOp roles);

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_RINGS_H
