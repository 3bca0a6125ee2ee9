// Residuals find what samples have in common, and stay between their bounds.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "Kernels.h"

#include "compiler/cost/Residual.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace sennit::cost;

TEST(Residual, NoSamplesCorrectNothing) {
  EXPECT_DOUBLE_EQ(fitResidual({}).correct(3, {0.5, 0.5}), 3);
}

TEST(Residual, AFactorThatAllShareIsFound) {
  std::vector<Sample> samples;
  for (double i = 0; i < 5; ++i)
    samples.push_back({1 + i, 1.2 * (1 + i), {i / 5, 1 - i / 5}});
  Residual residual = fitResidual(samples);
  EXPECT_NEAR(residual.correct(10, {0.3, 0.3}), 12, 0.1);
}

TEST(Residual, OneThatIsFarOffMovesTheOthersLittle) {
  std::vector<Sample> samples(8, {1, 1.1, {}});
  samples.push_back({1, 20, {}});
  EXPECT_NEAR(fitResidual(samples).correct(1, {}), 1.1, 0.02);
}

TEST(Residual, WhatLaunchesAddIsToldFromWhatAllShare) {
  std::vector<Sample> samples;
  for (double i = 0; i <= 20; ++i)
    samples.push_back({1, std::exp(0.2 * i / 20), {i / 20, 0}});
  Residual residual = fitResidual(samples);
  EXPECT_NEAR(residual.correct(1, {0, 0}), 1, 0.03);
  EXPECT_NEAR(residual.correct(1, {1, 0}), std::exp(0.2), 0.03);
}

TEST(Residual, ModelsThatAreWrongByMoreAreNotMended) {
  std::vector<Sample> low(3, {1, 5, {}}), high(3, {5, 1, {}});
  EXPECT_DOUBLE_EQ(fitResidual(low).correct(1, {}), Residual::most);
  EXPECT_DOUBLE_EQ(fitResidual(high).correct(1, {}), Residual::least);
}

TEST(Residual, TraitsAreSharesOfAnEntrysTime) {
  sennit::machine::Machine machine = loadMachine("nvidia-h200-sxm");
  auto getOf = [&](const KernelFacts &kernel) {
    EntryFacts entry;
    entry.kernels.push_back({kernel, 1, 0});
    entry.touched = 1e12;
    std::string reason;
    return getTraits(entry, *predict(entry, machine, reason), machine);
  };
  Traits tiny = getOf(getRowsFacts({4, 256}, 1));
  Traits streamed = getOf(getRowsFacts({1 << 20, 4096}, 4));
  EXPECT_GT(tiny.launches, 0.3);
  EXPECT_LT(streamed.launches, 0.01);
  EXPECT_GT(streamed.sharing, 0.9);
}
