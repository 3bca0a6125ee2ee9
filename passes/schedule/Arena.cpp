// Packs intervals into one memory.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Arena.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/MathExtras.h"

namespace sennit::schedule {

unsigned Arena::add(int64_t bytes, int64_t position) {
  intervals.push_back({int64_t(llvm::alignTo(std::max<int64_t>(bytes, 1), 64)),
                       position, position, 0});
  return intervals.size() - 1;
}

void Arena::extend(unsigned interval, int64_t position) {
  intervals[interval].last = std::max(intervals[interval].last, position);
}

void Arena::plan() {
  llvm::SmallVector<Interval *> order =
      llvm::map_to_vector(intervals, [](Interval &i) { return &i; });
  llvm::stable_sort(
      order, [](Interval *a, Interval *b) { return a->bytes > b->bytes; });
  llvm::SmallVector<Interval *> placed;
  for (Interval *interval : order) {
    // Those alive at the same time, by offset; the first gap that is wide
    // enough.
    int64_t offset = 0;
    for (Interval *other : placed) {
      if (other->last < interval->first || interval->last < other->first)
        continue;
      if (offset + interval->bytes <= other->offset)
        break;
      offset = std::max(offset, other->offset + other->bytes);
    }
    interval->offset = offset;
    total = std::max(total, offset + interval->bytes);
    placed.insert(llvm::upper_bound(placed, interval,
                                    [](Interval *a, Interval *b) {
                                      return a->offset < b->offset;
                                    }),
                  interval);
  }
}

} // namespace sennit::schedule
