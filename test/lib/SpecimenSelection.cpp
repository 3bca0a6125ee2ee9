// Selection under test: the first of a row and drawn tokens, with their
// formulas.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

static std::string str(int64_t value) { return std::to_string(value); }

/// The indices of a row's numbers, the largest or smallest first.
static std::vector<int64_t> sortRow(const Tensor &rows, int64_t row,
                                    bool smallest) {
  std::vector<int64_t> order(rows.extent(1));
  std::iota(order.begin(), order.end(), 0);
  std::erase_if(order, [&](int64_t i) { return std::isnan(rows(row, i)); });
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return smallest ? rows(row, a) < rows(row, b) : rows(row, a) > rows(row, b);
  });
  return order;
}

//===----------------------------------------------------------------------===//
// seq.top_k
//===----------------------------------------------------------------------===//

static Tensors evaluateTopK(const TopKShape &shape, const Tensor &input) {
  Tensor values(Element::F32, {input.extent(0), shape.count});
  Tensor indices(Element::I32, values.shape);
  for (int64_t row = 0; row != input.extent(0); ++row) {
    std::vector<int64_t> order = sortRow(input, row, shape.smallest);
    for (int64_t j = 0; j != shape.count; ++j) {
      bool exists = j < int64_t(order.size());
      indices(row, j) = exists ? order[j] : 0;
      values(row, j) = exists ? input(row, order[j]) : NAN;
    }
  }
  return {values, indices};
}

Specimen sennit::test::makeTopK(TopKShape shape) {
  Specimen specimen;
  specimen.name = "top_k_" + str(shape.count) + "_of_" + str(shape.elements) +
                  (shape.smallest ? "_smallest" : "");
  specimen.text = [=](const std::string &rows) {
    return fill(R"(
    func.func @run(%x: {X}) -> ({V}, {I}) {
      %v, %i = seq.top_k %x {smallest} : {X} -> {V}, {I}
      return %v, %i : {V}, {I}
    })",
                {{"smallest", shape.smallest ? "smallest" : ""},
                 {"X", "tensor<{r}x{e}xf32>"},
                 {"V", "tensor<{r}x{k}xf32>"},
                 {"I", "tensor<{r}x{k}xi32>"},
                 {"r", rows},
                 {"e", str(shape.elements)},
                 {"k", str(shape.count)}});
  };
  // As many are no numbers as may be without one of them being chosen.
  specimen.arguments = [=](int64_t rows, int64_t, uint64_t seed) {
    Random random(seed);
    Tensor input = random.normal({rows, shape.elements}, 2);
    for (double &value : input.values)
      value = std::round(2 * value) / 2;
    for (int64_t row = 0; row != rows; ++row)
      for (int64_t i = shape.count;
           i < std::min(shape.elements, shape.count + 5); ++i)
        input(row, random.below(shape.elements)) = NAN;
    return Tensors{input};
  };
  specimen.formula = [=](const Tensors &in) {
    return evaluateTopK(shape, in[0]);
  };
  specimen.tolerances = {0, 0};
  specimen.tokenArguments = {0};
  specimen.tokenResults = {0, 1};
  return specimen;
}

//===----------------------------------------------------------------------===//
// seq.sample
//===----------------------------------------------------------------------===//

/// The most probable tokens that `topK` and `topP` leave, falling.
static std::vector<int64_t> keepTokens(std::vector<int64_t> order,
                                       const std::vector<double> &weights,
                                       double topK, double topP) {
  if (topK > 0 && topK < double(order.size()))
    order.resize(size_t(topK));
  if (!(topP > 0 && topP < 1))
    return order;
  double all = 0, sum = 0;
  for (int64_t token : order)
    all += weights[token];
  size_t kept = 0;
  while (kept < order.size() && (kept == 0 || sum < topP * all))
    sum += weights[order[kept++]];
  order.resize(kept);
  return order;
}

static int64_t drawToken(const Tensors &in, int64_t row) {
  const Tensor &logits = in[0];
  double temperature = in[2](row);
  int64_t vocabulary = logits.extent(1);
  for (int64_t i = 0; i != vocabulary; ++i)
    if (std::isnan(logits(row, i)) || logits(row, i) == INFINITY)
      return -1;
  std::vector<int64_t> order = sortRow(logits, row, /*smallest=*/false);
  double largest = logits(row, order[0]);
  if (largest == -INFINITY)
    return -1;
  if (temperature == 0)
    return order[0];
  std::vector<double> weights;
  for (int64_t i = 0; i != vocabulary; ++i)
    weights.push_back(std::exp((logits(row, i) - largest) / temperature));
  order = keepTokens(order, weights, in[3](row), in[4](row));
  std::sort(order.begin(), order.end());
  double all = 0, sum = 0;
  for (int64_t token : order)
    all += weights[token];
  for (int64_t token : order)
    if ((sum += weights[token]) > in[1](row) * all)
      return token;
  return order.back();
}

static Tensors evaluateSample(const Tensors &in) {
  Tensor tokens(Element::I32, {in[0].extent(0)});
  for (int64_t row = 0; row != in[0].extent(0); ++row)
    tokens(row) = drawToken(in, row);
  return {tokens};
}

/// Settings of all kinds in turn, and now and then a row that is refused.
static Tensors drawLogits(int64_t rows, int64_t vocabulary, uint64_t seed) {
  Random random(seed);
  Tensor logits = random.normal({rows, vocabulary}, 3);
  Tensor uniform = random.below(1 << 30, {rows});
  uniform.element = Element::F64;
  Tensor temperature(Element::F32, {rows}), topP(Element::F32, {rows});
  Tensor topK(Element::I32, {rows});
  const double ofTemperature[] = {1, 0.5, 2, 0, 1, 8, 0.0625};
  const double ofTopK[] = {0, 3, 1, 20, double(vocabulary + 1)};
  const double ofTopP[] = {0, 0.9, 1, 0.4, 0.001, 0.99};
  // Coarse logits, so that ties are common at every border.
  for (double &logit : logits.values)
    logit = random.below(40) == 0 ? -INFINITY : std::round(2 * logit) / 2;
  for (int64_t row = 0; row != rows; ++row) {
    uniform(row) *= 0x1p-30;
    temperature(row) = ofTemperature[random.below(7)];
    topK(row) = ofTopK[random.below(5)];
    topP(row) = roundTo(Element::F32, ofTopP[random.below(6)]);
    if (random.below(20) == 0)
      logits(row, random.below(vocabulary)) = random.below(2) ? NAN : INFINITY;
    for (int64_t i = 0; i != vocabulary && row % 16 == 9; ++i)
      logits(row, i) = -INFINITY;
  }
  return {logits, uniform, temperature, topK, topP};
}

Specimen sennit::test::makeSample(int64_t vocabulary) {
  Specimen specimen;
  specimen.name = "sample_of_" + str(vocabulary);
  specimen.text = [=](const std::string &rows) {
    return fill(R"(
    func.func @run(%l: {L}, %u: {U}, %t: {F}, %k: {I}, %p: {F}) -> {I} {
      %y = seq.sample %l uniform(%u) temperature(%t) top_k(%k) top_p(%p)
        : ({L}, {U}, {F}, {I}, {F}) -> {I}
      return %y : {I}
    })",
                {{"L", "tensor<{r}x{v}xf32>"},
                 {"U", "tensor<{r}xf64>"},
                 {"F", "tensor<{r}xf32>"},
                 {"I", "tensor<{r}xi32>"},
                 {"r", rows},
                 {"v", str(vocabulary)}});
  };
  specimen.arguments = [=](int64_t rows, int64_t, uint64_t seed) {
    return drawLogits(rows, vocabulary, seed);
  };
  specimen.formula = evaluateSample;
  specimen.tolerances = {0};
  specimen.tokenArguments = {0, 1, 2, 3, 4};
  specimen.tokenResults = {0};
  return specimen;
}
