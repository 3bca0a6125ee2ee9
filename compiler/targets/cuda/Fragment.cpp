// Which tiles the accumulator's layout fits.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Fragment.h"

using namespace mlir;
using namespace sennit::cuda;

std::optional<Fragment> Fragment::get(VectorType tile, int64_t copies) {
  if (tile.getRank() < 1 || tile.getRank() > 2 ||
      tile.getDimSize(0) % (64 * copies))
    return std::nullopt;
  int64_t columns = tile.getRank() == 2 ? tile.getDimSize(1) : 0;
  if (columns % 8)
    return std::nullopt;
  return Fragment{copies, tile.getDimSize(0) / (64 * copies), columns};
}
