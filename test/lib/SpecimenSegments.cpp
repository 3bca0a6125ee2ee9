// Scans in segments under test: those that the op is given, and those into
// which its algebra lets it be cut.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include <algorithm>
#include <cmath>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

static std::string str(int64_t value) { return std::to_string(value); }

Specimen sennit::test::cutInto(int64_t segments, Specimen one) {
  one.name += "_cut_into_" + str(segments);
  one.text = [=, text = one.text](const std::string &tokens) {
    // The aliases of attributes stand before the module.
    std::string all = text(tokens);
    all.insert(all.find("func.func"),
               "module attributes {seq.scan_segments = " + str(segments) +
                   " : i64} {");
    return all + "}";
  };
  return one;
}

/// h <- f h + x, of the states {S}.
static std::string spellDecayedSum(const std::string &tokens, int64_t width,
                                   const std::string &factor,
                                   const std::string &states,
                                   const std::string &attributes = "") {
  return fill(
      R"(
    #c = affine_map<(c) -> (c)>
    func.func @run(%x: {X}, %h: {S}) -> ({X}, {S}) {
      %y, %n = seq.scan affine inputs(%x : {X}) state(%h : {S}){attributes} {
      ^bb0(%token: {H}, %before: {H}):
        %e = tensor.empty() : {H}
        %next = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
            ins(%token, %before : {H}, {H}) outs(%e : {H}) {
        ^bb0(%a: f32, %b: f32, %o: f32):
          %f = arith.constant {factor} : f32
          %kept = arith.mulf %f, %b : f32
          %r = arith.addf %kept, %a : f32
          linalg.yield %r : f32
        } -> {H}
        seq.yield %next, %next : {H}, {H}
      } -> {X}, {S}
      return %y, %n : {X}, {S}
    })",
      {{"attributes", attributes},
       {"factor", factor},
       {"X", "tensor<" + tokens + "x{d}xf32>"},
       {"S", states},
       {"H", "tensor<{d}xf32>"},
       {"d", str(width)}});
}

/// h_s <- 0.75 h_s + x from a state of each segment.
static Specimen makeSegments(int64_t segments, bool isReversed) {
  constexpr int64_t width = 5;
  Specimen specimen;
  specimen.name = "scan_of_" + str(segments) + "_segments" +
                  (isReversed ? "_last_first" : "");
  specimen.text = [=](const std::string &tokens) {
    return spellDecayedSum(
        tokens, width, "0.75", "tensor<" + str(segments) + "x{d}xf32>",
        " attributes {segments = " + str(segments) + " : i64" +
            (isReversed ? ", reverse_inputs = array<i1: true>" : "") + "}");
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{random.normal({tokens, width}),
                   random.normal({segments, width})};
  };
  specimen.formula = [=](const Tensors &in) {
    Tensor output = in[0], state = in[1];
    int64_t tokens = in[0].extent(0), run = (tokens + segments - 1) / segments;
    for (int64_t t = 0; t != tokens; ++t)
      for (int64_t d = 0; d != width; ++d) {
        double x = in[0](isReversed ? tokens - 1 - t : t, d);
        output(t, d) = state(t / run, d) = 0.75 * state(t / run, d) + x;
      }
    return Tensors{output, state};
  };
  specimen.tolerances = {1e-6, 1e-6};
  return specimen;
}

/// h <- 1e4 h + x from nothing to nothing: a segment's map leaves the range of
/// f32, what it is applied to stays 0.
static Specimen makeGrowingUnits(int64_t width) {
  Specimen specimen =
      makeScan("growing_" + str(width) + "_units_of_nothing", 1);
  specimen.text = [=](const std::string &tokens) {
    return spellDecayedSum(tokens, width, "1.0e4", "{H}");
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t) {
    return Tensors{Tensor(Element::F32, {tokens, width}),
                   Tensor(Element::F32, {width})};
  };
  specimen.formula = [](const Tensors &in) { return in; };
  specimen.tolerances = {0, 0};
  return specimen;
}

/// Two states an element that turn into each other: z <- 0.9 e^{i w} z + x, of
/// which y is the real part.
Specimen sennit::test::makeTurningStates(int64_t width) {
  Specimen specimen = makeScan("turning_" + str(width) + "_units", 2, 2);
  specimen.text = [=](const std::string &tokens) {
    return fill(R"(
    #c = affine_map<(c) -> (c)>
    func.func @run(%x: {X}, %w: {X}, %a: {H}, %b: {H}) -> ({X}, {H}, {H}) {
      %y, %n, %m = seq.scan affine inputs(%x, %w : {X}, {X}) state(%a, %b : {H}, {H}) {
      ^bb0(%token: {H}, %angle: {H}, %re: {H}, %im: {H}):
        %e = tensor.empty() : {H}
        %r = linalg.generic {indexing_maps = [#c, #c, #c, #c, #c], iterator_types = ["parallel"]}
            ins(%token, %angle, %re, %im : {H}, {H}, {H}, {H}) outs(%e : {H}) {
        ^bb0(%p: f32, %w0: f32, %u: f32, %v: f32, %o: f32):
          %by = arith.constant 0.9 : f32
          %cos = math.cos %w0 : f32
          %sin = math.sin %w0 : f32
          %uc = arith.mulf %u, %cos : f32
          %vs = arith.mulf %sin, %v : f32
          %d = arith.subf %uc, %vs : f32
          %s = arith.mulf %by, %d : f32
          %z = arith.addf %p, %s : f32
          linalg.yield %z : f32
        } -> {H}
        %i = linalg.generic {indexing_maps = [#c, #c, #c, #c], iterator_types = ["parallel"]}
            ins(%angle, %re, %im : {H}, {H}, {H}) outs(%e : {H}) {
        ^bb0(%w0: f32, %u: f32, %v: f32, %o: f32):
          %by = arith.constant 0.9 : f32
          %cos = math.cos %w0 : f32
          %sin = math.sin %w0 : f32
          %us = arith.mulf %u, %sin : f32
          %vc = arith.mulf %v, %cos : f32
          %d = arith.addf %us, %vc : f32
          %s = arith.mulf %by, %d : f32
          linalg.yield %s : f32
        } -> {H}
        seq.yield %r, %r, %i : {H}, {H}, {H}
      } -> {X}, {H}, {H}
      return %y, %n, %m : {X}, {H}, {H}
    })",
                {{"X", "tensor<{t}x{d}xf32>"},
                 {"H", "tensor<{d}xf32>"},
                 {"t", tokens},
                 {"d", str(width)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{random.normal({tokens, width}),
                   random.normal({tokens, width}), random.normal({width}),
                   random.normal({width})};
  };
  specimen.formula = [=](const Tensors &in) {
    Tensor output = in[0], re = in[2], im = in[3];
    double by = 0.9f;
    for (int64_t t = 0; t != in[0].extent(0); ++t)
      for (int64_t d = 0; d != width; ++d) {
        double cos = std::cos(in[1](t, d)), sin = std::sin(in[1](t, d));
        double u = re(d), v = im(d);
        output(t, d) = re(d) = in[0](t, d) + by * (u * cos - v * sin);
        im(d) = by * (u * sin + v * cos);
      }
    return Tensors{output, re, im};
  };
  specimen.tolerances = {2e-6, 2e-6, 2e-6};
  return specimen;
}

/// Logarithms of two weights an element, of which one also flows into the
/// other: a <- x + log(e^a + e^(b + w)), b <- b - x.
Specimen sennit::test::makeFlowingWeights(int64_t width) {
  Specimen specimen = makeScan("flowing_" + str(width) + "_units", 2);
  specimen.text = [=](const std::string &tokens) {
    return fill(R"(
    #c = affine_map<(c) -> (c)>
    func.func @run(%x: {X}, %a: {H}, %b: {H}) -> ({X}, {H}, {H}) {
      %y, %n, %m = seq.scan log_sum_exp inputs(%x : {X}) state(%a, %b : {H}, {H}) {
      ^bb0(%token: {H}, %to: {H}, %from: {H}):
        %e = tensor.empty() : {H}
        %r = linalg.generic {indexing_maps = [#c, #c, #c, #c], iterator_types = ["parallel"]}
            ins(%token, %to, %from : {H}, {H}, {H}) outs(%e : {H}) {
        ^bb0(%p: f32, %u: f32, %v: f32, %o: f32):
          %w = arith.constant 0.25 : f32
          %vw = arith.addf %v, %w : f32
          %most = arith.maximumf %u, %vw : f32
          %ud = arith.subf %u, %most : f32
          %vd = arith.subf %vw, %most : f32
          %ue = math.exp %ud : f32
          %ve = math.exp %vd : f32
          %sum = arith.addf %ue, %ve : f32
          %log = math.log %sum : f32
          %back = arith.addf %log, %most : f32
          %z = arith.addf %back, %p : f32
          linalg.yield %z : f32
        } -> {H}
        %i = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
            ins(%token, %from : {H}, {H}) outs(%e : {H}) {
        ^bb0(%p: f32, %v: f32, %o: f32):
          %s = arith.subf %v, %p : f32
          linalg.yield %s : f32
        } -> {H}
        seq.yield %r, %r, %i : {H}, {H}, {H}
      } -> {X}, {H}, {H}
      return %y, %n, %m : {X}, {H}, {H}
    })",
                {{"X", "tensor<{t}x{d}xf32>"},
                 {"H", "tensor<{d}xf32>"},
                 {"t", tokens},
                 {"d", str(width)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{random.normal({tokens, width}), random.normal({width}),
                   random.normal({width})};
  };
  specimen.formula = [=](const Tensors &in) {
    Tensor output = in[0], to = in[1], from = in[2];
    for (int64_t t = 0; t != in[0].extent(0); ++t)
      for (int64_t d = 0; d != width; ++d) {
        double x = in[0](t, d), more = from(d) + 0.25 - to(d);
        output(t, d) = to(d) +=
            x + std::max(more, 0.0) + std::log1p(std::exp(-std::abs(more)));
        from(d) -= x;
      }
    return Tensors{output, to, from};
  };
  specimen.tolerances = {4e-6, 4e-6, 4e-6};
  return specimen;
}

/// h <- 2 x - W h with W of a norm below 1: each element mixes all.
Specimen sennit::test::makeMixedStates(int64_t width) {
  Specimen specimen = makeScan("mixed_" + str(width) + "_units", 1);
  specimen.text = [=](const std::string &tokens) {
    return fill(R"(
    #n = affine_map<(n) -> (n)>
    #row = affine_map<(n, k) -> (n)>
    #k = affine_map<(n, k) -> (k)>
    #w = affine_map<(n, k) -> (n, k)>
    func.func @run(%x: {X}, %h: {H}, %w: {W}) -> ({X}, {H}) {
      %y, %n = seq.scan affine inputs(%x : {X}) state(%h : {H}) {
      ^bb0(%token: {H}, %before: {H}):
        %e = tensor.empty() : {H}
        %zero = arith.constant 0.0 : f32
        %start = linalg.fill ins(%zero : f32) outs(%e : {H}) -> {H}
        %mixed = linalg.generic {indexing_maps = [#w, #k, #row], iterator_types = ["parallel", "reduction"]}
            ins(%w, %before : {W}, {H}) outs(%start : {H}) {
        ^bb0(%a: f32, %b: f32, %o: f32):
          %p = arith.mulf %a, %b : f32
          %s = arith.addf %o, %p : f32
          linalg.yield %s : f32
        } -> {H}
        %next = linalg.generic {indexing_maps = [#n, #n, #n], iterator_types = ["parallel"]}
            ins(%token, %mixed : {H}, {H}) outs(%e : {H}) {
        ^bb0(%a: f32, %b: f32, %o: f32):
          %both = arith.addf %a, %a : f32
          %s = arith.subf %both, %b : f32
          linalg.yield %s : f32
        } -> {H}
        seq.yield %before, %next : {H}, {H}
      } -> {X}, {H}
      return %y, %n : {X}, {H}
    })",
                {{"X", "tensor<{t}x{d}xf32>"},
                 {"H", "tensor<{d}xf32>"},
                 {"W", "tensor<{d}x{d}xf32>"},
                 {"t", tokens},
                 {"d", str(width)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{
        random.normal({tokens, width}), random.normal({width}),
        random.normal({width, width}, 0.6 / std::sqrt(double(width)))};
  };
  specimen.formula = [=](const Tensors &in) {
    Tensor output = in[0], state = in[1];
    for (int64_t t = 0; t != in[0].extent(0); ++t) {
      Tensor before = state;
      for (int64_t n = 0; n != width; ++n) {
        double sum = 2 * in[0](t, n);
        for (int64_t k = 0; k != width; ++k)
          sum -= in[2](n, k) * before(k);
        output(t, n) = before(n);
        state(n) = sum;
      }
    }
    return Tensors{output, state};
  };
  specimen.tolerances = {4e-6, 4e-6};
  return specimen;
}

std::vector<Specimen> sennit::test::makeSegments() {
  return {::makeSegments(3, false), ::makeSegments(8, true),
          cutInto(5, makeGrowingUnits(6))};
}
