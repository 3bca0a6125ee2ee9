// What measurements leave of a family's predictions: a bounded correction.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_COST_RESIDUAL_H
#define SENNIT_COMPILER_COST_RESIDUAL_H

#include "compiler/cost/Program.h"

namespace sennit::cost {

/// What a correction may hang on: the parts of an entry's time that launches
/// take, and that memories which cores share are busy; from 0 to 1 each.
struct Traits {
  double launches = 0, sharing = 0;
};
Traits getTraits(const EntryFacts &facts, const EntryPrediction &prediction,
                 const machine::Machine &machine);

/// A prediction and what was measured, in seconds.
struct Sample {
  double predicted = 0, measured = 0;
  Traits traits;
};

/// Predictions times e^(a + b launches + c sharing), which is kept between 0.7
/// and 1.3: where a model is wrong by more, it is to be mended and not
/// corrected (SynPerf, arXiv 2601.14910, has such a residual, unbounded).
struct Residual {
  static constexpr double least = 0.7, most = 1.3;
  /// a, b, c.
  std::array<double, 3> coefficients = {};

  double correct(double seconds, const Traits &traits) const;
};

/// The residual of least absolute errors of logarithms, b and c drawn to 0 by
/// a weak ridge, so that few samples leave them out. None for no samples.
Residual fitResidual(const std::vector<Sample> &samples);

} // namespace sennit::cost

#endif // SENNIT_COMPILER_COST_RESIDUAL_H
