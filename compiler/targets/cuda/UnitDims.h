// Tiles without dimensions of one element.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_UNITDIMS_H
#define SENNIT_COMPILER_TARGETS_CUDA_UNITDIMS_H

#include "dialects/tile/Tile.h"

#include <string>

namespace sennit::cuda {

/// Takes the dimensions of one element from all tiles of a grid, so that the
/// rows of one head are a matrix. Returns the reason, and leaves the grid as it
/// is, where an op has no form without them.
std::string dropUnitDims(tile::GridOp grid);

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_UNITDIMS_H
