// Reductions along lanes and rows, alone and in streams, against loops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/targets/cpu/TileKernel.h"

using namespace sennit::test;

class ReductionTest : public TileTest {};
SENNIT_TILE_TESTS(ReductionTest);

TEST_P(ReductionTest, AddsAlongLanes) {
  for (int64_t columns : {1, 3, 17, 127, 128, 200}) {
    TileKernel kernel(GetParam(), fill(R"(
      func.func @k(%x: memref<?x$C$xf32>, %y: memref<?xf32>, %t: index) {
        %c0 = arith.constant 0 : index
        tile.grid (%m) = (%c0) to (%t) step [4] dims ["m"] {
          %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x$C$xf32> -> vector<4x$C$xf32>
          %s = tile.reduce add %a dim 1 : vector<4x$C$xf32> -> vector<4xf32>
          tile.store %s, %y[%m] bound [0 : %t] : vector<4xf32>, memref<?xf32>
        }
        return
      })",
                                       {{"C", columns}}));
    int64_t rows = 11;
    Array<float> x = randomFloats(rows * columns), y(rows), expected(rows);
    for (int64_t i = 0; i < rows * columns; ++i)
      expected[i / columns] += x[i];
    kernel.run({x.slot(), y.slot(), rows});
    expectNear(expected.data(), y.data(), rows, 1e-5, 1e-5);
  }
}

TEST_P(ReductionTest, FindsExtremesAndKeepsNaN) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<?x37xf32>, %y: memref<?xf32>, %z: memref<37xf32>, %t: index) {
      %c0 = arith.constant 0 : index
      tile.grid (%m) = (%c0) to (%t) step [9] dims ["m"] {
        %a = tile.load %x[%m, %c0] : memref<?x37xf32> -> vector<9x37xf32>
        %s = tile.reduce max %a dim 1 : vector<9x37xf32> -> vector<9xf32>
        tile.store %s, %y[%m] : vector<9xf32>, memref<?xf32>
        %r = tile.reduce min %a dim 0 : vector<9x37xf32> -> vector<37xf32>
        tile.store %r, %z[%c0] : vector<37xf32>, memref<37xf32>
      }
      return
    })");
  Array<float> x = randomFloats(9 * 37, -5, -1), y(9), z(37);
  x[4 * 37 + 36] = NAN;
  kernel.run({x.slot(), y.slot(), z.slot(), 9});
  for (int64_t i = 0; i < 9; ++i) {
    float largest = -INFINITY;
    for (int64_t j = 0; j < 37; ++j)
      largest = std::fmax(largest, x[i * 37 + j]);
    if (i == 4)
      EXPECT_TRUE(std::isnan(y[i]));
    else
      EXPECT_EQ(y[i], largest);
  }
  for (int64_t j = 0; j < 37; ++j) {
    float smallest = INFINITY;
    for (int64_t i = 0; i < 9; ++i)
      smallest = std::fmin(smallest, x[i * 37 + j]);
    if (j == 36)
      EXPECT_TRUE(std::isnan(z[j]));
    else
      EXPECT_EQ(z[j], smallest);
  }
}

TEST_P(ReductionTest, AddsRowsInAStream) {
  TileKernel kernel(GetParam(), R"(
    func.func @sum(%x: memref<?x70xf32>, %y: memref<70xf32>, %n: memref<1xi32>, %t: index) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
        %z = arith.constant dense<0.0> : vector<70xf32>
        %zi = arith.constant 0 : i32
        %one = arith.constant 1 : i32
        %s, %count = tile.stream "t" %j = %c0 to %t step 16 carry(%z : vector<70xf32>, %zi : i32) fetch {
          %a = tile.load %x[%j, %c0] bound [0 : %t] : memref<?x70xf32> -> vector<16x70xf32>
          tile.yield %a : vector<16x70xf32>
        } do {
        ^bb0(%jj: index, %a: vector<16x70xf32>, %acc: vector<70xf32>, %c: i32):
          %p = tile.reduce add %a dim 0 : vector<16x70xf32> -> vector<70xf32>
          %n1 = arith.addf %acc, %p : vector<70xf32>
          %cn = arith.addi %c, %one : i32
          tile.yield %n1, %cn : vector<70xf32>, i32
        }
        tile.store %s, %y[%c0] : vector<70xf32>, memref<70xf32>
        %cw = tile.broadcast %count [] : i32 -> vector<1xi32>
        tile.store %cw, %n[%c0] : vector<1xi32>, memref<1xi32>
      }
      return
    })");
  for (int64_t rows : {0, 5, 16, 50}) {
    Array<float> x = randomFloats(rows * 70), y(70), expected(70);
    Array<int32_t> count(1);
    for (int64_t i = 0; i < rows * 70; ++i)
      expected[i % 70] += x[i];
    kernel.run({x.slot(), y.slot(), count.slot(), rows});
    expectNear(expected.data(), y.data(), 70, 1e-5, 1e-5);
    EXPECT_EQ(count[0], (rows + 15) / 16);
  }
}

TEST_P(ReductionTest, NormalisesRows) {
  TileKernel kernel(GetParam(), R"(
    func.func @rms(%x: memref<?x96xf32>, %g: memref<96xf32>, %y: memref<?x96xbf16>, %t: index) {
      %c0 = arith.constant 0 : index
      %n = arith.constant dense<96.0> : vector<8xf32>
      %eps = arith.constant dense<1.0e-5> : vector<8xf32>
      tile.grid (%m) = (%c0) to (%t) step [8] dims ["m"] {
        %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x96xf32> -> vector<8x96xf32>
        %gain = tile.load %g[%c0] : memref<96xf32> -> vector<96xf32>
        %sq = arith.mulf %a, %a : vector<8x96xf32>
        %s = tile.reduce add %sq dim 1 : vector<8x96xf32> -> vector<8xf32>
        %mean = arith.divf %s, %n : vector<8xf32>
        %me = arith.addf %mean, %eps : vector<8xf32>
        %r = math.rsqrt %me : vector<8xf32>
        %rw = tile.broadcast %r [0] : vector<8xf32> -> vector<8x96xf32>
        %gw = tile.broadcast %gain [1] : vector<96xf32> -> vector<8x96xf32>
        %p = arith.mulf %a, %rw : vector<8x96xf32>
        %q = arith.mulf %p, %gw : vector<8x96xf32>
        %b = arith.truncf %q : vector<8x96xf32> to vector<8x96xbf16>
        tile.store %b, %y[%m, %c0] bound [0 : %t] : vector<8x96xbf16>, memref<?x96xbf16>
      }
      return
    })");
  int64_t rows = 13;
  Array<float> x = randomFloats(rows * 96), g = randomFloats(96);
  Array<float> expected(rows * 96), actual(rows * 96);
  Array<uint16_t> y(rows * 96);
  kernel.run({x.slot(), g.slot(), y.slot(), rows});
  for (int64_t i = 0; i < rows; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < 96; ++j)
      sum += double(x[i * 96 + j]) * x[i * 96 + j];
    double scale = 1 / std::sqrt(sum / 96 + 1e-5);
    for (int64_t j = 0; j < 96; ++j) {
      expected[i * 96 + j] = x[i * 96 + j] * scale * g[j];
      actual[i * 96 + j] = fromBFloat(y[i * 96 + j]);
    }
  }
  expectNear(expected.data(), actual.data(), rows * 96, 4e-3, 0);
}

// Sixteen rows are folded at once, the last three by themselves.
TEST_P(ReductionTest, FoldsBlocksOfRows) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<35x48xf32>, %y: memref<35xf32>, %z: memref<35xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      tile.grid (%m) = (%c0) to (%c1) step [1] dims ["m"] {
        %a = tile.load %x[%c0, %c0] : memref<35x48xf32> -> vector<35x48xf32>
        %s = tile.reduce add %a dim 1 : vector<35x48xf32> -> vector<35xf32>
        %l = tile.reduce max %a dim 1 : vector<35x48xf32> -> vector<35xf32>
        tile.store %s, %y[%c0] : vector<35xf32>, memref<35xf32>
        tile.store %l, %z[%c0] : vector<35xf32>, memref<35xf32>
      }
      return
    })");
  Array<float> x = randomFloats(35 * 48), y(35), z(35), sum(35), largest(35);
  for (int i = 0; i < 35; ++i) {
    largest[i] = -INFINITY;
    for (int j = 0; j < 48; ++j) {
      sum[i] += x[i * 48 + j];
      largest[i] = std::fmax(largest[i], x[i * 48 + j]);
    }
  }
  x[20 * 48 + 7] = NAN;
  kernel.run({x.slot(), y.slot(), z.slot()});
  EXPECT_TRUE(std::isnan(y[20]) && std::isnan(z[20]));
  y[20] = sum[20];
  z[20] = largest[20];
  expectNear(sum.data(), y.data(), 35, 1e-5, 1e-5);
  expectNear(largest.data(), z.data(), 35, 0, 0);
}
