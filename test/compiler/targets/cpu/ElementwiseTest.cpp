// Maps, broadcasts, masked edges and element types, against plain loops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/targets/cpu/TileKernel.h"

using namespace sennit::test;

class ElementwiseTest : public TileTest {};
SENNIT_TILE_TESTS(ElementwiseTest);

static const int64_t oddSizes[] = {1, 3, 17, 127};

TEST_P(ElementwiseTest, AddsARowToEveryRow) {
  for (int64_t columns : oddSizes) {
    TileKernel kernel(GetParam(), fill(R"(
      func.func @k(%x: memref<?x$C$xf32>, %b: memref<$C$xf32>, %y: memref<?x$C$xf32>, %t: index) {
        %c0 = arith.constant 0 : index
        tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
          %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x$C$xf32> -> vector<16x$C$xf32>
          %r = tile.load %b[%c0] : memref<$C$xf32> -> vector<$C$xf32>
          %w = tile.broadcast %r [1] : vector<$C$xf32> -> vector<16x$C$xf32>
          %s = arith.addf %a, %w : vector<16x$C$xf32>
          tile.store %s, %y[%m, %c0] bound [0 : %t] : vector<16x$C$xf32>, memref<?x$C$xf32>
        }
        return
      })",
                                       {{"C", columns}}));
    for (int64_t rows : {0, 1, 16, 17, 40}) {
      Array<float> x = randomFloats(rows * columns), b = randomFloats(columns);
      Array<float> y(rows * columns), expected(rows * columns);
      for (int64_t i = 0; i < rows * columns; ++i)
        expected[i] = x[i] + b[i % columns];
      kernel.run({x.slot(), b.slot(), y.slot(), rows});
      expectNear(expected.data(), y.data(), y.size(), 0, 0);
    }
  }
}

TEST_P(ElementwiseTest, ScalesEveryRowByItsOwnFactor) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<?x50xf32>, %f: memref<?xf32>, %y: memref<?x50xf32>, %t: index) {
      %c0 = arith.constant 0 : index
      tile.grid (%m) = (%c0) to (%t) step [8] dims ["m"] {
        %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x50xf32> -> vector<8x50xf32>
        %r = tile.load %f[%m] bound [0 : %t] : memref<?xf32> -> vector<8xf32>
        %q = math.sqrt %r : vector<8xf32>
        %w = tile.broadcast %q [0] : vector<8xf32> -> vector<8x50xf32>
        %s = arith.mulf %a, %w : vector<8x50xf32>
        tile.store %s, %y[%m, %c0] bound [0 : %t] : vector<8x50xf32>, memref<?x50xf32>
      }
      return
    })");
  int64_t rows = 21;
  Array<float> x = randomFloats(rows * 50), f = randomFloats(rows, 0, 2);
  Array<float> y(rows * 50), expected(rows * 50);
  for (int64_t i = 0; i < rows * 50; ++i)
    expected[i] = x[i] * std::sqrt(f[i / 50]);
  kernel.run({x.slot(), f.slot(), y.slot(), rows});
  expectNear(expected.data(), y.data(), y.size(), 1e-6, 0);
}

TEST_P(ElementwiseTest, StoresPartsOfRowsAndBFloats) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<?x100xbf16>, %y: memref<?x100xbf16>, %t: index, %n: index) {
      %c0 = arith.constant 0 : index
      %h = arith.constant dense<0.5> : vector<4x32xbf16>
      tile.grid (%m, %c) = (%c0, %c0) to (%t, %n) step [4, 32] dims ["m", "c"] {
        %a = tile.load %x[%m, %c] bound [0 : %t, 1 : %n] pad 1.0 : bf16 : memref<?x100xbf16> -> vector<4x32xbf16>
        %b = arith.mulf %a, %h : vector<4x32xbf16>
        %e = arith.extf %b : vector<4x32xbf16> to vector<4x32xf32>
        %f = arith.addf %e, %e : vector<4x32xf32>
        %g = arith.addf %f, %e : vector<4x32xf32>
        %z = arith.truncf %g : vector<4x32xf32> to vector<4x32xbf16>
        tile.store %z, %y[%m, %c] bound [0 : %t, 1 : %n] : vector<4x32xbf16>, memref<?x100xbf16>
      }
      return
    })");
  int64_t rows = 7, columns = 77;
  Array<uint16_t> x = randomBFloats(rows * 100);
  Array<uint16_t> y(rows * 100);
  kernel.run({x.slot(), y.slot(), rows, columns});
  for (int64_t i = 0; i < rows * 100; ++i) {
    uint16_t expected = toBFloat(fromBFloat(x[i]) * 1.5f);
    ASSERT_EQ(y[i], i % 100 < columns ? expected : 0) << i;
  }
}

TEST_P(ElementwiseTest, SelectsByPositionAndConvertsIntegers) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<?x40xf32>, %y: memref<?x40xf32>, %t: index) {
      %c0 = arith.constant 0 : index
      tile.grid (%m) = (%c0) to (%t) step [4] dims ["m"] {
        %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x40xf32> -> vector<4x40xf32>
        %i = tile.iota %m : vector<4xi32>
        %j = tile.iota %c0 : vector<40xi32>
        %iw = tile.broadcast %i [0] : vector<4xi32> -> vector<4x40xi32>
        %jw = tile.broadcast %j [1] : vector<40xi32> -> vector<4x40xi32>
        %keep = arith.cmpi sle, %jw, %iw : vector<4x40xi32>
        %d = arith.subi %iw, %jw : vector<4x40xi32>
        %f = arith.sitofp %d : vector<4x40xi32> to vector<4x40xf32>
        %s = arith.select %keep, %a, %f : vector<4x40xi1>, vector<4x40xf32>
        tile.store %s, %y[%m, %c0] bound [0 : %t] : vector<4x40xf32>, memref<?x40xf32>
      }
      return
    })");
  int64_t rows = 30;
  Array<float> x = randomFloats(rows * 40), y(rows * 40), expected(rows * 40);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < 40; ++j)
      expected[i * 40 + j] = j <= i ? x[i * 40 + j] : float(i - j);
  kernel.run({x.slot(), y.slot(), rows});
  expectNear(expected.data(), y.data(), y.size(), 0, 0);
}

TEST_P(ElementwiseTest, WalksStridedDimensions) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<?x3x20xf32>, %y: memref<3x?x20xf32, strided<[400, 20, 1], offset: 5>>, %t: index) {
      %c0 = arith.constant 0 : index
      %c3 = arith.constant 3 : index
      tile.grid (%h, %m) = (%c0, %c0) to (%c3, %t) step [1, 8] dims ["h", "m"] {
        %a = tile.load %x[%m, %h, %c0] dims [0, 2] bound [0 : %t] : memref<?x3x20xf32> -> vector<8x20xf32>
        tile.store %a, %y[%h, %m, %c0] bound [0 : %t] : vector<8x20xf32>, memref<3x?x20xf32, strided<[400, 20, 1], offset: 5>>
      }
      return
    })");
  int64_t rows = 19;
  Array<float> x = randomFloats(rows * 60), y(1205);
  kernel.run({x.slot(), y.slot(), rows});
  for (int64_t h = 0; h < 3; ++h)
    for (int64_t i = 0; i < rows * 20; ++i)
      ASSERT_EQ(y[5 + h * 400 + i], x[i / 20 * 60 + h * 20 + i % 20]);
}

TEST_P(ElementwiseTest, RunsAFunctionOnceForTwoReaders) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<?x33xf32>, %y: memref<?x33xf32>, %z: memref<?x33xf32>, %t: index) {
      %c0 = arith.constant 0 : index
      tile.grid (%m) = (%c0) to (%t) step [2] dims ["m"] {
        %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x33xf32> -> vector<2x33xf32>
        %e = math.exp %a : vector<2x33xf32>
        tile.store %e, %y[%m, %c0] bound [0 : %t] : vector<2x33xf32>, memref<?x33xf32>
        %s = arith.addf %e, %a : vector<2x33xf32>
        tile.store %s, %z[%m, %c0] bound [0 : %t] : vector<2x33xf32>, memref<?x33xf32>
      }
      return
    })");
  Array<float> x = randomFloats(5 * 33), y(5 * 33), z(5 * 33), e(5 * 33),
               s(5 * 33);
  for (size_t i = 0; i < x.size(); ++i) {
    e[i] = std::exp(x[i]);
    s[i] = e[i] + x[i];
  }
  kernel.run({x.slot(), y.slot(), z.slot(), 5});
  expectNear(e.data(), y.data(), y.size(), 1e-6, 0);
  // The sum may cancel; the function's own rounding then stands alone.
  expectNear(s.data(), z.data(), z.size(), 1e-6, 1e-6);
}

TEST_P(ElementwiseTest, ReadsBeforeItsOwnStore) {
  // %a is read after the store to the same memory and must be the old value.
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<?x33xf32>, %z: memref<?x33xf32>, %t: index) {
      %c0 = arith.constant 0 : index
      tile.grid (%m) = (%c0) to (%t) step [2] dims ["m"] {
        %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x33xf32> -> vector<2x33xf32>
        %d = arith.addf %a, %a : vector<2x33xf32>
        tile.store %d, %x[%m, %c0] bound [0 : %t] : vector<2x33xf32>, memref<?x33xf32>
        tile.store %a, %z[%m, %c0] bound [0 : %t] : vector<2x33xf32>, memref<?x33xf32>
      }
      return
    })");
  Array<float> x = randomFloats(5 * 33), z(5 * 33), doubled(5 * 33),
               old(5 * 33);
  for (size_t i = 0; i < x.size(); ++i) {
    old[i] = x[i];
    doubled[i] = 2 * x[i];
  }
  kernel.run({x.slot(), z.slot(), 5});
  expectNear(doubled.data(), x.data(), x.size(), 0, 0);
  expectNear(old.data(), z.data(), z.size(), 0, 0);
}
