// Lowers the rings of one kernel, op by op.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_RINGLOWERING_H
#define SENNIT_COMPILER_TARGETS_CUDA_RINGLOWERING_H

#include "compiler/targets/cuda/Rings.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>

namespace sennit::cuda {

class RingLowering {
public:
  RingLowering(mlir::func::FuncOp function, tile::RolesOp roles, RingPlan plan)
      : function(function), roles(roles), plan(std::move(plan)) {}

  mlir::LogicalResult run();

private:
  /// A slot that is open: its first byte, and the barrier of its copies.
  struct OpenSlot {
    mlir::Value storage, full;
    const Ring *ring;
  };

  void initializeBarriers();
  /// Zeros in the rows that copies leave out.
  void clearRows(DeviceBuilder &device, const Ring &ring, mlir::Value thread);
  mlir::LogicalResult lower(mlir::Operation *op);
  mlir::LogicalResult lowerOpen(tile::OpenOp open);
  mlir::LogicalResult lowerClose(tile::CloseOp close);
  mlir::LogicalResult lowerCopy(tile::CopyOp copy);
  mlir::LogicalResult lowerStore(tile::CopyOp copy, const OpenSlot &slot,
                                 llvm::ArrayRef<mlir::Value> coordinates);
  /// Writes the tiles that a thread gives a slot.
  mlir::LogicalResult fill(tile::CloseOp close, const Ring &ring);
  /// Calls `body` for the matrices of a thread's part of a slot's tile.
  void
  forMatrices(DeviceBuilder &device, const Ring &ring, mlir::Value slot,
              unsigned part, RoleThreads threads,
              llvm::function_ref<void(mlir::Value place, int64_t first)> body);
  /// A thread's part of a slot's tile.
  mlir::Value readFragment(DeviceBuilder &device, const Ring &ring,
                           mlir::Value slot, unsigned part,
                           RoleThreads threads);
  /// At the end of a role: shared memory must outlive the stores that read it.
  void finishStores(RoleThreads threads, mlir::Block &body);

  /// The slot of a use, and the parity of its barriers' phase.
  std::pair<mlir::Value, mlir::Value> locate(DeviceBuilder &device,
                                             const Ring &ring, mlir::Value use);
  mlir::Value getStorage(DeviceBuilder &device, const Ring &ring,
                         mlir::Value slot);
  mlir::Value barrier(DeviceBuilder &device, int64_t first, mlir::Value slot);
  /// Waits until the phase of that parity has ended.
  void wait(DeviceBuilder &device, mlir::Value barrier, mlir::Value parity);
  /// Runs `build` in the copy's first thread alone.
  void byLeader(DeviceBuilder &device, RoleThreads threads,
                llvm::function_ref<void(DeviceBuilder &)> build);
  /// The argument that holds the tensor map of a view, in boxes of those
  /// extents.
  mlir::Value getTensorMap(tile::CopyOp copy, llvm::ArrayRef<int64_t> box);
  /// The stack slot of a ring in registers.
  mlir::Value getOperandStorage(mlir::Value ring, RoleThreads threads);

  mlir::func::FuncOp function;
  tile::RolesOp roles;
  RingPlan plan;
  /// The first byte of shared memory.
  mlir::Value base;
  llvm::DenseMap<mlir::Value, OpenSlot> slots;
  /// Rings whose tiles threads read, who must all have when one gives up a
  /// slot.
  llvm::SmallPtrSet<const Ring *, 4> readByThreads;
  llvm::DenseMap<mlir::Value, mlir::Value> operands;
  std::map<std::pair<void *, llvm::SmallVector<int64_t>>, mlir::Value> maps;
};

/// One thread's part of a ring in registers, two elements a register.
mlir::VectorType getOperandType(tile::RingType ring, RoleThreads threads);

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_RINGLOWERING_H
