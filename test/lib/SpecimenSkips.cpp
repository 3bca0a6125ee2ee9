// Skips under test: depth routing, early exit, and a mixer inside.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include <algorithm>
#include <cmath>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

static std::string str(int64_t value) { return std::to_string(value); }

/// `tokens` flags, of which so many in a hundred are set.
static Tensor drawChosen(Random &random, int64_t tokens, int64_t percent) {
  Tensor chosen(Element::I1, {tokens});
  for (double &flag : chosen.values)
    flag = random.below(100) < percent;
  return chosen;
}

static constexpr int64_t kWidth = 11, kHidden = 18;

/// relu(x W1^T) W2^T of one row.
static std::vector<double> applyBlock(const Tensor &x, int64_t t,
                                      const Tensor &up, const Tensor &down) {
  std::vector<double> hidden(kHidden), out(kWidth);
  for (int64_t n = 0; n != kHidden; ++n) {
    for (int64_t k = 0; k != kWidth; ++k)
      hidden[n] += up(n, k) * x(t, k);
    hidden[n] = std::max(hidden[n], 0.0);
  }
  for (int64_t n = 0; n != kWidth; ++n)
    for (int64_t k = 0; k != kHidden; ++k)
      out[n] += down(n, k) * hidden[k];
  return out;
}

/// A dense block on the rows, whose number `%m` counts, as a region's ops.
static const char *const kBlock = R"(
        %zero = arith.constant 0.0 : f32
        %c0 = arith.constant 0 : index
        %m = tensor.dim %rows, %c0 : {R}
        %he = tensor.empty(%m) : {N}
        %hz = linalg.fill ins(%zero : f32) outs(%he : {N}) -> {N}
        %h = linalg.matmul indexing_maps = [#left, #right, #product]
          ins(%rows, %up : {R}, {U}) outs(%hz : {N}) -> {N}
        %p = linalg.generic {indexing_maps = [#t, #t], iterator_types = ["parallel", "parallel"]} ins(%h : {N}) outs(%he : {N}) {
        ^bb0(%a: f32, %o: f32):
          %r = arith.maximumf %a, %zero : f32
          linalg.yield %r : f32
        } -> {N}
        %oe = tensor.empty(%m) : {R}
        %oz = linalg.fill ins(%zero : f32) outs(%oe : {R}) -> {R}
        %z = linalg.matmul indexing_maps = [#left, #right, #product]
          ins(%p, %down : {N}, {D}) outs(%oz : {R}) -> {R}
)";

static const char *const kMaps = R"(
    #t = affine_map<(t, d) -> (t, d)>
    #by = affine_map<(t, d) -> (t, 0)>
    #row = affine_map<(t) -> (t)>
    #first = affine_map<(t) -> (t, 0)>
    #left = affine_map<(m, n, k) -> (m, k)>
    #right = affine_map<(m, n, k) -> (n, k)>
    #product = affine_map<(m, n, k) -> (m, n)>
)";

static std::string spellTypes(const std::string &text,
                              const std::string &tokens) {
  return fill(kMaps + text, {{"block", kBlock},
                             {"X", "tensor<{t}x{d}xf32>"},
                             {"W", "tensor<{t}x1xf32>"},
                             {"C", "tensor<{t}xi1>"},
                             {"R", "tensor<?x{d}xf32>"},
                             {"N", "tensor<?x{n}xf32>"},
                             {"U", "tensor<{n}x{d}xf32>"},
                             {"D", "tensor<{d}x{n}xf32>"},
                             {"S", "tensor<{d}xf32>"},
                             {"t", tokens},
                             {"d", str(kWidth)},
                             {"n", str(kHidden)}});
}

/// y_t = x_t + w_t f(x_t) for chosen tokens (Raposo et al. 2024), x_t for
/// others.
static Specimen makeDepth(int64_t percent) {
  Specimen specimen;
  specimen.name = "skip_of_" + str(100 - percent) + "_percent";
  specimen.text = [](const std::string &tokens) {
    return spellTypes(R"(
    func.func @run(%c: {C}, %x: {X}, %w: {W}, %up: {U}, %down: {D}) -> {X} {
      %y = seq.skip %c inputs(%x, %w : {X}, {W}) {
      ^bb0(%rows: {R}, %weights: tensor<?x1xf32>):
        {block}
        %s = linalg.generic {indexing_maps = [#t, #by, #t, #t], iterator_types = ["parallel", "parallel"]}
            ins(%rows, %weights, %z : {R}, tensor<?x1xf32>, {R}) outs(%oe : {R}) {
        ^bb0(%a: f32, %b: f32, %f: f32, %o: f32):
          %g = arith.mulf %b, %f : f32
          %r = arith.addf %a, %g : f32
          linalg.yield %r : f32
        } -> {R}
        seq.yield %s : {R}
      } : {C} -> {X}
      return %y : {X}
    })",
                      tokens);
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{drawChosen(random, tokens, percent),
                   random.normal({tokens, kWidth}), random.normal({tokens, 1}),
                   random.normal({kHidden, kWidth}),
                   random.normal({kWidth, kHidden})};
  };
  specimen.formula = [](const Tensors &in) {
    Tensor output = in[1];
    for (int64_t t = 0; t != output.extent(0); ++t) {
      std::vector<double> block = applyBlock(in[1], t, in[3], in[4]);
      for (int64_t d = 0; in[0](t) != 0 && d != kWidth; ++d)
        output(t, d) += in[2](t, 0) * block[d];
    }
    return Tensors{output};
  };
  specimen.tolerances = {1e-6};
  specimen.tokenArguments = {0, 1, 2};
  specimen.tokenResults = {0};
  return specimen;
}

/// Two blocks, of which the second is for tokens whose first component is
/// still below 1 (early exit); the second skip stands in the first.
static Specimen makeExit() {
  Specimen specimen;
  specimen.name = "skip_in_a_skip";
  specimen.text = [](const std::string &tokens) {
    return spellTypes(R"(
    func.func @run(%c: {C}, %x: {X}, %up: {U}, %down: {D}) -> {X} {
      %y = seq.skip %c inputs(%x : {X}) {
      ^bb0(%rows: {R}):
        {block}
        %ce = tensor.empty(%m) : tensor<?xi1>
        %goes = linalg.generic {indexing_maps = [#first, #row], iterator_types = ["parallel"]}
            ins(%z : {R}) outs(%ce : tensor<?xi1>) {
        ^bb0(%a: f32, %o: i1):
          %one = arith.constant 1.0 : f32
          %r = arith.cmpf olt, %a, %one : f32
          linalg.yield %r : i1
        } -> tensor<?xi1>
        %deeper = seq.skip %goes inputs(%z : {R}) {
        ^bb0(%fewer: {R}):
          %k = tensor.dim %fewer, %c0 : {R}
          %ke = tensor.empty(%k) : {R}
          %half = linalg.generic {indexing_maps = [#t, #t], iterator_types = ["parallel", "parallel"]}
              ins(%fewer : {R}) outs(%ke : {R}) {
          ^bb0(%a: f32, %o: f32):
            %by = arith.constant 0.5 : f32
            %r = arith.mulf %a, %by : f32
            linalg.yield %r : f32
          } -> {R}
          seq.yield %half : {R}
        } : tensor<?xi1> -> {R}
        seq.yield %deeper : {R}
      } : {C} -> {X}
      return %y : {X}
    })",
                      tokens);
  };
  specimen.arguments = [](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{
        drawChosen(random, tokens, 60), random.normal({tokens, kWidth}),
        random.normal({kHidden, kWidth}), random.normal({kWidth, kHidden})};
  };
  specimen.formula = [](const Tensors &in) {
    Tensor output = in[1];
    for (int64_t t = 0; t != output.extent(0); ++t) {
      std::vector<double> block = applyBlock(in[1], t, in[2], in[3]);
      for (int64_t d = 0; in[0](t) != 0 && d != kWidth; ++d)
        output(t, d) = block[0] < 1 ? 0.5 * block[d] : block[d];
    }
    return Tensors{output};
  };
  specimen.tolerances = {1e-6};
  specimen.tokenArguments = {0, 1};
  specimen.tokenResults = {0};
  return specimen;
}

/// A running mean of the chosen tokens, which counts them alone.
static Specimen makeMixedRows() {
  Specimen specimen;
  specimen.name = "skip_of_a_mixer";
  specimen.text = [](const std::string &tokens) {
    return spellTypes(R"(
    #c = affine_map<(d) -> (d)>
    func.func @run(%c: {C}, %x: {X}, %h: {S}) -> ({X}, {S}) {
      %y, %n = seq.skip %c inputs(%x : {X}) state(%h : {S}) {
      ^bb0(%rows: {R}, %before: {S}):
        %means, %last = seq.scan affine inputs(%rows : {R}) state(%before : {S}) {
        ^bb0(%row: {S}, %mean: {S}):
          %e = tensor.empty() : {S}
          %next = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
              ins(%row, %mean : {S}, {S}) outs(%e : {S}) {
          ^bb0(%a: f32, %b: f32, %o: f32):
            %by = arith.constant 0.5 : f32
            %sum = arith.addf %a, %b : f32
            %r = arith.mulf %by, %sum : f32
            linalg.yield %r : f32
          } -> {S}
          seq.yield %next, %next : {S}, {S}
        } -> {R}, {S}
        seq.yield %means, %last : {R}, {S}
      } : {C} -> {X}, {S}
      return %y, %n : {X}, {S}
    })",
                      tokens);
  };
  specimen.arguments = [](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{drawChosen(random, tokens, 40),
                   random.normal({tokens, kWidth}), random.normal({kWidth})};
  };
  specimen.formula = [](const Tensors &in) {
    Tensor output = in[1], state = in[2];
    for (int64_t t = 0; t != output.extent(0); ++t)
      for (int64_t d = 0; in[0](t) != 0 && d != kWidth; ++d)
        output(t, d) = state(d) = (in[1](t, d) + state(d)) / 2;
    return Tensors{output, state};
  };
  specimen.tolerances = {1e-6, 1e-6};
  specimen.tokenArguments = {0, 1};
  specimen.tokenResults = {0};
  specimen.stateArguments = {2};
  specimen.stateResults = {1};
  return specimen;
}

std::vector<Specimen> sennit::test::makeSkips() {
  return {makeDepth(50), makeDepth(0), makeDepth(100), makeExit(),
          makeMixedRows()};
}
