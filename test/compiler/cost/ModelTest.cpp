// Predictions of known situations: which resource binds, and what moves it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "Kernels.h"

#include "compiler/cost/Program.h"
#include "compiler/cost/Recurrences.h"
#include "gtest/gtest.h"
#include <chrono>

using namespace sennit;
using namespace sennit::cost;

static Prediction run(const KernelFacts &facts, const machine::Machine &machine,
                      double resident = 0) {
  std::string reason;
  auto prediction = predict(facts, machine, {resident}, reason);
  EXPECT_TRUE(prediction) << reason;
  return prediction.value_or(Prediction());
}

static machine::Unit &getUnit(machine::Machine &machine,
                              const std::string &name) {
  return *std::find_if(machine.units.begin(), machine.units.end(),
                       [&](const machine::Unit &u) { return u.name == name; });
}

static const Matmul large{8192,          8192,          8192,
                          Element::bf16, Element::bf16, Element::bf16};
static const Tile hopperTile{128, 256, 64, 4};

TEST(Model, ALargeProductIsBoundByTheMatrixUnit) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  Prediction prediction =
      run(getMatmulFacts(large, {256, 256, 64, 3}), machine);
  EXPECT_EQ(prediction.bound.name, "wgmma");
  double share = 2.0 * 8192 * 8192 * 8192 / prediction.seconds /
                 machine.getPeak(Element::bf16).value;
  // 1024 tiles on 132 cores are 7.8 waves, of which 8 are needed.
  EXPECT_GT(share, 0.9);
  EXPECT_LT(share, 1);
  EXPECT_EQ(prediction.bound.status, machine::Status::literature);
  // Half the tile reads its operands half again as often: through L2, which
  // then takes longest.
  EXPECT_EQ(run(getMatmulFacts(large, hopperTile), machine).bound.name, "l2");
}

TEST(Model, AStepIsBoundByTheLargestMemory) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  Matmul step = large;
  step.m = 1;
  Prediction prediction = run(getMatmulFacts(step, {1, 64, 512, 4}), machine);
  EXPECT_EQ(prediction.bound.name, "hbm");
  EXPECT_NEAR(prediction.bytes, 8192.0 * 8192 * 2, 1e5);
}

TEST(Model, ASmallKernelIsItsLaunch) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  Prediction prediction = run(getRowsFacts({4, 256}, 1), machine);
  EXPECT_EQ(prediction.bound.name, "launch");
  // The host launches more slowly than the device runs.
  EntryFacts entry;
  entry.kernels.push_back({getRowsFacts({4, 256}, 1), 100, 0});
  entry.touched = 1e12;
  std::string reason;
  auto whole = predict(entry, machine, reason);
  ASSERT_TRUE(whole) << reason;
  EXPECT_GT(machine.launchHost.value, prediction.seconds);
  EXPECT_DOUBLE_EQ(whole->seconds, 100 * machine.launchHost.value);
  EXPECT_FALSE(whole->fits);
}

TEST(Model, ExponentialsBindAttentionOnceTheMatrixUnitIsTwiceAsFast) {
  // FlashAttention-4's observation, from Hopper to Blackwell.
  Attention problem{2, 16, 16, 8192, 0, 128, 128, Element::bf16, false};
  KernelFacts facts = getPrefillFacts(problem, {128, 128, 128});
  auto ratio = [&](const char *name, const char *unit) {
    Prediction prediction = run(facts, loadMachine(name));
    double matrix = 0, exponentials = 0;
    for (const Resource &resource : prediction.resources) {
      matrix = resource.name == unit ? resource.seconds : matrix;
      exponentials = resource.name == "mufu" ? resource.seconds : exponentials;
    }
    return exponentials / matrix;
  };
  // 1024 cycles against 2048, then against 1024, less the clocks' difference.
  EXPECT_NEAR(ratio("nvidia-h200-sxm", "wgmma"), 0.5 * 1830 / 1980, 0.02);
  EXPECT_NEAR(ratio("nvidia-b200-sxm", "tcgen05"), 1.0 * 1860 / 1965, 0.02);
}

TEST(Model, TailsCostWhatTheyOccupy) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  Matmul problem{128 * 12, 256 * 11, 4096, Element::bf16, Element::bf16};
  KernelFacts even = getMatmulFacts(problem, hopperTile);
  ASSERT_EQ(even.countItems(), 132);
  problem.n += 256;
  KernelFacts more = getMatmulFacts(problem, hopperTile);
  double ratio = run(more, machine).seconds / run(even, machine).seconds;
  EXPECT_GT(ratio, 1.6);
}

TEST(Model, ACacheThatHoldsTheModelSparesTheMemory) {
  machine::Machine machine = loadMachine("x86-amx");
  KernelFacts facts = getMatmulFacts({1, 512, 512}, {1, 64, 512});
  double cold = run(facts, machine).seconds;
  Prediction warm = run(facts, machine, 1);
  EXPECT_LT(warm.seconds, cold);
  EXPECT_EQ(warm.bytes, 0);
}

TEST(Model, OneCoreIsStillLimitedByWhatItMayHaveInFlight) {
  machine::Machine machine = loadMachine("x86-amx");
  KernelFacts facts = getMatmulFacts({1, 4096, 4096}, {1, 64, 512});
  double many = run(facts, machine).seconds;
  machine.cores.value = 1;
  for (machine::Memory &memory : machine.memories)
    if (memory.isPrivate)
      memory.instances = 1;
  double bytes = 4096.0 * 4096 * 2, latency = machine.memories[3].latency.value;
  EXPECT_GE(run(facts, machine).seconds,
            bytes * latency / machine.inFlight.value);
  EXPECT_GT(run(facts, machine).seconds, 10 * many);
}

TEST(Model, PowersSayHowFarResourcesWorkSideBySide) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  Attention problem{2, 16, 16, 8192, 0, 128, 128, Element::bf16, false};
  KernelFacts facts = getPrefillFacts(problem, {128, 128, 128});
  auto at = [&](double units, double transfers) {
    machine.unitsPower.value = units;
    machine.transfersPower.value = transfers;
    return run(facts, machine).seconds;
  };
  // None is all side by side, 1 is one after the other.
  double none = at(0, 0), sum = at(1, 1);
  EXPECT_LT(none, at(4, 4));
  EXPECT_LT(at(4, 4), at(1.5, 4));
  EXPECT_LT(at(1.5, 4), at(1.5, 2));
  EXPECT_LT(at(1.5, 2), sum);
  EXPECT_NEAR(at(1000, 1000), none, none * 0.01);
}

TEST(Model, ACallCostsSomethingBesideItsLaunches) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  EntryFacts entry;
  entry.kernels.push_back({getMatmulFacts(large, hopperTile), 1, 0});
  std::string reason;
  machine.launchCall = {};
  double without = predict(entry, machine, reason)->seconds;
  machine.launchCall.value = 1e-5;
  EXPECT_DOUBLE_EQ(predict(entry, machine, reason)->seconds, without + 1e-5);
}

TEST(Model, OtherCoresBeginAForkLater) {
  machine::Machine machine = loadMachine("x86-avx512");
  machine.cores.value = 2;
  KernelFacts facts = getMatmulFacts({1, 512, 512}, {1, 256, 512, 1});
  auto run = [&](double cores, double fork) {
    machine.cores.value = cores;
    machine.launchFork.value = fork;
    return ::run(facts, machine, 1).seconds;
  };
  double together = run(2, 0), alone = run(1, 0);
  EXPECT_GT(alone, 1.5 * together);
  // Both do half of what is left.
  EXPECT_NEAR(run(2, 1e-6), together + 0.5e-6, 1e-9);
  // Or the other finds nothing left; there is nothing to wait for.
  EXPECT_NEAR(run(2, 1), alone, 0.05 * alone);
  EXPECT_EQ(run(1, 1), alone);
}

TEST(Model, AnItemThatGoesOpByOpWaitsForAllOfItsWork) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  // One item of many steps: nothing fills its gaps.
  KernelFacts facts = getMatmulFacts({64, 64, 4096}, {64, 64, 64});
  double ahead = run(facts, machine).seconds;
  facts.isStepwise = true;
  double inTurn = run(facts, machine).seconds;
  EXPECT_GT(inTurn, ahead);
  // Reads of operands hide behind the product, and what hides none adds up.
  Chain &chain = facts.items.front().work.chain;
  chain.near = 1;
  EXPECT_NEAR(run(facts, machine).seconds, inTurn, inTurn * 1e-6);
  chain.near = 1e6;
  EXPECT_GT(run(facts, machine).seconds, 1e6 * machine.getNear().latency.value);
  chain.near = 0;
  chain.barrier += 1000;
  EXPECT_NEAR(run(facts, machine).seconds,
              inTurn + 1000 * machine.barrier.value, 1e-9);
}

TEST(Model, WhatTheLastCacheHoldsAnswersSooner) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  KernelFacts facts = getRowsFacts({4, 256}, 1);
  facts.items.front().work.chain.memory = 1000;
  double far = machine.memories.back().latency.value,
         near = machine.memories[machine.memories.size() - 2].latency.value;
  EXPECT_NEAR(run(facts, machine, 0).seconds - run(facts, machine, 1).seconds,
              1000 * (far - near) + far, 1e-9);
}

TEST(Model, AMatrixUnitThatSplitsOneOperandPaysForIt) {
  machine::Machine machine = loadMachine("x86-amx");
  // Without the drain of each block, which pieces share.
  getUnit(machine, "amx").latency = {};
  auto matrixSeconds = [&](Element a, Element b) {
    Matmul problem{256, 256, 256, a, b, Element::f32};
    Prediction p = run(getMatmulFacts(problem, {64, 64, 256}), machine);
    for (const Resource &resource : p.resources)
      if (resource.name == "amx")
        return resource.seconds;
    return -1.0;
  };
  double whole = matrixSeconds(Element::bf16, Element::bf16);
  EXPECT_GT(whole, 0);
  EXPECT_NEAR(matrixSeconds(Element::f32, Element::bf16), 2 * whole, 1e-12);
  EXPECT_EQ(matrixSeconds(Element::f32, Element::f32), 0);
}

TEST(Model, WhatAMachineCannotComputeIsNamed) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  machine.emulate = {};
  KernelFacts facts = getRowsFacts({4, 256}, 1);
  facts.items[0].work.special[size_t(Special::erf)] = 1;
  std::string reason;
  EXPECT_FALSE(predict(facts, machine, {}, reason));
  EXPECT_EQ(reason, "the machine `nvidia-h200-sxm` does not compute `erf`, "
                    "neither by a unit nor under `emulate`");
}

TEST(Model, EnergyIsGivenOnlyWhereEveryPartOfItIsKnown) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  KernelFacts facts = getMatmulFacts(large, hopperTile);
  Prediction known = run(facts, machine);
  ASSERT_TRUE(known.energy) << known.missingEnergy;
  // More than the products alone, less than twice the limit of power.
  EXPECT_GT(*known.energy, facts.countOperations() * 0.35e-12);
  EXPECT_LT(*known.energy / known.seconds, 2 * machine.powerLimit.value);
  getUnit(machine, "wgmma").energy = {};
  Prediction unknown = run(facts, machine);
  EXPECT_FALSE(unknown.energy);
  EXPECT_EQ(unknown.missingEnergy, "wgmma.energy.bf16");
}

TEST(Model, TheFormOfARecurrenceFollowsTheMachine) {
  // Few heads leave cores idle in a walk; many fill them without the extra
  // traffic of three kernels.
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  auto isWalkFaster = [&](double heads) {
    Recurrence problem{1, heads, 1, 65536, 128, 64, Element::bf16};
    return run(getChunkedFacts(problem, 128, ChunkForm::walk), machine)
               .seconds <
           run(getChunkedFacts(problem, 128, ChunkForm::threePhase), machine)
               .seconds;
  };
  EXPECT_FALSE(isWalkFaster(8));
  EXPECT_TRUE(isWalkFaster(132 * 16));
}

TEST(Model, AKernelIsPredictedInMicroseconds) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  KernelFacts facts = getMatmulFacts({4096, 4096, 4096}, hopperTile);
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i)
    run(facts, machine);
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count() / 100, 1e-3);
}

/// An item of one task: a scan of `steps` operations one after the other.
static KernelFacts makeScan(double operations, double steps) {
  KernelFacts facts;
  facts.name = "scan";
  Work item;
  item.given[0][size_t(Element::f32)] = operations;
  item.chain.scans = steps / 16;
  item.chain.scanSteps = steps;
  facts.items.push_back({item, 1});
  return facts;
}

static machine::Unit makeScanUnit(double rate, double latency) {
  machine::Unit unit;
  unit.name = "scan";
  unit.kind = machine::UnitKind::scan;
  unit.rate[size_t(Element::f32)] = {rate, machine::Status::assumed};
  unit.latency = {latency, machine::Status::assumed};
  return unit;
}

static double getSeconds(const Prediction &prediction,
                         const std::string &resource) {
  for (const Resource &known : prediction.resources)
    if (known.name == resource)
      return known.seconds;
  return 0;
}

TEST(Model, ATaskIsTheVectorsWithoutAUnitAndTheUnitsWithOne) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  KernelFacts facts = makeScan(1e6, 1600);
  Prediction without = run(facts, machine);
  const machine::Unit &fma = getUnit(machine, "fma");
  EXPECT_DOUBLE_EQ(getSeconds(without, "fma"),
                   2e6 / fma.rate[size_t(Element::f32)].value);
  EXPECT_DOUBLE_EQ(getSeconds(without, "latency"), 1600 * fma.latency.value);
  // Vectors whose lanes pass nothing to each other take several operations.
  machine.emulateTask[0] = {5, machine::Status::assumed};
  EXPECT_DOUBLE_EQ(getSeconds(run(facts, machine), "fma"),
                   5 * getSeconds(without, "fma"));
  EXPECT_DOUBLE_EQ(getSeconds(run(facts, machine), "latency"),
                   5 * getSeconds(without, "latency"));
  machine.units.push_back(makeScanUnit(1e13, 20e-9));
  Prediction with = run(facts, machine);
  EXPECT_EQ(getSeconds(with, "fma"), 0);
  EXPECT_DOUBLE_EQ(getSeconds(with, "scan"), 1e6 / 1e13);
  EXPECT_DOUBLE_EQ(getSeconds(with, "latency"), 100 * 20e-9);
  EXPECT_LT(with.seconds, without.seconds);
  // A unit takes only its own task and elements that it has a rate for.
  std::swap(facts.items[0].work.given[0], facts.items[0].work.given[1]);
  EXPECT_GT(getSeconds(run(facts, machine), "fma"), 0);
}

TEST(Model, AFunctionGoesToTheUnitThatWasMadeForIt) {
  machine::Machine machine = loadMachine("nvidia-h200-sxm");
  KernelFacts facts = getRowsFacts({4096, 4096, 2, 1, 4}, 16);
  machine::Unit unit = getUnit(machine, "mufu");
  unit.name = "exp";
  unit.special = {};
  unit.special[size_t(Special::exp)] = {1e12, machine::Status::assumed};
  machine.units.push_back(unit);
  Prediction prediction = run(facts, machine);
  EXPECT_EQ(getSeconds(prediction, "mufu"), 0);
  EXPECT_GT(getSeconds(prediction, "exp"), 0);
}
