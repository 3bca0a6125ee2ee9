// Moves of tensors under test: slices, pads, joins, reshapes, transposes,
// look-ups.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/LinalgSpecimen.h"

#include <numeric>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;
using Indices = std::vector<int64_t>;

static LinalgSpecimen makeTransposes(Element element) {
  LinalgSpecimen specimen;
  specimen.name = "transposes_" + spell(element);
  specimen.text = fill(R"(
    func.func @run(%x: tensor<3x{n}x37x{t}>) -> (tensor<37x{n}x3x{t}>, tensor<3x37x{n}x{t}>, tensor<{n}x3x37x{t}>) {
      %e0 = tensor.empty() : tensor<37x{n}x3x{t}>
      %e1 = tensor.empty() : tensor<3x37x{n}x{t}>
      %e2 = tensor.empty() : tensor<{n}x3x37x{t}>
      %a = linalg.transpose ins(%x : tensor<3x{n}x37x{t}>) outs(%e0 : tensor<37x{n}x3x{t}>) permutation = [2, 1, 0]
      %b = linalg.transpose ins(%x : tensor<3x{n}x37x{t}>) outs(%e1 : tensor<3x37x{n}x{t}>) permutation = [0, 2, 1]
      %c = linalg.transpose ins(%x : tensor<3x{n}x37x{t}>) outs(%e2 : tensor<{n}x3x37x{t}>) permutation = [1, 0, 2]
      return %a, %b, %c : tensor<37x{n}x3x{t}>, tensor<3x37x{n}x{t}>, tensor<{n}x3x37x{t}>
    })",
                       {{"t", spell(element)}});
  specimen.arguments = [=](int64_t n, Random &random) {
    Tensor x = random.below(element == Element::I1 ? 2 : 100, {3, n, 37});
    x.element = element;
    return Tensors{x};
  };
  specimen.formula = [=](int64_t n, const Tensors &in) {
    const Tensor &x = in[0];
    return Tensors{
        tabulate(element, {37, n, 3},
                 [&](const Indices &at) { return x(at[2], at[1], at[0]); }),
        tabulate(element, {3, 37, n},
                 [&](const Indices &at) { return x(at[0], at[2], at[1]); }),
        tabulate(element, {n, 3, 37},
                 [&](const Indices &at) { return x(at[1], at[0], at[2]); })};
  };
  specimen.tolerances = {0, 0, 0};
  return specimen;
}

static LinalgSpecimen makeSlices() {
  LinalgSpecimen specimen;
  specimen.name = "slices";
  specimen.text = R"(
    func.func @run(%x: tensor<{n}x9x20xf32>) -> (tensor<{n}x4xf32>, tensor<{n}x3x7xf32>, tensor<9x20xf32>) {
      %a = tensor.extract_slice %x[0, 5, 3] [{n}, 1, 4] [1, 1, 1] : tensor<{n}x9x20xf32> to tensor<{n}x4xf32>
      %b = tensor.extract_slice %x[0, 1, 0] [{n}, 3, 7] [1, 2, 3] : tensor<{n}x9x20xf32> to tensor<{n}x3x7xf32>
      %c = tensor.extract_slice %x[0, 0, 0] [1, 9, 20] [1, 1, 1] : tensor<{n}x9x20xf32> to tensor<9x20xf32>
      %s = math.absf %c : tensor<9x20xf32>
      return %a, %b, %s : tensor<{n}x4xf32>, tensor<{n}x3x7xf32>, tensor<9x20xf32>
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    return Tensors{random.normal({n, 9, 20})};
  };
  specimen.formula = [](int64_t n, const Tensors &in) {
    const Tensor &x = in[0];
    return Tensors{
        tabulate(Element::F32, {n, 4},
                 [&](const Indices &at) { return x(at[0], 5, 3 + at[1]); }),
        tabulate(Element::F32, {n, 3, 7},
                 [&](const Indices &at) {
                   return x(at[0], 1 + 2 * at[1], 3 * at[2]);
                 }),
        tabulate(Element::F32, {9, 20}, [&](const Indices &at) {
          return std::abs(x(0, at[0], at[1]));
        })};
  };
  specimen.tolerances = {0, 0, 0};
  return specimen;
}

static LinalgSpecimen makeJoins() {
  LinalgSpecimen specimen;
  specimen.name = "joins";
  specimen.text = R"(
    func.func @run(%x: tensor<2x{n}xi64>, %y: tensor<2x5xi64>, %z: tensor<2x0xi64>)
        -> (tensor<2x{2n+5}xi64>, tensor<4x{n}xi64>) {
      %a = tensor.concat dim(1) %z, %x, %y, %x : (tensor<2x0xi64>, tensor<2x{n}xi64>, tensor<2x5xi64>, tensor<2x{n}xi64>) -> tensor<2x{2n+5}xi64>
      %b = tensor.concat dim(0) %x, %x : (tensor<2x{n}xi64>, tensor<2x{n}xi64>) -> tensor<4x{n}xi64>
      return %a, %b : tensor<2x{2n+5}xi64>, tensor<4x{n}xi64>
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    Tensors in{random.below(99, {2, n}), random.below(99, {2, 5}),
               random.below(99, {2, 0})};
    for (Tensor &tensor : in)
      tensor.element = Element::I64;
    return in;
  };
  specimen.formula = [](int64_t n, const Tensors &in) {
    auto joined = [&](const Indices &at) {
      int64_t j = at[1];
      if (j >= n && j < n + 5)
        return in[1](at[0], j - n);
      return in[0](at[0], j < n ? j : j - n - 5);
    };
    return Tensors{tabulate(Element::I64, {2, 2 * n + 5}, joined),
                   tabulate(Element::I64, {4, n}, [&](const Indices &at) {
                     return in[0](at[0] % 2, at[1]);
                   })};
  };
  specimen.tolerances = {0, 0};
  return specimen;
}

static LinalgSpecimen makeInsertions() {
  LinalgSpecimen specimen;
  specimen.name = "insertions";
  specimen.text = R"(
    func.func @run(%x: tensor<{n}x3xf32>, %d: tensor<4x{n}x9xf32>) -> (tensor<4x{n}x9xf32>, tensor<{n}x8xf32>) {
      %five = arith.constant 5.0 : f32
      %a = tensor.insert_slice %x into %d[2, 0, 1] [1, {n}, 3] [1, 1, 2] : tensor<{n}x3xf32> into tensor<4x{n}x9xf32>
      %b = tensor.pad %x low[0, 1] high[0, 4] {
      ^bb0(%i: index, %j: index):
        tensor.yield %five : f32
      } : tensor<{n}x3xf32> to tensor<{n}x8xf32>
      return %a, %b : tensor<4x{n}x9xf32>, tensor<{n}x8xf32>
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    return Tensors{random.normal({n, 3}), random.normal({4, n, 9})};
  };
  specimen.formula = [](int64_t n, const Tensors &in) {
    const Tensor &x = in[0], &d = in[1];
    return Tensors{
        tabulate(Element::F32, {4, n, 9},
                 [&](const Indices &at) {
                   int64_t k = at[2] - 1;
                   bool isHere = at[0] == 2 && k >= 0 && k < 6 && k % 2 == 0;
                   return isHere ? x(at[1], k / 2) : d(at[0], at[1], at[2]);
                 }),
        tabulate(Element::F32, {n, 8}, [&](const Indices &at) {
          int64_t j = at[1] - 1;
          return j >= 0 && j < 3 ? x(at[0], j) : 5.0;
        })};
  };
  specimen.tolerances = {0, 0};
  return specimen;
}

static LinalgSpecimen makeViews() {
  LinalgSpecimen specimen;
  specimen.name = "views";
  specimen.text = R"(
    #id = affine_map<(i, j, k) -> (i, j, k)>
    func.func @run(%x: tensor<{n}x6xf32>) -> (tensor<{n}x2x3xf32>, tensor<6x{n}xf32>) {
      %c = arith.constant dense<[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]> : tensor<1x2x3xf32>
      %v = tensor.expand_shape %x [[0], [1, 2]] output_shape [{n}, 2, 3] : tensor<{n}x6xf32> into tensor<{n}x2x3xf32>
      %e = tensor.empty() : tensor<{n}x2x3xf32>
      %y = linalg.generic {indexing_maps = [#id, affine_map<(i, j, k) -> (0, j, k)>, #id],
          iterator_types = ["parallel", "parallel", "parallel"]}
          ins(%v, %c : tensor<{n}x2x3xf32>, tensor<1x2x3xf32>) outs(%e : tensor<{n}x2x3xf32>) {
      ^bb0(%a: f32, %b: f32, %o: f32):
        %s = arith.addf %a, %b : f32
        linalg.yield %s : f32
      } -> tensor<{n}x2x3xf32>
      %shape = arith.constant dense<[6, {n}]> : tensor<2xindex>
      %g = tensor.reshape %y(%shape) : (tensor<{n}x2x3xf32>, tensor<2xindex>) -> tensor<6x{n}xf32>
      return %y, %g : tensor<{n}x2x3xf32>, tensor<6x{n}xf32>
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    return Tensors{random.normal({n, 6})};
  };
  specimen.formula = [](int64_t n, const Tensors &in) {
    Tensor y(Element::F32, {n, 2, 3}), g(Element::F32, {6, n});
    for (size_t i = 0; i < y.values.size(); ++i)
      y.values[i] = g.values[i] = in[0].values[i] + i % 6 + 1;
    return Tensors{y, g};
  };
  specimen.tolerances = {1e-6, 1e-6};
  return specimen;
}

// Rows by their numbers, and elements by two.
static LinalgSpecimen makeGathers() {
  LinalgSpecimen specimen;
  specimen.name = "gathers";
  specimen.text = R"(
    #i = affine_map<(i, j) -> (i)>
    #ij = affine_map<(i, j) -> (i, j)>
    func.func @run(%table: tensor<11x{n}xf16>, %rows: tensor<5xi64>, %columns: tensor<5x3xi32>)
        -> (tensor<5x{n}xf16>, tensor<5x3xf16>) {
      %e = tensor.empty() : tensor<5x{n}xf16>
      %f = tensor.empty() : tensor<5x3xf16>
      %a = linalg.generic {indexing_maps = [#i, #ij], iterator_types = ["parallel", "parallel"]}
          ins(%rows : tensor<5xi64>) outs(%e : tensor<5x{n}xf16>) {
      ^bb0(%r: i64, %o: f16):
        %at = arith.index_cast %r : i64 to index
        %j = linalg.index 1 : index
        %v = tensor.extract %table[%at, %j] : tensor<11x{n}xf16>
        linalg.yield %v : f16
      } -> tensor<5x{n}xf16>
      %b = linalg.generic {indexing_maps = [#i, #ij, #ij], iterator_types = ["parallel", "parallel"]}
          ins(%rows, %columns : tensor<5xi64>, tensor<5x3xi32>) outs(%f : tensor<5x3xf16>) {
      ^bb0(%r: i64, %c: i32, %o: f16):
        %at = arith.index_cast %r : i64 to index
        %j = arith.index_cast %c : i32 to index
        %v = tensor.extract %table[%at, %j] : tensor<11x{n}xf16>
        linalg.yield %v : f16
      } -> tensor<5x3xf16>
      return %a, %b : tensor<5x{n}xf16>, tensor<5x3xf16>
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    Tensor rows = random.below(11, {5});
    rows.element = Element::I64;
    return Tensors{random.normal({11, n}, 1, Element::F16), rows,
                   random.below(n, {5, 3})};
  };
  specimen.formula = [](int64_t n, const Tensors &in) {
    const Tensor &table = in[0], &rows = in[1], &columns = in[2];
    return Tensors{tabulate(Element::F16, {5, n},
                            [&](const Indices &at) {
                              return table(int64_t(rows(at[0])), at[1]);
                            }),
                   tabulate(Element::F16, {5, 3}, [&](const Indices &at) {
                     return table(int64_t(rows(at[0])),
                                  int64_t(columns(at[0], at[1])));
                   })};
  };
  specimen.tolerances = {0, 0};
  return specimen;
}

// Softmax of the last dimension in the form of linalg, and windows of a sum.
static LinalgSpecimen makeWindows() {
  LinalgSpecimen specimen;
  specimen.name = "windows";
  specimen.text = R"(
    #x = affine_map<(i, j, w) -> (i, 2 * j + w)>
    #k = affine_map<(i, j, w) -> (w)>
    #y = affine_map<(i, j, w) -> (i, j)>
    func.func @run(%x: tensor<{n}x19xf32>, %k: tensor<3xf32>) -> tensor<{n}x9xf32> {
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<{n}x9xf32>
      %z = linalg.fill ins(%zero : f32) outs(%e : tensor<{n}x9xf32>) -> tensor<{n}x9xf32>
      %y = linalg.generic {indexing_maps = [#x, #k, #y], iterator_types = ["parallel", "parallel", "reduction"]}
          ins(%x, %k : tensor<{n}x19xf32>, tensor<3xf32>) outs(%z : tensor<{n}x9xf32>) {
      ^bb0(%a: f32, %b: f32, %acc: f32):
        %p = arith.mulf %a, %b : f32
        %s = arith.addf %acc, %p : f32
        linalg.yield %s : f32
      } -> tensor<{n}x9xf32>
      return %y : tensor<{n}x9xf32>
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    return Tensors{random.normal({n, 19}), random.normal({3})};
  };
  specimen.formula = [](int64_t n, const Tensors &in) {
    return Tensors{tabulate(Element::F32, {n, 9}, [&](const Indices &at) {
      double sum = 0;
      for (int64_t w = 0; w < 3; ++w)
        sum += in[0](at[0], 2 * at[1] + w) * in[1](w);
      return sum;
    })};
  };
  specimen.tolerances = {1e-6};
  return specimen;
}

// Without elements: nothing to write, nothing to merge.
static LinalgSpecimen makeEmpty() {
  LinalgSpecimen specimen;
  specimen.name = "no_elements";
  specimen.text = R"(
    func.func @run(%x: tensor<{n}x0xf32>) -> (tensor<{n}x0xf32>, tensor<{n}xf32>) {
      %one = arith.constant 1.0 : f32
      %e = tensor.empty() : tensor<{n}xf32>
      %z = linalg.fill ins(%one : f32) outs(%e : tensor<{n}xf32>) -> tensor<{n}xf32>
      %a = math.exp %x : tensor<{n}x0xf32>
      %b = linalg.reduce ins(%x : tensor<{n}x0xf32>) outs(%z : tensor<{n}xf32>) dimensions = [1]
        (%v: f32, %acc: f32) {
          %s = arith.addf %v, %acc : f32
          linalg.yield %s : f32
        }
      return %a, %b : tensor<{n}x0xf32>, tensor<{n}xf32>
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    return Tensors{random.normal({n, 0})};
  };
  specimen.formula = [](int64_t n, const Tensors &in) {
    Tensor ones(Element::F32, {n});
    std::fill(ones.values.begin(), ones.values.end(), 1);
    return Tensors{in[0], ones};
  };
  specimen.tolerances = {0, 0};
  return specimen;
}

Specimen sennit::test::makeRowJoin() {
  Specimen specimen;
  specimen.name = "row_join";
  specimen.text = [](const std::string &tokens) {
    return fill(R"(
    #id = affine_map<(t, h, d) -> (t, h, d)>
    func.func @run(%x: {X}, %y: {Y}) -> {Z} {
      %m = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
          ins(%y : {Y}) outs(%y : {Y}) {
      ^bb0(%a: f32, %old: f32):
        %n = arith.negf %a : f32
        linalg.yield %n : f32
      } -> {Y}
      %z = tensor.concat dim(2) %x, %m, %x : ({X}, {Y}, {X}) -> {Z}
      return %z : {Z}
    })",
                {{"X", "tensor<{t}x3x7xf32>"},
                 {"Y", "tensor<{t}x3x4xf32>"},
                 {"Z", "tensor<{t}x3x18xf32>"},
                 {"t", tokens}});
  };
  specimen.arguments = [](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    return Tensors{random.normal({tokens, 3, 7}),
                   random.normal({tokens, 3, 4})};
  };
  specimen.formula = [](const Tensors &in) {
    return Tensors{tabulate(
        Element::F32, {in[0].extent(0), 3, 18}, [&](const Indices &at) {
          int64_t d = at[2];
          return d >= 7 && d < 11 ? -in[1](at[0], at[1], d - 7)
                                  : in[0](at[0], at[1], d < 7 ? d : d - 11);
        })};
  };
  specimen.tolerances = {0};
  specimen.tokenArguments = {0, 1};
  specimen.tokenResults = {0};
  return specimen;
}

std::vector<LinalgSpecimen> sennit::test::makeMoves() {
  return {makeTransposes(Element::F32),
          makeTransposes(Element::I8),
          makeTransposes(Element::F64),
          makeTransposes(Element::I1),
          makeSlices(),
          makeJoins(),
          makeInsertions(),
          makeViews(),
          makeGathers(),
          makeWindows(),
          makeEmpty()};
}
