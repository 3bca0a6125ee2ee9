// Predictions of one model on many variations of a machine.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_SWEEP_H
#define SENNIT_COMPILER_TOOLS_SWEEP_H

#include "compiler/tools/Objectives.h"
#include "compiler/tools/Predict.h"

namespace sennit::tools {

struct SweepRequest {
  Workload workload;
  std::string target, calibration;
  /// Of each variation, as `loadMachine` takes them.
  std::vector<std::vector<std::string>> variations;
  /// Threads; 0: all.
  unsigned jobs = 0;
  /// Where rows are kept until all are there, so that a sweep that was ended
  /// goes on; empty: nowhere.
  std::string journal;
};

/// What is predicted of one variation.
struct SweepRow {
  std::vector<std::string> changes;
  Weights weights;
  /// The resource that binds the longest kernel of prefill and of step; how
  /// well the numbers behind them are known.
  std::string prefillBound, stepBound, status;
  /// Whether it keeps the budgets; whether no other such row beats it.
  bool isWithin = true, isPareto = false;
};

/// Predicts all variations, in their order. Kernels are built once for each
/// core that they are scheduled for. Rows in the journal of the same model,
/// workload, machine and compiler are taken from there. Returns an exit code
/// after printing the error.
int sweep(const SweepRequest &request, std::vector<SweepRow> &rows);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_SWEEP_H
