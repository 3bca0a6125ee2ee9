// Rectangular parts of dense tensors, copied row by row.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_REFERENCE_REGIONS_H
#define SENNIT_COMPILER_REFERENCE_REGIONS_H

#include "compiler/reference/Value.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace sennit::reference {

/// Calls `visit` with every index of `shape`, the last dimension fastest, and
/// the running number of the index.
void forEachIndex(
    llvm::ArrayRef<int64_t> shape,
    llvm::function_ref<void(llvm::ArrayRef<int64_t>, int64_t)> visit);

/// Some elements of a tensor: from `offsets` on, every `strides`-th.
struct Region {
  Tensor::Shape offsets, sizes, strides;

  /// Empty, or how the region leaves a tensor of this shape.
  std::string describeExcess(llvm::ArrayRef<int64_t> shape) const;
};

/// The region's elements, of the region's sizes.
Tensor readRegion(const Tensor &source, const Region &region);
/// Writes `part`, whose elements are as many as the region's, over the region.
void writeRegion(const Tensor &part, Tensor &target, const Region &region);

} // namespace sennit::reference

#endif // SENNIT_COMPILER_REFERENCE_REGIONS_H
