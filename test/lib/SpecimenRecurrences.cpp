// The recurrences under test, with their formulas in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <cmath>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

static std::string str(int64_t value) { return std::to_string(value); }

//===----------------------------------------------------------------------===//
// seq.selective_scan
//===----------------------------------------------------------------------===//

static Tensors evaluateScan(const Tensors &in) {
  const Tensor &input = in[0], &delta = in[1], &a = in[2], &b = in[3],
               &c = in[4];
  Tensor state = in[5], output(Element::F32, input.shape);
  for (int64_t t = 0; t != input.extent(0); ++t)
    for (int64_t d = 0; d != input.extent(1); ++d)
      for (int64_t n = 0; n != state.extent(1); ++n) {
        state(d, n) = std::exp(delta(t, d) * a(d, n)) * state(d, n) +
                      delta(t, d) * input(t, d) * b(t, n);
        output(t, d) += c(t, n) * state(d, n);
      }
  return {output, state};
}

Specimen sennit::test::makeSelectiveScan(int64_t channels, int64_t states) {
  Specimen specimen;
  specimen.name = "selective_scan_" + str(channels) + "_channels";
  specimen.text = [=](const std::string &tokens) {
    return fill(
        R"(
    func.func @run(%u: {U}, %delta: {U}, %a: {A}, %b: {B}, %c: {B}, %h: {H}) -> ({U}, {H}) {
      %y, %n = seq.selective_scan %u, %delta, %a, %b, %c state(%h) : {U}, {U}, {A}, {B}, {B}, {H}
      return %y, %n : {U}, {H}
    })",
        {{"U", "tensor<{t}x{d}xf32>"},
         {"A", "tensor<{d}x{n}xf32>"},
         {"B", "tensor<{t}x{n}xf32>"},
         {"H", "tensor<{b}{d}x{n}xf32>"},
         {"b", spellBatch(tokens)},
         {"t", tokens},
         {"d", str(channels)},
         {"n", str(states)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    Tensor delta = random.normal({tokens, channels});
    for (double &value : delta.values)
      value = roundTo(Element::F32, std::log1p(std::exp(value - 2)));
    Tensor transition = random.normal({channels, states});
    for (double &value : transition.values)
      value = roundTo(Element::F32, -std::exp(value));
    return Tensors{random.normal({tokens, channels}),
                   delta,
                   transition,
                   random.normal({tokens, states}),
                   random.normal({tokens, states}),
                   random.normal({channels, states})};
  };
  specimen.formula = evaluateScan;
  specimen.tolerances = {2e-6, 2e-6};
  specimen.tokenArguments = {0, 1, 3, 4};
  specimen.tokenResults = {0};
  specimen.stateArguments = {5};
  specimen.stateResults = {1};
  return specimen;
}

//===----------------------------------------------------------------------===//
// seq.conv
//===----------------------------------------------------------------------===//

static std::string spellConv(const ConvShape &shape,
                             const std::string &tokens) {
  return fill(
      R"(
    func.func @run(%x: {X}, %w: {W}, %b: {B}, %h: {H}) -> {results} {
      {names} = seq.conv %x, %w {bias} {state} {block} : {X}, {W}
      return {names} : {types}
    })",
      {{"names", shape.window ? "%y, %n" : "%y"},
       {"results", shape.window ? "({X}, {H})" : "{X}"},
       {"types", shape.window ? "{X}, {H}" : "{X}"},
       {"bias", shape.bias ? "bias(%b : {B})" : ""},
       {"state", shape.window ? "state(%h : {H})" : ""},
       {"block",
        shape.block ? "{block = " + str(*shape.block) + " : i64}" : ""},
       {"X", "tensor<{t}x{d}xf32>"},
       {"W", "tensor<{f}x{k}x{e}>"},
       {"B", "tensor<{d}x{e}>"},
       {"H", "tensor<{b}{w}x{d}xf32>"},
       {"b", spellBatch(tokens)},
       {"t", tokens},
       {"d", str(shape.channels)},
       {"f", str(shape.filters)},
       {"k", str(shape.taps)},
       {"w", str(std::max<int64_t>(shape.taps - 1, 1))},
       {"e", spell(shape.weight)}});
}

static Tensors evaluateConv(const ConvShape &shape, const Tensors &in) {
  const Tensor &input = in[0], &weight = in[1], &window = in[3];
  int64_t tokens = input.extent(0), taps = shape.taps;
  // x at a time before the call comes from the window, whose last row is -1.
  auto at = [&](int64_t time, int64_t d) -> double {
    if (time >= 0)
      return input(time, d);
    return shape.window ? window(taps - 1 + time, d) : 0;
  };
  Tensor output(Element::F32, input.shape), after(Element::F32, window.shape);
  for (int64_t d = 0; d != shape.channels; ++d) {
    int64_t filter = d / (shape.channels / shape.filters);
    for (int64_t t = 0; t != tokens; ++t) {
      output(t, d) = shape.bias ? in[2](d) : 0;
      for (int64_t s = 0; s != taps; ++s)
        output(t, d) += weight(filter, s) * at(t - taps + 1 + s, d);
    }
    for (int64_t s = 0; s != taps - 1; ++s)
      after(s, d) = at(tokens - taps + 1 + s, d);
  }
  if (!shape.window)
    return {output};
  return {output, after};
}

Specimen sennit::test::makeConv(ConvShape shape) {
  Specimen specimen;
  specimen.name = "conv_" + str(shape.taps) + "_taps_" + spell(shape.weight) +
                  (shape.bias ? "_with_bias" : "") +
                  (shape.window ? "" : "_without_window") +
                  (shape.filters < shape.channels ? "_shared_filters" : "") +
                  (shape.block ? "_blocks_of_" + str(*shape.block) : "");
  specimen.text = [=](const std::string &tokens) {
    return spellConv(shape, tokens);
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{
        random.normal({tokens, shape.channels}),
        random.normal({shape.filters, shape.taps}, 1, shape.weight),
        random.normal({shape.channels}, 1, shape.weight),
        random.normal({std::max<int64_t>(shape.taps - 1, 1), shape.channels})};
  };
  specimen.formula = [=](const Tensors &in) { return evaluateConv(shape, in); };
  specimen.tolerances = {1e-6, 0};
  if (!shape.window)
    return specimen;
  specimen.tokenArguments = {0};
  specimen.tokenResults = {0};
  specimen.stateArguments = {3};
  specimen.stateResults = {1};
  return specimen;
}

std::vector<Specimen> sennit::test::makeRecurrences() {
  std::vector<Specimen> all{
      makeSelectiveScan(13, 5),
      makeBatch(makeSelectiveScan(7, 3), 3, {2}),
      makeConv({11, 11, 4, true, true, Element::F32}),
      makeConv({7, 7, 3, false, true, Element::BF16}),
      makeConv({5, 5, 2, true, true, Element::F16}),
      makeConv({6, 6, 1, true, false, Element::F32}),
      makeConv({9, 9, 4, false, false, Element::F32}),
      makeConv({12, 3, 5, true, true, Element::F32}),
      makeConv({5, 5, 39, true, true, Element::F32}),
      makeConv({12, 3, 150, false, true, Element::BF16}),
      makeConv({5, 5, 64, true, false, Element::F32}),
      makeConv({5, 5, 39, true, true, Element::F32, 16}),
      makeConv({19, 19, 150, false, true, Element::BF16, 32}),
      makeConv({33, 3, 70, true, true, Element::F32, 64}),
      makeConv({16, 16, 128, true, false, Element::F16, 32}),
      makeConv({7, 7, 127, false, false, Element::F32, 128}),
      makeConv({3, 3, 20, false, false, Element::F32, 1024}),
      makeBatch(makeConv({5, 5, 100, true, true, Element::F32, 32}), 3, {1, 2}),
      makeBatch(makeConv({5, 5, 4, true, true, Element::F32}), 1, {1, 2})};
  for (Specimen &attention : makeLinearAttentions())
    all.push_back(std::move(attention));
  for (Specimen &scan : makeScans())
    all.push_back(std::move(scan));
  return all;
}

std::vector<Specimen> sennit::test::makeMixers() {
  std::vector<Specimen> all = makeAttentions();
  for (Specimen &setting : makeAttentionSettings())
    all.push_back(std::move(setting));
  for (Specimen &score : makeAttentionScores())
    all.push_back(std::move(score));
  for (Specimen &recurrence : makeRecurrences())
    all.push_back(std::move(recurrence));
  return all;
}
