// Gathers and scatters by index vectors, negative ones left out.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/targets/cpu/TileKernel.h"

using namespace sennit::test;

class GatherTest : public TileTest {};
SENNIT_TILE_TESTS(GatherTest);

static Array<int32_t> someRows(size_t size, int32_t rows) {
  Array<int32_t> index(size);
  for (size_t i = 0; i < size; ++i)
    index[i] = i % 5 == 3 ? -1 : int32_t(i * 7 % rows);
  return index;
}

TEST_P(GatherTest, ReadsRows) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<?x50xbf16>, %i: memref<?xi32>, %y: memref<?x50xf32>, %t: index) {
      %c0 = arith.constant 0 : index
      tile.grid (%m) = (%c0) to (%t) step [8] dims ["m"] {
        %rows = tile.load %i[%m] bound [0 : %t] pad -1 : i32 : memref<?xi32> -> vector<8xi32>
        %a = tile.load %x[%rows : vector<8xi32>, %c0] pad 2.0 : bf16 : memref<?x50xbf16> -> vector<8x50xbf16>
        %b = arith.extf %a : vector<8x50xbf16> to vector<8x50xf32>
        tile.store %b, %y[%m, %c0] bound [0 : %t] : vector<8x50xf32>, memref<?x50xf32>
      }
      return
    })");
  Array<uint16_t> x = randomBFloats(30 * 50);
  Array<int32_t> index = someRows(21, 30);
  Array<float> y(21 * 50);
  kernel.run({x.slot(), index.slot(), y.slot(), 21});
  for (int i = 0; i < 21 * 50; ++i) {
    int32_t row = index[i / 50];
    ASSERT_EQ(y[i], row < 0 ? 2.0f : fromBFloat(x[row * 50 + i % 50])) << i;
  }
}

TEST_P(GatherTest, WritesRows) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<?x50xf32>, %i: memref<?xi32>, %y: memref<?x50xf32>, %t: index) {
      %c0 = arith.constant 0 : index
      tile.grid (%m) = (%c0) to (%t) step [8] dims ["m"] {
        %rows = tile.load %i[%m] bound [0 : %t] pad -1 : i32 : memref<?xi32> -> vector<8xi32>
        %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x50xf32> -> vector<8x50xf32>
        tile.store %a, %y[%rows : vector<8xi32>, %c0] : vector<8x50xf32>, memref<?x50xf32>
      }
      return
    })");
  Array<float> x = randomFloats(21 * 50), y(30 * 50), expected(30 * 50);
  Array<int32_t> index = someRows(21, 30);
  for (int i = 0; i < 21 * 50; ++i)
    if (index[i / 50] >= 0)
      expected[index[i / 50] * 50 + i % 50] = x[i];
  kernel.run({x.slot(), index.slot(), y.slot(), 21});
  expectNear(expected.data(), y.data(), y.size(), 0, 0);
}

TEST_P(GatherTest, ReadsAndWritesElements) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<?xf32>, %i: memref<21xi32>, %y: memref<?xf32>, %z: memref<21xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      tile.grid (%m) = (%c0) to (%c1) step [1] dims ["m"] {
        %at = tile.load %i[%c0] : memref<21xi32> -> vector<21xi32>
        %a = tile.load %x[%at : vector<21xi32>] : memref<?xf32> -> vector<21xf32>
        tile.store %a, %z[%c0] : vector<21xf32>, memref<21xf32>
        %b = arith.addf %a, %a : vector<21xf32>
        tile.store %b, %y[%at : vector<21xi32>] : vector<21xf32>, memref<?xf32>
      }
      return
    })");
  Array<float> x = randomFloats(30), y(30), z(21), expected(30);
  Array<int32_t> index = someRows(21, 30);
  kernel.run({x.slot(), index.slot(), y.slot(), z.slot()});
  for (int i = 0; i < 21; ++i) {
    EXPECT_EQ(z[i], index[i] < 0 ? 0 : x[index[i]]);
    if (index[i] >= 0)
      expected[index[i]] = 2 * x[index[i]];
  }
  expectNear(expected.data(), y.data(), 30, 0, 0);
}
