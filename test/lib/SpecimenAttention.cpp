// Attention and rope under test, with their formulas in f64.
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
      %o, %kn, %vn = seq.attention %q, %k, %v past(%past : index) state(%kc, %vc : {KC}, {VC})
        {scale = 0.375 : f32{window}, window_right = 0} : {Q}, {K}, {V}
      return %o, %kn, %vn : {O}, {KC}, {VC}
    })",
      {{"Q", "tensor<{t}x{hq}x{dk}xf32>"},
       {"K", "tensor<{t}x{h}x{dk}xf32>"},
       {"V", "tensor<{t}x{h}x{dv}xf32>"},
       {"O", "tensor<{t}x{hq}x{dv}xf32>"},
       {"KC", "tensor<{c}x{h}x{dk}xf32>"},
       {"VC", "tensor<{c}x{h}x{dv}xf32>"},
       {"window",
        shape.window ? ", window_left = " + str(*shape.window - 1) : ""},
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
// seq.rope
//===----------------------------------------------------------------------===//

static constexpr int64_t kPositions = 160;

static std::string spellRope(const RopeShape &shape,
                             const std::string &tokens) {
  std::string axes;
  for (int64_t axis : shape.axisOf)
    axes += (axes.empty() ? "axes [" : ", ") + str(axis);
  return fill(
      R"(
    func.func @run(%x: {X}, %p: {P}, %c: {C}, %s: {C}) -> {X} {
      %y = seq.rope %x {place} tables(%c, %s : {C}, {C}) {pairs} : {X}
      return %y : {X}
    })",
      {{"place", shape.axes == 0 ? "past %p"
                 : axes.empty()  ? "positions(%p : {P})"
                                 : "positions(%p : {P}) " + axes + "]"},
       {"pairs", shape.interleaved ? "interleaved" : ""},
       {"P",
        shape.axes == 0 ? "index" : "tensor<{t}x" + str(shape.axes) + "xi32>"},
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
  Tensor x = in[0];
  auto rowOf = [&](int64_t t, int64_t r) -> int64_t {
    if (shape.axes == 0)
      return in[1].values[0] + t;
    return in[1](t, shape.axisOf.empty() ? 0 : shape.axisOf[r]);
  };
  for (int64_t t = 0; t != x.extent(0); ++t)
    for (int64_t h = 0; h != shape.heads; ++h)
      for (int64_t r = 0; r != shape.planes; ++r) {
        int64_t row = rowOf(t, r);
        bool isRow = row >= 0 && row < kPositions;
        double c = isRow ? cosine(row, r) : 0, s = isRow ? sine(row, r) : 0;
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
                  str(shape.planes) + "_planes_of_" + str(shape.width) +
                  (shape.axes ? "_on_" + str(shape.axes) + "_axes" : "");
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
    Tensor input = random.normal({tokens, shape.heads, shape.width});
    if (shape.axes == 0)
      return Tensors{input, Tensor::index(past), cosine, sine};
    // Some positions lie outside the tables, on both sides.
    Tensor positions(Element::I32, {tokens, shape.axes});
    for (double &position : positions.values)
      position = double(random.below(kPositions + 4)) - 2;
    return Tensors{input, positions, cosine, sine};
  };
  specimen.formula = [=](const Tensors &in) { return evaluateRope(shape, in); };
  specimen.tolerances = {5e-7};
  specimen.tokenArguments = {0};
  specimen.tokenResults = {0};
  if (shape.axes == 0)
    specimen.pastArgument = 1;
  else
    specimen.tokenArguments.push_back(1);
  return specimen;
}

std::vector<Specimen> sennit::test::makeAttentions() {
  return {makeAttention({6, 3, 10, 7, 160, std::nullopt}),
          makeAttention({5, 1, 8, 8, 160, 4}),
          makeAttention({3, 3, 11, 5, 160, 1}),
          makeRope({3, 12, 6, false}),
          makeRope({5, 11, 3, true}),
          makeRope({1, 9, 3, false}),
          makeRope({3, 12, 6, false, {0, 0, 1, 1, 1, 2}, 3}),
          makeRope({5, 11, 4, true, {2, 0, 1, 2}, 3}),
          makeRope({2, 7, 3, false, {}, 1})};
}
