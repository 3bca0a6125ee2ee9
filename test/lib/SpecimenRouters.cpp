// Routing under test, with their formulas in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

static std::string str(int64_t value) { return std::to_string(value); }

/// The extent that `tokens` tokens of `each` make, as text.
static std::string times(const std::string &tokens, int64_t each) {
  return tokens == "?" ? tokens : str(std::stoll(tokens) * each);
}

std::string sennit::test::spell(Element element) {
  switch (element) {
  case Element::F32:
    return "f32";
  case Element::BF16:
    return "bf16";
  case Element::F16:
    return "f16";
  case Element::F64:
    return "f64";
  case Element::I1:
    return "i1";
  case Element::I8:
    return "i8";
  case Element::I32:
    return "i32";
  case Element::I64:
    return "i64";
  case Element::Index:
    return "index";
  }
  return "";
}

std::string sennit::test::fill(
    std::string text,
    std::initializer_list<std::pair<std::string, std::string>> values) {
  for (const auto &[name, value] : values) {
    std::string key = "{" + name + "}";
    for (size_t at = text.find(key); at != std::string::npos;
         at = text.find(key, at + value.size()))
      text.replace(at, key.size(), value);
  }
  return text;
}

//===----------------------------------------------------------------------===//
// seq.route
//===----------------------------------------------------------------------===//

static std::vector<double> scoreExperts(const RouteShape &shape,
                                        const Tensor &logits, int64_t t) {
  std::vector<double> scores;
  double sum = 0;
  for (int64_t e = 0; e != shape.experts; ++e) {
    double exponential = std::exp(logits(t, e));
    sum += exponential;
    scores.push_back(shape.sigmoid ? exponential / (1 + exponential)
                                   : exponential);
  }
  for (double &score : scores)
    score /= shape.sigmoid ? 1 : sum;
  return scores;
}

/// The first `count` indices in the order of falling numbers.
static std::vector<int64_t> order(const std::vector<double> &numbers,
                                  int64_t count) {
  std::vector<int64_t> indices(numbers.size());
  std::iota(indices.begin(), indices.end(), 0);
  std::stable_sort(indices.begin(), indices.end(), [&](int64_t a, int64_t b) {
    return numbers[a] > numbers[b];
  });
  indices.resize(count);
  return indices;
}

/// Hides the ranks of all groups but the best.
static void keepGroups(const RouteShape &shape, std::vector<double> &ranks) {
  int64_t size = shape.experts / shape.groups;
  std::vector<double> worths;
  for (int64_t g = 0; g != shape.groups; ++g) {
    std::vector<double> inside(ranks.begin() + g * size,
                               ranks.begin() + (g + 1) * size);
    double worth = 0;
    for (int64_t e : order(inside, shape.groupRanks))
      worth += inside[e];
    worths.push_back(worth);
  }
  std::vector<int64_t> kept = order(worths, shape.topGroups);
  for (int64_t e = 0; e != shape.experts; ++e)
    if (std::find(kept.begin(), kept.end(), e / size) == kept.end())
      ranks[e] = -INFINITY;
}

static Tensors evaluateRoute(const RouteShape &shape, const Tensors &in) {
  const Tensor &logits = in[0];
  Tensor weights(Element::F32, {logits.extent(0), shape.topK});
  Tensor experts(Element::I32, weights.shape);
  for (int64_t t = 0; t != logits.extent(0); ++t) {
    std::vector<double> scores = scoreExperts(shape, logits, t);
    std::vector<double> ranks = scores;
    for (int64_t e = 0; e != shape.experts; ++e)
      ranks[e] += shape.hasBias ? in[1](e) : 0;
    if (shape.groups != 0)
      keepGroups(shape, ranks);
    std::vector<int64_t> chosen = order(ranks, shape.topK);
    double sum = 0;
    for (int64_t e : chosen)
      sum += scores[e];
    for (int64_t j = 0; j != shape.topK; ++j) {
      experts(t, j) = chosen[j];
      weights(t, j) =
          shape.scaling * scores[chosen[j]] / (shape.renormalize ? sum : 1);
    }
  }
  return {weights, experts};
}

static std::string nameRoute(const RouteShape &shape) {
  std::string name = std::string("route_") +
                     (shape.sigmoid ? "sigmoid_" : "softmax_") +
                     str(shape.topK) + "_of_" + str(shape.experts);
  if (shape.groups != 0)
    name += "_in_" + str(shape.topGroups) + "_of_" + str(shape.groups) +
            "_groups_by_" + str(shape.groupRanks);
  return name + (shape.hasBias ? "_biased" : "") +
         (shape.renormalize ? "_renormalized" : "") +
         (shape.scaling != 1 ? "_scaled" : "");
}

static std::string spellGroups(const RouteShape &shape) {
  if (shape.groups == 0)
    return "";
  return "groups " + str(shape.groups) + " top_groups " + str(shape.topGroups) +
         " by " + (shape.groupRanks == 2 ? "best_two" : "best");
}

Specimen sennit::test::makeRoute(RouteShape shape) {
  Specimen specimen;
  specimen.name = nameRoute(shape);
  specimen.text = [=](const std::string &tokens) {
    return fill(
        R"(
    func.func @run(%l: {L}{bias argument}) -> ({W}, {E}) {
      %w, %e = seq.route {scores} %l {bias} {groups} {renormalize} {scaling} : {L} -> {W}, {E}
      return %w, %e : {W}, {E}
    })",
        {{"scores", shape.sigmoid ? "sigmoid" : "softmax"},
         {"bias argument", shape.hasBias ? ", %b: {B}" : ""},
         {"bias", shape.hasBias ? "bias(%b : {B})" : ""},
         {"groups", spellGroups(shape)},
         {"renormalize", shape.renormalize ? "renormalize" : ""},
         {"scaling",
          shape.scaling == 1 ? "" : "scaling " + std::to_string(shape.scaling)},
         {"L", "tensor<{t}x{e}xf32>"},
         {"B", "tensor<{e}xf32>"},
         {"W", "tensor<{t}x{k}xf32>"},
         {"E", "tensor<{t}x{k}xi32>"},
         {"t", tokens},
         {"e", str(shape.experts)},
         {"k", str(shape.topK)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    Tensor logits = random.normal({tokens, shape.experts}, 2);
    for (double &logit : logits.values)
      logit = float(std::round(2 * logit) / 2 + 0.11);
    if (!shape.hasBias)
      return Tensors{logits};
    Tensor bias = random.normal({shape.experts}, 0.3);
    for (double &entry : bias.values)
      entry = std::round(8 * entry) / 8;
    return Tensors{logits, bias};
  };
  specimen.formula = [=](const Tensors &in) {
    return evaluateRoute(shape, in);
  };
  specimen.tolerances = {1e-6, 0};
  specimen.tokenArguments = {0};
  specimen.tokenResults = {0, 1};
  return specimen;
}

//===----------------------------------------------------------------------===//
// seq.dispatch
//===----------------------------------------------------------------------===//

/// pairs, positions, offsets: pairs sorted by expert, equals in order, not
/// more of an expert than `capacity` unless that is 0.
static Tensors sortPairs(const Tensor &experts, int64_t count,
                         int64_t capacity = 0) {
  int64_t topK = experts.extent(1), pairs = experts.values.size();
  Tensor sorted(Element::I32, {pairs});
  Tensor positions(Element::I32, {experts.extent(0), topK});
  Tensor offsets(Element::I32, {count + 1});
  std::fill(sorted.values.begin(), sorted.values.end(), -1);
  int64_t place = 0;
  for (int64_t e = 0; e != count; ++e) {
    for (int64_t f = 0; f != pairs; ++f) {
      if (experts.values[f] != e)
        continue;
      bool fits = capacity == 0 || place < offsets(e) + capacity;
      positions.values[f] = fits ? place : -1;
      if (fits)
        sorted(place++) = f;
    }
    offsets(e + 1) = place;
  }
  return {sorted, positions, offsets};
}

/// Distinct experts for each token; the last expert gets nobody.
static Tensor drawExperts(Random &random, int64_t tokens, int64_t experts,
                          int64_t topK) {
  Tensor chosen(Element::I32, {tokens, topK});
  for (int64_t t = 0; t != tokens; ++t) {
    int64_t first = random.below(experts - 1);
    for (int64_t j = 0; j != topK; ++j)
      chosen(t, j) = (first + j * j + j) % (experts - 1);
  }
  return chosen;
}

Specimen sennit::test::makeDispatch(int64_t experts, int64_t topK,
                                    int64_t capacity) {
  Specimen specimen;
  specimen.name = "dispatch_" + str(topK) + "_of_" + str(experts) +
                  (capacity == 0 ? "" : "_at_most_" + str(capacity));
  specimen.text = [=](const std::string &tokens) {
    return fill(R"(
    func.func @run(%e: {E}) -> ({P}, {E}, {O}) {
      %f, %p, %o = seq.dispatch %e {capacity} : {E} -> {P}, {E}, {O}
      return %f, %p, %o : {P}, {E}, {O}
    })",
                {{"capacity", capacity == 0 ? "" : "capacity " + str(capacity)},
                 {"E", "tensor<{t}x{k}xi32>"},
                 {"P", "tensor<{p}xi32>"},
                 {"O", "tensor<{o}xi32>"},
                 {"t", tokens},
                 {"k", str(topK)},
                 {"p", times(tokens, topK)},
                 {"o", str(experts + 1)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{drawExperts(random, tokens, experts, topK)};
  };
  specimen.formula = [=](const Tensors &in) {
    return sortPairs(in[0], experts, capacity);
  };
  specimen.tolerances = {0, 0, 0};
  specimen.tokenArguments = {0};
  return specimen;
}

//===----------------------------------------------------------------------===//
// seq.experts
//===----------------------------------------------------------------------===//

static Tensors evaluateExperts(const ExpertsShape &shape, const Tensors &in) {
  const Tensor &input = in[0], &weight = in[1], &offsets = in[2];
  int64_t rows = offsets.values.back();
  Tensor output(Element::F32, {rows, shape.outputWidth});
  for (int64_t p = 0; p != rows; ++p) {
    int64_t expert = 0;
    while (offsets(expert + 1) <= p)
      ++expert;
    int64_t source = shape.gather ? int64_t(in[3](p)) / shape.topK : p;
    for (int64_t n = 0; n != shape.outputWidth; ++n)
      for (int64_t k = 0; k != shape.inputWidth; ++k)
        output(p, n) += weight(expert, n, k) * input(source, k);
  }
  return {output};
}

static std::string spellExperts(const ExpertsShape &shape,
                                const std::string &tokens) {
  return fill(R"(
    func.func @run(%x: {X}, %w: {W}, %o: {O}, %p: {P}) -> {Y} {
      %y = seq.experts %x, %w offsets(%o) {gather} : {X}, {W}, {O} -> {Y}
      return %y : {Y}
    })",
              {{"gather", shape.gather ? "gather(%p : {P}) top_k {k}" : ""},
               {"X", "tensor<{x}x{m}x{i}>"},
               {"W", "tensor<{e}x{n}x{m}x{w}>"},
               {"O", "tensor<{o}xi32>"},
               {"P", "tensor<{p}xi32>"},
               {"Y", "tensor<{p}x{n}xf32>"},
               {"x", shape.gather ? tokens : times(tokens, shape.topK)},
               {"p", times(tokens, shape.topK)},
               {"m", str(shape.inputWidth)},
               {"n", str(shape.outputWidth)},
               {"k", str(shape.topK)},
               {"e", str(shape.experts)},
               {"o", str(shape.experts + 1)},
               {"i", spell(shape.input)},
               {"w", spell(shape.weight)}});
}

Specimen sennit::test::makeExperts(ExpertsShape shape) {
  Specimen specimen;
  specimen.name = "experts_" + spell(shape.input) + "_" + spell(shape.weight) +
                  (shape.gather ? "_gathered" : "_in_order");
  specimen.text = [=](const std::string &tokens) {
    return spellExperts(shape, tokens);
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    Tensors sorted = sortPairs(
        drawExperts(random, tokens, shape.experts, shape.topK), shape.experts);
    int64_t rows = shape.gather ? tokens : tokens * shape.topK;
    return Tensors{
        random.normal({rows, shape.inputWidth}, 1, shape.input),
        random.normal({shape.experts, shape.outputWidth, shape.inputWidth}, 1,
                      shape.weight),
        sorted[2], sorted[0]};
  };
  specimen.formula = [=](const Tensors &in) {
    return evaluateExperts(shape, in);
  };
  specimen.tolerances = {1e-6};
  return specimen;
}

//===----------------------------------------------------------------------===//
// seq.combine
//===----------------------------------------------------------------------===//

static Tensors evaluateCombine(const Tensors &in) {
  const Tensor &rows = in[0], &weights = in[1], &positions = in[2];
  Tensor output(Element::F32, {weights.extent(0), rows.extent(1)});
  for (int64_t t = 0; t != weights.extent(0); ++t)
    for (int64_t j = 0; j != weights.extent(1); ++j)
      for (int64_t d = 0; positions(t, j) >= 0 && d != rows.extent(1); ++d)
        output(t, d) += weights(t, j) * rows(int64_t(positions(t, j)), d);
  return {output};
}

Specimen sennit::test::makeCombine(int64_t topK, int64_t width,
                                   int64_t capacity) {
  Specimen specimen;
  specimen.name = "combine_" + str(topK) +
                  (capacity == 0 ? "" : "_at_most_" + str(capacity));
  specimen.text = [=](const std::string &tokens) {
    return fill(R"(
    func.func @run(%r: {R}, %w: {W}, %p: {P}) -> {Y} {
      %y = seq.combine %r, %w, %p : {R}, {W}, {P} -> {Y}
      return %y : {Y}
    })",
                {{"R", "tensor<{p}x{d}xf32>"},
                 {"W", "tensor<{t}x{k}xf32>"},
                 {"P", "tensor<{t}x{k}xi32>"},
                 {"Y", "tensor<{t}x{d}xf32>"},
                 {"t", tokens},
                 {"p", times(tokens, topK)},
                 {"k", str(topK)},
                 {"d", str(width)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    Tensors sorted =
        sortPairs(drawExperts(random, tokens, 8, topK), 8, capacity);
    return Tensors{random.normal({tokens * topK, width}),
                   random.normal({tokens, topK}), sorted[1]};
  };
  specimen.formula = evaluateCombine;
  specimen.tolerances = {5e-7};
  return specimen;
}

/// Two experts' products with a ramp between, of which an expert takes the
/// first `capacity` pairs; what stands behind the last expert's rows is
/// nobody's.
static Specimen makeRoutedBlock(int64_t topK, int64_t capacity) {
  constexpr int64_t experts = 5, width = 9, hidden = 14;
  Specimen specimen;
  specimen.name = "combine_of_a_block_" + str(topK) +
                  (capacity == 0 ? "" : "_at_most_" + str(capacity));
  specimen.text = [=](const std::string &tokens) {
    return fill(R"(
    #p = affine_map<(p, n) -> (p, n)>
    func.func @run(%x: {X}, %w: {W}, %e: {E}, %up: {U}, %down: {D}) -> {X} {
      %f, %at, %o = seq.dispatch %e {capacity} : {E} -> {P}, {E}, {O}
      %h = seq.experts %x, %up offsets(%o) gather(%f : {P}) top_k {k} : {X}, {U}, {O} -> {H}
      %r = linalg.generic {indexing_maps = [#p, #p], iterator_types = ["parallel", "parallel"]}
          ins(%h : {H}) outs(%h : {H}) {
      ^bb0(%a: f32, %b: f32):
        %zero = arith.constant 0.0 : f32
        %m = arith.maximumf %a, %zero : f32
        linalg.yield %m : f32
      } -> {H}
      %z = seq.experts %r, %down offsets(%o) : {H}, {D}, {O} -> {R}
      %y = seq.combine %z, %w, %at : {R}, {W}, {E} -> {X}
      return %y : {X}
    })",
                {{"capacity", capacity == 0 ? "" : "capacity " + str(capacity)},
                 {"X", "tensor<{t}x{d}xf32>"},
                 {"W", "tensor<{t}x{k}xf32>"},
                 {"E", "tensor<{t}x{k}xi32>"},
                 {"P", "tensor<{p}xi32>"},
                 {"O", "tensor<{o}xi32>"},
                 {"H", "tensor<{p}x{n}xf32>"},
                 {"R", "tensor<{p}x{d}xf32>"},
                 {"U", "tensor<{e}x{n}x{d}xf32>"},
                 {"D", "tensor<{e}x{d}x{n}xf32>"},
                 {"t", tokens},
                 {"p", times(tokens, topK)},
                 {"k", str(topK)},
                 {"d", str(width)},
                 {"n", str(hidden)},
                 {"e", str(experts)},
                 {"o", str(experts + 1)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{random.normal({tokens, width}),
                   random.normal({tokens, topK}),
                   drawExperts(random, tokens, experts, topK),
                   random.normal({experts, hidden, width}),
                   random.normal({experts, width, hidden})};
  };
  specimen.formula = [=](const Tensors &in) {
    Tensor output(Element::F32, {in[0].extent(0), width});
    std::vector<int64_t> taken(experts);
    for (int64_t t = 0; t != in[0].extent(0); ++t)
      for (int64_t j = 0; j != topK; ++j) {
        int64_t expert = in[2](t, j);
        if (capacity != 0 && taken[expert]++ >= capacity)
          continue;
        for (int64_t n = 0; n != hidden; ++n) {
          double sum = 0;
          for (int64_t d = 0; d != width; ++d)
            sum += in[3](expert, n, d) * in[0](t, d);
          for (int64_t d = 0; d != width; ++d)
            output(t, d) +=
                in[1](t, j) * in[4](expert, d, n) * std::max(sum, 0.0);
        }
      }
    return Tensors{output};
  };
  specimen.tolerances = {1e-6};
  specimen.tokenArguments = {0, 1, 2};
  // Who finds room depends on all tokens of a call.
  if (capacity == 0)
    specimen.tokenResults = {0};
  return specimen;
}

std::vector<Specimen> sennit::test::makeRouters() {
  std::vector<Specimen> all{
      makeRoute({7, 2, false, true}),
      makeRoute({8, 3, false, false}),
      makeRoute({5, 2, true, true}),
      makeRoute({5, 5, true, false}),
      makeRoute({1, 1, false, true}),
      makeRoute({9, 4, true, true, true, 0, 0, 1, 2.5}),
      makeRoute({9, 2, false, false, true}),
      makeRoute({15, 4, true, true, true, 5, 2, 2, 2.5}),
      makeRoute({15, 3, false, false, false, 3, 2, 1, 16}),
      makeRoute({16, 8, true, true, false, 4, 2, 2}),
      makeRoute({64, 6, true, true, true, 1, 1, 2}),
      makeTopK({8, 3, false}),
      makeTopK({13, 13, true}),
      makeTopK({100, 20, false}),
      makeTopK({1, 1, true}),
      makeTopK({4999, 7, true}),
      makeSample(5),
      makeSample(256),
      makeSample(300),
      makeDispatch(8, 2),
      makeDispatch(12, 3),
      makeDispatch(12, 3, 2),
      makeDispatch(5, 2, 11),
      makeExperts({8, 2, 11, 5, Element::BF16, true}),
      makeExperts({8, 2, 7, 9, Element::F32, false}),
      makeExperts({8, 1, 6, 5, Element::F16, true}),
      makeExperts({3, 2, 37, 21, Element::BF16, true, Element::BF16}),
      makeExperts({2, 1, 32, 9, Element::BF16, false, Element::BF16}),
      makeCombine(2, 9),
      makeCombine(1, 5),
      makeCombine(2, 7, 3),
      makeRoutedBlock(2, 0),
      makeRoutedBlock(3, 4),
      makeEmbed(17, 11, Element::BF16),
      makeEmbed(9, 5, Element::F32)};
  for (Specimen &skip : makeSkips())
    all.push_back(std::move(skip));
  return all;
}
