// Scans are cut where idle cores outweigh the map's work, and only there.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "Kernels.h"

#include "compiler/cost/Scans.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace sennit;
using namespace sennit::cost;

/// A multiply-add a channel; the map is a number and what is added.
static SplitScan makeScan(double tokens, double channels) {
  auto walk = [&](double operations, double streams, double states) {
    Walk result;
    result.items = std::ceil(channels / 128);
    result.step.vector[size_t(Element::f32)] =
        operations * channels / result.items;
    result.step.chain.vector = 2;
    result.inputs = streams * 4 * channels;
    result.outputs = operations == 3 ? 0 : 4 * channels;
    result.states = states * 4 * channels;
    return result;
  };
  return {tokens, walk(2, 1, 1), walk(3, 1, 2), walk(2, 2, 1)};
}

static SegmentChoice choose(double tokens, double channels, double cores) {
  machine::Machine machine = loadMachine("x86-avx512");
  machine.cores.value = cores;
  SplitScan scan = makeScan(tokens, channels);
  SegmentChoice choice = chooseSegments(scan, machine);
  EXPECT_EQ(choice.seconds, timeScan(scan, choice.segments, machine));
  EXPECT_EQ(choice.otherSeconds, timeScan(scan, choice.otherSegments, machine));
  EXPECT_TRUE(choice.segments == 1 || choice.otherSegments == 1);
  return choice;
}

TEST(Scans, IdleCoresCut) {
  EXPECT_GT(choose(16384, 16, 56).segments, 4);
  // Two cores have the work of three walks to share.
  EXPECT_EQ(choose(16384, 16, 1).segments, 1);
  EXPECT_EQ(choose(16384, 16, 2).segments, 1);
  // Channels that keep every core busy leave none idle.
  EXPECT_EQ(choose(16384, 65536, 56).segments, 1);
  // Launches count for more than a few tokens.
  EXPECT_EQ(choose(64, 16, 56).segments, 1);
}

TEST(Scans, ACutMustBeClearlyFaster) {
  for (double cores : {1, 2, 3, 4, 6, 8, 16, 56})
    for (double channels : {1, 100, 1000, 10000})
      for (double tokens : {2, 100, 10000}) {
        SegmentChoice choice = choose(tokens, channels, cores);
        if (choice.segments > 1)
          EXPECT_LE(choice.seconds, 0.6 * choice.otherSeconds);
      }
}

TEST(Scans, SegmentsHoldTwoTokens) {
  for (double tokens : {1, 2, 3, 4, 7, 100}) {
    std::vector<double> segments = listSegments(tokens);
    EXPECT_EQ(segments.front(), 1);
    for (double number : segments)
      EXPECT_TRUE(number == 1 || 2 * number <= tokens) << number;
  }
  EXPECT_EQ(listSegments(12), (std::vector<double>{1, 2, 3, 4, 6}));
}

TEST(Scans, WhatAMachineDoesNotComputeIsWalked) {
  machine::Machine machine = loadMachine("x86-avx512");
  machine.units.clear();
  machine.units.push_back({});
  EXPECT_EQ(chooseSegments(makeScan(1000, 16), machine).segments, 1);
}
