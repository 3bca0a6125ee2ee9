// Scans of any step: a walk over the tokens against segments beside each other.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_COST_SCANS_H
#define SENNIT_COMPILER_COST_SCANS_H

#include "compiler/cost/Families.h"

namespace sennit::cost {

/// Items that walk tokens one after the other, each with states of its own.
struct Walk {
  /// Of an item and a token; its chain leads from a state to the next one.
  Work step;
  /// Items of a segment.
  double items = 1;
  /// Reductions and products of a token: where threads share an item, they meet
  /// after each.
  double meetings = 0;
  /// Bytes of all items: of a token's inputs and outputs, and of the states.
  double inputs = 0, outputs = 0, states = 0;
};

/// The facts of a walk over `tokens` tokens in `segments` runs beside each
/// other, whose states are apart. Threads that share items go through them op
/// by op, `isStepwise`, and wait for each token's inputs.
KernelFacts getWalkFacts(const Walk &walk, double tokens, double segments,
                         bool isStepwise = false);

/// A scan, and what it becomes in segments: the maps of all of them, a walk
/// over the segments, and the scan itself from where each of them begins.
struct SplitScan {
  double tokens = 1;
  Walk whole, maps, entries;
};

/// Numbers of segments: 1, 2, 4, .. and 3, 6, 12, .. of at least two tokens, at
/// most 1024.
std::vector<double> listSegments(double tokens);
/// Seconds of a call, all kernels one after the other; infinity where the
/// machine does not compute it.
double timeScan(const SplitScan &scan, double segments,
                const machine::Machine &machine);

/// The segments of least time, 1 for the one walk, and of the best form of the
/// other kind; seconds of both.
struct SegmentChoice {
  double segments = 1, seconds = 0, otherSegments = 1, otherSeconds = 0;
};
/// Cuts where that takes at most three fifths of the walk's time. A cut
/// computes more than twice as much and rounds otherwise: what two cores gain
/// by it is within the model's error, and a loss where one of them is busy.
SegmentChoice chooseSegments(const SplitScan &scan,
                             const machine::Machine &machine);

} // namespace sennit::cost

#endif // SENNIT_COMPILER_COST_SCANS_H
