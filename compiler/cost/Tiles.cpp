// Lists legal tiles and asks the model for the fastest.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/Tiles.h"

#include "compiler/cost/Model.h"
#include <algorithm>
#include <cmath>
#include <tuple>

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

/// As many parts as of `most` rows, of nearly equal height: rows that nobody
/// asked for are computed too.
static double balance(double rows, double most, double step) {
  double each = rows / std::ceil(rows / most);
  return std::min(most, std::ceil(each / step) * step);
}

static std::vector<double> listRows(const PanelProduct &problem,
                                    const Unit &unit) {
  constexpr double most = 512;
  bool isGrouped = problem.group != 1;
  double block = isGrouped ? unit.fragmentM : unit.blockM;
  if (problem.m <= block)
    return {problem.m};
  std::vector<double> rows;
  double last = std::ceil(problem.m / block) * block;
  for (double power = block; power <= std::min(most, last); power *= 2)
    for (double m : {power, 1.5 * power})
      if (std::fmod(m, block) == 0 && m <= std::min(most, last))
        rows.push_back(m);
  if (last <= most)
    rows.push_back(last);
  for (double &m : rows)
    m = balance(problem.m, m, isGrouped ? unit.fragmentM : 1);
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

static std::vector<double> listDepths(const PanelProduct &problem,
                                      const Unit &unit) {
  constexpr double uneven = 256;
  bool isGrouped = problem.group != 1;
  double step = isGrouped ? unit.fragmentK[size_t(problem.element)] : 1;
  double least = isGrouped ? 128 : 64;
  // The excess holds zeros, so that parts may end past the depth's end.
  double all = std::ceil(problem.k / step) * step;
  std::vector<double> depths = {problem.k};
  if (problem.keepsDepth)
    return depths;
  for (double parts = 2; all / parts >= least; ++parts) {
    double depth = all / parts;
    if (std::fmod(depth, step) == 0 && depth <= depths.back() / 2)
      depths.push_back(depth);
  }
  if (depths.size() == 1 && !isGrouped && problem.k > uneven)
    depths.push_back(uneven);
  return depths;
}

std::vector<PanelTile> listTiles(const PanelProduct &problem,
                                 const Machine &machine) {
  constexpr double mostPanels = 8;
  const Unit &unit = getUnit(problem, machine);
  std::vector<PanelTile> tiles;
  double all = std::ceil(problem.n / problem.panel);
  for (double span : getDivisors(all, problem.walks ? all : mostPanels))
    for (double panels : getDivisors(span, mostPanels))
      for (double m : listRows(problem, unit))
        for (double k : listDepths(problem, unit))
          if (span == panels || k == problem.k)
            tiles.push_back(
                {m, panels * problem.panel, k, span * problem.panel});
  return tiles;
}

// An item copies its rows once to where each step of the columns reads them.
KernelFacts getPanelFacts(const PanelProduct &problem, const PanelTile &tile) {
  KernelFacts facts;
  facts.name = "matmul";
  double rows = std::ceil(problem.m / tile.m);
  double spans = std::ceil(problem.n / tile.span);
  double walk = std::ceil(tile.span / tile.n);
  double steps = std::ceil(problem.k / tile.k);
  // Each element of the copy is loaded, rounded or widened, and stored.
  constexpr double copying = 3;
  double a = tile.m * tile.k * machine::getBytes(problem.rows);
  double b =
      problem.count * tile.n * tile.k * machine::getBytes(problem.element);
  double c = problem.count * tile.m * tile.n * machine::getBytes(Element::f32);
  Work work;
  work.products.push_back({tile.m, problem.count * tile.n, tile.k, problem.rows,
                           problem.element, walk * steps});
  work.vector[size_t(Element::f32)] += copying * tile.m * problem.k;
  // Sums that a later step goes on with begin as zeros in memory.
  if (tile.k < problem.k)
    work.vector[size_t(Element::f32)] += problem.count * tile.m * tile.n;
  work.chain.matrix = walk * steps;
  work.chain.memory = 1;
  facts.footprint = a + b;

  double once = (b * steps + c) * walk, item = a * steps + once;
  Reuse bySpan{spans, spans, rows * a * steps + rows * once, true},
      byRows{rows, rows, item, true},
      byWalk{walk, walk, (a + b) * steps + c, false},
      byStep{steps, steps, a + b, false};
  auto again = [](Reuse loop) {
    loop.growth = 1;
    return loop;
  };
  facts.accesses = {{"b", b, {bySpan, again(byRows), byWalk, byStep}, false},
                    {"c", c, {bySpan, byRows, byWalk}, true},
                    {"a", a, {again(bySpan), byRows, byStep}, false},
                    {"copy of a",
                     a * steps,
                     {again(bySpan), again(byRows), again(byWalk)},
                     false}};
  for (const Access &access : facts.accesses)
    work.moved += access.getTotal() / (rows * spans);
  facts.items.push_back({work, rows * spans});
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

Choice chooseFastest(const std::vector<KernelFacts> &candidates,
                     const Machine &machine) {
  constexpr double close = 1.01;
  struct Rank {
    size_t candidate;
    double seconds, busy;
  };
  std::vector<Rank> ranks, tooLarge;
  std::string reason;
  for (size_t i = 0; i < candidates.size(); ++i)
    if (auto prediction = predict(candidates[i], machine, {}, reason)) {
      double busy = 0;
      for (const Resource &resource : prediction->resources)
        busy += resource.seconds;
      (prediction->fits ? ranks : tooLarge)
          .push_back({i, prediction->seconds, busy});
    }
  if (ranks.empty())
    ranks = std::move(tooLarge);
  double least = HUGE_VAL;
  for (const Rank &rank : ranks)
    least = std::min(least, rank.seconds);
  const Rank *best = nullptr;
  for (const Rank &rank : ranks)
    if (rank.seconds <= close * least && (!best || rank.busy < best->busy))
      best = &rank;
  if (!best)
    return {};
  const Rank *next = best;
  for (const Rank &rank : ranks)
    if (&rank != best && (next == best || rank.seconds < next->seconds))
      next = &rank;
  return {best->candidate, next->candidate, best->seconds, next->seconds};
}

std::vector<size_t> rankFastest(const std::vector<KernelFacts> &candidates,
                                const Machine &machine) {
  std::vector<std::tuple<bool, double, size_t>> ranks;
  std::string reason;
  for (size_t i = 0; i < candidates.size(); ++i)
    if (auto prediction = predict(candidates[i], machine, {}, reason))
      ranks.push_back({!prediction->fits, prediction->seconds, i});
  std::sort(ranks.begin(), ranks.end());
  std::vector<size_t> order;
  for (auto &[isTooLarge, seconds, candidate] : ranks)
    order.push_back(candidate);
  return order;
}

PanelTile chooseTile(const PanelProduct &problem, const Machine &machine) {
  std::vector<PanelTile> tiles = listTiles(problem, machine);
  std::vector<KernelFacts> facts;
  for (const PanelTile &tile : tiles)
    facts.push_back(getPanelFacts(problem, tile));
  return tiles[chooseFastest(facts, machine).chosen];
}

std::vector<Tile> listAttentionTiles(double rows) {
  constexpr double least = 32, most = 256, stages = 2;
  std::vector<Tile> tiles;
  for (double m = least; m <= most; m *= 2) {
    for (double n = least; n <= most; n *= 2)
      tiles.push_back({m, n, n, stages});
    if (m >= rows)
      break;
  }
  return tiles;
}

Tile chooseAttentionTile(const Attention &problem, const Machine &machine) {
  double group = problem.heads / problem.keyHeads;
  std::vector<Tile> tiles = listAttentionTiles(problem.queries * group);
  std::vector<KernelFacts> facts;
  for (const Tile &tile : tiles) {
    facts.push_back(getPrefillFacts(problem, tile));
    // The sums of an item stay beside its tiles.
    facts.back().footprint +=
        tile.m * problem.valueWidth * machine::getBytes(Element::f32);
  }
  return tiles[chooseFastest(facts, machine).chosen];
}

double chooseRowTile(double rows, double width, const Machine &machine) {
  std::vector<double> tiles = listRowTiles(rows);
  std::vector<KernelFacts> facts;
  for (double tile : tiles)
    facts.push_back(getRowTileFacts(rows, width, tile));
  return tiles[chooseFastest(facts, machine).chosen];
}

} // namespace sennit::cost
