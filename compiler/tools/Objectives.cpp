// Reads budgets and finds the rows that no other one beats.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Objectives.h"

#include "llvm/ADT/STLExtras.h"

namespace sennit::tools {

static constexpr machine::Dimension seconds{.second = 1}, joules{.joule = 1},
    squareMetres{.metre = 2};

static constexpr Objective objectives[objectiveCount] = {
    {"prefill", "prefill [s]", "prefill_seconds", 1, seconds},
    {"step", "step [s]", "step_seconds", 1, seconds},
    {"prefill_energy", "prefill [J]", "prefill_joules", 1, joules},
    {"step_energy", "step [J]", "step_joules", 1, joules},
    {"area", "area [mm2]", "area_square_metres", 1e-6, squareMetres},
};

llvm::ArrayRef<Objective> getObjectives() { return objectives; }

std::optional<size_t> findObjective(llvm::StringRef name, std::string &reason) {
  reason = "`" + name.str() + "` is no objective; there are";
  for (auto [i, objective] : llvm::enumerate(objectives)) {
    if (objective.name == name)
      return i;
    reason += " `" + objective.name.str() + "`";
  }
  return std::nullopt;
}

std::optional<Budget> parseBudget(llvm::StringRef text, std::string &reason) {
  auto [name, number] = text.split('=');
  auto objective = findObjective(name.trim(), reason);
  if (!objective)
    return std::nullopt;
  auto value = machine::parseValue(number.trim().str());
  const machine::Dimension &dimension = objectives[*objective].dimension;
  if (value && value->dimension == dimension && value->number > 0)
    return Budget{*objective, value->number};
  reason = "`" + text.str() + "` gives `" + name.trim().str() +
           "` no positive number in " + machine::formatDimension(dimension);
  return std::nullopt;
}

bool isWithin(const Weights &weights, llvm::ArrayRef<Budget> budgets) {
  return llvm::all_of(budgets, [&](const Budget &budget) {
    const std::optional<double> &weight = weights[budget.objective];
    return weight && *weight <= budget.most;
  });
}

/// Whether `a` is at least as good as `b` in everything, and better somewhere.
static bool beats(const Weights &a, const Weights &b,
                  llvm::ArrayRef<size_t> objectives) {
  bool isBetter = false;
  for (size_t i : objectives) {
    if (*a[i] > *b[i])
      return false;
    isBetter |= *a[i] < *b[i];
  }
  return isBetter;
}

std::vector<bool> findPareto(llvm::ArrayRef<Weights> rows,
                             const std::vector<bool> &eligible,
                             llvm::ArrayRef<size_t> objectives) {
  std::vector<size_t> order;
  for (size_t row = 0; row < rows.size(); ++row)
    if (eligible[row] && llvm::all_of(objectives, [&](size_t i) {
          return rows[row][i].has_value();
        }))
      order.push_back(row);
  // Who beats a row comes before it, so it is enough to ask those that stayed.
  llvm::stable_sort(order, [&](size_t a, size_t b) {
    for (size_t i : objectives)
      if (*rows[a][i] != *rows[b][i])
        return *rows[a][i] < *rows[b][i];
    return false;
  });
  std::vector<bool> stays(rows.size(), false);
  std::vector<size_t> front;
  for (size_t row : order) {
    if (llvm::any_of(front, [&](size_t other) {
          return beats(rows[other], rows[row], objectives);
        }))
      continue;
    stays[row] = true;
    front.push_back(row);
  }
  return stays;
}

} // namespace sennit::tools
