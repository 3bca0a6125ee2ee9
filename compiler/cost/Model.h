// The cost model: facts of a kernel and a machine give time, bound, bytes and
// energy.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_COST_MODEL_H
#define SENNIT_COMPILER_COST_MODEL_H

#include "compiler/cost/Facts.h"

namespace sennit::cost {

using machine::Status;

/// The time that a kernel would take if only this resource took any, waves and
/// tails included, and how well the numbers behind it are known.
struct Resource {
  std::string name;
  double seconds = 0;
  Status status = Status::measured;
};

/// What is known of the kernel's surroundings.
struct Surroundings {
  /// The part of the bytes touched that the last cache already holds, from 0
  /// (nothing) to 1.
  double resident = 0;
};

struct Prediction {
  /// From launch to end, the device's launch gap included.
  double seconds = 0;
  /// Of all resources, in the machine's order; `bound` is the one that takes
  /// longest.
  std::vector<Resource> resources;
  Resource bound;
  /// Rounds of items over all cores, each holding as many as fit.
  double waves = 0;
  /// Items that a core holds at once.
  double itemsPerCore = 1;
  /// Operations; bytes that pass the largest memory's port.
  double operations = 0, bytes = 0;
  /// Bytes that pass each memory's port, in the machine's order: the first is
  /// the one that a core works in.
  std::vector<double> bytesByMemory;
  /// Joules; nothing where the machine leaves out an energy that it needs,
  /// which `missingEnergy` then names.
  std::optional<double> energy;
  std::string missingEnergy;
  /// Whether an item's footprint fits the memory that a core works in.
  bool fits = true;
};

/// Predicts. Nothing, and a reason, where the machine has no way to compute
/// something. Units and memories work side by side, as far as the machine's
/// powers say; where `exec.overlap` is `in_turn`, units work one after the
/// other, and so do transfers, each byte at the speed of the slowest memory
/// that it passes. Items are dealt to cores in order, each to the one that is
/// free first; chains of dependent operations bound the same deal by latency.
/// Method: hierarchical roofline with list scheduling, as in SynPerf (arXiv
/// 2601.14910) and NeuSight (ASPLOS 2025).
std::optional<Prediction> predict(const KernelFacts &facts,
                                  const machine::Machine &machine,
                                  const Surroundings &surroundings,
                                  std::string &reason);

/// Seconds until the last of `items` ends, each given in order to the first of
/// `slots` that is free. Many items are taken as evenly spread, after Graham's
/// bound. Never longer for shorter items or for more slots.
double dealItems(const std::vector<std::pair<double, double>> &secondsAndCounts,
                 double slots);

} // namespace sennit::cost

#endif // SENNIT_COMPILER_COST_MODEL_H
