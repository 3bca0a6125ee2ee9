// Linear attention under test, with its formula in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include <algorithm>
#include <cmath>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;
using Shape = LinearAttentionShape;

static constexpr double kScale = 0.375;

static std::string str(int64_t value) { return std::to_string(value); }

static bool isDelta(const Shape &shape) {
  return shape.rule == "delta" || shape.rule == "gated_delta";
}

static std::string spellLinearAttention(const Shape &shape,
                                        const std::string &tokens) {
  return fill(
      R"(
    func.func @run(%q: {Q}, %k: {K}, %v: {V}, %g: {G}, %beta: {H}, %a: {A}, %b: {A}, %s: {S}) -> ({O}, {S}) {
      %o, %n = seq.linear_attention {rule} %q, %k, %v {decay} {beta} {erase} state(%s)
        {scale = 0.375 : f32{chunk}} : {Q}, {K}, {V}, {S}
      return %o, %n : {O}, {S}
    })",
      {{"rule", shape.rule},
       {"decay", shape.decayRank > 0 ? "decay(%g : {G})" : ""},
       {"beta", isDelta(shape) ? "beta(%beta : {H})" : ""},
       {"erase", shape.rule == "rank_one" ? "erase(%a, %b : {A}, {A})" : ""},
       {"chunk", shape.chunk ? ", chunk = " + str(*shape.chunk) : ""},
       {"Q", "tensor<{t}x{hq}x{dk}x{e}>"},
       {"K", "tensor<{t}x{hk}x{dk}x{e}>"},
       {"V", "tensor<{t}x{hv}x{dv}x{e}>"},
       {"A", "tensor<{t}x{hk}x{dk}xf32>"},
       {"e", spell(shape.element)},
       {"O", "tensor<{t}x{ho}x{dv}xf32>"},
       {"G", shape.decayRank == 2 ? "tensor<{t}x{h}x{dk}xf32>" : "{H}"},
       {"H", "tensor<{t}x{h}xf32>"},
       {"S", "tensor<{batch}{h}x{dk}x{dv}xf32>"},
       {"batch", spellBatch(tokens)},
       {"t", tokens},
       {"hq", str(shape.queryHeads)},
       {"hk", str(shape.keyHeads)},
       {"hv", str(shape.valueHeads)},
       {"ho", str(std::max(shape.queryHeads, shape.heads))},
       {"h", str(shape.heads)},
       {"dk", str(shape.keyWidth)},
       {"dv", str(shape.valueWidth)}});
}

/// The products that a token adds to one state head, one after the other.
static void addWriters(const Shape &shape, const Tensors &in, int64_t t,
                       int64_t h, Tensor &state) {
  int64_t writers = shape.keyHeads / shape.heads;
  for (int64_t k = 0; k != shape.keyWidth; ++k)
    for (int64_t v = 0; v != shape.valueWidth; ++v) {
      if (shape.decayRank > 0)
        state(h, k, v) *=
            std::exp(shape.decayRank == 1 ? in[3](t, h) : in[3](t, h, k));
      for (int64_t w = h * writers; w != (h + 1) * writers; ++w)
        state(h, k, v) += in[1](t, w, k) * in[2](t, w, v);
    }
}

/// One token of one state head: `row` of the head that it reads of a tensor.
static void update(const Shape &shape, const Tensors &in, int64_t t, int64_t h,
                   Tensor &state) {
  const Tensor &key = in[1], &value = in[2], &decay = in[3], &beta = in[4],
               &a = in[5], &b = in[6];
  int64_t kh = h / (shape.heads / shape.keyHeads);
  int64_t vh = h / (shape.heads / shape.valueHeads);
  for (int64_t v = 0; v != shape.valueWidth; ++v) {
    double erased = 0, known = 0;
    for (int64_t k = 0; k != shape.keyWidth; ++k)
      erased += a(t, kh, k) * state(h, k, v);
    for (int64_t k = 0; k != shape.keyWidth; ++k) {
      double g = shape.decayRank == 0   ? 0
                 : shape.decayRank == 1 ? decay(t, h)
                                        : decay(t, h, k);
      state(h, k, v) *= std::exp(g);
      if (shape.rule == "rank_one")
        state(h, k, v) += b(t, kh, k) * erased;
      known += key(t, kh, k) * state(h, k, v);
    }
    double written = value(t, vh, v);
    if (isDelta(shape))
      written = beta(t, h) * (written - known);
    for (int64_t k = 0; k != shape.keyWidth; ++k)
      state(h, k, v) += key(t, kh, k) * written;
  }
}

static Tensors evaluateLinearAttention(const Shape &shape, const Tensors &in) {
  const Tensor &query = in[0];
  int64_t tokens = query.extent(0),
          heads = std::max(shape.queryHeads, shape.heads);
  Tensor state = in[7], output(Element::F32, {tokens, heads, shape.valueWidth});
  for (int64_t t = 0; t != tokens; ++t) {
    for (int64_t h = 0; h != shape.heads; ++h)
      if (shape.keyHeads > shape.heads)
        addWriters(shape, in, t, h, state);
      else
        update(shape, in, t, h, state);
    for (int64_t o = 0; o != heads; ++o)
      for (int64_t v = 0; v != shape.valueWidth; ++v)
        for (int64_t k = 0; k != shape.keyWidth; ++k)
          output(t, o, v) += kScale *
                             query(t, o / (heads / shape.queryHeads), k) *
                             state(o / (heads / shape.heads), k, v);
  }
  return {output, state};
}

/// Rows of length 1, without which delta rules grow without bound.
static Tensor makeUnitRows(Random &random, std::vector<int64_t> shape) {
  Tensor rows = random.normal(shape);
  for (size_t first = 0; first < rows.values.size(); first += shape[2]) {
    double squares = 0;
    for (int64_t k = 0; k != shape[2]; ++k)
      squares += rows.values[first + k] * rows.values[first + k];
    for (int64_t k = 0; k != shape[2]; ++k)
      rows.values[first + k] = roundTo(
          Element::F32, rows.values[first + k] / std::sqrt(squares + 1e-12));
  }
  return rows;
}

static Tensors makeArguments(const Shape &shape, int64_t tokens,
                             uint64_t seed) {
  Random random(seed);
  std::vector<int64_t> keys{tokens, shape.keyHeads, shape.keyWidth};
  std::vector<int64_t> numbers{tokens, shape.heads};
  Tensor key = shape.rule == "linear" || shape.rule == "gated"
                   ? random.normal(keys)
                   : makeUnitRows(random, keys);
  Tensor decay = shape.decayRank == 2
                     ? random.normal({tokens, shape.heads, shape.keyWidth})
                     : random.normal(numbers);
  for (double &value : decay.values)
    value = -std::abs(value);
  Tensor beta = random.normal(numbers);
  for (double &value : beta.values)
    value = roundTo(Element::F32, 1 / (1 + std::exp(-value)));
  // As RWKV-7 has them: b = -eta a with eta between 0 and 1.
  Tensor a = makeUnitRows(random, keys), b = random.normal(keys);
  for (size_t i = 0; i != b.values.size(); ++i)
    b.values[i] =
        roundTo(Element::F32, -a.values[i] / (1 + std::exp(-b.values[i])));
  auto rounded = [&](Tensor rows) {
    rows.element = shape.element;
    for (double &value : rows.values)
      value = roundTo(shape.element, value);
    return rows;
  };
  return {rounded(random.normal({tokens, shape.queryHeads, shape.keyWidth})),
          rounded(key),
          rounded(random.normal({tokens, shape.valueHeads, shape.valueWidth})),
          decay,
          beta,
          a,
          b,
          random.normal({shape.heads, shape.keyWidth, shape.valueWidth})};
}

Specimen sennit::test::makeLinearAttention(Shape shape) {
  Specimen specimen;
  specimen.name =
      "linear_attention_" + shape.rule +
      (shape.decayRank == 2 ? "_by_component_" : "_") + str(shape.queryHeads) +
      "_" + str(shape.keyHeads) + "_" + str(shape.valueHeads) + "_heads_on_" +
      str(shape.heads) + (shape.chunk ? "_chunk_" + str(*shape.chunk) : "") +
      (shape.element == Element::F32 ? "" : "_" + spell(shape.element));
  specimen.text = [=](const std::string &tokens) {
    return spellLinearAttention(shape, tokens);
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    return makeArguments(shape, tokens, seed);
  };
  specimen.formula = [=](const Tensors &in) {
    return evaluateLinearAttention(shape, in);
  };
  // What is erased cancels: sums are smaller than their terms.
  bool erases = isDelta(shape) || shape.rule == "rank_one";
  // Chunks multiply what they computed of bf16 rounded to it, 2^-9 each.
  specimen.tolerances.assign(2, shape.element != Element::F32 ? 1e-2
                                : erases                      ? 5e-6
                                                              : 2e-6);
  specimen.tokenArguments = {0, 1, 2, 3, 4, 5, 6};
  specimen.tokenResults = {0};
  specimen.stateArguments = {7};
  specimen.stateResults = {1};
  return specimen;
}

std::vector<Specimen> sennit::test::makeLinearAttentions() {
  std::vector<Specimen> all{
      makeLinearAttention({"gated", 1, 3, 3, 9, 9, 7, 5}),
      makeLinearAttention({"gated", 1, 1, 1, 5, 5, 16, 8}),
      makeLinearAttention({"gated", 1, 2, 1, 4, 4, 7, 5, 16, Element::BF16}),
      makeLinearAttention(
          {"gated_delta", 1, 2, 2, 2, 2, 7, 5, 8, Element::F16}),
      makeLinearAttention({"linear", 0, 3, 3, 3, 3, 5, 11}),
      makeLinearAttention({"linear", 0, 6, 1, 1, 2, 5, 7}),
      makeLinearAttention({"gated", 1, 6, 2, 2, 2, 8, 5, 16}),
      makeLinearAttention({"gated", 2, 2, 2, 4, 4, 9, 6}),
      makeLinearAttention({"gated", 2, 4, 2, 2, 2, 9, 6, 8}),
      makeLinearAttention({"delta", 0, 2, 2, 2, 2, 7, 5}),
      makeLinearAttention({"delta", 0, 4, 1, 2, 2, 16, 5, 1}),
      makeLinearAttention({"gated_delta", 1, 2, 2, 4, 4, 11, 6}),
      makeLinearAttention({"gated_delta", 1, 4, 1, 1, 1, 16, 9, 64}),
      makeLinearAttention({"gated_delta", 2, 2, 2, 2, 2, 7, 5}),
      makeLinearAttention({"gated_delta", 2, 2, 1, 2, 2, 7, 5, 16}),
      makeLinearAttention({"gated_delta", 2, 4, 2, 2, 2, 17, 5, 32}),
      makeLinearAttention({"rank_one", 2, 2, 2, 2, 2, 7, 5}),
      makeLinearAttention({"rank_one", 2, 2, 2, 2, 2, 7, 5, 8}),
      makeLinearAttention({"rank_one", 1, 2, 1, 2, 2, 7, 5, 16}),
      makeLinearAttention({"rank_one", 0, 4, 2, 2, 2, 7, 5, 4}),
      makeLinearAttention({"linear", 0, 2, 6, 6, 2, 5, 7}),
      makeLinearAttention({"gated", 1, 9, 12, 12, 3, 6, 5, 16}),
      makeLinearAttention({"gated", 2, 2, 4, 4, 2, 7, 5}),
      makeLinearAttention({"gated", 1, 1, 1, 3, 3, 37, 17, 32, Element::BF16}),
      makeLinearAttention({"linear", 0, 4, 2, 2, 2, 16, 32, 16, Element::BF16}),
      makeLinearAttention(
          {"gated_delta", 1, 2, 2, 2, 2, 32, 20, 16, Element::BF16}),
      makeLinearAttention({"gated", 2, 2, 2, 2, 2, 8, 5, 16, Element::BF16}),
      makeBatch(makeLinearAttention({"gated", 1, 1, 4, 4, 2, 6, 5}), 2, {}),
      makeBatch(makeLinearAttention({"gated", 1, 1, 1, 3, 3, 6, 5}), 5, {}),
      makeBatch(makeLinearAttention({"gated_delta", 2, 4, 2, 2, 2, 6, 5}), 2,
                {}),
      makeBatch(makeLinearAttention({"rank_one", 1, 2, 2, 2, 2, 6, 5, 8}), 4,
                {})};
  for (Specimen &copied : makeCopiedLinearAttentions())
    all.push_back(copied);
  return all;
}

std::vector<Specimen> sennit::test::makeCopiedLinearAttentions() {
  return {
      makeLinearAttention({"gated", 1, 1, 1, 3, 3, 64, 64, {}, Element::BF16}),
      makeLinearAttention({"gated", 1, 2, 4, 4, 4, 64, 128, {}, Element::F16}),
      makeBatch(makeLinearAttention(
                    {"gated", 1, 1, 1, 2, 2, 128, 64, {}, Element::BF16}),
                2, {})};
}
