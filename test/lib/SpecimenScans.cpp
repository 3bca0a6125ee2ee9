// Scans under test, with their formulas in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

static std::string str(int64_t value) { return std::to_string(value); }

Specimen sennit::test::makeScan(std::string name, int64_t states,
                                int64_t inputs) {
  Specimen specimen;
  specimen.name = "scan_" + name;
  // A thousand sums one after another round as often.
  specimen.tolerances = {6e-6, 6e-6, 6e-6};
  for (int64_t i = 0; i != inputs; ++i)
    specimen.tokenArguments.push_back(i);
  specimen.tokenResults = {0};
  for (int64_t i = 0; i != states; ++i) {
    specimen.stateArguments.push_back(inputs + i);
    specimen.stateResults.push_back(1 + i);
  }
  return specimen;
}

/// y_t = sum of what follows x_t, one element wide.
static Specimen makeSumOfTheRest() {
  Specimen specimen = makeScan("sum_of_the_rest", 1);
  specimen.text = [](const std::string &tokens) {
    return fill(
        R"(
    #c = affine_map<(c) -> (c)>
    func.func @run(%x: {X}, %h: {H}) -> ({X}, {H}) {
      %y, %n = seq.scan affine inputs(%x : {X}) state(%h : {H})
        attributes {reverse_inputs = array<i1: true>, reverse_outputs = array<i1: true>} {
      ^bb0(%token: {H}, %sum: {H}):
        %e = tensor.empty() : {H}
        %s = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
            ins(%token, %sum : {H}, {H}) outs(%e : {H}) {
        ^bb0(%a: f32, %b: f32, %o: f32):
          %c = arith.addf %a, %b : f32
          linalg.yield %c : f32
        } -> {H}
        seq.yield %sum, %s : {H}, {H}
      } -> {X}, {H}
      return %y, %n : {X}, {H}
    })",
        {{"X", "tensor<{t}x1xf32>"}, {"H", "tensor<1xf32>"}, {"t", tokens}});
  };
  specimen.arguments = [](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{random.normal({tokens, 1}), random.normal({1})};
  };
  specimen.formula = [](const Tensors &in) {
    Tensor output = in[0], sum = in[1];
    for (int64_t t = in[0].extent(0) - 1; t >= 0; --t) {
      output(t, 0) = sum(0);
      sum(0) += in[0](t, 0);
    }
    return Tensors{output, sum};
  };
  // Pieces would come last first.
  specimen.tokenArguments.clear();
  specimen.tokenResults.clear();
  return specimen;
}

/// h = f h + (1 - f) x with f = 1 / (1 + exp(-x)); y = h x.
static Specimen makeGatedUnits(int64_t channels) {
  Specimen specimen = makeScan("gated_" + str(channels) + "_units", 1);
  specimen.text = [=](const std::string &tokens) {
    return fill(R"(
    #c = affine_map<(c) -> (c)>
    func.func @run(%x: {X}, %h: {H}) -> ({X}, {H}) {
      %y, %n = seq.scan affine inputs(%x : {X}) state(%h : {H}) {
      ^bb0(%token: {H}, %before: {H}):
        %e = tensor.empty() : {H}
        %next = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
            ins(%token, %before : {H}, {H}) outs(%e : {H}) {
        ^bb0(%a: f32, %b: f32, %o: f32):
          %one = arith.constant 1.0 : f32
          %minus = arith.negf %a : f32
          %exp = math.exp %minus : f32
          %sum = arith.addf %one, %exp : f32
          %f = arith.divf %one, %sum : f32
          %rest = arith.subf %one, %f : f32
          %kept = arith.mulf %f, %b : f32
          %new = arith.mulf %rest, %a : f32
          %r = arith.addf %kept, %new : f32
          linalg.yield %r : f32
        } -> {H}
        %read = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
            ins(%token, %next : {H}, {H}) outs(%e : {H}) {
        ^bb0(%a: f32, %b: f32, %o: f32):
          %r = arith.mulf %a, %b : f32
          linalg.yield %r : f32
        } -> {H}
        seq.yield %read, %next : {H}, {H}
      } -> {X}, {H}
      return %y, %n : {X}, {H}
    })",
                {{"X", "tensor<{t}x{c}xf32>"},
                 {"H", "tensor<{c}xf32>"},
                 {"t", tokens},
                 {"c", str(channels)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{random.normal({tokens, channels}),
                   random.normal({channels})};
  };
  specimen.formula = [=](const Tensors &in) {
    Tensor output = in[0], state = in[1];
    for (int64_t t = 0; t != in[0].extent(0); ++t)
      for (int64_t c = 0; c != channels; ++c) {
        double x = in[0](t, c), gate = 1 / (1 + std::exp(-x));
        state(c) = gate * state(c) + (1 - gate) * x;
        output(t, c) = state(c) * x;
      }
    return Tensors{output, state};
  };
  return specimen;
}

static constexpr int64_t kPlaces = 7;

/// The forward algorithm of a hidden Markov model: from the logarithms of all
/// paths' weights into each place to those of the next token. Rabiner 1989.
static const char *const kForward = R"(
    #j = affine_map<(j) -> (j)>
    #row = affine_map<(j, i) -> (j)>
    #column = affine_map<(j, i) -> (i)>
    #turned = affine_map<(j, i) -> (i, j)>
    func.func @run(%x: {X}, %h: {H}, %moves: {M}) -> ({X}, {H}) {
      %y, %n = seq.scan {algebra} inputs(%x : {X}) state(%h : {H}) {
      ^bb0(%emission: {H}, %paths: {H}):
        %lowest = arith.constant 0xFF800000 : f32
        %e = tensor.empty() : {H}
        %none = linalg.fill ins(%lowest : f32) outs(%e : {H}) -> {H}
        %most = linalg.generic {indexing_maps = [#column, #turned, #row], iterator_types = ["parallel", "reduction"]}
        ins(%paths, %moves : {H}, {M}) outs(%none : {H}) {
        ^bb0(%a: f32, %m: f32, %o: f32):
          %s = arith.addf %a, %m : f32
          %r = arith.maximumf %s, %o : f32
          linalg.yield %r : f32
        } -> {H}
        {sum}
        seq.yield %next, %next : {H}, {H}
      } -> {X}, {H}
      return %y, %n : {X}, {H}
    })";

static const char *const kSumOfPaths = R"(
        %zero = arith.constant 0.0 : f32
        %start = linalg.fill ins(%zero : f32) outs(%e : {H}) -> {H}
        %sum = linalg.generic {
        indexing_maps = [#column, #turned, #row, #row], iterator_types = ["parallel", "reduction"]}
        ins(%paths, %moves, %most : {H}, {M}, {H}) outs(%start : {H}) {
        ^bb0(%a: f32, %m: f32, %off: f32, %o: f32):
          %s = arith.addf %a, %m : f32
          %d = arith.subf %s, %off : f32
          %w = math.exp %d : f32
          %r = arith.addf %w, %o : f32
          linalg.yield %r : f32
        } -> {H}
        %next = linalg.generic {indexing_maps = [#j, #j, #j, #j], iterator_types = ["parallel"]}
        ins(%sum, %most, %emission : {H}, {H}, {H}) outs(%e : {H}) {
        ^bb0(%s: f32, %off: f32, %x0: f32, %o: f32):
          %log = math.log %s : f32
          %back = arith.addf %log, %off : f32
          %r = arith.addf %back, %x0 : f32
          linalg.yield %r : f32
        } -> {H})";

static const char *const kBestPath = R"(
        %next = linalg.generic {indexing_maps = [#j, #j, #j], iterator_types = ["parallel"]}
        ins(%most, %emission : {H}, {H}) outs(%e : {H}) {
        ^bb0(%m: f32, %x0: f32, %o: f32):
          %r = arith.addf %m, %x0 : f32
          linalg.yield %r : f32
        } -> {H})";

/// All paths through a hidden Markov model, or the best one (Viterbi 1967);
/// with `isForward`, from a place to itself and the next one alone.
static Specimen makePaths(bool isBest, bool isForward = false) {
  Specimen specimen =
      makeScan(std::string(isBest ? "best_path" : "sum_of_paths") +
                   (isForward ? "_forwards" : ""),
               1);
  specimen.text = [=](const std::string &tokens) {
    return fill(kForward, {{"algebra", isBest ? "max_plus" : "log_sum_exp"},
                           {"sum", isBest ? kBestPath : kSumOfPaths},
                           {"X", "tensor<{t}x{k}xf32>"},
                           {"H", "tensor<{k}xf32>"},
                           {"M", "tensor<{k}x{k}xf32>"},
                           {"t", tokens},
                           {"k", str(kPlaces)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    Tensor moves = random.normal({kPlaces, kPlaces});
    for (int64_t i = 0; isForward && i != kPlaces; ++i)
      for (int64_t j = 0; j != kPlaces; ++j)
        if (j < i || j > i + 1)
          moves(i, j) = -std::numeric_limits<double>::infinity();
    return Tensors{random.normal({tokens, kPlaces}), random.normal({kPlaces}),
                   moves};
  };
  specimen.formula = [=](const Tensors &in) {
    Tensor output = in[0], state = in[1];
    for (int64_t t = 0; t != in[0].extent(0); ++t) {
      Tensor before = state;
      for (int64_t j = 0; j != kPlaces; ++j) {
        double most = -std::numeric_limits<double>::infinity(), sum = 0;
        for (int64_t i = 0; i != kPlaces; ++i) {
          most = std::max(most, before(i) + in[2](i, j));
          sum += std::exp(before(i) + in[2](i, j) - before(j));
        }
        state(j) = in[0](t, j) + (isBest ? most : std::log(sum) + before(j));
        output(t, j) = state(j);
      }
    }
    return Tensors{output, state};
  };
  return specimen;
}

/// h = tanh(x + W h), and a count of tokens, which has no dimension.
static Specimen makeRecurrentUnits(int64_t width) {
  Specimen specimen = makeScan("recurrent_units", 2);
  specimen.text = [=](const std::string &tokens) {
    return fill(R"(
    #n = affine_map<(n) -> (n)>
    func.func @run(%x: {X}, %h: {H}, %c: {C}, %w: {W}) -> ({X}, {H}, {C}) {
      %y, %n, %m = seq.scan general inputs(%x : {X}) state(%h, %c : {H}, {C}) {
      ^bb0(%token: {H}, %before: {H}, %count: {C}):
        %zero = arith.constant 0.0 : f32
        %e = tensor.empty() : {H}
        %start = linalg.fill ins(%zero : f32) outs(%e : {H}) -> {H}
        %product = linalg.generic {
            indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (k)>, affine_map<(n, k) -> (n)>],
            iterator_types = ["parallel", "reduction"]}
            ins(%w, %before : {W}, {H}) outs(%start : {H}) {
        ^bb0(%a: f32, %b: f32, %o: f32):
          %p = arith.mulf %a, %b : f32
          %s = arith.addf %p, %o : f32
          linalg.yield %s : f32
        } -> {H}
        %next = linalg.generic {indexing_maps = [#n, #n, #n], iterator_types = ["parallel"]}
            ins(%token, %product : {H}, {H}) outs(%e : {H}) {
        ^bb0(%a: f32, %b: f32, %o: f32):
          %s = arith.addf %a, %b : f32
          %r = math.tanh %s : f32
          linalg.yield %r : f32
        } -> {H}
        %ec = tensor.empty() : {C}
        %more = linalg.generic {indexing_maps = [#n, #n], iterator_types = ["parallel"]}
            ins(%count : {C}) outs(%ec : {C}) {
        ^bb0(%a: f32, %o: f32):
          %one = arith.constant 1.0 : f32
          %s = arith.addf %a, %one : f32
          linalg.yield %s : f32
        } -> {C}
        seq.yield %next, %next, %more : {H}, {H}, {C}
      } -> {X}, {H}, {C}
      return %y, %n, %m : {X}, {H}, {C}
    })",
                {{"X", "tensor<{t}x{n}xf32>"},
                 {"H", "tensor<{n}xf32>"},
                 {"C", "tensor<1xf32>"},
                 {"W", "tensor<{n}x{n}xf32>"},
                 {"t", tokens},
                 {"n", str(width)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t past, uint64_t seed) {
    Random random(seed);
    Tensor count(Element::F32, {1});
    count(0) = past;
    return Tensors{random.normal({tokens, width}), random.normal({width}),
                   count, random.normal({width, width}, 0.3)};
  };
  specimen.formula = [=](const Tensors &in) {
    Tensor output = in[0], state = in[1], count = in[2];
    for (int64_t t = 0; t != in[0].extent(0); ++t) {
      Tensor before = state;
      for (int64_t n = 0; n != width; ++n) {
        double sum = in[0](t, n);
        for (int64_t k = 0; k != width; ++k)
          sum += in[3](n, k) * before(k);
        output(t, n) = state(n) = std::tanh(sum);
      }
      count(0) += 1;
    }
    return Tensors{output, state, count};
  };
  return specimen;
}

std::vector<Specimen> sennit::test::makeScans() {
  std::vector<Specimen> all{
      makeSumOfTheRest(),   makeGatedUnits(13),    makeGatedUnits(200),
      makePaths(false),     makePaths(true),       makeRecurrentUnits(11),
      makeTurningStates(6), makeFlowingWeights(9), makeMixedStates(7)};
  for (const Specimen &one :
       {makeSumOfTheRest(), makeGatedUnits(13), makePaths(false),
        makePaths(true), makePaths(false, true), makePaths(true, true),
        makeTurningStates(6), makeFlowingWeights(9), makeMixedStates(7)})
    all.push_back(cutInto(5, one));
  for (const Specimen &one : makeSegments())
    all.push_back(one);
  return all;
}
