// The cost of an entry of a program: its kernels, one after the other.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_COST_PROGRAM_H
#define SENNIT_COMPILER_COST_PROGRAM_H

#include "compiler/cost/Model.h"

namespace sennit::cost {

/// A kernel and how often an entry launches it with the same extents.
struct KernelUse {
  KernelFacts facts;
  double calls = 1;
  /// Bytes of a call that lie in the arena: an earlier kernel has just written
  /// them, or a later one is about to read them.
  double arena = 0;
};

/// An entry for a call of `tokens` tokens after `past` others.
struct EntryFacts {
  std::string name;
  double tokens = 0, past = 0;
  /// In the order of their first launches.
  std::vector<KernelUse> kernels;
  /// Bytes that the call touches in all memories, and in the arena.
  double touched = 0, arena = 0;

  double countLaunches() const;
};

struct EntryPrediction {
  /// One a kernel, of one call of it.
  std::vector<Prediction> kernels;
  double seconds = 0;
  std::optional<double> energy;
  std::string missingEnergy;
  /// Whether what it touches fits the largest memory.
  bool fits = true;
  /// The worst status behind a tenth of the time or more.
  Status confidence = Status::measured;
};

/// Predicts an entry that is called again and again: where the last cache holds
/// all that the entry touches, nothing comes from beyond it; where it holds the
/// arena, the arena does not. Nothing, and a reason that names the kernel,
/// where one cannot be predicted.
std::optional<EntryPrediction> predict(const EntryFacts &entry,
                                       const machine::Machine &machine,
                                       std::string &reason);

} // namespace sennit::cost

#endif // SENNIT_COMPILER_COST_PROGRAM_H
