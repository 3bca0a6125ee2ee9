// Quantised matrices under test, with their formulas in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include <array>
#include <cmath>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

static std::string str(int64_t value) { return std::to_string(value); }
static int64_t count(int64_t all, int64_t each) {
  return (all + each - 1) / each;
}

/// The integer at [n, k]: halves of a word hold numbers of even and odd place.
static int64_t takeNumber(const Tensor &words, int64_t n, int64_t k,
                          int64_t bits) {
  int64_t each = 32 / bits, place = k % each;
  auto word = uint32_t(int64_t(words(n, k / each)));
  uint32_t half = place % 2 ? word >> 16 : word & 0xffff;
  int64_t number = half >> (place / 2 * bits) & ((1 << bits) - 1);
  return number < 1 << (bits - 1) ? number : number - (1 << bits);
}

Specimen sennit::test::makeDequantize(QuantizedShape shape) {
  auto [bits, group, rows, depth, input, scale] = shape;
  Specimen specimen;
  specimen.name = "dequantize_" + str(bits) + "_" + str(rows) + "x" +
                  str(depth) + "_by_" + str(group) + "_" + spell(input);
  specimen.text = [=](const std::string &tokens) {
    return fill(R"(
    func.func @run(%x: {X}, %q: {Q}, %s: {S}) -> {Y} {
      %w = seq.dequantize %q, %s bits {b} group {g} : {Q}, {S} -> {W}
      %zero = arith.constant 0.0 : f32
      %c0 = arith.constant 0 : index
      %t = tensor.dim %x, %c0 : {X}
      %e = tensor.empty({size}) : {Y}
      %z = linalg.fill ins(%zero : f32) outs(%e : {Y}) -> {Y}
      %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
          affine_map<(m, n, k) -> (m, n)>] ins(%x, %w : {X}, {W}) outs(%z : {Y}) -> {Y}
      return %y : {Y}
    })",
                {{"X", "tensor<{t}x{k}x{i}>"},
                 {"Q", "tensor<{n}x" + str(count(depth, 32 / bits)) + "xi32>"},
                 {"S", "tensor<{n}x" + str(count(depth, group)) + "x{s}>"},
                 {"W", "tensor<{n}x{k}xbf16>"},
                 {"Y", "tensor<{t}x{n}xf32>"},
                 {"size", tokens == "?" ? "%t" : ""},
                 {"t", tokens},
                 {"b", str(bits)},
                 {"g", str(group)},
                 {"n", str(rows)},
                 {"k", str(depth)},
                 {"i", spell(input)},
                 {"s", spell(scale)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    // What a last word holds past the depth is not read.
    Tensor words =
        random.below(int64_t(1) << 32, {rows, count(depth, 32 / bits)});
    for (double &word : words.values)
      word -= double(int64_t(1) << 31);
    return Tensors{random.normal({tokens, depth}, 1, input), words,
                   random.normal({rows, count(depth, group)}, 0.1, scale)};
  };
  specimen.formula = [=](const Tensors &in) {
    Tensor output(Element::F32, {in[0].extent(0), rows});
    for (int64_t t = 0; t != in[0].extent(0); ++t)
      for (int64_t n = 0; n != rows; ++n)
        for (int64_t k = 0; k != depth; ++k)
          output(t, n) += in[0](t, k) * double(takeNumber(in[1], n, k, bits)) *
                          in[2](n, k / group);
    return Tensors{output};
  };
  // Many rows read the matrix rounded to bf16.
  specimen.tolerances = {8e-3};
  specimen.tokenArguments = {0};
  specimen.tokenResults = {0};
  return specimen;
}

/// A row's numbers, neighbours in its words.
static void quantizeRow(const Tensor &matrix, int64_t n, int64_t bits,
                        int64_t group, Tensor &words, Tensor &scales) {
  int64_t depth = matrix.extent(1), each = 32 / bits;
  double largest = double((1 << (bits - 1)) - 1);
  for (int64_t k = 0; k != depth; ++k)
    scales(n, k / group) =
        std::max(scales(n, k / group), std::abs(matrix(n, k)));
  std::vector<uint32_t> row(words.extent(1));
  for (int64_t k = 0; k != depth; ++k) {
    double most = scales(n, k / group);
    auto number =
        int64_t(most == 0 ? 0 : std::nearbyint(matrix(n, k) * largest / most));
    int64_t place = k % each;
    row[k / each] |= uint32_t(number & ((1 << bits) - 1))
                     << (place % 2 * 16 + place / 2 * bits);
  }
  for (size_t i = 0; i != row.size(); ++i)
    words(n, int64_t(i)) = double(int32_t(row[i]));
  for (int64_t g = 0; g != scales.extent(1); ++g)
    scales(n, g) /= largest;
}

Specimen sennit::test::makeQuantize(QuantizedShape shape) {
  auto [bits, group, ignored, depth, input, scale] = shape;
  Specimen specimen;
  specimen.name = "quantize_" + str(bits) + "_" + str(depth) + "_by_" +
                  str(group) + "_" + spell(input);
  specimen.hasStaticTokens = true;
  specimen.text = [=](const std::string &rows) {
    return fill(R"(
    func.func @run(%w: {W}) -> ({Q}, {S}) {
      %q, %s = seq.quantize %w bits {b} group {g} : {W} -> {Q}, {S}
      return %q, %s : {Q}, {S}
    })",
                {{"Q", "tensor<{n}x" + str(count(depth, 32 / bits)) + "xi32>"},
                 {"S", "tensor<{n}x" + str(count(depth, group)) + "xf32>"},
                 {"W", "tensor<{n}x{k}x{i}>"},
                 {"n", rows},
                 {"b", str(bits)},
                 {"g", str(group)},
                 {"k", str(depth)},
                 {"i", spell(input)}});
  };
  specimen.arguments = [=](int64_t rows, int64_t, uint64_t seed) {
    Random random(seed);
    Tensor matrix = random.normal({rows, depth}, 1, input);
    // A group without numbers, and one where ties are common.
    for (int64_t k = 0; rows > 1 && k != depth; ++k) {
      matrix(0, k) = 0;
      matrix(1, k) = double(k % 29) - 14;
    }
    return Tensors{matrix};
  };
  specimen.formula = [=](const Tensors &in) {
    int64_t rows = in[0].extent(0);
    Tensor words(Element::I32, {rows, count(depth, 32 / bits)}),
        scales(Element::F32, {rows, count(depth, group)});
    for (int64_t n = 0; n != rows; ++n)
      quantizeRow(in[0], n, bits, group, words, scales);
    return Tensors{words, scales};
  };
  specimen.tolerances = {0, 1e-6};
  return specimen;
}

std::vector<Specimen> sennit::test::makeQuantizations() {
  std::vector<Specimen> specimens;
  for (int64_t bits : {4, 8}) {
    for (auto [group, rows, depth] : {std::array<int64_t, 3>{32, 17, 1000},
                                      {128, 33, 1000},
                                      {96, 3, 127},
                                      {128, 1, 17},
                                      {64, 127, 256}})
      specimens.push_back(makeDequantize(
          {bits, group, rows, depth, Element::BF16, Element::F32}));
    specimens.push_back(
        makeDequantize({bits, 128, 65, 384, Element::F32, Element::BF16}));
    for (auto [group, depth] :
         {std::pair<int64_t, int64_t>{128, 384}, {32, 127}, {128, 17}})
      specimens.push_back(
          makeQuantize({bits, group, 0, depth, Element::BF16, Element::F32}));
  }
  specimens.push_back(
      makeQuantize({8, 64, 0, 1000, Element::F16, Element::F32}));
  return specimens;
}
