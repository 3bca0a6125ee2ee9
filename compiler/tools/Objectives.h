// What a sweep weighs machines by: objectives, budgets, and who is not beaten.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_OBJECTIVES_H
#define SENNIT_COMPILER_TOOLS_OBJECTIVES_H

#include "compiler/machine/Units.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace sennit::tools {

/// A quantity of which less is better.
struct Objective {
  /// On the command line, in CSV with its unit, in JSON.
  llvm::StringRef name, column, key;
  /// Base units in one unit of the column.
  double scale;
  machine::Dimension dimension;
};

/// `prefill`, `step`, `prefill_energy`, `step_energy`, `area`.
inline constexpr size_t objectiveCount = 5;
llvm::ArrayRef<Objective> getObjectives();

/// By objective, in base units; nothing where it is not known.
using Weights = std::array<std::optional<double>, objectiveCount>;

/// The most that may be of an objective.
struct Budget {
  size_t objective = 0;
  double most = 0;
};

/// The objective of that name; nothing, and a reason.
std::optional<size_t> findObjective(llvm::StringRef name, std::string &reason);

/// Reads `area=800 mm2`; nothing, and a reason.
std::optional<Budget> parseBudget(llvm::StringRef text, std::string &reason);

/// Whether all budgets are kept; what is not known keeps none.
bool isWithin(const Weights &weights, llvm::ArrayRef<Budget> budgets);

/// Which of `rows` no other one beats: none is at least as good in all of
/// `objectives` and better in one. Rows that are not `eligible`, or of which an
/// objective is not known, neither beat nor count.
std::vector<bool> findPareto(llvm::ArrayRef<Weights> rows,
                             const std::vector<bool> &eligible,
                             llvm::ArrayRef<size_t> objectives);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_OBJECTIVES_H
