// The one place that spells wgmma: descriptors, products, fences and waits.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_WGMMA_H
#define SENNIT_COMPILER_TARGETS_CUDA_WGMMA_H

#include "compiler/targets/cuda/DeviceBuilder.h"

namespace sennit::cuda {

/// A wgmma's rows, and its depth for elements of 16 bits.
constexpr int64_t wgmmaRows = 64, wgmmaDepth = 16;

/// An operand of products: registers of two elements each, or a tile in shared
/// memory in swizzled panels.
struct WgmmaOperand {
  /// In registers: a fragment's 32-bit registers.
  llvm::SmallVector<mlir::Value> registers;
  /// In shared memory: the low half of the tile's descriptor, of which the
  /// other is the same for all; its panel's bytes; whether the contracted
  /// dimension runs along the rows of the panel.
  mlir::Value descriptor;
  int64_t panelBytes = 0;
  bool isDepthMajor = true;
};

/// The low half of the descriptor of a tile at a 32-bit shared address.
mlir::Value makeDescriptor(DeviceBuilder &device, mlir::Value address,
                           int64_t panelBytes, bool isDepthMajor);

/// Where row `row` (or column) and depth `depth` of an operand begin, in units
/// of 16 bytes from the tile's descriptor. `row` is a multiple of 64.
int64_t getDescriptorOffset(const WgmmaOperand &operand, int64_t row,
                            int64_t depth);

/// D += A B for 64 rows, `columns` columns and a depth of 16, D's registers in
/// the order of the fragment; without `accumulator` D = A B. `block` counts
/// A's blocks of 64 rows, `step` its steps of 16.
llvm::SmallVector<mlir::Value>
issueWgmma(DeviceBuilder &device, mlir::Type element, int64_t columns,
           const WgmmaOperand &a, const WgmmaOperand &b, int64_t block,
           int64_t step, int64_t steps, mlir::Value rowOffset,
           mlir::ValueRange accumulator);

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_WGMMA_H
