// Fits a correction of three coefficients by reweighted least squares.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/Residual.h"

#include <algorithm>
#include <cmath>

namespace sennit::cost {

Traits getTraits(const EntryFacts &facts, const EntryPrediction &prediction,
                 const machine::Machine &machine) {
  double launches = machine.launchCall.value, sharing = 0;
  for (size_t i = 0; i < facts.kernels.size(); ++i) {
    const Prediction &kernel = prediction.kernels[i];
    double busiest = 0;
    for (const machine::Memory &memory : machine.memories)
      for (const Resource &resource : kernel.resources)
        if (!memory.isPrivate && resource.name == memory.name)
          busiest = std::max(busiest, resource.seconds);
    sharing += facts.kernels[i].calls * busiest;
    launches += facts.kernels[i].calls * kernel.resources.back().seconds;
  }
  auto share = [&](double seconds) {
    return prediction.seconds > 0
               ? std::clamp(seconds / prediction.seconds, 0.0, 1.0)
               : 0;
  };
  return {share(launches), share(sharing)};
}

static std::array<double, 3> getRow(const Traits &traits) {
  return {1, traits.launches, traits.sharing};
}

double Residual::correct(double seconds, const Traits &traits) const {
  double exponent = 0;
  std::array<double, 3> row = getRow(traits);
  for (size_t i = 0; i < row.size(); ++i)
    exponent += coefficients[i] * row[i];
  return seconds *
         std::exp(std::clamp(exponent, std::log(least), std::log(most)));
}

using Equations = std::array<std::array<double, 4>, 3>;

/// Symmetric and positive definite: no pivot is sought.
static std::array<double, 3> solve(Equations rows) {
  for (size_t pivot = 0; pivot < 3; ++pivot)
    for (size_t i = 0; i < 3; ++i)
      if (double factor = rows[i][pivot] / rows[pivot][pivot]; i != pivot)
        for (size_t j = pivot; j < 4; ++j)
          rows[i][j] -= factor * rows[pivot][j];
  return {rows[0][3] / rows[0][0], rows[1][3] / rows[1][1],
          rows[2][3] / rows[2][2]};
}

Residual fitResidual(const std::vector<Sample> &samples) {
  constexpr int rounds = 20;
  constexpr double ridge = 0.5, smallest = 0.02;
  Residual residual;
  if (samples.empty())
    return residual;
  std::vector<double> weights(samples.size(), 1);
  for (int round = 0; round < rounds; ++round) {
    Equations equations = {};
    equations[0][0] = 1e-9;
    equations[1][1] = equations[2][2] = ridge;
    for (size_t s = 0; s < samples.size(); ++s) {
      std::array<double, 3> row = getRow(samples[s].traits);
      double wanted = std::log(samples[s].measured / samples[s].predicted);
      for (size_t i = 0; i < 3; ++i) {
        for (size_t j = 0; j < 3; ++j)
          equations[i][j] += weights[s] * row[i] * row[j];
        equations[i][3] += weights[s] * row[i] * wanted;
      }
    }
    residual.coefficients = solve(equations);
    // Weights of 1 / |error| turn squares into absolute errors.
    double sum = 0;
    for (size_t s = 0; s < samples.size(); ++s) {
      std::array<double, 3> row = getRow(samples[s].traits);
      double error = std::log(samples[s].measured / samples[s].predicted);
      for (size_t i = 0; i < 3; ++i)
        error -= residual.coefficients[i] * row[i];
      weights[s] = 1 / std::max(std::abs(error), smallest);
      sum += weights[s];
    }
    for (double &weight : weights)
      weight *= double(samples.size()) / sum;
  }
  return residual;
}

} // namespace sennit::cost
