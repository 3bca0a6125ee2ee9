// Products, attention, experts and rows: facts from shapes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/Families.h"

#include <algorithm>
#include <cmath>

namespace sennit::cost {

using machine::getBytes;

static constexpr size_t index(Element element) { return size_t(element); }
static constexpr size_t exp2 = size_t(Special::exp2);

/// Steps of dependent operations that merge `count` values.
static double countMerges(double count) {
  return std::ceil(std::log2(std::max(1.0, count)));
}

KernelFacts getMatmulFacts(const Matmul &problem, const Tile &tile) {
  KernelFacts facts;
  facts.name = "matmul";
  double rows = std::ceil(problem.m / tile.m);
  double columns = std::ceil(problem.n / tile.n);
  double steps = std::ceil(problem.k / tile.k);
  // Tiles of even size: the work is exact, the edge is spread.
  double m = problem.m / rows, n = problem.n / columns, k = problem.k / steps;
  double a = getBytes(problem.a), b = getBytes(problem.b),
         c = getBytes(problem.c);
  Work work;
  work.products.push_back({m, n, k, problem.a, problem.b, steps});
  work.moved = (m * a + n * b) * problem.k + m * n * c;
  work.chain.matrix = steps;
  work.chain.memory = 1;
  facts.items.push_back({work, rows * columns});
  facts.footprint = tile.stages * (m * a + n * b) * k;
  double sweep =
      problem.m * problem.k * a + n * problem.k * b + problem.m * n * c;
  double item = work.moved, step = (m * a + n * b) * k;
  Reuse byStep{steps, steps, step, false};
  facts.accesses = {
      {"a",
       m * k * a,
       {{columns, 1, sweep, true}, {rows, rows, item, true}, byStep},
       false},
      {"b",
       n * k * b,
       {{columns, columns, sweep, true}, {rows, 1, item, true}, byStep},
       false},
      {"c",
       m * n * c,
       {{columns, columns, sweep, true}, {rows, rows, item, true}},
       true}};
  return facts;
}

/// One step of online softmax: scores, their maximum, exponentials, sums, the
/// rescaled sum of values.
static Work getSoftmaxStep(double m, double n, const Attention &problem) {
  Work work;
  Element element = problem.element;
  work.products.push_back({m, n, problem.width, element, element, 1});
  work.products.push_back({m, problem.valueWidth, n, element, element, 1});
  work.special[exp2] = m * n + m;
  work.vector[index(Element::f32)] = 6 * m * n + m * problem.valueWidth + 2 * m;
  work.moved = n * (problem.width + problem.valueWidth) * getBytes(element);
  work.chain = {4 + 2 * countMerges(n), 1, 2, 0, 0};
  return work;
}

KernelFacts getPrefillFacts(const Attention &problem, const Tile &tile) {
  KernelFacts facts;
  facts.name = "attention";
  double bytes = getBytes(problem.element);
  double tiles = std::ceil(problem.queries / tile.m);
  double m = problem.queries / tiles;
  double heads = problem.batch * problem.heads;
  double keys = problem.past + problem.queries;
  double all = std::ceil(keys / tile.n), sum = 0;
  std::vector<ItemRun> head;
  for (double i = 0; i < tiles; ++i) {
    double seen = problem.isCausal ? problem.past + (i + 1) * m : keys;
    double steps = std::ceil(seen / tile.n);
    sum += steps;
    Work work;
    work.add(getSoftmaxStep(m, tile.n, problem), steps);
    work.moved += m * (problem.width + problem.valueWidth) * bytes;
    work.chain.memory += 1;
    head.push_back({work, 1});
  }
  for (double h = 0; h < heads; ++h)
    facts.items.insert(facts.items.end(), head.begin(), head.end());
  double steps = sum / tiles, rowBytes = problem.width + problem.valueWidth;
  facts.footprint =
      (m * problem.width + tile.stages * tile.n * rowBytes) * bytes;
  double ofHead = (keys + problem.queries) * rowBytes * bytes;
  double ofItem = (steps * tile.n + m) * rowBytes * bytes;
  Reuse outside{heads, problem.batch * problem.keyHeads, ofHead, true};
  Reuse byTile{tiles, std::max(1.0, all / steps), ofItem, true};
  Reuse byStep{steps, steps, tile.n * rowBytes * bytes, false};
  Reuse perHead{heads, heads, ofHead, true},
      perTile{tiles, tiles, ofItem, true};
  facts.accesses = {
      {"query", m * problem.width * bytes, {perHead, perTile}, false},
      {"key", tile.n * problem.width * bytes, {outside, byTile, byStep}, false},
      {"value",
       tile.n * problem.valueWidth * bytes,
       {outside, byTile, byStep},
       false},
      {"out", m * problem.valueWidth * bytes, {perHead, perTile}, true}};
  return facts;
}

KernelFacts getDecodeFacts(const Attention &problem, const Tile &tile,
                           double splits) {
  KernelFacts facts;
  facts.name = "attention_decode";
  double bytes = getBytes(problem.element);
  double group = problem.heads / problem.keyHeads * problem.queries;
  double heads = problem.batch * problem.keyHeads;
  double keys = problem.past + problem.queries;
  double steps = std::max(1.0, std::ceil(keys / splits / tile.n));
  double n = keys / splits / steps;
  Work work;
  work.add(getSoftmaxStep(group, n, problem), steps);
  double part = group * (problem.valueWidth + 2) * 4;
  work.moved += group * problem.width * bytes + part;
  work.chain.memory += 1;
  facts.items.push_back({work, heads * splits});
  double rowBytes = (problem.width + problem.valueWidth) * bytes;
  facts.footprint = tile.stages * n * rowBytes;
  double item = n * steps * rowBytes;
  Reuse byHead{heads, heads, item * splits, true};
  Reuse bySplit{splits, splits, item, true};
  Reuse byStep{steps, steps, n * rowBytes, false};
  facts.accesses = {
      {"key", n * problem.width * bytes, {byHead, bySplit, byStep}, false},
      {"value",
       n * problem.valueWidth * bytes,
       {byHead, bySplit, byStep},
       false},
      {"query",
       group * problem.width * bytes,
       {byHead, {splits, 1, item, true}},
       false},
      {"part", part, {byHead, bySplit}, true}};
  if (splits > 1) {
    // The joining kernel reads the parts again.
    facts.launches = 2;
    facts.accesses.push_back({"part read", part, {byHead, bySplit}, false});
    Work join;
    join.vector[index(Element::f32)] = 2 * splits * group * problem.valueWidth;
    join.special[exp2] = splits * group;
    join.moved = splits * part;
    join.chain = {countMerges(splits), 1, 0, 1, 0};
    facts.items.push_back({join, heads});
  }
  return facts;
}

std::vector<double> routeTokens(double tokens, double experts, double chosen,
                                double skew) {
  std::vector<double> shares;
  double sum = 0;
  for (double i = 1; i <= experts; ++i) {
    shares.push_back(std::pow(i, -skew));
    sum += shares.back();
  }
  // No expert sees a token twice: what would be more goes to the next ones.
  double left = tokens * chosen;
  for (double &share : shares) {
    double wanted = sum > 0 ? left * share / sum : 0;
    sum -= share;
    share = std::min(wanted, tokens);
    left -= share;
  }
  return shares;
}

double countActiveExperts(double tokens, double experts, double chosen) {
  return experts * (1 - std::pow(1 - chosen / experts, tokens));
}

KernelFacts getExpertsFacts(const std::vector<double> &tokens,
                            const Matmul &problem, const Tile &tile) {
  KernelFacts facts;
  facts.name = "experts";
  for (double count : tokens) {
    if (count <= 0)
      continue;
    Matmul ofExpert = problem;
    ofExpert.m = count;
    KernelFacts part = getMatmulFacts(ofExpert, tile);
    // Whole tiles are multiplied, whatever of their rows is a token's.
    for (ItemRun &run : part.items)
      for (Product &product : run.work.products)
        product.m = std::min(tile.m, std::ceil(product.m));
    facts.items.insert(facts.items.end(), part.items.begin(), part.items.end());
    facts.accesses.insert(facts.accesses.end(), part.accesses.begin(),
                          part.accesses.end());
    facts.footprint = std::max(facts.footprint, part.footprint);
  }
  return facts;
}

KernelFacts getRowsFacts(const Rows &problem, double rowsPerItem) {
  KernelFacts facts;
  facts.name = "rows";
  double items = std::ceil(problem.rows / rowsPerItem);
  double rows = problem.rows / items, bytes = getBytes(problem.element);
  double elements = rows * problem.width;
  Work work;
  work.vector[index(Element::f32)] = elements * problem.operations;
  work.special[size_t(Special::exp)] = elements * problem.specials;
  work.moved = elements * bytes * (problem.reads + 1);
  work.chain = {problem.operations + countMerges(problem.width),
                problem.specials > 0 ? 1.0 : 0.0, 0, 1, 0};
  facts.items.push_back({work, items});
  facts.footprint = elements * bytes;
  Reuse byItem{items, items, elements * bytes * 2, true};
  facts.accesses = {{"in",
                     elements * bytes,
                     {byItem, {problem.reads, 1, elements * bytes, false}},
                     false},
                    {"out", elements * bytes, {byItem}, true}};
  return facts;
}

} // namespace sennit::cost
