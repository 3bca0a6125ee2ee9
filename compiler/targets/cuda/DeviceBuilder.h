// Builds the instructions that several lowerings share: i32 arithmetic, thread
// numbers, inline PTX.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_DEVICEBUILDER_H
#define SENNIT_COMPILER_TARGETS_CUDA_DEVICEBUILDER_H

#include "dialects/tile/TileAsync.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace sennit::cuda {

/// Threads of a warp, of a warpgroup, and warps of a warpgroup.
constexpr int64_t warpThreads = 32, groupThreads = 128, groupWarps = 4;
/// The address space of a block's shared memory.
constexpr unsigned sharedSpace = 3;

/// Of a function by roles: blocks that share a processor; one unless stated.
constexpr llvm::StringLiteral blocksAttrName = "cuda.blocks";

/// A builder with the few i32 operations of address arithmetic.
class DeviceBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using mlir::ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  explicit DeviceBuilder(mlir::Operation *before)
      : ImplicitLocOpBuilder(before->getLoc(), before) {}

  mlir::Value i32(int64_t value);
  mlir::Value i64(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b) { return b ? add(a, i32(b)) : a; }
  mlir::Value multiply(mlir::Value a, int64_t b);
  mlir::Value divide(mlir::Value a, int64_t b);
  mlir::Value remainder(mlir::Value a, int64_t b);
  mlir::Value equals(mlir::Value a, int64_t b);
  /// An index as i32, which is what it becomes on the device.
  mlir::Value narrow(mlir::Value index);
  /// A pointer into shared memory as i32.
  mlir::Value address(mlir::Value pointer);
  /// `pointer` moved by bytes, in shared memory.
  mlir::Value advance(mlir::Value pointer, mlir::Value bytes);
  mlir::Value advance(mlir::Value pointer, int64_t bytes) {
    return bytes ? advance(pointer, i32(bytes)) : pointer;
  }
  /// The elements of a vector, and a vector of elements.
  llvm::SmallVector<mlir::Value> elements(mlir::Value vector);
  mlir::Value vector(mlir::ValueRange elements);
  /// Tells a cast of one value to `type` that a later pass takes back.
  mlir::Value cast(mlir::Value value, mlir::Type type);

  /// PTX with side effects. `$0..` are the results: first `tied`, which pass
  /// through in place, then those of `outputs`; after them come `inputs`.
  llvm::SmallVector<mlir::Value> ptx(llvm::StringRef text,
                                     mlir::ValueRange tied = {},
                                     mlir::ValueRange inputs = {},
                                     mlir::TypeRange outputs = {});
  /// A special register of 32 bits, read where the builder stands: nothing that
  /// comes of it moves out of a loop, to live in registers all along.
  mlir::Value read(llvm::StringRef name);
};

/// What `DeviceBuilder::cast` was given, or null.
mlir::Value lookThroughCast(mlir::Value value);

/// A role's place among the kernel's threads.
struct RoleThreads {
  tile::RoleAttr role;
  /// The first warp, and the first named barrier; each copy has one.
  int64_t firstWarp = 0, firstBarrier = 1;

  int64_t copyThreads() const { return role.getWarps() * warpThreads; }
  /// The number of the copy that runs, the same in all threads of a warp.
  mlir::Value copy(DeviceBuilder &device, tile::RolesOp roles) const;
  /// The thread's number in its copy, if need be by `DeviceBuilder::read`.
  mlir::Value thread(DeviceBuilder &device, bool isReadHere = false) const;
  /// Waits for all threads of the copy.
  void synchronize(DeviceBuilder &device, tile::RolesOp roles) const;
};

/// The role whose region holds `op`, and the roles.
std::pair<tile::RolesOp, RoleThreads> getRole(mlir::Operation *op);
RoleThreads getRole(tile::RolesOp roles, unsigned position);

/// Threads of a block.
int64_t countThreads(tile::RolesOp roles);

/// The warp's number in its block, read once before the roles.
mlir::Value getWarp(tile::RolesOp roles);

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_DEVICEBUILDER_H
