// Convolutions: facts from shapes, and the form of least time.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/Convolutions.h"

#include "compiler/cost/Tiles.h"
#include <algorithm>
#include <cmath>

namespace sennit::cost {

using machine::getBytes;

static constexpr Element f32Type = Element::f32;
static constexpr size_t f32 = size_t(f32Type);
/// The place of transforms among the tasks.
static constexpr size_t fft = 1;
static_assert(tasks[fft] == UnitKind::fft);

KernelFacts getConvolutionFacts(const Convolution &problem,
                                ConvolutionForm form, const Tile &tile) {
  KernelFacts facts;
  facts.name = "convolution";
  double bytes = getBytes(problem.element), length = problem.tokens;
  double channels = problem.batch * problem.channels;
  double taps = std::min(problem.taps, length);
  Work item;
  double passes = 1;
  switch (form) {
  case ConvolutionForm::direct:
    item.vector[f32] = length * taps;
    item.chain.vector = taps;
    break;
  case ConvolutionForm::blocks: {
    // Blocks of the Toeplitz matrix on and below the diagonal, each a matrix
    // for the channel's rows of all batches; an item has its share of them.
    double blocks = std::ceil(length / tile.m);
    double back = std::min(blocks, std::ceil(taps / tile.m) + 1);
    double pairs = blocks * back - back * (back - 1) / 2;
    item.products.push_back({tile.m, problem.batch, tile.m, problem.element,
                             problem.element, pairs / problem.batch});
    item.chain.matrix = back;
    break;
  }
  case ConvolutionForm::fft: {
    double points = 2 * length, stages = std::log2(std::max(2.0, points));
    // Two transforms of the input and back, the product between; the kernel's
    // spectrum is kept. 5 N log2 N operations each (Cooley and Tukey).
    item.vector[f32] = 2 * 5 * points * stages + 6 * points;
    item.chain.vector = 2 * stages;
    passes = 3;
    break;
  }
  case ConvolutionForm::matrixFft: {
    double points = 2 * length, side = std::sqrt(points);
    // N = N1 N2: products by the matrices of both, complex as four real.
    item.products.push_back(
        {side, side, side, problem.element, problem.element, 2 * 2 * 4});
    item.vector[f32] = 2 * 6 * points + 6 * points;
    item.chain.matrix = 4;
    passes = 3;
    break;
  }
  }
  item.moved = (1 + passes) * length * bytes + taps * bytes;
  item.chain.memory = 1;
  facts.items.push_back({item, channels});
  facts.footprint = length * bytes;
  double window = length * bytes * 2 + taps * bytes;
  facts.accesses = {
      {"in",
       length * bytes,
       {{channels, channels, window, true}, {passes, 1, window, false}},
       false},
      {"taps",
       taps * bytes,
       {{problem.batch, 1, window * problem.channels, true},
        {problem.channels, problem.channels, window, true}},
       false},
      {"out", length * bytes, {{channels, channels, window, true}}, true}};
  return facts;
}

KernelFacts getTapFacts(const Convolution &problem) {
  constexpr double lanes = 16, most = 128, tile = 32, taps = 16;
  double tiles = std::ceil(problem.channels / most);
  double width = problem.channels / tiles, row = width * getBytes(f32Type);
  double sums = problem.tokens * problem.taps * width;
  double items = tiles * problem.batch;
  KernelFacts facts;
  facts.name = "convolution_by_taps";
  Work item;
  item.vector[f32] = sums;
  // An input and a tap for each sum, which waits for that of the tap before.
  item.moved = 2 * row * problem.tokens * problem.taps + row * problem.tokens;
  item.chain.vector = sums / lanes;
  item.chain.memory = 1;
  facts.items.push_back({item, items});
  facts.footprint = (problem.tokens + 2 * problem.taps) * row;
  // Tiles of rows, blocks of taps, and in each all pairs.
  double outer = problem.tokens / tile, inner = problem.taps / taps;
  double reach = problem.taps + tile, block = tile + 2 * taps;
  auto access = [&](const char *name, double growth, double again, double own) {
    facts.accesses.push_back(
        {name,
         row,
         {{items, growth, facts.footprint, true},
          {outer, again, (reach + problem.taps) * row, false},
          {inner, inner, block * row, false},
          {tile * taps, own, block * row, false}},
         false});
  };
  double growth = std::max(1.0, (problem.tokens + problem.taps) / reach);
  access("in", items, std::min(outer, growth), tile + taps);
  access("taps", tiles, 1, taps);
  facts.accesses.push_back({"out",
                            row,
                            {{items, items, facts.footprint, true},
                             {problem.tokens, problem.tokens, row, false}},
                            true});
  return facts;
}

std::vector<double> listRadices(double points) {
  double bits = std::log2(points), largest = 3;
  double count = std::max(2.0, std::ceil(bits / largest));
  std::vector<double> radices;
  for (; count > 0; --count) {
    double own = std::ceil(bits / count);
    radices.push_back(std::exp2(own));
    bits -= own;
  }
  return radices;
}

std::vector<double> listBlocks(const Convolution &problem) {
  constexpr double least = 32, most = 16384;
  std::vector<double> blocks{1};
  double reach = std::min(problem.taps, problem.tokens);
  for (double block = least; block <= most; block *= 2) {
    blocks.push_back(block);
    if (block >= reach)
      break;
  }
  return blocks;
}

namespace {
/// Blocks of a partitioned convolution: those of filters and of rows before and
/// in the call, and pairs of them that are multiplied.
struct Blocks {
  Blocks(const Convolution &p, double block) {
    double reach = std::floor((p.taps - 1) / block);
    double skipped = p.hasWindow ? 0 : std::max(0.0, reach - 1);
    filters = reach + 1;
    outputs = std::ceil(p.tokens / block);
    inputs = outputs + reach - skipped;
    // Output block i meets the filters from `skipped` - i on.
    double missing = std::min(skipped, outputs);
    pairs = outputs * filters - missing * skipped + missing * (missing - 1) / 2;
  }
  double filters, outputs, inputs, pairs;
};
} // namespace

/// One transform of `block` points of all lanes: `bytes` of points, and
/// `rows` bytes from or to the tensors outside.
static Work getTransformWork(double block, double lanes, double bytes,
                             double rows) {
  Work work;
  work.vector[f32] = 4 * block * lanes;
  work.moved = rows + 2 * bytes;
  for (double radix : listRadices(block)) {
    // A turn, and sums and differences.
    work.given[fft][f32] += (4 + 2 * std::log2(radix)) * block * lanes;
    work.moved += 2 * bytes;
  }
  work.chain.memory = 1;
  return work;
}

KernelFacts getSpectralFacts(const Convolution &problem, double block) {
  constexpr double lanes = 16;
  Blocks blocks(problem, block);
  double tiles = std::ceil(problem.channels / lanes);
  double rows = block * lanes * getBytes(f32Type), bytes = 2 * rows;
  KernelFacts facts;
  facts.name = "spectral_convolution";
  // Angles at load, filters, rows, products, results.
  facts.launches = problem.areTapsKnown ? 3 : 4;
  facts.footprint = tilesOfItem * bytes;
  double passes = (1 + listRadices(block).size()) / 2.0;
  // Points are brought in for all tiles of an item, then go through all passes
  // in place.
  auto transform = [&](const char *name, double count, double side,
                       double outside, bool isWrite) {
    Work work;
    work.add(getTransformWork(block, lanes, bytes, outside), side);
    double items = count / side;
    facts.items.push_back({work, items});
    facts.accesses.push_back(
        {name, outside, {{count, count, outside, true}}, isWrite});
    for (bool isBack : {false, true})
      facts.accesses.push_back({isBack ? "points back" : "points",
                                bytes,
                                {{items, items, 2 * side * bytes, true},
                                 {2, 1, side * bytes, false},
                                 {side, side, bytes, false},
                                 {passes, 1, bytes, false}},
                                isBack});
  };
  double batches = tiles * problem.batch;
  if (!problem.areTapsKnown)
    transform("taps", blocks.filters * tiles, 1, rows, false);
  transform("in", blocks.inputs * batches, tilesOfItem, 2 * rows, false);
  transform("out", blocks.outputs * batches, tilesOfItem, rows, true);
  // An item multiplies a run of frequencies of all blocks.
  double runs = block / listRadices(block).back(), run = bytes / runs;
  double each = blocks.filters + blocks.inputs;
  Work product;
  // A complex multiply-add.
  product.vector[f32] = 4 * block / runs * lanes * blocks.pairs;
  product.moved = 2 * run * blocks.pairs + run * blocks.outputs;
  product.chain.memory = blocks.outputs;
  facts.items.push_back({product, runs * batches});
  facts.accesses.push_back({"spectra",
                            2 * run,
                            {{runs * batches, runs * batches, run * each, true},
                             {blocks.pairs, each / 2, run * each, false}},
                            false});
  facts.accesses.push_back(
      {"sums",
       run,
       {{runs * batches, runs * batches, run * each, true},
        {blocks.outputs, blocks.outputs, run * each, false}},
       true});
  return facts;
}

double chooseConvolutionBlock(const Convolution &problem,
                              const machine::Machine &machine) {
  std::vector<double> blocks = listBlocks(problem);
  std::vector<KernelFacts> facts;
  for (double block : blocks)
    facts.push_back(block == 1 ? getTapFacts(problem)
                               : getSpectralFacts(problem, block));
  return blocks[chooseFastest(facts, machine).chosen];
}

} // namespace sennit::cost
