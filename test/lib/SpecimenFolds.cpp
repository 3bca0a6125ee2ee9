// Reductions over any dimensions under test.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/LinalgSpecimen.h"

#include <cmath>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;
using Indices = std::vector<int64_t>;

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

namespace {
struct FoldShape {
  std::string name;
  Element element;
  /// The merge as an op, and in f64.
  std::string op;
  double (*merge)(double, double);
  /// The value before the first element, as text and number.
  std::string start;
  double first;
  /// Which of the dimensions [3, n, 5] go.
  std::vector<bool> reduced;
  double tolerance;
};
} // namespace

static LinalgSpecimen makeFold(const FoldShape &shape) {
  LinalgSpecimen specimen;
  specimen.name = shape.name;
  std::string kinds, map, extents;
  const char *names[] = {"i", "j", "k"}, *sizes[] = {"3", "{n}", "5"};
  for (int dim = 0; dim < 3; ++dim) {
    kinds += dim ? ", " : "";
    kinds += shape.reduced[dim] ? "\"reduction\"" : "\"parallel\"";
    if (shape.reduced[dim])
      continue;
    map += map.empty() ? names[dim] : std::string(", ") + names[dim];
    extents += std::string(sizes[dim]) + "x";
  }
  specimen.text = fill(R"(
    #x = affine_map<(i, j, k) -> (i, j, k)>
    #y = affine_map<(i, j, k) -> ({map})>
    !y = tensor<{extents}{t}>
    func.func @run(%x: tensor<3x{n}x5x{t}>) -> !y {
      %start = arith.constant {start} : {t}
      %e = tensor.empty() : !y
      %z = linalg.fill ins(%start : {t}) outs(%e : !y) -> !y
      %y = linalg.generic {indexing_maps = [#x, #y], iterator_types = [{kinds}]}
          ins(%x : tensor<3x{n}x5x{t}>) outs(%z : !y) {
      ^bb0(%a: {t}, %acc: {t}):
        %m = {op} %acc, %a : {t}
        linalg.yield %m : {t}
      } -> !y
      return %y : !y
    })",
                       {{"map", map},
                        {"extents", extents},
                        {"kinds", kinds},
                        {"op", shape.op},
                        {"start", shape.start},
                        {"t", spell(shape.element)}});
  bool isFloat = shape.op.back() == 'f';
  specimen.arguments = [=](int64_t n, Random &random) {
    Tensor x = random.normal({3, n, 5}, 1, shape.element);
    if (!isFloat)
      x = random.below(shape.element == Element::I1 ? 2 : 50, {3, n, 5});
    x.element = shape.element;
    if (shape.op == "arith.mulf")
      for (double &value : x.values)
        value = roundTo(shape.element, std::exp(value / 16));
    return Tensors{x};
  };
  specimen.formula = [=](int64_t n, const Tensors &in) {
    std::vector<int64_t> extents;
    for (int dim = 0; dim < 3; ++dim)
      if (!shape.reduced[dim])
        extents.push_back(in[0].shape[dim]);
    Tensor y(shape.element, extents);
    for (double &value : y.values)
      value = shape.first;
    size_t from = 0;
    tabulate(shape.element, {3, n, 5}, [&](const Indices &at) {
      int64_t place = 0;
      for (int dim = 0; dim < 3; ++dim)
        if (!shape.reduced[dim])
          place = place * in[0].shape[dim] + at[dim];
      y.values[place] = shape.merge(y.values[place], in[0].values[from++]);
      return 0.0;
    });
    return Tensors{y};
  };
  specimen.tolerances = {shape.tolerance};
  return specimen;
}

static double add(double a, double b) { return a + b; }
static double multiply(double a, double b) { return a * b; }
static double larger(double a, double b) { return std::max(a, b); }
static double smaller(double a, double b) { return std::min(a, b); }
static double either(double a, double b) { return a != 0 || b != 0; }
static double both(double a, double b) { return a != 0 && b != 0; }

// Where the largest of each row stands: two results that one body merges.
static LinalgSpecimen makeArgMax() {
  LinalgSpecimen specimen;
  specimen.name = "argmax";
  specimen.text = R"(
    #x = affine_map<(i, j) -> (i, j)>
    #y = affine_map<(i, j) -> (i)>
    func.func @run(%x: tensor<3x{n}xf32>) -> (tensor<3xf32>, tensor<3xi64>) {
      %low = arith.constant 0xFF800000 : f32
      %none = arith.constant -1 : i64
      %e0 = tensor.empty() : tensor<3xf32>
      %e1 = tensor.empty() : tensor<3xi64>
      %z0 = linalg.fill ins(%low : f32) outs(%e0 : tensor<3xf32>) -> tensor<3xf32>
      %z1 = linalg.fill ins(%none : i64) outs(%e1 : tensor<3xi64>) -> tensor<3xi64>
      %y:2 = linalg.generic {indexing_maps = [#x, #y, #y], iterator_types = ["parallel", "reduction"]}
          ins(%x : tensor<3x{n}xf32>) outs(%z0, %z1 : tensor<3xf32>, tensor<3xi64>) {
      ^bb0(%a: f32, %most: f32, %at: i64):
        %j = linalg.index 1 : index
        %here = arith.index_cast %j : index to i64
        %above = arith.cmpf ogt, %a, %most : f32
        %m = arith.select %above, %a, %most : f32
        %w = arith.select %above, %here, %at : i64
        linalg.yield %m, %w : f32, i64
      } -> (tensor<3xf32>, tensor<3xi64>)
      return %y#0, %y#1 : tensor<3xf32>, tensor<3xi64>
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    return Tensors{random.normal({3, n})};
  };
  specimen.formula = [](int64_t n, const Tensors &in) {
    Tensor most(Element::F32, {3}), at(Element::I64, {3});
    for (int64_t i = 0; i < 3; ++i) {
      for (int64_t j = 1; j < n; ++j)
        if (in[0](i, j) > in[0](i, int64_t(at(i))))
          at(i) = j;
      most(i) = in[0](i, int64_t(at(i)));
    }
    return Tensors{most, at};
  };
  specimen.tolerances = {0, 0};
  return specimen;
}

// A tensor as init, its dimensions in another order, kept ones among them.
static LinalgSpecimen makeFoldIntoTensor() {
  LinalgSpecimen specimen;
  specimen.name = "fold_into_tensor";
  specimen.text = R"(
    #x = affine_map<(i, j, k) -> (i, j, k)>
    #y = affine_map<(i, j, k) -> (k, 0, i)>
    func.func @run(%x: tensor<3x{n}x5xf32>, %z: tensor<5x1x3xf32>) -> tensor<5x1x3xf32> {
      %y = linalg.generic {indexing_maps = [#x, #y], iterator_types = ["parallel", "reduction", "parallel"]}
          ins(%x : tensor<3x{n}x5xf32>) outs(%z : tensor<5x1x3xf32>) {
      ^bb0(%a: f32, %acc: f32):
        %s = math.absf %a : f32
        %m = arith.addf %s, %acc : f32
        linalg.yield %m : f32
      } -> tensor<5x1x3xf32>
      return %y : tensor<5x1x3xf32>
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    return Tensors{random.normal({3, n, 5}), random.normal({5, 1, 3})};
  };
  specimen.formula = [](int64_t n, const Tensors &in) {
    return Tensors{tabulate(Element::F32, {5, 1, 3}, [&](const Indices &at) {
      double sum = in[1](at[0], 0, at[2]);
      for (int64_t j = 0; j < n; ++j)
        sum += std::fabs(in[0](at[2], j, at[0]));
      return sum;
    })};
  };
  specimen.tolerances = {1e-6};
  return specimen;
}

static const FoldShape foldShapes[] = {
    {"sum_first",
     Element::F32,
     "arith.addf",
     add,
     "0.0",
     0,
     {true, false, false},
     1e-6},
    {"sum_middle",
     Element::F32,
     "arith.addf",
     add,
     "0.0",
     0,
     {false, true, false},
     1e-6},
    {"sum_last",
     Element::F32,
     "arith.addf",
     add,
     "0.0",
     0,
     {false, false, true},
     1e-6},
    {"sum_outer_f64",
     Element::F64,
     "arith.addf",
     add,
     "0.0",
     0,
     {true, false, true},
     1e-15},
    {"sum_inner_from_one",
     Element::F32,
     "arith.addf",
     add,
     "1.0",
     1,
     {false, true, true},
     1e-6},
    {"sum_all_f16",
     Element::F16,
     "arith.addf",
     add,
     "0.0",
     0,
     {true, true, true},
     1e-3},
    {"sum_bf16",
     Element::BF16,
     "arith.addf",
     add,
     "0.0",
     0,
     {false, true, false},
     4e-3},
    {"product",
     Element::F64,
     "arith.mulf",
     multiply,
     "1.0",
     1,
     {true, true, false},
     1e-13},
    {"largest",
     Element::F32,
     "arith.maximumf",
     larger,
     "0xFF800000",
     -INFINITY,
     {false, true, true},
     0},
    {"smallest",
     Element::F16,
     "arith.minimumf",
     smaller,
     "0x7C00",
     INFINITY,
     {true, false, true},
     0},
    {"largest_number",
     Element::F32,
     "arith.maxnumf",
     larger,
     "0xFF800000",
     -INFINITY,
     {false, true, false},
     0},
    {"sum_i64",
     Element::I64,
     "arith.addi",
     add,
     "0",
     0,
     {false, true, true},
     0},
    {"smallest_i8",
     Element::I8,
     "arith.minsi",
     smaller,
     "127",
     127,
     {true, true, true},
     0},
    {"largest_unsigned",
     Element::I32,
     "arith.maxui",
     larger,
     "0",
     0,
     {true, false, false},
     0},
    {"any", Element::I1, "arith.ori", either, "0", 0, {false, true, true}, 0},
    {"all", Element::I1, "arith.andi", both, "1", 1, {false, false, true}, 0}};

std::vector<LinalgSpecimen> sennit::test::makeFolds() {
  std::vector<LinalgSpecimen> all;
  for (const FoldShape &shape : foldShapes)
    all.push_back(makeFold(shape));
  all.push_back(makeArgMax());
  all.push_back(makeFoldIntoTensor());
  return all;
}
