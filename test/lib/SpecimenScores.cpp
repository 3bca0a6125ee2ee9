// What attention does to scores, under test one by one, and its types of 16
// bits, with their formula in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include <cmath>
#include <functional>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

namespace {
constexpr double kNone = -INFINITY;
constexpr int64_t kQueryHeads = 6, kHeads = 3, kKeyWidth = 10, kValueWidth = 7;

/// Attention without caches whose score is `body` of %s, for the query head %h,
/// query %i, key %j and the captured %x, a number a query head: `change` of the
/// scaled product, the place and the number.
struct Score {
  std::string name, body;
  std::function<double(double s, int64_t i, int64_t j, double x)> change =
      [](double s, int64_t, int64_t, double) { return s; };
  int64_t keys = 77;
  bool isCausal = false;
  Element element = Element::F32;
};
} // namespace

static std::string spell(const Score &score, const std::string &tokens) {
  std::string region = R"( captures(%slopes : tensor<6xf32>) score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %x: tensor<6xf32>):
        {body}
        seq.yield %y : f32
      })";
  bool isPlain = score.body.empty();
  auto number = [](int64_t value) { return std::to_string(value); };
  return fill(R"(
    func.func @run(%q: {Q}, %k: {K}, %v: {V}, %slopes: tensor<6xf32>) -> {O} {
      %o = seq.attention %q, %k, %v{region} {scale = 0.375 : f32{causal}} : {Q}, {K}, {V}
      return %o : {O}
    })",
              {{"region", isPlain ? "" : region},
               {"body", score.body},
               {"causal", score.isCausal ? ", window_right = 0" : ""},
               {"Q", "tensor<{t}x{hq}x{dk}x{e}>"},
               {"K", "tensor<{keys}x{h}x{dk}x{e}>"},
               {"V", "tensor<{keys}x{h}x{dv}x{e}>"},
               {"O", "tensor<{t}x{hq}x{dv}x{e}>"},
               {"t", tokens},
               {"keys", number(score.keys)},
               {"hq", number(kQueryHeads)},
               {"h", number(kHeads)},
               {"dk", number(kKeyWidth)},
               {"dv", number(kValueWidth)},
               {"e", score.element == Element::F32   ? "f32"
                     : score.element == Element::F16 ? "f16"
                                                     : "bf16"}});
}

static Tensors evaluate(const Score &score, const Tensors &in) {
  const Tensor &q = in[0], &k = in[1], &v = in[2];
  Tensor output(score.element, {q.extent(0), kQueryHeads, kValueWidth});
  for (int64_t i = 0; i != q.extent(0); ++i)
    for (int64_t h = 0; h != kQueryHeads; ++h) {
      int64_t head = h / (kQueryHeads / kHeads);
      std::vector<double> weights;
      double most = kNone, sum = 0;
      for (int64_t j = 0; j != score.keys; ++j) {
        double product = 0;
        for (int64_t d = 0; d != kKeyWidth; ++d)
          product += q(i, h, d) * k(j, head, d);
        bool isSeen = !score.isCausal || j <= i;
        weights.push_back(isSeen ? score.change(0.375 * product, i, j, in[3](h))
                                 : kNone);
        most = std::max(most, weights.back());
      }
      // Who sees no key gives zeros.
      if (most == kNone)
        continue;
      for (double &weight : weights)
        sum += weight = std::exp(weight - most);
      for (int64_t j = 0; j != score.keys; ++j)
        for (int64_t d = 0; d != kValueWidth; ++d)
          output(i, h, d) += weights[j] / sum * v(j, head, d);
    }
  return {output};
}

static Specimen makeScored(const Score &score) {
  Specimen specimen;
  specimen.name = "attention_" + score.name;
  specimen.text = [=](const std::string &tokens) {
    return spell(score, tokens);
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    auto make = [&](int64_t rows, int64_t heads, int64_t width) {
      return random.normal({rows, heads, width}, 1, score.element);
    };
    return Tensors{make(tokens, kQueryHeads, kKeyWidth),
                   make(score.keys, kHeads, kKeyWidth),
                   make(score.keys, kHeads, kValueWidth),
                   random.normal({kQueryHeads}, 0.25)};
  };
  specimen.formula = [=](const Tensors &in) { return evaluate(score, in); };
  specimen.tolerances = {score.element == Element::F32   ? 3e-6
                         : score.element == Element::F16 ? 1e-3
                                                         : 6e-3};
  return specimen;
}

std::vector<Specimen> sennit::test::makeAttentionScores() {
  Score softCap{"with_soft_cap", R"(%cap = arith.constant 1.5 : f32
        %small = arith.divf %s, %cap : f32
        %bent = math.tanh %small : f32
        %y = arith.mulf %bent, %cap : f32)",
                [](double s, int64_t, int64_t, double) {
                  return 1.5 * std::tanh(s / 1.5);
                }};
  Score alibi{"with_alibi", R"(%slope = tensor.extract %x[%h] : tensor<6xf32>
        %from = arith.index_cast %i : index to i32
        %to = arith.index_cast %j : index to i32
        %way = arith.subi %to, %from : i32
        %far = arith.sitofp %way : i32 to f32
        %added = arith.mulf %slope, %far : f32
        %y = arith.addf %s, %added : f32)",
              [](double s, int64_t i, int64_t j, double slope) {
                return s + slope * double(j - i);
              }};
  // Sixteen tokens a document; queries of later documents see no key.
  Score documents{"within_documents", R"(%c16 = arith.constant 16 : index
        %own = arith.divui %i, %c16 : index
        %its = arith.divui %j, %c16 : index
        %same = arith.cmpi eq, %own, %its : index
        %none = arith.constant 0xFF800000 : f32
        %y = arith.select %same, %s, %none : f32)",
                  [](double s, int64_t i, int64_t j, double) {
                    return i / 16 == j / 16 ? s : kNone;
                  }};
  Score hidden{
      "with_rows_that_see_nothing", R"(%c2 = arith.constant 2 : index
        %c0 = arith.constant 0 : index
        %rest = arith.remui %i, %c2 : index
        %odd = arith.cmpi ne, %rest, %c0 : index
        %none = arith.constant 0xFF800000 : f32
        %y = arith.select %odd, %none, %s : f32)",
      [](double s, int64_t i, int64_t, double) { return i % 2 ? kNone : s; }};
  Score few{"of_more_queries_than_keys", ""}, many = few, half = few,
                                              brain = few;
  few.keys = 2;
  few.isCausal = many.isCausal = half.isCausal = true;
  many.name = "of_more_keys_than_queries";
  many.keys = 1031;
  half.name = "of_f16";
  half.element = Element::F16;
  brain.name = "of_bf16";
  brain.element = Element::BF16;
  std::vector<Specimen> all;
  for (const Score &score :
       {softCap, alibi, documents, hidden, few, many, half, brain})
    all.push_back(makeScored(score));
  return all;
}
