// Lists legal tiles and asks the model for the fastest.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/Tiles.h"

#include "compiler/cost/Model.h"
#include <algorithm>
#include <cmath>

namespace sennit::cost {

using machine::Machine;
using machine::Unit;
using machine::UnitKind;

/// The unit that computes products by such panels: the first matrix unit that
/// takes their groups, else the first vector unit.
static const Unit &getUnit(const PanelProduct &problem,
                           const Machine &machine) {
  auto takes = [&](const Unit &unit) {
    return problem.group == 1
               ? unit.kind == UnitKind::vector
               : unit.kind == UnitKind::matrix && unit.group == problem.group;
  };
  auto found = std::find_if(machine.units.begin(), machine.units.end(), takes);
  return found == machine.units.end() ? machine.units.front() : *found;
}

/// Divisors of `count` up to `most`, least first.
static std::vector<double> getDivisors(double count, double most) {
  std::vector<double> divisors;
  for (double i = 1; i <= std::min(count, most); ++i)
    if (std::fmod(count, i) == 0)
      divisors.push_back(i);
  return divisors;
}

static std::vector<double> listRows(const PanelProduct &problem,
                                    const Unit &unit) {
  constexpr double most = 96;
  double block = problem.group == 1 ? unit.blockM : unit.fragmentM;
  if (problem.m <= block)
    return {problem.m};
  std::vector<double> rows;
  double last = std::ceil(problem.m / block) * block;
  for (double m = block; m <= std::min(std::max(most, block), last); m += block)
    rows.push_back(m);
  return rows;
}

static std::vector<double> listDepths(const PanelProduct &problem,
                                      const Unit &unit) {
  constexpr double uneven = 256;
  bool isGrouped = problem.group != 1;
  double step = isGrouped ? unit.fragmentK[size_t(problem.element)] : 1;
  double least = isGrouped ? 128 : 64;
  std::vector<double> depths = {problem.k};
  for (double parts = 2; problem.k / parts >= least; ++parts) {
    double depth = problem.k / parts;
    if (std::fmod(depth, step) == 0 && depth <= depths.back() / 2)
      depths.push_back(depth);
  }
  if (depths.size() == 1 && !isGrouped && problem.k > uneven)
    depths.push_back(uneven);
  return depths;
}

std::vector<Tile> listTiles(const PanelProduct &problem,
                            const Machine &machine) {
  constexpr double mostPanels = 8;
  const Unit &unit = getUnit(problem, machine);
  std::vector<Tile> tiles;
  for (double panels :
       getDivisors(std::ceil(problem.n / problem.panel), mostPanels))
    for (double m : listRows(problem, unit))
      for (double k : listDepths(problem, unit))
        tiles.push_back({m, panels * problem.panel, k, 1});
  return tiles;
}

KernelFacts getPanelFacts(const PanelProduct &problem, const Tile &tile) {
  KernelFacts facts = getMatmulFacts(
      {problem.m, problem.n, problem.k, Element::f32, problem.element}, tile);
  for (ItemRun &run : facts.items) {
    for (Product &product : run.work.products) {
      product.m = tile.m;
      product.n = tile.n;
      product.k = tile.k;
    }
    // Sums that a later step goes on with begin as zeros in memory.
    if (tile.k < problem.k)
      run.work.vector[size_t(Element::f32)] += tile.m * tile.n;
  }
  return facts;
}

std::vector<double> listRowTiles(double rows) {
  constexpr double most = 64;
  std::vector<double> tiles;
  for (double tile = 1; tile <= most; tile *= 2) {
    tiles.push_back(tile);
    if (tile >= rows)
      break;
  }
  return tiles;
}

KernelFacts getRowTileFacts(double rows, double width, double tile) {
  constexpr double reads = 2, operations = 4;
  return getRowsFacts({rows, width, reads, operations}, tile);
}

size_t chooseFastest(const std::vector<KernelFacts> &candidates,
                     const Machine &machine) {
  constexpr double close = 1.01;
  struct Rank {
    size_t candidate;
    double seconds, busy;
  };
  std::vector<Rank> ranks;
  std::string reason;
  for (size_t i = 0; i < candidates.size(); ++i)
    if (auto prediction = predict(candidates[i], machine, {}, reason)) {
      double busy = 0;
      for (const Resource &resource : prediction->resources)
        busy += resource.seconds;
      ranks.push_back({i, prediction->seconds, busy});
    }
  double least = HUGE_VAL;
  for (const Rank &rank : ranks)
    least = std::min(least, rank.seconds);
  const Rank *best = nullptr;
  for (const Rank &rank : ranks)
    if (rank.seconds <= close * least && (!best || rank.busy < best->busy))
      best = &rank;
  return best ? best->candidate : 0;
}

Tile chooseTile(const PanelProduct &problem, const Machine &machine) {
  std::vector<Tile> tiles = listTiles(problem, machine);
  std::vector<KernelFacts> facts;
  for (const Tile &tile : tiles)
    facts.push_back(getPanelFacts(problem, tile));
  return tiles[chooseFastest(facts, machine)];
}

double chooseRowTile(double rows, double width, const Machine &machine) {
  std::vector<double> tiles = listRowTiles(rows);
  std::vector<KernelFacts> facts;
  for (double tile : tiles)
    facts.push_back(getRowTileFacts(rows, width, tile));
  return tiles[chooseFastest(facts, machine)];
}

} // namespace sennit::cost
