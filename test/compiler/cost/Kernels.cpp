// Makes kernels and lists the numbers of machines.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "Kernels.h"

#include "compiler/cost/Convolutions.h"
#include "compiler/cost/Recurrences.h"
#include "compiler/machine/Library.h"
#include "gtest/gtest.h"
#include <cmath>

namespace sennit::cost {

machine::Machine loadMachine(const std::string &name) {
  std::vector<machine::Problem> problems;
  auto root = machine::readMachine(name, problems);
  auto machine = root ? machine::build(*root, problems) : std::nullopt;
  EXPECT_TRUE(machine) << format(problems.front());
  return machine.value_or(machine::Machine());
}

std::vector<machine::Machine> loadAllMachines() {
  std::vector<machine::Machine> machines;
  for (const std::string &name : machine::getShippedMachines())
    machines.push_back(loadMachine(name));
  return machines;
}

namespace {
struct Chance {
  std::mt19937 &random;
  /// A whole number, evenly spread over its logarithm.
  double between(double least, double most) {
    std::uniform_real_distribution<double> spread(std::log(least),
                                                  std::log(most));
    return std::round(std::exp(spread(random)));
  }
  Element element() {
    constexpr Element elements[] = {Element::f32, Element::bf16, Element::f16,
                                    Element::f8, Element::i8};
    return elements[random() % 5];
  }
  Tile tile() {
    return {between(8, 128), between(8, 256), between(16, 128), between(1, 4)};
  }
};
} // namespace

KernelFacts makeKernel(size_t which, std::mt19937 &random) {
  Chance chance{random};
  Matmul matmul{chance.between(1, 4096), chance.between(1, 4096),
                chance.between(1, 4096), chance.element(),
                chance.element(),        Element::f32};
  double heads = chance.between(1, 8);
  Attention attention{chance.between(1, 4),
                      heads * chance.between(1, 4),
                      heads,
                      chance.between(1, 1024),
                      chance.between(1, 4096),
                      chance.between(16, 128),
                      chance.between(16, 128),
                      chance.element(),
                      random() % 2 == 0};
  Recurrence recurrence{
      chance.between(1, 4),    chance.between(1, 64),  1,
      chance.between(1, 4096), chance.between(8, 128), chance.between(8, 128),
      chance.element()};
  Convolution convolution{chance.between(1, 4), chance.between(1, 512),
                          chance.between(2, 8192), chance.between(2, 8192),
                          chance.element()};
  double chunk = chance.between(16, 256);
  switch (which % kernelCount) {
  case 0:
    return getMatmulFacts(matmul, chance.tile());
  case 1:
    return getPrefillFacts(attention, chance.tile());
  case 2:
    attention.queries = 1;
    return getDecodeFacts(attention, chance.tile(), chance.between(1, 16));
  case 3:
    return getChunkedFacts(recurrence, chunk, ChunkForm::walk);
  case 4:
    return getChunkedFacts(recurrence, chunk, ChunkForm::threePhase);
  case 5:
    return getChunkedFacts(recurrence, chunk, ChunkForm::lookBack);
  case 6:
    recurrence.rule = random() % 2 ? UpdateRule::delta : UpdateRule::erase;
    recurrence.decaysRows = random() % 2 == 0;
    return getChunkedFacts(recurrence, std::exp2(random() % 9),
                           ChunkForm::walk);
  case 7:
    return getConvolutionFacts(convolution, ConvolutionForm::direct,
                               chance.tile());
  case 8:
    return getConvolutionFacts(convolution, ConvolutionForm::blocks,
                               chance.tile());
  case 9:
    return getConvolutionFacts(convolution,
                               random() % 2 ? ConvolutionForm::fft
                                            : ConvolutionForm::matrixFft,
                               chance.tile());
  case 10:
    return getSpectralFacts(convolution, std::exp2(4 + random() % 10));
  case 11:
    return getExpertsFacts(routeTokens(chance.between(1, 1024), 8, 2, 0.8),
                           matmul, chance.tile());
  default:
    return getRowsFacts({chance.between(1, 4096), chance.between(16, 8192), 2,
                         chance.between(1, 10), 1, Element::f32},
                        chance.between(1, 64));
  }
}

KernelFacts makeArbitrary(std::mt19937 &random) {
  Chance chance{random};
  KernelFacts facts;
  facts.name = "arbitrary";
  double count = chance.between(1, 6000);
  for (int i = 0; i < 3; ++i) {
    Work work;
    work.products.push_back({chance.between(1, 300), chance.between(1, 300),
                             chance.between(1, 300), chance.element(),
                             chance.element(), chance.between(1, 20)});
    work.vector[size_t(Element::f32)] = chance.between(1, 1e6);
    work.vector[size_t(Element::i32)] = chance.between(1, 1e5);
    for (auto &ofTask : work.given)
      ofTask[size_t(Element::f32)] = chance.between(1, 1e5);
    work.special[random() % machine::specialCount] = chance.between(1, 1e5);
    work.moved = chance.between(1, 1e6);
    work.chain = {chance.between(1, 100), chance.between(1, 10),
                  chance.between(1, 10), 1, 1};
    facts.items.push_back({work, count});
  }
  for (int i = 0; i < 4; ++i) {
    Access access{"access", chance.between(1, 1e5), {}, random() % 2 == 0};
    for (int loop = 0; loop < 3; ++loop) {
      double trips = chance.between(1, 64);
      access.loops.push_back({trips, std::min(trips, chance.between(1, 64)),
                              chance.between(1, 1e9), random() % 2 == 0});
    }
    facts.accesses.push_back(access);
  }
  facts.footprint = chance.between(1, 1e6);
  return facts;
}

std::vector<std::pair<std::string, machine::Quantity *>>
getResources(machine::Machine &machine) {
  std::vector<std::pair<std::string, machine::Quantity *>> resources;
  auto add = [&](std::string name, machine::Quantity &quantity) {
    if (quantity)
      resources.push_back({std::move(name), &quantity});
  };
  for (machine::Memory &memory : machine.memories) {
    add(memory.name + ".capacity", memory.capacity);
    add(memory.name + ".bandwidth", memory.bandwidth);
  }
  for (machine::Unit &unit : machine.units) {
    for (machine::Quantity &rate : unit.rate)
      add(unit.name + ".rate", rate);
    for (machine::Quantity &rate : unit.special)
      add(unit.name + ".rate", rate);
  }
  add("port", machine.corePort);
  add("in flight", machine.inFlight);
  return resources;
}

} // namespace sennit::cost
