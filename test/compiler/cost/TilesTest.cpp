// The tiler is the model: for each machine, what it chooses is what trying all
// finds, and one number of the machine moves it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "Kernels.h"

#include "compiler/cost/Convolutions.h"
#include "compiler/cost/Model.h"
#include "compiler/cost/Recurrences.h"
#include "compiler/cost/Tiles.h"
#include "compiler/machine/Library.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace sennit;
using namespace sennit::cost;

/// A shipped machine with one number changed.
static machine::Machine perturb(const std::string &name,
                                const std::string &path,
                                const std::string &value) {
  std::vector<machine::Problem> problems;
  auto root = machine::readMachine(name, problems);
  std::string reason;
  EXPECT_TRUE(root && (path.empty() || setField(*root, path, value, reason)))
      << reason;
  auto machine = machine::build(*root, problems);
  EXPECT_TRUE(machine) << format(problems.front());
  return *machine;
}

static double time(const KernelFacts &facts, const machine::Machine &machine) {
  std::string reason;
  auto prediction = predict(facts, machine, {}, reason);
  EXPECT_TRUE(prediction) << reason;
  return prediction ? prediction->seconds : HUGE_VAL;
}

/// Whether the documentation of `listTiles` permits a tile, read anew; `block`
/// rows of sums and `step` elements of depth are the unit's.
static bool isLegal(const PanelProduct &p, double block, double step,
                    const PanelTile &tile) {
  double panels = std::ceil(p.n / p.panel), last = std::ceil(p.m / block);
  bool columns = std::fmod(tile.n, p.panel) == 0 && tile.n / p.panel <= 8 &&
                 std::fmod(tile.span, tile.n) == 0 &&
                 std::fmod(panels, tile.span / p.panel) == 0;
  bool rows = p.m <= block && tile.m == p.m;
  for (double blocks = 1; p.m > block && blocks <= last; ++blocks) {
    double power = std::exp2(std::floor(std::log2(blocks)));
    double most = blocks * block, row = p.group == 1 ? 1 : block;
    if (most > 512 ||
        (blocks != power && blocks != 1.5 * power && blocks != last))
      continue;
    double each = p.m / std::ceil(p.m / most);
    rows |= tile.m == std::min(most, std::ceil(each / row) * row);
  }
  bool isPart = std::fmod(p.k, tile.k) == 0 && std::fmod(tile.k, step) == 0 &&
                tile.k >= (p.group == 1 ? 64 : 128) && tile.span == tile.n;
  return columns && rows && (tile.k == p.k || isPart);
}

/// Compares the choice with all that is legal, tried one by one.
static void checkAgainstAll(const PanelProduct &problem, double block,
                            double step, const machine::Machine &machine) {
  PanelTile chosen = chooseTile(problem, machine);
  ASSERT_TRUE(isLegal(problem, block, step, chosen));
  double least = HUGE_VAL;
  auto tryAll = [&](double m, double n, double span) {
    // Depths are thinned: each at most half of the next.
    double last = 2 * problem.k;
    for (double k = problem.k; k >= 64; --k) {
      PanelTile tile{m, n, k, span};
      if (k > last / 2 || !isLegal(problem, block, step, tile))
        continue;
      last = k;
      least = std::min(least, time(getPanelFacts(problem, tile), machine));
    }
  };
  double columns = problem.n + problem.panel;
  for (double n = problem.panel; n <= 8 * problem.panel; n += problem.panel)
    for (double span = n; span < columns; span += n)
      for (double m = 1; m <= std::min(512.0, problem.m + block); ++m)
        if (isLegal(problem, block, step, {m, n, problem.k, span}))
          tryAll(m, n, span);
  EXPECT_LE(time(getPanelFacts(problem, chosen), machine), 1.01 * least)
      << problem.m << " " << problem.n << " " << problem.k << ": " << chosen.m
      << " " << chosen.n << " " << chosen.k << " " << chosen.span;
}

static const PanelProduct shapes[] = {
    {256, 512, 256}, {256, 288, 512},  {64, 4096, 4096}, {1, 1024, 1024},
    {1, 288, 256},   {24, 1024, 2048}, {1000, 32, 64},   {13, 96, 12288}};

TEST(Tiles, TheChoiceIsTheBestOfAll) {
  for (const char *name :
       {"x86-amx", "x86-avx512bf16", "x86-avx512", "x86-avx2"})
    for (const char *cores : {"1", "2", "56"}) {
      machine::Machine machine = perturb(name, "core.count", cores);
      for (PanelProduct shape : shapes) {
        checkAgainstAll(shape, name == std::string("x86-avx2") ? 6 : 12, 1,
                        machine);
        shape.group = 2;
        if (name == std::string("x86-amx"))
          checkAgainstAll(shape, 16, 32, machine);
        if (name == std::string("x86-avx512bf16"))
          checkAgainstAll(shape, 1, 32, machine);
      }
    }
}

/// How many of the shapes get another tile when one number changes.
static int countMoved(const std::string &path, const std::string &value) {
  machine::Machine before = perturb("x86-amx", "core.count", "2");
  std::vector<machine::Problem> problems;
  auto root = machine::readMachine("x86-amx", problems);
  std::string reason;
  EXPECT_TRUE(setField(*root, "core.count", "2", reason)) << reason;
  EXPECT_TRUE(setField(*root, path, value, reason)) << reason;
  machine::Machine after = *machine::build(*root, problems);
  int moved = 0;
  for (double group : {1, 2})
    for (PanelProduct shape : shapes) {
      shape.group = group;
      checkAgainstAll(shape, group == 1 ? after.units[0].blockM : 16,
                      group == 1 ? 1 : 32, after);
      PanelTile a = chooseTile(shape, before), b = chooseTile(shape, after);
      moved += a.m != b.m || a.n != b.n || a.k != b.k || a.span != b.span;
    }
  return moved;
}

TEST(Tiles, EachNumberThatMattersMovesThemToItsOwnBest) {
  EXPECT_GT(countMoved("core.count", "48"), 0);
  EXPECT_GT(countMoved("core.l1.capacity", "8 KiB"), 0);
  EXPECT_GT(countMoved("core.l1.usable", "0.1"), 0);
  EXPECT_GT(countMoved("core.l2.capacity", "64 KiB"), 0);
  EXPECT_GT(countMoved("core.l2.bandwidth", "2 B/clk"), 0);
  EXPECT_GT(countMoved("core.l1.bandwidth", "8 B/clk"), 0);
  EXPECT_GT(countMoved("amx.rate.bf16", "32 flop/clk"), 0);
  EXPECT_GT(countMoved("amx.latency", "2000 clk"), 0);
  EXPECT_GT(countMoved("fma.rate.f32", "1 flop/clk"), 0);
  EXPECT_GT(countMoved("core.exec.start", "50 us"), 0);
}

TEST(Tiles, RowsThatAreReadyAreWalkedFurther) {
  machine::Machine machine = perturb("x86-amx", "core.count", "2");
  PanelProduct product{256, 4096, 1024};
  product.group = 2;
  EXPECT_GT(chooseTile(product, machine).span, 256);
  product.walks = false;
  PanelTile still = chooseTile(product, machine);
  EXPECT_EQ(still.span, still.n);
}

TEST(Tiles, WhatNoKernelTouchesMovesNone) {
  EXPECT_EQ(countMoved("core.l2.energy", "9 pJ/bit"), 0);
  EXPECT_EQ(countMoved("chip.launch.gap", "9 us"), 0);
  EXPECT_EQ(countMoved("integer.rate.i8", "1 op/clk"), 0);
}

TEST(Tiles, RowsFollowTheMachineToo) {
  machine::Machine machine = perturb("x86-amx", "core.count", "2");
  for (double rows : {1, 7, 64, 4096})
    for (double width : {64, 1000, 65536}) {
      double least = HUGE_VAL;
      for (double tile = 1; tile <= 64 && tile < 2 * rows; tile *= 2)
        least =
            std::min(least, time(getRowTileFacts(rows, width, tile), machine));
      double chosen = chooseRowTile(rows, width, machine);
      EXPECT_LE(time(getRowTileFacts(rows, width, chosen), machine),
                1.01 * least)
          << rows << " " << width;
    }
  // More cores, costlier items and a smaller cache each move them.
  EXPECT_LT(chooseRowTile(256, 512, perturb("x86-amx", "core.count", "56")),
            chooseRowTile(256, 512, machine));
  EXPECT_GT(
      chooseRowTile(4096, 8192, perturb("x86-amx", "core.exec.start", "1 ms")),
      chooseRowTile(4096, 8192, perturb("x86-amx", "", "")));
  auto small = [](const char *capacity) {
    machine::Machine machine = perturb("x86-amx", "core.l1.capacity", capacity);
    machine.cores.value = 1;
    // What does not stay in the first cache is dear.
    machine.memories[1].bandwidth.value /= 24;
    return chooseRowTile(4096, 512, machine);
  };
  EXPECT_LT(small("16 KiB"), small("48 KiB"));
}

static double timeBlock(const Convolution &problem, double block,
                        const machine::Machine &machine) {
  return time(block == 1 ? getTapFacts(problem)
                         : getSpectralFacts(problem, block),
              machine);
}

TEST(Tiles, BlocksOfConvolutionsFollowTheMachineToo) {
  auto choose = [](double tokens, double taps, const char *path,
                   const char *value) {
    machine::Machine machine = perturb("x86-amx", path, value);
    Convolution problem{1, 768, tokens, taps, Element::f32, tokens < taps};
    double least = timeBlock(problem, 1, machine);
    for (double block = 32; block <= 16384; block *= 2)
      if (block < 2 * std::min(tokens, taps))
        least = std::min(least, timeBlock(problem, block, machine));
    double chosen = chooseConvolutionBlock(problem, machine);
    EXPECT_LE(timeBlock(problem, chosen, machine), 1.01 * least)
        << tokens << " tokens, " << taps << " taps";
    return chosen;
  };
  // Few taps or tokens are added up, many are transformed.
  EXPECT_EQ(choose(65536, 4, "", ""), 1);
  EXPECT_EQ(choose(1, 65536, "", ""), 1);
  EXPECT_GT(choose(65536, 65536, "", ""), 256);
  EXPECT_GT(choose(8192, 65536, "", ""), 1);
  // Dearer launches, of which spectra need four; caches that hold less; slower
  // additions.
  EXPECT_GT(choose(512, 512, "", ""), 1);
  EXPECT_EQ(choose(512, 512, "chip.launch.gap", "1 s"), 1);
  // Taps whose spectra are made at load leave less to do.
  machine::Machine machine = perturb("x86-amx", "", "");
  Convolution problem{1, 768, 512, 512, Element::f32};
  double each = timeBlock(problem, 512, machine);
  problem.areTapsKnown = true;
  EXPECT_LT(timeBlock(problem, 512, machine), 0.9 * each);
  EXPECT_NE(choose(65536, 65536, "core.l2.capacity", "64 KiB"),
            choose(65536, 65536, "", ""));
  EXPECT_NE(choose(65536, 65536, "fma.rate.f32", "1 flop/clk"),
            choose(65536, 65536, "", ""));
}

static double chooseRows(const Recurrence &problem, const std::string &path,
                         const std::string &value) {
  machine::Machine machine = perturb("x86-amx", path, value);
  machine.cores.value = 2;
  double least = HUGE_VAL, second = HUGE_VAL;
  for (double rows = 1; rows <= 256 && rows < 2 * problem.tokens; rows *= 2) {
    double seconds =
        time(getChunkedFacts(problem, rows, ChunkForm::walk), machine);
    second = std::min(second, std::max(least, seconds));
    least = std::min(least, seconds);
  }
  Choice choice = chooseChunk(problem, machine);
  EXPECT_LE(choice.seconds, 1.01 * least);
  // What is told of the next best is the best of the others.
  EXPECT_DOUBLE_EQ(choice.nextSeconds,
                   choice.seconds == least ? second : least);
  return listChunks(problem.tokens)[choice.chosen];
}

TEST(Tiles, ChunksOfRecurrencesFollowTheMachineToo) {
  Recurrence ssd{1, 32, 1, 2048, 128, 64, Element::bf16};
  ssd.roundsFrom = 16;
  Recurrence delta{1, 16, 16, 2048, 128, 128, Element::bf16, UpdateRule::delta};
  delta.roundsFrom = 16;
  Recurrence wide = ssd, components = delta;
  wide.element = components.element = Element::f32;
  components.decaysRows = true;
  // The matrix unit wants more rows than vectors do; decays of components want
  // few, whose exponentials are all their own.
  EXPECT_EQ(chooseRows(ssd, "", ""), 32);
  EXPECT_EQ(chooseRows(delta, "", ""), 32);
  EXPECT_EQ(chooseRows(wide, "", ""), 8);
  EXPECT_EQ(chooseRows(components, "", ""), 4);
  // Each of these moves them.
  EXPECT_GT(chooseRows(ssd, "core.l1.capacity", "16 KiB"), 32);
  EXPECT_LT(chooseRows(ssd, "amx.rate.bf16", "16 flop/clk"), 32);
  EXPECT_GT(chooseRows(wide, "core.l1.bandwidth", "4 B/clk"), 8);
  EXPECT_EQ(chooseRows(components, "emulate.exp2.ops", "400"), 1);
  EXPECT_GT(chooseRows(components, "core.l2.bandwidth", "8 B/clk"), 4);
  // A unit's own numbers do not where it takes nothing.
  EXPECT_EQ(chooseRows(wide, "amx.rate.bf16", "16 flop/clk"), 8);
  // A call of few tokens is one chunk at most.
  ssd.tokens = 3;
  EXPECT_LE(chooseRows(ssd, "", ""), 4);
}

TEST(Tiles, AMachineThatComputesNoneGetsTheFirst) {
  machine::Machine machine = perturb("x86-avx512", "", "");
  machine.units.clear();
  machine.units.push_back({});
  EXPECT_EQ(chooseFastest({getRowTileFacts(4, 64, 1)}, machine).chosen, 0u);
}

TEST(Tiles, AUnitForTransformsMovesConvolutionsFromTapsToSpectra) {
  machine::Machine machine = loadMachine("x86-avx512");
  // With fast vectors it is the points' way through memory that decides.
  for (machine::Unit &unit : machine.units)
    unit.rate[size_t(Element::f32)].value /= 32;
  machine::Machine with = machine;
  machine::Unit unit;
  unit.name = "fft";
  unit.kind = machine::UnitKind::fft;
  unit.rate[size_t(Element::f32)] = {1e13, machine::Status::assumed};
  with.units.push_back(unit);
  int moved = 0;
  for (double tokens = 2; tokens <= 512; tokens *= 1.5)
    for (double taps = 17; taps <= 1024; taps *= 1.5) {
      Convolution problem{
          1, 512, std::floor(tokens), std::floor(taps), Element::f32, true};
      double before = chooseConvolutionBlock(problem, machine);
      double after = chooseConvolutionBlock(problem, with);
      // A faster transform is no reason to go back to taps.
      EXPECT_FALSE(before > 1 && after == 1) << tokens << " " << taps;
      moved += before == 1 && after > 1;
    }
  EXPECT_GT(moved, 0);
}

TEST(Tiles, AttentionTakesTheFastestTileThatFits) {
  machine::Machine machine = loadMachine("tpu-v5p");
  Attention problem{1, 16, 16, 2048, 8192, 128, 128, Element::bf16, true};
  Tile wide = chooseAttentionTile(problem, machine);
  EXPECT_GE(wide.m * wide.n, 128 * 128);
  machine.memories.front().capacity.value = 64 << 10;
  Tile narrow = chooseAttentionTile(problem, machine);
  EXPECT_LT(narrow.m + narrow.n, wide.m + wide.n);
  // Queries, two steps of keys and values, and sums.
  EXPECT_LE((narrow.m * 128 + 2 * narrow.n * 256) * 2 + narrow.m * 128 * 4,
            64 << 10);
}
