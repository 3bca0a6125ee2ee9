// Matrix products of all forms, streamed, batched, packed, against loops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/targets/cpu/TileKernel.h"

using namespace sennit::test;

class ProductTest : public TileTest {};
SENNIT_TILE_TESTS(ProductTest);

// C [M, N] = A B; strides say how A and B are stored.
static Array<float> multiply(const float *a, const float *b, int64_t m,
                             int64_t n, int64_t k, bool turnedA, bool turnedB) {
  Array<float> c(m * n);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p)
        sum += double(turnedA ? a[p * m + i] : a[i * k + p]) *
               (turnedB ? b[j * k + p] : b[p * n + j]);
      c[i * n + j] = sum;
    }
  return c;
}

TEST_P(ProductTest, MultipliesInAllForms) {
  struct Case {
    int64_t m, n, k;
  };
  for (Case size :
       {Case{1, 1, 1}, Case{3, 17, 5}, Case{17, 33, 30}, Case{32, 127, 64},
        Case{1, 200, 36}, Case{5, 64, 128}, Case{2, 40, 32}})
    for (const char *form : {"nn", "nt", "tn", "tt"}) {
      bool turnedA = form[0] == 't', turnedB = form[1] == 't';
      std::string text = R"(
        func.func @k(%a: memref<$AR$x$AC$xf32>, %b: memref<$BR$x$BC$xf32>, %c: memref<$M$x$N$xf32>) {
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
            %x = tile.load %a[%c0, %c0] : memref<$AR$x$AC$xf32> -> vector<$AR$x$AC$xf32>
            %w = tile.load %b[%c0, %c0] : memref<$BR$x$BC$xf32> -> vector<$BR$x$BC$xf32>
            %y = tile.mma FORM %x, %w : vector<$AR$x$AC$xf32>, vector<$BR$x$BC$xf32> -> vector<$M$x$N$xf32>
            tile.store %y, %c[%c0, %c0] : vector<$M$x$N$xf32>, memref<$M$x$N$xf32>
          }
          return
        })";
      text.replace(text.find("FORM"), 4, form);
      TileKernel kernel(GetParam(),
                        fill(text, {{"M", size.m},
                                    {"N", size.n},
                                    {"AR", turnedA ? size.k : size.m},
                                    {"AC", turnedA ? size.m : size.k},
                                    {"BR", turnedB ? size.n : size.k},
                                    {"BC", turnedB ? size.k : size.n}}));
      Array<float> a = randomFloats(size.m * size.k);
      Array<float> b = randomFloats(size.k * size.n);
      Array<float> c(size.m * size.n);
      Array<float> expected = multiply(a.data(), b.data(), size.m, size.n,
                                       size.k, turnedA, turnedB);
      kernel.run({a.slot(), b.slot(), c.slot()});
      SCOPED_TRACE(form);
      expectNear(expected.data(), c.data(), c.size(), 1e-5, 1e-5);
    }
}

// Element (n, k) of a matrix in panels of 32 rows, k's in groups, and these in
// whole steps of 16.
static Array<uint16_t> pack(const Array<uint16_t> &w, int64_t n, int64_t k,
                            int64_t group = 1) {
  int64_t groups = group == 1 ? k : (k + 31) / 32 * 16;
  Array<uint16_t> packed((n + 31) / 32 * 32 * groups * group);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t p = 0; p < k; ++p)
      packed[((i / 32 * groups + p / group) * 32 + i % 32) * group +
             p % group] = w[i * k + p];
  return packed;
}

// Rows scaled by a gain, streamed over K, packed weights, a residual added.
static const char *linear = R"(
  func.func @linear(%x: memref<?x$K$xf32>, %g: memref<$K$xf32>, %w: memref<$N$x$K$xbf16, #tile.blocked<32>>,
                    %r: memref<?x$N$xf32>, %y: memref<?x$N$xf32>, %t: index) {
    %c0 = arith.constant 0 : index
    %ck = arith.constant $K$ : index
    %cn = arith.constant $N$ : index
    tile.grid (%m, %n) = (%c0, %c0) to (%t, %cn) step [$TM$, $TN$] dims ["m", "n"] {
      %z = arith.constant dense<0.0> : vector<$TM$x$TN$xf32>
      %s = tile.stream "k" %k = %c0 to %ck step $TK$ carry(%z : vector<$TM$x$TN$xf32>) fetch {
        %a = tile.load %x[%m, %k] bound [0 : %t] : memref<?x$K$xf32> -> vector<$TM$x$TK$xf32>
        %b = tile.load %w[%n, %k] : memref<$N$x$K$xbf16, #tile.blocked<32>> -> vector<$TN$x$TK$xbf16>
        %gain = tile.load %g[%k] : memref<$K$xf32> -> vector<$TK$xf32>
        tile.yield %a, %b, %gain : vector<$TM$x$TK$xf32>, vector<$TN$x$TK$xbf16>, vector<$TK$xf32>
      } do {
      ^bb0(%k: index, %a: vector<$TM$x$TK$xf32>, %b: vector<$TN$x$TK$xbf16>, %gain: vector<$TK$xf32>, %acc: vector<$TM$x$TN$xf32>):
        %gw = tile.broadcast %gain [1] : vector<$TK$xf32> -> vector<$TM$x$TK$xf32>
        %ag = arith.mulf %a, %gw : vector<$TM$x$TK$xf32>
        %c = tile.mma nt %ag, %b acc %acc : vector<$TM$x$TK$xf32>, vector<$TN$x$TK$xbf16> acc vector<$TM$x$TN$xf32> -> vector<$TM$x$TN$xf32>
        tile.yield %c : vector<$TM$x$TN$xf32>
      }
      %res = tile.load %r[%m, %n] bound [0 : %t, 1 : %cn] : memref<?x$N$xf32> -> vector<$TM$x$TN$xf32>
      %o = arith.addf %s, %res : vector<$TM$x$TN$xf32>
      tile.store %o, %y[%m, %n] bound [0 : %t, 1 : %cn] : vector<$TM$x$TN$xf32>, memref<?x$N$xf32>
    }
    return
  })";

TEST_P(ProductTest, StreamsPackedWeights) {
  struct Case {
    int64_t rows, n, k, tileM, tileN, tileK;
  };
  // A matrix unit splits its operand, which leaves 16 bits.
  int64_t group = hasMatrixUnit(GetParam()) ? 2 : 1;
  float tolerance = hasMatrixUnit(GetParam()) ? 1e-4 : 2e-5;
  for (Case size : {Case{50, 96, 64, 24, 32, 32}, Case{1, 128, 128, 1, 128, 64},
                    Case{7, 50, 32, 4, 64, 16}, Case{7, 50, 32, 4, 64, 32},
                    Case{17, 64, 48, 16, 32, 48}, Case{17, 64, 64, 16, 32, 64},
                    Case{30, 144, 64, 13, 48, 32}, Case{5, 96, 32, 2, 96, 32},
                    Case{130, 96, 1024, 70, 96, 512},
                    Case{33, 80, 96, 33, 80, 96}, Case{6, 80, 96, 3, 80, 32},
                    Case{12, 40, 64, 6, 64, 64}, Case{40, 64, 100, 33, 64, 100},
                    Case{3, 64, 37, 3, 64, 37}, Case{20, 32, 7, 16, 32, 7}}) {
    // A matrix unit takes whole steps, or all of the depth.
    if (hasMatrixUnit(GetParam()) && size.tileK % 32 != 0 &&
        size.tileK != size.k)
      continue;
    std::string program = fill(linear, {{"N", size.n},
                                        {"K", size.k},
                                        {"TM", size.tileM},
                                        {"TN", size.tileN},
                                        {"TK", size.tileK}});
    if (group == 2)
      for (size_t at = 0; (at = program.find("<32>", at)) != std::string::npos;)
        program.replace(at, 4, "<32, group = 2>");
    TileKernel kernel(GetParam(), program);
    Array<float> x = randomFloats(size.rows * size.k), g = randomFloats(size.k);
    Array<uint16_t> w = randomBFloats(size.n * size.k);
    Array<uint16_t> packed = pack(w, size.n, size.k, group);
    Array<float> r = randomFloats(size.rows * size.n), y(size.rows * size.n);
    Array<float> scaled(size.rows * size.k), wide(size.n * size.k);
    for (size_t i = 0; i < scaled.size(); ++i)
      scaled[i] = x[i] * g[i % size.k];
    for (size_t i = 0; i < wide.size(); ++i)
      wide[i] = fromBFloat(w[i]);
    Array<float> expected = multiply(scaled.data(), wide.data(), size.rows,
                                     size.n, size.k, false, true);
    for (size_t i = 0; i < y.size(); ++i)
      expected[i] += r[i];
    kernel.run(
        {x.slot(), g.slot(), packed.slot(), r.slot(), y.slot(), size.rows});
    expectNear(expected.data(), y.data(), y.size(), tolerance, tolerance);
  }
}

// Also where an operand is split in two, of which infinity has no second.
TEST_P(ProductTest, PassesOnInfinityAndNaN) {
  std::string program =
      fill(linear, {{"N", 32}, {"K", 32}, {"TM", 6}, {"TN", 32}, {"TK", 32}});
  int64_t group = hasMatrixUnit(GetParam()) ? 2 : 1;
  if (group == 2)
    for (size_t at = 0; (at = program.find("<32>", at)) != std::string::npos;)
      program.replace(at, 4, "<32, group = 2>");
  for (int64_t rows : {6, 2}) {
    TileKernel kernel(GetParam(), program);
    Array<float> x = randomFloats(rows * 32), g(32), r(rows * 32), y(rows * 32);
    Array<uint16_t> w = randomBFloats(32 * 32, 0.5, 1);
    for (size_t i = 0; i < g.size(); ++i)
      g[i] = 1;
    x[3] = INFINITY;
    x[32 + 5] = NAN;
    Array<uint16_t> packed = pack(w, 32, 32, group);
    kernel.run({x.slot(), g.slot(), packed.slot(), r.slot(), y.slot(), rows});
    for (int64_t n = 0; n < 32; ++n) {
      EXPECT_EQ(y[n], INFINITY);
      EXPECT_TRUE(std::isnan(y[32 + n]));
      EXPECT_TRUE(rows == 2 || std::isfinite(y[64 + n]));
    }
  }
}

// Both operands of bf16 and rows enough: a matrix unit packs the second.
TEST_P(ProductTest, MultipliesBFloatsAsTheyLie) {
  struct Case {
    int64_t m, n, k, rows;
  };
  for (Case size :
       {Case{16, 16, 32, 16}, Case{17, 48, 64, 9}, Case{40, 100, 96, 40},
        Case{130, 64, 128, 77}, Case{33, 17, 32, 33}, Case{16, 64, 48, 16},
        Case{17, 33, 37, 17}, Case{20, 40, 5, 20}, Case{16, 32, 127, 16},
        Case{1, 16, 32, 1}, Case{4, 33, 64, 3}, Case{8, 40, 96, 8}})
    for (const char *form : {"nn", "nt"}) {
      bool turned = form[1] == 't';
      std::string text = R"(
        func.func @k(%a: memref<?x$K$xbf16>, %b: memref<$BR$x$BC$xbf16>, %d: memref<$M$x$N$xf32>, %c: memref<$M$x$N$xf32>, %rows: index) {
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
            %x = tile.load %a[%c0, %c0] bound [0 : %rows] : memref<?x$K$xbf16> -> vector<$M$x$K$xbf16>
            %w = tile.load %b[%c0, %c0] : memref<$BR$x$BC$xbf16> -> vector<$BR$x$BC$xbf16>
            %z = tile.load %d[%c0, %c0] : memref<$M$x$N$xf32> -> vector<$M$x$N$xf32>
            %two = arith.addf %z, %z : vector<$M$x$N$xf32>
            %y = tile.mma FORM %x, %w acc %two : vector<$M$x$K$xbf16>, vector<$BR$x$BC$xbf16> acc vector<$M$x$N$xf32> -> vector<$M$x$N$xf32>
            tile.store %y, %c[%c0, %c0] : vector<$M$x$N$xf32>, memref<$M$x$N$xf32>
          }
          return
        })";
      text.replace(text.find("FORM"), 4, form);
      TileKernel kernel(GetParam(),
                        fill(text, {{"M", size.m},
                                    {"N", size.n},
                                    {"K", size.k},
                                    {"BR", turned ? size.n : size.k},
                                    {"BC", turned ? size.k : size.n}}));
      Array<uint16_t> a = randomBFloats(size.rows * size.k),
                      b = randomBFloats(size.k * size.n);
      Array<float> wideA(size.m * size.k), wideB(b.size()),
          d = randomFloats(size.m * size.n), c(size.m * size.n);
      for (size_t i = 0; i < a.size(); ++i)
        wideA[i] = fromBFloat(a[i]);
      for (size_t i = 0; i < b.size(); ++i)
        wideB[i] = fromBFloat(b[i]);
      Array<float> expected = multiply(wideA.data(), wideB.data(), size.m,
                                       size.n, size.k, false, turned);
      for (size_t i = 0; i < c.size(); ++i)
        expected[i] += 2 * d[i];
      kernel.run({a.slot(), b.slot(), d.slot(), c.slot(), size.rows});
      SCOPED_TRACE(form);
      expectNear(expected.data(), c.data(), c.size(), 1e-5, 1e-5);
    }
}

// Rows of the first operand that lie as columns are turned where they are
// copied.
TEST_P(ProductTest, MultipliesTurnedBFloats) {
  struct Case {
    int64_t m, n, k;
  };
  for (Case size : {Case{32, 32, 64}, Case{17, 48, 37}, Case{40, 20, 16}})
    for (const char *form : {"tn", "tt"}) {
      bool turned = form[1] == 't';
      std::string text = R"(
        func.func @k(%a: memref<$K$x$M$xf32>, %b: memref<$BR$x$BC$xf32>, %c: memref<$M$x$N$xf32>) {
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
            %x = tile.load %a[%c0, %c0] : memref<$K$x$M$xf32> -> vector<$K$x$M$xf32>
            %w = tile.load %b[%c0, %c0] : memref<$BR$x$BC$xf32> -> vector<$BR$x$BC$xf32>
            %two = arith.addf %x, %x : vector<$K$x$M$xf32>
            %h = arith.truncf %two : vector<$K$x$M$xf32> to vector<$K$x$M$xbf16>
            %g = arith.truncf %w : vector<$BR$x$BC$xf32> to vector<$BR$x$BC$xbf16>
            %y = tile.mma FORM %h, %g : vector<$K$x$M$xbf16>, vector<$BR$x$BC$xbf16> -> vector<$M$x$N$xf32>
            tile.store %y, %c[%c0, %c0] : vector<$M$x$N$xf32>, memref<$M$x$N$xf32>
          }
          return
        })";
      text.replace(text.find("FORM"), 4, form);
      TileKernel kernel(GetParam(),
                        fill(text, {{"M", size.m},
                                    {"N", size.n},
                                    {"K", size.k},
                                    {"BR", turned ? size.n : size.k},
                                    {"BC", turned ? size.k : size.n}}));
      Array<float> a = randomFloats(size.k * size.m),
                   b = randomFloats(size.k * size.n), c(size.m * size.n);
      Array<float> roundedA(a.size()), roundedB(b.size());
      for (size_t i = 0; i < a.size(); ++i)
        roundedA[i] = fromBFloat(toBFloat(2 * a[i]));
      for (size_t i = 0; i < b.size(); ++i)
        roundedB[i] = fromBFloat(toBFloat(b[i]));
      Array<float> expected = multiply(roundedA.data(), roundedB.data(), size.m,
                                       size.n, size.k, true, turned);
      kernel.run({a.slot(), b.slot(), c.slot()});
      SCOPED_TRACE(form);
      expectNear(expected.data(), c.data(), c.size(), 1e-5, 1e-5);
    }
}

TEST_P(ProductTest, MultipliesBatches) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%a: memref<3x20x24xbf16>, %b: memref<3x40x24xbf16>, %d: memref<3x20x40xf32>, %c: memref<3x20x40xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
        %x = tile.load %a[%c0, %c0, %c0] : memref<3x20x24xbf16> -> vector<3x20x24xbf16>
        %w = tile.load %b[%c0, %c0, %c0] : memref<3x40x24xbf16> -> vector<3x40x24xbf16>
        %z = tile.load %d[%c0, %c0, %c0] : memref<3x20x40xf32> -> vector<3x20x40xf32>
        %two = arith.addf %z, %z : vector<3x20x40xf32>
        %y = tile.mma nt %x, %w acc %two : vector<3x20x24xbf16>, vector<3x40x24xbf16> acc vector<3x20x40xf32> -> vector<3x20x40xf32>
        tile.store %y, %c[%c0, %c0, %c0] : vector<3x20x40xf32>, memref<3x20x40xf32>
      }
      return
    })");
  Array<uint16_t> a = randomBFloats(3 * 480), b = randomBFloats(3 * 960);
  Array<float> d = randomFloats(2400), c(2400);
  Array<float> wideA(a.size()), wideB(b.size());
  for (size_t i = 0; i < a.size(); ++i)
    wideA[i] = fromBFloat(a[i]);
  for (size_t i = 0; i < b.size(); ++i)
    wideB[i] = fromBFloat(b[i]);
  kernel.run({a.slot(), b.slot(), d.slot(), c.slot()});
  for (int64_t batch = 0; batch < 3; ++batch) {
    Array<float> expected =
        multiply(wideA.data() + batch * 480, wideB.data() + batch * 960, 20, 40,
                 24, false, true);
    for (int64_t i = 0; i < 800; ++i)
      expected[i] += 2 * d[batch * 800 + i];
    expectNear(expected.data(), c.data() + batch * 800, 800, 1e-5, 1e-5);
  }
}
