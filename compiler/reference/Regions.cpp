// Walks rectangular parts of tensors.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Regions.h"

#include "llvm/Support/raw_ostream.h"

namespace sennit::reference {

void forEachIndex(
    llvm::ArrayRef<int64_t> shape,
    llvm::function_ref<void(llvm::ArrayRef<int64_t>, int64_t)> visit) {
  int64_t count = Tensor::count(shape);
  Tensor::Shape index(shape.size(), 0);
  for (int64_t number = 0; number != count; ++number) {
    visit(index, number);
    for (int64_t dim = int64_t(shape.size()) - 1; dim >= 0; --dim) {
      if (++index[dim] != shape[dim])
        break;
      index[dim] = 0;
    }
  }
}

std::string Region::describeExcess(llvm::ArrayRef<int64_t> shape) const {
  std::string text;
  for (size_t dim = 0; dim != shape.size() && text.empty(); ++dim) {
    int64_t last = offsets[dim] + (sizes[dim] - 1) * strides[dim];
    bool inside = offsets[dim] >= 0 && sizes[dim] >= 0 &&
                  (sizes[dim] == 0 || (last >= 0 && last < shape[dim]));
    if (!inside)
      llvm::raw_string_ostream(text)
          << "takes " << sizes[dim] << " of dimension " << dim << " from "
          << offsets[dim] << " by " << strides[dim] << ", its extent is "
          << shape[dim];
  }
  return text;
}

/// Calls `visit` with the place of each row of the region in a tensor of this
/// shape, its number, and the distance of its elements.
static void
forEachRow(llvm::ArrayRef<int64_t> shape, const Region &region,
           llvm::function_ref<void(int64_t, int64_t, int64_t)> visit) {
  Tensor::Shape distances = stridesOf(shape);
  auto rows = llvm::ArrayRef(region.sizes).drop_back(shape.empty() ? 0 : 1);
  forEachIndex(rows, [&](llvm::ArrayRef<int64_t> index, int64_t number) {
    int64_t place = shape.empty() ? 0 : region.offsets.back();
    for (size_t dim = 0; dim != rows.size(); ++dim)
      place += (region.offsets[dim] + index[dim] * region.strides[dim]) *
               distances[dim];
    visit(place, number, shape.empty() ? 1 : region.strides.back());
  });
}

Tensor readRegion(const Tensor &source, const Region &region) {
  Tensor part(region.sizes, Cell::of(int64_t(0)));
  if (part.size() == 0)
    return part;
  Cell *out = part.own();
  int64_t width = region.sizes.empty() ? 1 : region.sizes.back();
  const Cell *in = source.data();
  forEachRow(source.shape, region,
             [&](int64_t place, int64_t row, int64_t stride) {
               for (int64_t i = 0; i != width; ++i)
                 out[row * width + i] = in[place + i * stride];
             });
  return part;
}

void writeRegion(const Tensor &part, Tensor &target, const Region &region) {
  if (part.size() == 0)
    return;
  Cell *out = target.own();
  int64_t width = region.sizes.empty() ? 1 : region.sizes.back();
  const Cell *in = part.data();
  forEachRow(target.shape, region,
             [&](int64_t place, int64_t row, int64_t stride) {
               for (int64_t i = 0; i != width; ++i)
                 out[place + i * stride] = in[row * width + i];
             });
}

} // namespace sennit::reference
