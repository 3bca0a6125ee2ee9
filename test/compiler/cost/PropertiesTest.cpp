// No prediction is below the roofline, and no faster resource makes one slower.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "Kernels.h"

#include "compiler/cost/Model.h"
#include "gtest/gtest.h"
#include <algorithm>

using namespace sennit;
using namespace sennit::cost;

/// Seconds that no execution can do without, from peaks alone and without the
/// model's own sums: the best rate of any unit for anything, the largest
/// memory's bandwidth for bytes that are touched at least once.
static double getFloor(const KernelFacts &facts,
                       const machine::Machine &machine) {
  double best = 0, special = 0;
  for (const machine::Unit &unit : machine.units) {
    double sum = 0;
    for (const machine::Quantity &rate : unit.rate)
      sum = std::max(sum, rate.value);
    best += sum * unit.instances;
    for (const machine::Quantity &rate : unit.special)
      special = std::max(special, rate.value * unit.instances);
  }
  double flops = 0, specials = 0;
  for (const ItemRun &run : facts.items) {
    for (const Product &product : run.work.products)
      flops += product.getFlops() * run.count;
    for (double operations : run.work.special)
      specials += operations * run.count;
  }
  double seconds = flops / best;
  if (special > best)
    seconds = std::max(seconds, specials / special);
  const machine::Memory &last = machine.memories.back();
  if (machine.memories.size() > 1)
    seconds = std::max(seconds, facts.getCompulsory() /
                                    (last.bandwidth.value * last.instances));
  return seconds;
}

/// A shipped machine with every resource scaled by chance.
static machine::Machine disturb(machine::Machine machine,
                                std::mt19937 &random) {
  std::uniform_real_distribution<double> spread(-2, 2);
  for (auto &[name, quantity] : getResources(machine))
    quantity->value *= std::exp2(spread(random));
  return machine;
}

static double getSeconds(const KernelFacts &facts,
                         const machine::Machine &machine) {
  std::string reason;
  auto prediction = predict(facts, machine, {}, reason);
  EXPECT_TRUE(prediction) << reason;
  return prediction ? prediction->seconds : 0;
}

TEST(Properties, NothingIsFasterThanTheRoofline) {
  std::mt19937 random(1);
  for (const machine::Machine &shipped : loadAllMachines())
    for (int round = 0; round < 240; ++round) {
      machine::Machine machine = disturb(shipped, random);
      KernelFacts facts =
          round % 4 ? makeKernel(round, random) : makeArbitrary(random);
      EXPECT_GE(getSeconds(facts, machine), getFloor(facts, machine))
          << facts.name << " on " << machine.name;
    }
}

TEST(Properties, NoFasterOrLargerResourceMakesAKernelSlower) {
  std::mt19937 random(2);
  for (const machine::Machine &shipped : loadAllMachines())
    for (int round = 0; round < 60; ++round) {
      machine::Machine machine = disturb(shipped, random);
      KernelFacts facts =
          round % 4 ? makeKernel(round, random) : makeArbitrary(random);
      double before = getSeconds(facts, machine);
      std::uniform_real_distribution<double> growth(1.001, 8);
      for (auto &[name, quantity] : getResources(machine)) {
        double old = quantity->value;
        quantity->value *= growth(random);
        EXPECT_LE(getSeconds(facts, machine), before * (1 + 1e-9))
            << facts.name << " on " << machine.name << " with more of " << name;
        quantity->value = old;
      }
    }
}

TEST(Properties, SomeResourceOfEveryMachineDecidesSomething) {
  // That more never hurts would hold of a model that reads nothing.
  std::mt19937 random(3);
  for (machine::Machine &machine : loadAllMachines()) {
    int decided = 0;
    for (int round = 0; round < 60; ++round) {
      KernelFacts facts = makeKernel(round, random);
      double before = getSeconds(facts, machine);
      for (auto &[name, quantity] : getResources(machine)) {
        double old = quantity->value;
        quantity->value *= 0.25;
        decided += getSeconds(facts, machine) > before * 1.001;
        quantity->value = old;
      }
    }
    EXPECT_GT(decided, 5) << machine.name;
  }
}

TEST(Properties, ADealIsNeverLongerForMoreSlots) {
  std::mt19937 random(4);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::pair<double, double>> items;
    double sum = 0, longest = 0;
    for (int i = 0; i < 1 + int(random() % 20); ++i) {
      items.push_back({1e-6 * (1 + random() % 1000), 1.0 + random() % 40});
      sum += items.back().first * items.back().second;
      longest = std::max(longest, items.back().first);
    }
    double before = 1e9;
    for (double slots : {1, 2, 3, 7, 16, 56, 132, 1000}) {
      double seconds = dealItems(items, slots);
      EXPECT_LE(seconds, before * (1 + 1e-12));
      EXPECT_GE(seconds * (1 + 1e-12), std::max(sum / slots, longest));
      EXPECT_LE(seconds, (sum / slots + longest) * (1 + 1e-12));
      before = seconds;
    }
  }
}
