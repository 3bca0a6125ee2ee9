// The mixers and rope under test, with their formulas in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <cmath>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

static std::string str(int64_t value) { return std::to_string(value); }

//===----------------------------------------------------------------------===//
// seq.attention
//===----------------------------------------------------------------------===//

static constexpr double kAttentionScale = 0.375;

static std::string spellAttention(const AttentionShape &shape,
                                  const std::string &tokens) {
  return fill(
      R"(
    func.func @run(%q: {Q}, %k: {K}, %v: {V}, %past: index, %kc: {KC}, %vc: {VC})
        -> ({O}, {KC}, {VC}) {
      %o, %kn, %vn = seq.attention %q, %k, %v past %past state(%kc, %vc)
        {scale = 0.375 : f32{window}} : {Q}, {K}, {V}, {KC}, {VC}
      return %o, %kn, %vn : {O}, {KC}, {VC}
    })",
      {{"Q", "tensor<{t}x{hq}x{dk}xf32>"},
       {"K", "tensor<{t}x{h}x{dk}xf32>"},
       {"V", "tensor<{t}x{h}x{dv}xf32>"},
       {"O", "tensor<{t}x{hq}x{dv}xf32>"},
       {"KC", "tensor<{c}x{h}x{dk}xf32>"},
       {"VC", "tensor<{c}x{h}x{dv}xf32>"},
       {"window", shape.window ? ", window = " + str(*shape.window) : ""},
       {"t", tokens},
       {"hq", str(shape.queryHeads)},
       {"h", str(shape.heads)},
       {"dk", str(shape.keyWidth)},
       {"dv", str(shape.valueWidth)},
       {"c", str(shape.capacity)}});
}

/// softmax_j(scale q_i . k_j) v_j over the keys that query i of head h sees.
static void attend(const Tensor &query, const Tensor &keys,
                   const Tensor &values, int64_t i, int64_t h, int64_t first,
                   int64_t last, Tensor &output) {
  int64_t head = h / (query.extent(1) / keys.extent(1));
  std::vector<double> scores;
  for (int64_t j = first; j <= last; ++j) {
    double score = 0;
    for (int64_t d = 0; d != query.extent(2); ++d)
      score += query(i, h, d) * keys(j, head, d);
    scores.push_back(kAttentionScale * score);
  }
  double maximum = *std::max_element(scores.begin(), scores.end()), sum = 0;
  for (double &score : scores)
    sum += score = std::exp(score - maximum);
  for (int64_t j = first; j <= last; ++j)
    for (int64_t d = 0; d != values.extent(2); ++d)
      output(i, h, d) += scores[j - first] / sum * values(j, head, d);
}

static Tensors evaluateAttention(const AttentionShape &shape,
                                 const Tensors &in) {
  const Tensor &query = in[0], &key = in[1], &value = in[2];
  int64_t tokens = query.extent(0), past = in[3].values[0];
  Tensor keys = in[4], values = in[5];
  for (int64_t i = 0; i != tokens; ++i)
    for (int64_t h = 0; h != shape.heads; ++h) {
      for (int64_t d = 0; d != shape.keyWidth; ++d)
        keys(past + i, h, d) = key(i, h, d);
      for (int64_t d = 0; d != shape.valueWidth; ++d)
        values(past + i, h, d) = value(i, h, d);
    }
  Tensor output(Element::F32, {tokens, shape.queryHeads, shape.valueWidth});
  for (int64_t i = 0; i != tokens; ++i)
    for (int64_t h = 0; h != shape.queryHeads; ++h) {
      int64_t last = past + i;
      int64_t first =
          shape.window ? std::max<int64_t>(0, last - *shape.window + 1) : 0;
      attend(query, keys, values, i, h, first, last, output);
    }
  return {output, keys, values};
}

Specimen sennit::test::makeAttention(AttentionShape shape) {
  Specimen specimen;
  specimen.name = "attention_" + str(shape.queryHeads) + "_heads_on_" +
                  str(shape.heads) +
                  (shape.window ? "_window_" + str(*shape.window) : "");
  specimen.text = [=](const std::string &tokens) {
    return spellAttention(shape, tokens);
  };
  specimen.arguments = [=](int64_t tokens, int64_t past, uint64_t seed) {
    Random random(seed);
    return Tensors{
        random.normal({tokens, shape.queryHeads, shape.keyWidth}),
        random.normal({tokens, shape.heads, shape.keyWidth}),
        random.normal({tokens, shape.heads, shape.valueWidth}),
        Tensor::index(past),
        random.normal({shape.capacity, shape.heads, shape.keyWidth}),
        random.normal({shape.capacity, shape.heads, shape.valueWidth})};
  };
  specimen.formula = [=](const Tensors &in) {
    return evaluateAttention(shape, in);
  };
  specimen.tolerances = {2e-6, 0, 0};
  specimen.tokenArguments = {0, 1, 2};
  specimen.tokenResults = {0};
  specimen.stateArguments = {4, 5};
  specimen.stateResults = {1, 2};
  specimen.pastArgument = 3;
  return specimen;
}

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
        output(t, h, v) = kAttentionScale * read;
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

//===----------------------------------------------------------------------===//
// seq.rope
//===----------------------------------------------------------------------===//

static constexpr int64_t kPositions = 160;

static std::string spellRope(const RopeShape &shape,
                             const std::string &tokens) {
  return fill(
      R"(
    func.func @run(%x: {X}, %past: index, %c: {C}, %s: {C}) -> {X} {
      %y = seq.rope %x past %past tables(%c, %s : {C}, {C}) {pairs} : {X}
      return %y : {X}
    })",
      {{"pairs", shape.interleaved ? "interleaved" : ""},
       {"X", "tensor<{t}x{h}x{d}xf32>"},
       {"C", "tensor<{p}x{r}xf32>"},
       {"t", tokens},
       {"h", str(shape.heads)},
       {"d", str(shape.width)},
       {"p", str(kPositions)},
       {"r", str(shape.planes)}});
}

static Tensors evaluateRope(const RopeShape &shape, const Tensors &in) {
  const Tensor &cosine = in[2], &sine = in[3];
  int64_t past = in[1].values[0];
  Tensor x = in[0];
  for (int64_t t = 0; t != x.extent(0); ++t)
    for (int64_t h = 0; h != shape.heads; ++h)
      for (int64_t r = 0; r != shape.planes; ++r) {
        double c = cosine(past + t, r), s = sine(past + t, r);
        double &a = x(t, h, shape.interleaved ? 2 * r : r);
        double &b = x(t, h, shape.interleaved ? 2 * r + 1 : r + shape.planes);
        double first = a * c - b * s, second = b * c + a * s;
        a = first;
        b = second;
      }
  return {x};
}

Specimen sennit::test::makeRope(RopeShape shape) {
  Specimen specimen;
  specimen.name = std::string("rope_") +
                  (shape.interleaved ? "pairs_" : "halves_") +
                  str(shape.planes) + "_planes_of_" + str(shape.width);
  specimen.text = [=](const std::string &tokens) {
    return spellRope(shape, tokens);
  };
  specimen.arguments = [=](int64_t tokens, int64_t past, uint64_t seed) {
    Random random(seed);
    Tensor cosine(Element::F32, {kPositions, shape.planes}), sine = cosine;
    for (int64_t p = 0; p != kPositions; ++p)
      for (int64_t r = 0; r != shape.planes; ++r) {
        double angle = p * std::pow(10000, -double(r) / shape.planes);
        cosine(p, r) = roundTo(Element::F32, std::cos(angle));
        sine(p, r) = roundTo(Element::F32, std::sin(angle));
      }
    return Tensors{random.normal({tokens, shape.heads, shape.width}),
                   Tensor::index(past), cosine, sine};
  };
  specimen.formula = [=](const Tensors &in) { return evaluateRope(shape, in); };
  specimen.tolerances = {5e-7};
  specimen.tokenArguments = {0};
  specimen.tokenResults = {0};
  specimen.pastArgument = 1;
  return specimen;
}

std::vector<Specimen> sennit::test::makeMixers() {
  return {makeAttention({6, 3, 10, 7, 160, std::nullopt}),
          makeAttention({5, 1, 8, 8, 160, 4}),
          makeAttention({3, 3, 11, 5, 160, 1}),
          makeSelectiveScan(13, 5),
          makeLinearAttention({true, 3, 9, 7, 5}),
          makeLinearAttention({true, 1, 5, 16, 8}),
          makeLinearAttention({false, 3, 3, 5, 11}),
          makeConv(11, 4, true, Element::F32),
          makeConv(7, 3, false, Element::BF16),
          makeConv(5, 2, true, Element::BF16),
          makeRope({3, 12, 6, false}),
          makeRope({5, 11, 3, true}),
          makeRope({1, 9, 3, false})};
}
