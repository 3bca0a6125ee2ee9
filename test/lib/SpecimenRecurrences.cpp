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
    func.func @run(%u: {U}, %delta: {U}, %a: {A}, %b: {B}, %c: {B}, %h: {A}) -> ({U}, {A}) {
      %y, %n = seq.selective_scan %u, %delta, %a, %b, %c state(%h) : {U}, {U}, {A}, {B}, {B}, {A}
      return %y, %n : {U}, {A}
    })",
        {{"U", "tensor<{t}x{d}xf32>"},
         {"A", "tensor<{d}x{n}xf32>"},
         {"B", "tensor<{t}x{n}xf32>"},
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
// seq.linear_attention
//===----------------------------------------------------------------------===//

static constexpr double kScale = 0.375;

static std::string spellLinearAttention(const LinearAttentionShape &shape,
                                        const std::string &tokens) {
  return fill(
      R"(
    func.func @run(%q: {Q}, %k: {Q}, %v: {V}, %g: {G}, %s: {S}) -> ({V}, {S}) {
      %o, %n = seq.linear_attention {rule} %q, %k, %v {decay} state(%s)
        {scale = 0.375 : f32} : {Q}, {Q}, {V}, {S}
      return %o, %n : {V}, {S}
    })",
      {{"rule", shape.gated ? "gated" : "linear"},
       {"decay", shape.gated ? "decay(%g : {G})" : ""},
       {"Q", "tensor<{t}x{hq}x{dk}xf32>"},
       {"V", "tensor<{t}x{h}x{dv}xf32>"},
       {"G", "tensor<{t}x{h}xf32>"},
       {"S", "tensor<{h}x{dk}x{dv}xf32>"},
       {"t", tokens},
       {"hq", str(shape.queryHeads)},
       {"h", str(shape.heads)},
       {"dk", str(shape.keyWidth)},
       {"dv", str(shape.valueWidth)}});
}

static Tensors evaluateLinearAttention(bool gated, const Tensors &in) {
  const Tensor &query = in[0], &key = in[1], &value = in[2], &decay = in[3];
  Tensor state = in[4], output(Element::F32, value.shape);
  int64_t group = value.extent(1) / query.extent(1);
  for (int64_t t = 0; t != value.extent(0); ++t)
    for (int64_t h = 0; h != value.extent(1); ++h)
      for (int64_t v = 0; v != value.extent(2); ++v) {
        double read = 0, kept = gated ? std::exp(decay(t, h)) : 1;
        for (int64_t k = 0; k != key.extent(2); ++k) {
          double &cell = state(h, k, v);
          cell = kept * cell + key(t, h / group, k) * value(t, h, v);
          read += query(t, h / group, k) * cell;
        }
        output(t, h, v) = kScale * read;
      }
  return {output, state};
}

Specimen sennit::test::makeLinearAttention(LinearAttentionShape shape) {
  Specimen specimen;
  specimen.name = std::string("linear_attention_") +
                  (shape.gated ? "gated_" : "linear_") + str(shape.heads) +
                  "_heads_on_" + str(shape.queryHeads);
  specimen.text = [=](const std::string &tokens) {
    return spellLinearAttention(shape, tokens);
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    Tensor decay = random.normal({tokens, shape.heads});
    for (double &value : decay.values)
      value = -std::abs(value);
    return Tensors{
        random.normal({tokens, shape.queryHeads, shape.keyWidth}),
        random.normal({tokens, shape.queryHeads, shape.keyWidth}),
        random.normal({tokens, shape.heads, shape.valueWidth}), decay,
        random.normal({shape.heads, shape.keyWidth, shape.valueWidth})};
  };
  specimen.formula = [=](const Tensors &in) {
    return evaluateLinearAttention(shape.gated, in);
  };
  specimen.tolerances = {2e-6, 2e-6};
  specimen.tokenArguments = {0, 1, 2, 3};
  specimen.tokenResults = {0};
  specimen.stateArguments = {4};
  specimen.stateResults = {1};
  return specimen;
}

//===----------------------------------------------------------------------===//
// seq.conv
//===----------------------------------------------------------------------===//

static std::string spellConv(int64_t channels, int64_t taps, bool bias,
                             Element weight, const std::string &tokens) {
  return fill(
      R"(
    func.func @run(%x: {X}, %w: {W}, %b: {B}, %h: {H}) -> ({X}, {H}) {
      %y, %n = seq.conv %x, %w {bias} state(%h) : {X}, {W}, {H}
      return %y, %n : {X}, {H}
    })",
      {{"bias", bias ? "bias(%b : {B})" : ""},
       {"X", "tensor<{t}x{d}xf32>"},
       {"W", "tensor<{d}x{k}x{e}>"},
       {"B", "tensor<{d}x{e}>"},
       {"H", "tensor<{w}x{d}xf32>"},
       {"t", tokens},
       {"d", str(channels)},
       {"k", str(taps)},
       {"w", str(taps - 1)},
       {"e", spell(weight)}});
}

static Tensors evaluateConv(bool bias, const Tensors &in) {
  const Tensor &input = in[0], &weight = in[1], &window = in[3];
  int64_t tokens = input.extent(0), channels = input.extent(1);
  int64_t taps = weight.extent(1);
  // x at a time before the call comes from the window, whose last row is -1.
  auto at = [&](int64_t time, int64_t d) {
    return time >= 0 ? input(time, d) : window(taps - 1 + time, d);
  };
  Tensor output(Element::F32, input.shape), after(Element::F32, window.shape);
  for (int64_t d = 0; d != channels; ++d) {
    for (int64_t t = 0; t != tokens; ++t) {
      output(t, d) = bias ? in[2](d) : 0;
      for (int64_t s = 0; s != taps; ++s)
        output(t, d) += weight(d, s) * at(t - taps + 1 + s, d);
    }
    for (int64_t s = 0; s != taps - 1; ++s)
      after(s, d) = at(tokens - taps + 1 + s, d);
  }
  return {output, after};
}

Specimen sennit::test::makeConv(int64_t channels, int64_t taps, bool bias,
                                Element weight) {
  Specimen specimen;
  specimen.name = "conv_" + str(taps) + "_taps_" + spell(weight) +
                  (bias ? "_with_bias" : "");
  specimen.text = [=](const std::string &tokens) {
    return spellConv(channels, taps, bias, weight, tokens);
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{random.normal({tokens, channels}),
                   random.normal({channels, taps}, 1, weight),
                   random.normal({channels}, 1, weight),
                   random.normal({taps - 1, channels})};
  };
  specimen.formula = [=](const Tensors &in) { return evaluateConv(bias, in); };
  specimen.tolerances = {1e-6, 0};
  specimen.tokenArguments = {0};
  specimen.tokenResults = {0};
  specimen.stateArguments = {3};
  specimen.stateResults = {1};
  return specimen;
}

std::vector<Specimen> sennit::test::makeRecurrences() {
  return {makeSelectiveScan(13, 5),
          makeLinearAttention({true, 3, 9, 7, 5}),
          makeLinearAttention({true, 1, 5, 16, 8}),
          makeLinearAttention({false, 3, 3, 5, 11}),
          makeConv(11, 4, true, Element::F32),
          makeConv(7, 3, false, Element::BF16),
          makeConv(5, 2, true, Element::BF16)};
}

std::vector<Specimen> sennit::test::makeMixers() {
  std::vector<Specimen> all = makeAttentions();
  for (Specimen &setting : makeAttentionSettings())
    all.push_back(std::move(setting));
  for (Specimen &recurrence : makeRecurrences())
    all.push_back(std::move(recurrence));
  return all;
}
