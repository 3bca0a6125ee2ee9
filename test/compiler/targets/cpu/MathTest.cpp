// The expansions of functions: their errors, and the edges.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/targets/cpu/TileKernel.h"

#include <limits>

using namespace sennit::test;

class MathTest : public TileTest {};
SENNIT_TILE_TESTS(MathTest);

static Array<float> apply(const std::string &level, const std::string &name,
                          const Array<float> &x,
                          const std::string &flags = "") {
  std::string text = R"(
    func.func @k(%x: memref<?xf32>, %y: memref<?xf32>, %t: index) {
      %c0 = arith.constant 0 : index
      tile.grid (%m) = (%c0) to (%t) step [1024] dims ["m"] {
        %a = tile.load %x[%m] bound [0 : %t] : memref<?xf32> -> vector<1024xf32>
        %b = math.NAME %a : vector<1024xf32>
        tile.store %b, %y[%m] bound [0 : %t] : vector<1024xf32>, memref<?xf32>
      }
      return
    })";
  text.replace(text.find("NAME %a"), 7, name + " %a" + flags);
  TileKernel kernel(level, text);
  Array<float> y(x.size());
  kernel.run({x.slot(), y.slot(), int64_t(x.size())});
  return y;
}

// Errors in units of the spacing of f32 at the exact value.
static double worstError(const Array<float> &x, const Array<float> &y,
                         double (*exact)(double)) {
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double expected = exact(x[i]);
    double size = std::max(std::fabs(expected), 1.2e-38);
    double spacing = std::ldexp(1.0, std::ilogb(size) - 23);
    worst = std::max(worst, std::fabs(y[i] - expected) / spacing);
  }
  return worst;
}

TEST_P(MathTest, StaysWithinItsErrors) {
  struct Case {
    const char *name;
    double (*exact)(double);
    float low, high;
    double limit;
  };
  const Case cases[] = {
      {"exp", [](double x) { return std::exp(x); }, -87, 88.7f, 1.0},
      {"exp", [](double x) { return std::exp(x); }, -1, 1, 1.0},
      {"exp2", [](double x) { return std::exp2(x); }, -126, 127.9f, 1.5},
      {"expm1", [](double x) { return std::expm1(x); }, -2, 2, 4.0},
      {"log", [](double x) { return std::log(x); }, 1e-6f, 10, 1.0},
      {"log", [](double x) { return std::log(x); }, 1e-30f, 1e30f, 1.0},
      {"log2", [](double x) { return std::log2(x); }, 1e-6f, 1e6f, 2.0},
      {"log1p", [](double x) { return std::log1p(x); }, -0.9f, 10, 3.0},
      {"log1p", [](double x) { return std::log1p(x); }, 0, 1e-3f, 3.0},
      {"tanh", [](double x) { return std::tanh(x); }, -9, 9, 2.5},
      {"erf", [](double x) { return std::erf(x); }, -4, 4, 8.0},
      {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, 1e-6f, 1e6f, 1.5},
  };
  for (const Case &c : cases) {
    Array<float> x = randomFloats(200000, c.low, c.high);
    Array<float> y = apply(GetParam(), c.name, x);
    double error = worstError(x, y, c.exact);
    RecordProperty(c.name, std::to_string(error));
    EXPECT_LE(error, c.limit) << c.name << " on " << c.low << ".." << c.high;
  }
}

// The polynomial of degree 4.
TEST_P(MathTest, ApproximatesPowersToThreeInAMillion) {
  Array<float> x = randomFloats(200000, -126, 127.9f);
  Array<float> y = apply(GetParam(), "exp2", x, " fastmath<afn>");
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i)
    worst = std::max(worst, std::fabs(y[i] / std::exp2(double(x[i])) - 1));
  EXPECT_LE(worst, 3e-6);
  EXPECT_GT(worst, 1e-6);
  const float edges[] = {NAN, INFINITY, -INFINITY, 0.0f};
  Array<float> at(4);
  std::copy(std::begin(edges), std::end(edges), at.data());
  Array<float> z = apply(GetParam(), "exp2", at, " fastmath<afn>");
  EXPECT_TRUE(std::isnan(z[0]));
  EXPECT_EQ(z[1], INFINITY);
  EXPECT_EQ(z[2], 0);
  EXPECT_NEAR(z[3], 1, 3e-6);
}

TEST_P(MathTest, KeepsTheEdges) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float edges[] = {NAN,     infinity, -infinity, 0.0f,    -0.0f, 1e-37f,
                         3.4e38f, -3.4e38f, 88.8f,     -100.0f, -1.0f, 1.0f};
  struct Case {
    const char *name;
    float (*exact)(float);
  };
  const Case cases[] = {
      {"exp", [](float x) { return std::exp(x); }},
      {"exp2", [](float x) { return std::exp2(x); }},
      {"expm1", [](float x) { return std::expm1(x); }},
      {"log", [](float x) { return std::log(x); }},
      {"log1p", [](float x) { return std::log1p(x); }},
      {"tanh", [](float x) { return std::tanh(x); }},
      {"erf", [](float x) { return std::erf(x); }},
  };
  Array<float> x(std::size(edges));
  std::copy(std::begin(edges), std::end(edges), x.data());
  for (const Case &c : cases) {
    Array<float> y = apply(GetParam(), c.name, x);
    for (size_t i = 0; i < x.size(); ++i) {
      float expected = c.exact(x[i]);
      if (std::isnan(expected))
        EXPECT_TRUE(std::isnan(y[i])) << c.name << "(" << x[i] << ")";
      else if (std::isinf(expected))
        EXPECT_EQ(y[i], expected) << c.name << "(" << x[i] << ")";
      else
        EXPECT_NEAR(y[i], expected, std::fabs(expected) * 1e-6 + 1.2e-38)
            << c.name << "(" << x[i] << ")";
    }
  }
}
