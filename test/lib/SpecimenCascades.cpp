// Specimens of cascades: reductions of rows that read the results of others.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/LinalgSpecimen.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

namespace {
/// Three rows of `extent` elements, in which `{n}` stands for one size: longer
/// than a step of the loop, or anything.
struct Rows {
  std::string name, extent, type = "f32";
  int64_t (*length)(int64_t n);

  Element getElement() const {
    return type == "f64" ? Element::F64 : Element::F32;
  }
};

using Row = std::vector<double>;
} // namespace

static int64_t shortRow(int64_t n) { return n; }
static int64_t longRow(int64_t n) { return 100 * n + 37; }
static const Rows shortRows{"short", "{n}", "f32", shortRow},
    longRows{"long", "{n}37", "f32", longRow},
    doubleRows{"f64", "{n}37", "f64", longRow};

// What all cascades begin with: the start of a maximum, of a sum.
static const char *const head = R"(
    !x = tensor<3x{extent}x{t}>
    !r = tensor<3x{t}>
    func.func @run(%x: !x, %w: !x) -> {results} {
      %least = arith.constant {least} : {t}
      %zero = arith.constant 0.0 : {t}
      %one = arith.constant 1.0 : {t}
      %e = tensor.empty() : !r
      %low = linalg.fill ins(%least : {t}) outs(%e : !r) -> !r
      %z = linalg.fill ins(%zero : {t}) outs(%e : !r) -> !r
      %count = arith.constant dense<{extent}.0> : !r
      %ones = linalg.fill ins(%one : {t}) outs(%e : !r) -> !r
)";

static LinalgSpecimen
makeCascade(const Rows &rows, std::string name, std::string results,
            std::string body,
            std::function<Tensors(int64_t, const Tensors &)> formula,
            std::vector<double> tolerances) {
  LinalgSpecimen specimen;
  specimen.name = name + "_" + rows.name;
  Element element = rows.getElement();
  specimen.text = sennit::test::fill(
      head + body + "}",
      {{"results", results},
       {"least", element == Element::F64 ? "0xFFF0000000000000" : "0xFF800000"},
       {"t", rows.type}});
  specimen.text = sennit::test::fill(specimen.text, {{"extent", rows.extent}});
  specimen.arguments = [=](int64_t n, Random &random) {
    int64_t length = rows.length(n);
    Tensor x = random.normal({3, length}, 4, element);
    // A row whose first half is hidden, and one that is hidden whole.
    for (int64_t j = 0; j != length; ++j) {
      if (j < length / 2)
        x(1, j) = -INFINITY;
      x(2, j) = -INFINITY;
    }
    return Tensors{x, random.normal({3, length}, 1, element)};
  };
  specimen.formula = std::move(formula);
  specimen.tolerances = std::move(tolerances);
  return specimen;
}

static double findMost(const Tensor &x, int64_t row) {
  double most = -INFINITY;
  for (int64_t j = 0; j != x.extent(1); ++j)
    most = std::max(most, x(row, j));
  return most;
}

/// The sum over a row of `term`, of exponentials that see something.
static double sumRow(const Tensor &x, int64_t row,
                     const std::function<double(int64_t)> &term) {
  double sum = 0;
  for (int64_t j = 0; j != x.extent(1); ++j)
    if (x(row, j) != -INFINITY)
      sum += term(j);
  return sum;
}

// The exponentials about the guarded maximum, %y, and their sum, %l.
static const char *const exponentials = R"(
      %m = linalg.reduce {arith.maximumf} ins(%x : !x) outs(%low : !r) dimensions = [1]
      %none = arith.cmpf oeq, %m, %low : !r
      %guarded = arith.select %none, %z, %m : tensor<3xi1>, !r
      %b = linalg.broadcast ins(%guarded : !r) outs(%x : !x) dimensions = [1]
      %d = arith.subf %x, %b : !x
      %y = math.exp %d : !x
      %l = linalg.reduce {arith.addf} ins(%y : !x) outs(%z : !r) dimensions = [1]
)";

// The sum of y log y of them, %h.
static const char *const energies = R"(
      %term = arith.mulf %y, %d : !x
      %h = linalg.reduce {arith.addf} ins(%term : !x) outs(%z : !r) dimensions = [1]
)";

// The mean, the deviations from it, %u, and the sum of their squares, %s2.
static const char *const deviations = R"(
      %s = linalg.reduce {arith.addf} ins(%x : !x) outs(%z : !r) dimensions = [1]
      %mean = arith.divf %s, %count : !r
      %bm = linalg.broadcast ins(%mean : !r) outs(%x : !x) dimensions = [1]
      %u = arith.subf %x, %bm : !x
      %u2 = arith.mulf %u, %u : !x
      %s2 = linalg.reduce {arith.addf} ins(%u2 : !x) outs(%z : !r) dimensions = [1]
)";

// Maximum and sum of exponentials, and what of the weights follows in a second
// pass.
static LinalgSpecimen makeSoftmax(const Rows &rows, double tolerance) {
  return makeCascade(
      rows, "softmax", "(!r, !r, !x)", std::string(exponentials) + R"(
      %nothing = arith.cmpf oeq, %l, %z : !r
      %divisor = arith.select %nothing, %ones, %l : tensor<3xi1>, !r
      %bl = linalg.broadcast ins(%divisor : !r) outs(%x : !x) dimensions = [1]
      %p = arith.divf %y, %bl : !x
      return %guarded, %l, %p : !r, !r, !x
)",
      [](int64_t, const Tensors &in) {
        const Tensor &x = in[0];
        Tensor most(x.element, {3}), sum(x.element, {3}),
            weights(x.element, x.shape);
        for (int64_t i = 0; i != 3; ++i) {
          most(i) = findMost(x, i);
          sum(i) = sumRow(
              x, i, [&](int64_t j) { return std::exp(x(i, j) - most(i)); });
          for (int64_t j = 0; j != x.extent(1); ++j)
            weights(i, j) =
                x(i, j) == -INFINITY ? 0 : std::exp(x(i, j) - most(i)) / sum(i);
        }
        most(2) = 0;
        return Tensors{most, sum, weights};
      },
      {0, tolerance, tolerance});
}

// A row of attention: the weights times values, divided in the loop by the sum.
static LinalgSpecimen makeWeightedSum(const Rows &rows, double tolerance) {
  return makeCascade(
      rows, "weighted_sum", "!r", std::string(exponentials) + R"(
      %plus_one = arith.addf %l, %ones : !r
      %bl = linalg.broadcast ins(%plus_one : !r) outs(%x : !x) dimensions = [1]
      %p = arith.divf %y, %bl : !x
      %pw = arith.mulf %p, %w : !x
      %o = linalg.reduce {arith.addf} ins(%pw : !x) outs(%z : !r) dimensions = [1]
      return %o : !r
)",
      [](int64_t, const Tensors &in) {
        const Tensor &x = in[0], &w = in[1];
        Tensor out(x.element, {3});
        for (int64_t i = 0; i != 3; ++i) {
          double most = findMost(x, i);
          auto weight = [&](int64_t j) { return std::exp(x(i, j) - most); };
          double sum = sumRow(x, i, weight);
          out(i) =
              sumRow(x, i, [&](int64_t j) { return weight(j) * w(i, j); }) /
              (sum + 1);
        }
        return Tensors{out};
      },
      {tolerance});
}

// Sum of y log y of the exponentials: the action has two rows.
static LinalgSpecimen makeEntropy(const Rows &rows, double tolerance) {
  return makeCascade(
      rows, "entropy", "(!r, !r)", std::string(exponentials) + energies + R"(
      return %l, %h : !r, !r
)",
      [](int64_t, const Tensors &in) {
        const Tensor &x = in[0];
        Tensor sum(x.element, {3}), entropy(x.element, {3});
        for (int64_t i = 0; i != 3; ++i) {
          double most = findMost(x, i);
          sum(i) =
              sumRow(x, i, [&](int64_t j) { return std::exp(x(i, j) - most); });
          entropy(i) = sumRow(x, i, [&](int64_t j) {
            return std::exp(x(i, j) - most) * (x(i, j) - most);
          });
        }
        return Tensors{sum, entropy};
      },
      {tolerance, tolerance});
}

// Mean, variance and third moment of numbers a thousand deviations from zero.
static LinalgSpecimen makeMoments(const Rows &rows, double tolerance) {
  LinalgSpecimen specimen = makeCascade(
      rows, "moments", "(!r, !r, !r)", std::string(deviations) + R"(
      %variance = arith.divf %s2, %count : !r
      %u3 = arith.mulf %u2, %u : !x
      %u3w = arith.mulf %u3, %w : !x
      %s3 = linalg.reduce {arith.addf} ins(%u3w : !x) outs(%z : !r) dimensions = [1]
      %third = arith.divf %s3, %count : !r
      return %mean, %variance, %third : !r, !r, !r
)",
      [](int64_t, const Tensors &in) {
        const Tensor &x = in[0], &w = in[1];
        double count = double(x.extent(1));
        Tensor mean(x.element, {3}), second(x.element, {3}),
            third(x.element, {3});
        for (int64_t i = 0; i != 3; ++i) {
          mean(i) = sumRow(x, i, [&](int64_t j) { return x(i, j); }) / count;
          auto away = [&](int64_t j) { return x(i, j) - mean(i); };
          second(i) =
              sumRow(x, i, [&](int64_t j) { return std::pow(away(j), 2); }) /
              count;
          third(i) = sumRow(x, i,
                            [&](int64_t j) {
                              return std::pow(away(j), 3) * w(i, j);
                            }) /
                     count;
        }
        return Tensors{mean, second, third};
      },
      {1e-6, tolerance, 10 * tolerance});
  Element element = rows.getElement();
  specimen.arguments = [=](int64_t n, Random &random) {
    Tensor x = random.normal({3, rows.length(n)}, 1, element);
    for (double &value : x.values)
      value = roundTo(element, value + 1000);
    return Tensors{x, random.normal({3, rows.length(n)}, 1, element)};
  };
  return specimen;
}

// Rows that hold infinities: the statistic is infinite, and what is summed
// about it is no number, merged or not. A row without stays as it was. Results
// tell what is no number by 1.
static LinalgSpecimen makeInfinite(const Rows &rows) {
  LinalgSpecimen specimen =
      makeCascade(rows, "infinite", "(!r, !r, !r, !r, !r)",
                  std::string(exponentials) + energies + deviations + R"(
      %l_none = arith.cmpf uno, %l, %l : !r
      %h_none = arith.cmpf uno, %h, %h : !r
      %s2_none = arith.cmpf uno, %s2, %s2 : !r
      %l1 = arith.select %l_none, %ones, %z : tensor<3xi1>, !r
      %h1 = arith.select %h_none, %ones, %z : tensor<3xi1>, !r
      %s1 = arith.select %s2_none, %ones, %z : tensor<3xi1>, !r
      %high = arith.negf %low : !r
      %thousand = arith.constant dense<1000.0> : !r
      %m_inf = arith.cmpf oeq, %m, %high : !r
      %mean_inf = arith.cmpf oeq, %mean, %high : !r
      %m1 = arith.select %m_inf, %thousand, %m : tensor<3xi1>, !r
      %mean1 = arith.select %mean_inf, %thousand, %mean : tensor<3xi1>, !r
      return %m1, %mean1, %l1, %h1, %s1 : !r, !r, !r, !r, !r
)",
                  [](int64_t, const Tensors &in) {
                    const Tensor &x = in[0];
                    Tensor most(x.element, {3}), mean(x.element, {3}),
                        none(x.element, {3});
                    for (int64_t i = 0; i != 3; ++i) {
                      most(i) = findMost(x, i);
                      double sum = 0;
                      for (int64_t j = 0; j != x.extent(1); ++j)
                        sum += x(i, j);
                      mean(i) = sum / double(x.extent(1));
                      none(i) = std::isinf(most(i));
                      if (none(i))
                        most(i) = mean(i) = 1000;
                    }
                    return Tensors{most, mean, none, none, none};
                  },
                  {0, 1e-6, 0, 0, 0});
  Element element = rows.getElement();
  specimen.arguments = [=](int64_t n, Random &random) {
    // Whole numbers, of which any sum is exact.
    int64_t length = rows.length(n);
    Tensor x(element, {3, length});
    for (double &value : x.values)
      value = double(random.below(9)) - 4;
    x(0, 0) = INFINITY;
    x(2, length - 1) = x(2, length / 2) = INFINITY;
    return Tensors{x, Tensor(element, {3, length})};
  };
  return specimen;
}

// The deferred gauge: a product with normalised rows, divided behind the loop.
static LinalgSpecimen makeNormalisedSum(const Rows &rows, double tolerance) {
  LinalgSpecimen specimen = makeCascade(
      rows, "normalised_sum", "!r", R"(
      %x2 = arith.mulf %x, %x : !x
      %s = linalg.reduce {arith.addf} ins(%x2 : !x) outs(%z : !r) dimensions = [1]
      %positive = arith.addf %s, %ones : !r
      %scale = math.rsqrt %positive : !r
      %b = linalg.broadcast ins(%scale : !r) outs(%x : !x) dimensions = [1]
      %n = arith.mulf %x, %b : !x
      %nw = arith.mulf %n, %w : !x
      %o = linalg.reduce {arith.addf} ins(%nw : !x) outs(%z : !r) dimensions = [1]
      return %o : !r
)",
      [](int64_t, const Tensors &in) {
        const Tensor &x = in[0], &w = in[1];
        Tensor out(x.element, {3});
        for (int64_t i = 0; i != 3; ++i) {
          double square =
              sumRow(x, i, [&](int64_t j) { return x(i, j) * x(i, j); });
          out(i) = sumRow(x, i, [&](int64_t j) { return x(i, j) * w(i, j); }) /
                   std::sqrt(square + 1);
        }
        return Tensors{out};
      },
      {tolerance});
  specimen.arguments = [=](int64_t n, Random &random) {
    return Tensors{random.normal({3, rows.length(n)}),
                   random.normal({3, rows.length(n)})};
  };
  return specimen;
}

// A layer norm in plain maps, and its product with a matrix of three rows.
static LinalgSpecimen makeNormalisedProduct(const Rows &rows,
                                            double tolerance) {
  LinalgSpecimen specimen = makeCascade(
      rows, "normalised_product", "tensor<3x3x{t}>",
      std::string(deviations) + R"(
      %variance = arith.divf %s2, %count : !r
      %positive = arith.addf %variance, %ones : !r
      %scale = math.rsqrt %positive : !r
      %bs = linalg.broadcast ins(%scale : !r) outs(%x : !x) dimensions = [1]
      %n = arith.mulf %u, %bs : !x
      %ye = tensor.empty() : tensor<3x3x{t}>
      %y0 = linalg.fill ins(%zero : {t}) outs(%ye : tensor<3x3x{t}>) -> tensor<3x3x{t}>
      %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                                          affine_map<(m, n, k) -> (m, n)>]
          ins(%n, %w : !x, !x) outs(%y0 : tensor<3x3x{t}>) -> tensor<3x3x{t}>
      return %y : tensor<3x3x{t}>
)",
      [](int64_t, const Tensors &in) {
        const Tensor &x = in[0], &w = in[1];
        double count = double(x.extent(1));
        Tensor out(x.element, {3, 3});
        for (int64_t i = 0; i != 3; ++i) {
          double mean =
              sumRow(x, i, [&](int64_t j) { return x(i, j); }) / count;
          auto away = [&](int64_t j) { return x(i, j) - mean; };
          double variance =
              sumRow(x, i, [&](int64_t j) { return away(j) * away(j); }) /
              count;
          for (int64_t n = 0; n != 3; ++n)
            out(i, n) =
                sumRow(x, i, [&](int64_t j) { return away(j) * w(n, j); }) /
                std::sqrt(variance + 1);
        }
        return Tensors{out};
      },
      {tolerance});
  specimen.arguments = [=](int64_t n, Random &random) {
    Tensor x = random.normal({3, rows.length(n)});
    for (double &value : x.values)
      value = roundTo(Element::F32, value + 10);
    return Tensors{x, random.normal({3, rows.length(n)})};
  };
  return specimen;
}

// Maximum and sum down columns, of which the last holds the largest number.
static LinalgSpecimen makeColumns() {
  LinalgSpecimen specimen;
  specimen.name = "columns";
  specimen.text = R"(
    !x = tensor<{n}37x5xf32>
    !r = tensor<5xf32>
    func.func @run(%x: !x) -> (!r, !r) {
      %least = arith.constant 0xFF800000 : f32
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : !r
      %low = linalg.fill ins(%least : f32) outs(%e : !r) -> !r
      %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
      %m = linalg.reduce {arith.maximumf} ins(%x : !x) outs(%low : !r) dimensions = [0]
      %b = linalg.broadcast ins(%m : !r) outs(%x : !x) dimensions = [0]
      %d = arith.subf %x, %b : !x
      %y = math.exp %d : !x
      %l = linalg.reduce {arith.addf} ins(%y : !x) outs(%z : !r) dimensions = [0]
      return %m, %l : !r, !r
    })";
  constexpr double largest = 0x1.fffffep127;
  specimen.arguments = [](int64_t n, Random &random) {
    Tensor x = random.normal({longRow(n), 5}, 4);
    x(longRow(n) / 2, 4) = largest;
    return Tensors{x};
  };
  specimen.formula = [](int64_t n, const Tensors &in) {
    Tensor most(Element::F32, {5}), sum(Element::F32, {5});
    for (int64_t j = 0; j != 5; ++j) {
      most(j) = -INFINITY;
      for (int64_t i = 0; i != longRow(n); ++i)
        most(j) = std::max(most(j), in[0](i, j));
      for (int64_t i = 0; i != longRow(n); ++i)
        sum(j) += std::exp(in[0](i, j) - most(j));
    }
    return Tensors{most, sum};
  };
  specimen.tolerances = {0, 2e-6};
  return specimen;
}

std::vector<LinalgSpecimen> sennit::test::makeCascades() {
  std::vector<LinalgSpecimen> all{makeColumns()};
  for (const Rows &rows : {shortRows, longRows, doubleRows}) {
    double tolerance = rows.type == "f64" ? 1e-12 : 2e-6;
    all.push_back(makeSoftmax(rows, tolerance));
    all.push_back(makeWeightedSum(rows, tolerance));
    all.push_back(makeEntropy(rows, tolerance));
    all.push_back(makeInfinite(rows));
    if (rows.type == "f32") {
      all.push_back(makeMoments(rows, 1e-4));
      all.push_back(makeNormalisedSum(rows, 2e-6));
      all.push_back(makeNormalisedProduct(rows, 1e-5));
    }
  }
  return all;
}
