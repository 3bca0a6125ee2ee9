// Elementwise functions under test: shapes, element types, functions, indices.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/LinalgSpecimen.h"

#include <cmath>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;
using Indices = std::vector<int64_t>;

Tensor
sennit::test::tabulate(Element element, std::vector<int64_t> shape,
                       const std::function<double(const Indices &)> &value) {
  Tensor tensor(element, std::move(shape));
  Indices at(tensor.shape.size());
  for (double &element : tensor.values) {
    element = value(at);
    for (size_t dim = at.size(); dim-- > 0;) {
      if (++at[dim] < tensor.shape[dim])
        break;
      at[dim] = 0;
    }
  }
  return tensor;
}

/// Maps of one row of `type`, an op a result.
static LinalgSpecimen makeFunctions(
    const std::string &name, Element element,
    const std::vector<std::pair<std::string, double (*)(double)>> &ops,
    double low, double high, double tolerance) {
  LinalgSpecimen specimen;
  specimen.name = name;
  std::string results, body, yields, types, inits, maps;
  for (const auto &[op, function] : ops) {
    std::string i = std::to_string(specimen.tolerances.size());
    body += "  %y" + i +
            " = linalg.generic {indexing_maps = [#id, #id], "
            "iterator_types = [\"parallel\"]} ins(%x : !t) outs(%e : !t) {\n"
            "  ^bb0(%a: {t}, %o: {t}):\n    %v = " +
            op +
            " %a : {t}\n"
            "    linalg.yield %v : {t}\n  } -> !t\n";
    yields += (i == "0" ? "%y" : ", %y") + i;
    types += i == "0" ? "!t" : ", !t";
    specimen.tolerances.push_back(tolerance);
  }
  specimen.text = fill("#id = affine_map<(i) -> (i)>\n!t = tensor<{n}x{t}>\n"
                       "func.func @run(%x: !t) -> ({types}) {\n"
                       "  %e = tensor.empty() : !t\n{body}"
                       "  return {yields} : {types}\n}\n",
                       {{"body", body},
                        {"yields", yields},
                        {"types", types},
                        {"t", spell(element)}});
  specimen.arguments = [=](int64_t n, Random &random) {
    Tensor x(element, {n});
    for (double &value : x.values)
      value = roundTo(element,
                      low + (high - low) * random.below(1000001) / 1000000.0);
    return Tensors{x};
  };
  specimen.formula = [=](int64_t, const Tensors &arguments) {
    Tensors results;
    for (const auto &[op, function] : ops) {
      results.push_back(arguments[0]);
      for (double &value : results.back().values)
        value = function(value);
    }
    return results;
  };
  return specimen;
}

static double rsqrt(double x) { return 1 / std::sqrt(x); }
#define FUNCTION(name) [](double x) { return std::name(x); }

static std::vector<LinalgSpecimen> makeAllFunctions() {
  std::vector<std::pair<std::string, double (*)(double)>> anywhere = {
      {"math.exp", FUNCTION(exp)},     {"math.tanh", FUNCTION(tanh)},
      {"math.erf", FUNCTION(erf)},     {"math.sin", FUNCTION(sin)},
      {"math.cos", FUNCTION(cos)},     {"math.floor", FUNCTION(floor)},
      {"math.absf", FUNCTION(fabs)},   {"math.expm1", FUNCTION(expm1)},
      {"math.sinh", FUNCTION(sinh)},   {"math.cosh", FUNCTION(cosh)},
      {"math.atan", FUNCTION(atan)},   {"math.ceil", FUNCTION(ceil)},
      {"math.trunc", FUNCTION(trunc)}, {"math.round", FUNCTION(round)},
      {"math.asinh", FUNCTION(asinh)}, {"math.roundeven", FUNCTION(nearbyint)}};
  std::vector<std::pair<std::string, double (*)(double)>> positive = {
      {"math.log", FUNCTION(log)},   {"math.sqrt", FUNCTION(sqrt)},
      {"math.rsqrt", rsqrt},         {"math.log1p", FUNCTION(log1p)},
      {"math.log2", FUNCTION(log2)}, {"math.exp2", FUNCTION(exp2)}};
  std::vector<std::pair<std::string, double (*)(double)>> unit = {
      {"math.asin", FUNCTION(asin)},
      {"math.acos", FUNCTION(acos)},
      {"math.atanh", FUNCTION(atanh)},
      {"math.tan", FUNCTION(tan)}};
  std::vector<LinalgSpecimen> all;
  struct Case {
    Element element;
    double tolerance;
  };
  for (Case c : {Case{Element::F32, 2e-6}, Case{Element::F64, 1e-13},
                 Case{Element::F16, 1e-3}, Case{Element::BF16, 8e-3}}) {
    std::string type = spell(c.element);
    all.push_back(makeFunctions("functions_" + type, c.element, anywhere, -6, 6,
                                c.tolerance));
    all.push_back(makeFunctions("functions_positive_" + type, c.element,
                                positive, 0.05, 9, c.tolerance));
    all.push_back(makeFunctions("functions_unit_" + type, c.element, unit,
                                -0.95, 0.95, c.tolerance));
  }
  return all;
}

static LinalgSpecimen makePower(Element element, double tolerance) {
  LinalgSpecimen specimen;
  specimen.name = "power_" + spell(element);
  specimen.text = fill(R"(
    !t = tensor<{n}x{t}>
    func.func @run(%x: !t, %y: !t) -> !t {
      %r = math.powf %x, %y : !t
      return %r : !t
    })",
                       {{"t", spell(element)}});
  specimen.arguments = [=](int64_t n, Random &random) {
    Tensor x = random.normal({n}, 2, element), y = x;
    for (double &value : y.values)
      value = random.below(7) - 3;
    for (size_t i = 0; i < y.values.size(); i += 3) {
      x.values[i] = std::fabs(x.values[i]);
      y.values[i] = roundTo(element, y.values[i] / 3);
    }
    return Tensors{x, y};
  };
  specimen.formula = [](int64_t, const Tensors &in) {
    Tensor r = in[0];
    for (size_t i = 0; i < r.values.size(); ++i)
      r.values[i] = std::pow(in[0].values[i], in[1].values[i]);
    return Tensors{r};
  };
  specimen.tolerances = {tolerance};
  return specimen;
}

// Every operand by another projection of the loops, the result turned.
static LinalgSpecimen makeProjections() {
  LinalgSpecimen specimen;
  specimen.name = "projections";
  specimen.text = R"(
    #a = affine_map<(i, j, k) -> (k, i)>
    #b = affine_map<(i, j, k) -> (0, j, 0)>
    #c = affine_map<(i, j, k) -> ()>
    #y = affine_map<(i, j, k) -> (j, k, i)>
    func.func @run(%a: tensor<{n}x5xf32>, %b: tensor<1x{n}x1xf32>, %c: tensor<f32>) -> tensor<{n}x{n}x5xf32> {
      %e = tensor.empty() : tensor<{n}x{n}x5xf32>
      %y = linalg.generic {indexing_maps = [#a, #b, #c, #y], iterator_types = ["parallel", "parallel", "parallel"]}
          ins(%a, %b, %c : tensor<{n}x5xf32>, tensor<1x{n}x1xf32>, tensor<f32>) outs(%e : tensor<{n}x{n}x5xf32>) {
      ^bb0(%p: f32, %q: f32, %r: f32, %o: f32):
        %s = arith.addf %p, %q : f32
        %t = arith.mulf %s, %r : f32
        linalg.yield %t : f32
      } -> tensor<{n}x{n}x5xf32>
      return %y : tensor<{n}x{n}x5xf32>
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    return Tensors{random.normal({n, 5}), random.normal({1, n, 1}),
                   random.normal({})};
  };
  specimen.formula = [](int64_t n, const Tensors &in) {
    return Tensors{tabulate(Element::F32, {n, n, 5}, [&](const Indices &at) {
      return (in[0](at[1], at[2]) + in[1].values[at[0]]) * in[2].values[0];
    })};
  };
  specimen.tolerances = {1e-6};
  return specimen;
}

// Six dimensions, and the places of elements as values.
static LinalgSpecimen makeIndices() {
  LinalgSpecimen specimen;
  specimen.name = "indices";
  specimen.text = R"(
    #id = affine_map<(a, b, c, d, e, f) -> (a, b, c, d, e, f)>
    !t = tensor<2x1x3x{n}x2x3xi64>
    func.func @run(%x: !t) -> !t {
      %e = tensor.empty() : !t
      %y = linalg.generic {indexing_maps = [#id, #id], iterator_types =
          ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%x : !t) outs(%e : !t) {
      ^bb0(%v: i64, %o: i64):
        %i = linalg.index 3 : index
        %j = linalg.index 5 : index
        %c7 = arith.constant 7 : index
        %p = arith.muli %i, %c7 : index
        %q = arith.addi %p, %j : index
        %less = arith.cmpi slt, %i, %j : index
        %k = arith.index_cast %q : index to i64
        %s = arith.addi %k, %v : i64
        %r = arith.select %less, %v, %s : i64
        linalg.yield %r : i64
      } -> !t
      return %y : !t
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    Tensor x = random.below(1000, {2, 1, 3, n, 2, 3});
    x.element = Element::I64;
    return Tensors{x};
  };
  specimen.formula = [](int64_t, const Tensors &in) {
    size_t i = 0;
    return Tensors{tabulate(Element::I64, in[0].shape, [&](const Indices &at) {
      double v = in[0].values[i++];
      return at[3] < at[5] ? v : at[3] * 7 + at[5] + v;
    })};
  };
  specimen.tolerances = {0};
  return specimen;
}

// Integers of every width: division, shifts, comparison, casts.
static LinalgSpecimen makeIntegers(Element element) {
  LinalgSpecimen specimen;
  specimen.name = "integers_" + spell(element);
  specimen.text = fill(R"(
    #id = affine_map<(i, j) -> (i, j)>
    !t = tensor<3x{n}x{t}>
    func.func @run(%x: !t, %y: !t) -> (!t, !t, !t, tensor<3x{n}xi1>, tensor<3x{n}xf32>) {
      %e = tensor.empty() : !t
      %eb = tensor.empty() : tensor<3x{n}xi1>
      %ef = tensor.empty() : tensor<3x{n}xf32>
      %r:5 = linalg.generic {indexing_maps = [#id, #id, #id, #id, #id, #id, #id],
          iterator_types = ["parallel", "parallel"]} ins(%x, %y : !t, !t)
          outs(%e, %e, %e, %eb, %ef : !t, !t, !t, tensor<3x{n}xi1>, tensor<3x{n}xf32>) {
      ^bb0(%a: {t}, %b: {t}, %o0: {t}, %o1: {t}, %o2: {t}, %o3: i1, %o4: f32):
        %q = arith.divsi %a, %b : {t}
        %m = arith.remsi %a, %b : {t}
        %f = arith.floordivsi %a, %b : {t}
        %l = arith.cmpi sle, %a, %b : {t}
        %z = arith.sitofp %m : {t} to f32
        linalg.yield %q, %m, %f, %l, %z : {t}, {t}, {t}, i1, f32
      } -> (!t, !t, !t, tensor<3x{n}xi1>, tensor<3x{n}xf32>)
      return %r#0, %r#1, %r#2, %r#3, %r#4 : !t, !t, !t, tensor<3x{n}xi1>, tensor<3x{n}xf32>
    })",
                       {{"t", spell(element)}});
  specimen.arguments = [=](int64_t n, Random &random) {
    Tensor x = random.below(200, {3, n}), y = random.below(9, {3, n});
    for (double &value : x.values)
      value -= 100;
    for (double &value : y.values)
      value = value < 5 ? value - 5 : value - 4;
    x.element = y.element = element;
    return Tensors{x, y};
  };
  specimen.formula = [=](int64_t, const Tensors &in) {
    Tensor q = in[0], m = in[0], f = in[0], l = in[0], z = in[0];
    l.element = Element::I1;
    z.element = Element::F32;
    for (size_t i = 0; i < q.values.size(); ++i) {
      double a = in[0].values[i], b = in[1].values[i];
      q.values[i] = std::trunc(a / b);
      m.values[i] = z.values[i] = std::fmod(a, b);
      f.values[i] = std::floor(a / b);
      l.values[i] = a <= b;
    }
    return Tensors{q, m, f, l, z};
  };
  specimen.tolerances = {0, 0, 0, 0, 0};
  return specimen;
}

// i1 in and out, NaN in maximumf and not in maxnumf, every float through
// others.
static LinalgSpecimen makeCasts() {
  LinalgSpecimen specimen;
  specimen.name = "casts";
  specimen.text = R"(
    !b = tensor<{n}x3xi1>
    !h = tensor<{n}x3xf16>
    !d = tensor<{n}x3xf64>
    !i = tensor<{n}x3xi8>
    func.func @run(%m: !b, %h: !h, %d: !d) -> (!d, !i, !b, !h) {
      %zero = arith.constant dense<0.0> : !d
      %wide = arith.extf %h : !h to !d
      %picked = arith.select %m, %wide, %d : !b, !d
      %small = arith.fptosi %picked : !d to !i
      %over = arith.cmpf ogt, %picked, %zero : !d
      %both = arith.xori %over, %m : !b
      %back = arith.truncf %picked : !d to !h
      %most = arith.maximumf %back, %h : !h
      return %picked, %small, %both, %most : !d, !i, !b, !h
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    Tensor m = random.below(2, {n, 3});
    m.element = Element::I1;
    return Tensors{m, random.normal({n, 3}, 9, Element::F16),
                   random.normal({n, 3}, 9, Element::F64)};
  };
  specimen.formula = [](int64_t n, const Tensors &in) {
    Tensor d = in[2], i(Element::I8, {n, 3}), b = in[0], h = in[1];
    for (size_t at = 0; at < d.values.size(); ++at) {
      double value = b.values[at] != 0 ? h.values[at] : d.values[at];
      d.values[at] = value;
      i.values[at] = std::trunc(value);
      b.values[at] = (value > 0) != (b.values[at] != 0);
      h.values[at] = std::max(roundTo(Element::F16, value), h.values[at]);
    }
    return Tensors{d, i, b, h};
  };
  specimen.tolerances = {0, 0, 0, 1e-3};
  return specimen;
}

static LinalgSpecimen makeScalar() {
  LinalgSpecimen specimen;
  specimen.name = "scalars";
  specimen.text = R"(
    func.func @run(%x: tensor<{n}x7xf32>, %s: tensor<f32>) -> (tensor<{n}x7xf32>, tensor<f32>, tensor<2x2xf32>) {
      %c0 = arith.constant 0 : index
      %c3 = arith.constant 3 : index
      %two = arith.constant 2.0 : f32
      %a = tensor.extract %s[] : tensor<f32>
      %b = tensor.extract %x[%c0, %c3] : tensor<{n}x7xf32>
      %c = arith.mulf %a, %b : f32
      %t = tensor.splat %c : tensor<{n}x7xf32>
      %y = arith.addf %x, %t : tensor<{n}x7xf32>
      %z = arith.addf %s, %s : tensor<f32>
      %l = tensor.from_elements %a, %b, %two, %c : tensor<2x2xf32>
      return %y, %z, %l : tensor<{n}x7xf32>, tensor<f32>, tensor<2x2xf32>
    })";
  specimen.arguments = [](int64_t n, Random &random) {
    return Tensors{random.normal({n, 7}), random.normal({})};
  };
  specimen.formula = [](int64_t, const Tensors &in) {
    Tensor y = in[0], s = in[1], l(Element::F32, {2, 2});
    double a = s.values[0], b = y.values[3];
    l.values = {a, b, 2, a * b};
    for (double &value : y.values)
      value += a * b;
    s.values[0] *= 2;
    return Tensors{y, s, l};
  };
  specimen.tolerances = {1e-6, 0, 1e-6};
  return specimen;
}

std::vector<LinalgSpecimen> sennit::test::makeMaps() {
  std::vector<LinalgSpecimen> all = makeAllFunctions();
  for (Element element : {Element::I8, Element::I32, Element::I64})
    all.push_back(makeIntegers(element));
  all.push_back(makePower(Element::F32, 1e-5));
  all.push_back(makePower(Element::F64, 1e-12));
  all.push_back(makeProjections());
  all.push_back(makeIndices());
  all.push_back(makeCasts());
  all.push_back(makeScalar());
  return all;
}
