// Plans one memory for tensors with lifetimes: largest first, lowest free
// offset.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_ARENA_H
#define SENNIT_PASSES_SCHEDULE_ARENA_H

#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace sennit::schedule {

/// Intervals of program positions that need bytes; offsets are multiples of 64.
class Arena {
public:
  /// A tensor defined at `position`; returns its number.
  unsigned add(int64_t bytes, int64_t position);
  /// The tensor is still read at `position`.
  void extend(unsigned interval, int64_t position);
  /// Chooses all offsets.
  void plan();

  int64_t offset(unsigned interval) const { return intervals[interval].offset; }
  int64_t bytes() const { return total; }

private:
  struct Interval {
    int64_t bytes, first, last, offset;
  };
  llvm::SmallVector<Interval> intervals;
  int64_t total = 0;
};

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_ARENA_H
