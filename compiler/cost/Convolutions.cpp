// Convolutions: facts from shapes, and the form of least time.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/Convolutions.h"

#include "compiler/cost/Tiles.h"
#include <algorithm>
#include <cmath>

namespace sennit::cost {

using machine::getBytes;

static constexpr size_t f32 = size_t(Element::f32);

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
  constexpr double lanes = 16, most = 128;
  double tiles = std::ceil(problem.channels / most);
  double width = problem.channels / tiles, bytes = getBytes(problem.element);
  double sums = problem.tokens * problem.taps * width;
  KernelFacts facts;
  facts.name = "convolution_by_taps";
  Work item;
  item.vector[f32] = sums;
  // An input and a tap for each; a sum waits for that of the tap before.
  item.moved = 2 * bytes * sums;
  item.chain.vector = sums / lanes;
  item.chain.memory = 1;
  facts.items.push_back({item, tiles * problem.batch});
  double rows = problem.tokens * width * bytes,
         taps = problem.taps * width * bytes;
  facts.footprint = rows + taps;
  double items = tiles * problem.batch;
  auto access = [&](const char *name, double size, double growth,
                    bool isWrite) {
    facts.accesses.push_back(
        {name, size, {{items, growth, 2 * rows + taps, true}}, isWrite});
  };
  access("in", rows, items, false);
  access("taps", taps, tiles, false);
  access("out", rows, items, true);
  return facts;
}

std::vector<double> listRadices(double points) {
  double bits = std::log2(points), largest = 4;
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

/// One transform of `block` points of all lanes, with what brings its rows in
/// or out.
static Work getTransformWork(double block, double lanes) {
  Work work;
  double bytes = 2 * block * lanes * getBytes(Element::f32);
  for (double radix : listRadices(block)) {
    double columns = pointsOfColumn;
    work.products.push_back({2 * radix, columns * lanes, 2 * radix,
                             Element::f32, Element::f32,
                             block / radix / columns});
    // The turn of a complex number; parts are put together and taken apart.
    work.vector[f32] += 4 * block * lanes;
    work.moved += 5 * bytes;
  }
  work.vector[f32] += 4 * block * lanes;
  work.moved += 2 * bytes;
  work.chain.memory = 1;
  return work;
}

KernelFacts getSpectralFacts(const Convolution &problem, double block) {
  constexpr double lanes = 16;
  Blocks blocks(problem, block);
  double tiles = std::ceil(problem.channels / lanes);
  double bytes = 2 * block * lanes * getBytes(Element::f32);
  KernelFacts facts;
  facts.name = "spectral_convolution";
  // Angles, filters, rows, products, results.
  facts.launches = 5;
  facts.footprint = bytes;
  Work transform = getTransformWork(block, lanes);
  double filters = blocks.filters * tiles,
         inputs = blocks.inputs * tiles * problem.batch,
         outputs = blocks.outputs * tiles * problem.batch;
  facts.items.push_back({transform, filters + inputs + outputs});
  Work product;
  double runs = block / listRadices(block).back(), part = 1 / runs;
  // A complex multiply-add, whose sums wait beside it.
  product.vector[f32] = 4 * block * lanes * part * blocks.pairs;
  product.moved = 4 * bytes * part * blocks.pairs;
  product.chain.memory = blocks.outputs;
  facts.items.push_back({product, runs * tiles * problem.batch});
  auto access = [&](const char *name, double count, double size, bool isWrite) {
    facts.accesses.push_back(
        {name, size, {{count, count, size, true}}, isWrite});
  };
  double rows = block * lanes * getBytes(Element::f32);
  access("taps", filters, rows, false);
  access("in", inputs, 2 * rows, false);
  access("out", outputs, rows, true);
  // Points go through all passes in place, and the angles with them.
  double passes = listRadices(block).size(), count = filters + inputs + outputs;
  double angles = 2 * block * getBytes(Element::f32);
  auto again = [&](const char *name, bool isWrite) {
    facts.accesses.push_back({name,
                              bytes,
                              {{count, count, passes * (bytes + angles), true},
                               {passes, 1, bytes + angles, false}},
                              isWrite});
  };
  again("points", false);
  again("points back", true);
  // The same spectra of all blocks, once a pair: what a cache keeps is read
  // once.
  double ofRun = bytes * part, each = blocks.filters + blocks.inputs;
  count = runs * tiles * problem.batch;
  facts.accesses.push_back({"spectra",
                            2 * ofRun,
                            {{count, count, ofRun * each, true},
                             {blocks.pairs, each / 2, ofRun * each, false}},
                            false});
  access("sums", outputs, bytes, true);
  return facts;
}

double chooseConvolutionBlock(const Convolution &problem,
                              const machine::Machine &machine) {
  std::vector<double> blocks = listBlocks(problem);
  std::vector<KernelFacts> facts;
  for (double block : blocks)
    facts.push_back(block == 1 ? getTapFacts(problem)
                               : getSpectralFacts(problem, block));
  return blocks[chooseFastest(facts, machine)];
}

} // namespace sennit::cost
