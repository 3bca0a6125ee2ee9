// Scans of any step: facts of walks, and the number of segments of least time.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/Scans.h"

#include "compiler/cost/Program.h"
#include <algorithm>
#include <cmath>

namespace sennit::cost {

KernelFacts getWalkFacts(const Walk &walk, double tokens, double segments,
                         bool isStepwise) {
  KernelFacts facts;
  facts.isStepwise = isStepwise;
  facts.name = "scan";
  double run = std::ceil(tokens / segments), items = walk.items * segments;
  double in = walk.inputs / walk.items, out = walk.outputs / walk.items;
  double state = walk.states / walk.items, window = (in + out) * run;
  facts.footprint = in + out + state;
  auto add = [&](const char *name, double bytes, double trips, bool isWrite) {
    if (bytes > 0)
      facts.accesses.push_back(
          {name,
           bytes,
           {{items, items, window, true}, {trips, trips, in + out, false}},
           isWrite});
  };
  add("in", in, run, false);
  add("out", out, run, true);
  add("state", state, 1, false);
  add("state after", state, 1, true);
  Work item;
  item.add(walk.step, run);
  item.moved += window + 2 * state;
  // The first token waits for memory, the others are run ahead of, if anything
  // is.
  item.chain.memory += isStepwise ? run : 1;
  if (isStepwise)
    item.chain.barrier += run * walk.meetings;
  facts.items.push_back({item, items});
  return facts;
}

std::vector<double> listSegments(double tokens) {
  constexpr double most = 1024;
  std::vector<double> numbers{1};
  for (double power = 2; power <= most; power *= 2)
    for (double segments : {power, 1.5 * power})
      if (segments == std::floor(segments) && 2 * segments <= tokens)
        numbers.push_back(segments);
  return numbers;
}

double timeScan(const SplitScan &scan, double segments,
                const machine::Machine &machine) {
  EntryFacts entry;
  bool isStepwise = machine.itemThreads && machine.itemThreads.value > 1;
  auto add = [&](const Walk &walk, double tokens, double runs) {
    KernelUse use{getWalkFacts(walk, tokens, runs, isStepwise)};
    entry.touched += use.facts.getCompulsory();
    entry.kernels.push_back(std::move(use));
  };
  if (segments > 1) {
    add(scan.maps, scan.tokens, segments);
    add(scan.entries, segments, 1);
  }
  add(scan.whole, scan.tokens, segments);
  std::string reason;
  auto prediction = predict(entry, machine, reason);
  return prediction ? prediction->seconds : HUGE_VAL;
}

SegmentChoice chooseSegments(const SplitScan &scan,
                             const machine::Machine &machine) {
  constexpr double enough = 0.6;
  SegmentChoice walk{1, timeScan(scan, 1, machine)}, cut = walk;
  for (double segments : listSegments(scan.tokens)) {
    double seconds = timeScan(scan, segments, machine);
    if (segments > 1 && (cut.segments == 1 || seconds < cut.seconds))
      cut = {segments, seconds};
  }
  auto beside = [](SegmentChoice chosen, const SegmentChoice &other) {
    chosen.otherSegments = other.segments;
    chosen.otherSeconds = other.seconds;
    return chosen;
  };
  bool pays =
      cut.seconds < walk.seconds && cut.seconds <= enough * walk.seconds;
  return pays ? beside(cut, walk) : beside(walk, cut);
}

} // namespace sennit::cost
