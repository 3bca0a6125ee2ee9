// Transposes, joins, slices, reshapes and constants, against plain loops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/targets/cpu/TileKernel.h"

using namespace sennit::test;

class MoveTest : public TileTest {};
SENNIT_TILE_TESTS(MoveTest);

TEST_P(MoveTest, TransposesMatrices) {
  for (auto [rows, columns] :
       {std::pair<int64_t, int64_t>{1, 1}, {3, 17}, {32, 16}, {40, 127}}) {
    TileKernel kernel(GetParam(), fill(R"(
      func.func @k(%x: memref<$R$x$C$xf32>, %y: memref<$C$x$R$xf32>) {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
          %a = tile.load %x[%c0, %c0] : memref<$R$x$C$xf32> -> vector<$R$x$C$xf32>
          %b = arith.addf %a, %a : vector<$R$x$C$xf32>
          %t = tile.transpose %b [1, 0] : vector<$R$x$C$xf32> -> vector<$C$x$R$xf32>
          tile.store %t, %y[%c0, %c0] : vector<$C$x$R$xf32>, memref<$C$x$R$xf32>
        }
        return
      })",
                                       {{"R", rows}, {"C", columns}}));
    Array<float> x = randomFloats(rows * columns), y(rows * columns);
    kernel.run({x.slot(), y.slot()});
    for (int64_t i = 0; i < rows * columns; ++i)
      ASSERT_EQ(y[i % columns * rows + i / columns], 2 * x[i]);
  }
}

TEST_P(MoveTest, PermutesThreeDimensions) {
  for (const char *permutation :
       {"[2, 0, 1]", "[1, 2, 0]", "[1, 0, 2]", "[0, 2, 1]", "[2, 1, 0]"}) {
    int64_t from[] = {5, 18, 33},
            perm[] = {permutation[1] - '0', permutation[4] - '0',
                      permutation[7] - '0'};
    int64_t to[] = {from[perm[0]], from[perm[1]], from[perm[2]]};
    std::string text = fill(R"(
      func.func @k(%x: memref<5x18x33xf32>, %y: memref<$A$x$B$x$C$xf32>) {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
          %a = tile.load %x[%c0, %c0, %c0] : memref<5x18x33xf32> -> vector<5x18x33xf32>
          %t = tile.transpose %a PERM : vector<5x18x33xf32> -> vector<$A$x$B$x$C$xf32>
          tile.store %t, %y[%c0, %c0, %c0] : vector<$A$x$B$x$C$xf32>, memref<$A$x$B$x$C$xf32>
        }
        return
      })",
                            {{"A", to[0]}, {"B", to[1]}, {"C", to[2]}});
    text.replace(text.find("PERM"), 4, permutation);
    TileKernel kernel(GetParam(), text);
    Array<float> x = randomFloats(5 * 18 * 33), y(5 * 18 * 33);
    kernel.run({x.slot(), y.slot()});
    for (int64_t i = 0; i < 5 * 18 * 33; ++i) {
      int64_t at[] = {i / (18 * 33), i / 33 % 18, i % 33};
      ASSERT_EQ(y[(at[perm[0]] * to[1] + at[perm[1]]) * to[2] + at[perm[2]]],
                x[i])
          << permutation;
    }
  }
}

// A short causal convolution: the window before the chunk, then three taps.
TEST_P(MoveTest, JoinsAWindowAndSlicesIt) {
  TileKernel kernel(GetParam(), R"(
    func.func @conv(%w: memref<2x20xf32>, %x: memref<?x20xf32>, %y: memref<?x20xf32>, %next: memref<2x20xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
        %a = tile.load %w[%c0, %c0] : memref<2x20xf32> -> vector<2x20xf32>
        %b = tile.load %x[%c0, %c0] : memref<?x20xf32> -> vector<8x20xf32>
        %c = tile.concat %a, %b dim 0 : vector<2x20xf32>, vector<8x20xf32> -> vector<10x20xf32>
        %s0 = tile.slice %c [0, 0] : vector<10x20xf32> -> vector<8x20xf32>
        %s1 = tile.slice %c [1, 0] : vector<10x20xf32> -> vector<8x20xf32>
        %s2 = tile.slice %c [2, 0] : vector<10x20xf32> -> vector<8x20xf32>
        %t = arith.addf %s0, %s1 : vector<8x20xf32>
        %u = arith.addf %t, %s2 : vector<8x20xf32>
        tile.store %u, %y[%c0, %c0] : vector<8x20xf32>, memref<?x20xf32>
        %n = tile.slice %c [8, 0] : vector<10x20xf32> -> vector<2x20xf32>
        tile.store %n, %w[%c0, %c0] : vector<2x20xf32>, memref<2x20xf32>
      }
      return
    })");
  Array<float> w = randomFloats(40), x = randomFloats(160), y(160), all(200);
  std::copy_n(w.data(), 40, all.data());
  std::copy_n(x.data(), 160, all.data() + 40);
  kernel.run({w.slot(), x.slot(), y.slot(), w.slot()});
  for (int i = 0; i < 160; ++i)
    ASSERT_EQ(y[i], all[i] + all[i + 20] + all[i + 40]);
  expectNear(all.data() + 160, w.data(), 40, 0, 0);
}

// Rotary halves: slices and a join along lanes.
TEST_P(MoveTest, JoinsAndSlicesLanes) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<7x50xf32>, %y: memref<7x50xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
        %a = tile.load %x[%c0, %c0] : memref<7x50xf32> -> vector<7x50xf32>
        %p = tile.slice %a [0, 0] : vector<7x50xf32> -> vector<7x25xf32>
        %q = tile.slice %a [0, 25] : vector<7x50xf32> -> vector<7x25xf32>
        %n = arith.negf %q : vector<7x25xf32>
        %c = tile.concat %n, %p dim 1 : vector<7x25xf32>, vector<7x25xf32> -> vector<7x50xf32>
        tile.store %c, %y[%c0, %c0] : vector<7x50xf32>, memref<7x50xf32>
      }
      return
    })");
  Array<float> x = randomFloats(350), y(350);
  kernel.run({x.slot(), y.slot()});
  for (int i = 0; i < 350; ++i)
    ASSERT_EQ(y[i], i % 50 < 25 ? -x[i + 25] : x[i - 25]) << i;
}

TEST_P(MoveTest, SplitsAndMergesDimensions) {
  struct Case {
    const char *from, *to;
  };
  for (Case shapes :
       {Case{"6x48", "6x3x16"}, Case{"6x3x16", "6x48"}, Case{"6x48", "6x12x4"},
        Case{"6x12x4", "6x48"}, Case{"6x48", "288"}, Case{"5x7", "35x1"},
        Case{"35x1", "5x7"}, Case{"4x6x10", "24x10"}, Case{"24x10", "2x12x10"},
        Case{"3x35", "21x5"}}) {
    auto rank = [](const std::string &shape) {
      return std::count(shape.begin(), shape.end(), 'x') + 1;
    };
    auto zeros = [&](const char *shape) {
      std::string text = "%c0";
      for (int64_t i = 1; i < rank(shape); ++i)
        text += ", %c0";
      return text;
    };
    std::string from = shapes.from, to = shapes.to;
    TileKernel kernel(GetParam(), R"(
      func.func @k(%x: memref<)" + from +
                                      R"(xf32>, %y: memref<)" + to + R"(xf32>) {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
          %a = tile.load %x[)" + zeros(shapes.from) +
                                      "] : memref<" + from +
                                      "xf32> -> vector<" + from + R"(xf32>
          %d = arith.addf %a, %a : vector<)" +
                                      from + R"(xf32>
          %b = tile.reshape %d : vector<)" +
                                      from + "xf32> -> vector<" + to + R"(xf32>
          tile.store %b, %y[)" + zeros(shapes.to) +
                                      "] : vector<" + to + "xf32>, memref<" +
                                      to + R"(xf32>
        }
        return
      })");
    int64_t size = 1, extent = 0;
    for (char c : from + "x")
      if (c == 'x')
        size *= std::exchange(extent, 0);
      else
        extent = extent * 10 + c - '0';
    Array<float> x = randomFloats(size), y(size);
    kernel.run({x.slot(), y.slot()});
    SCOPED_TRACE(from + " to " + to);
    for (int64_t i = 0; i < size; ++i)
      ASSERT_EQ(y[i], 2 * x[i]) << i;
  }
}

TEST_P(MoveTest, ReadsTables) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%y: memref<2x3xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
        %a = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : vector<2x3xf32>
        tile.store %a, %y[%c0, %c0] : vector<2x3xf32>, memref<2x3xf32>
      }
      return
    })");
  Array<float> y(6);
  kernel.run({y.slot()});
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(y[i], i + 1);
}

TEST_P(MoveTest, BranchesAndLoopsInAnItem) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<?x20xf32>, %y: memref<?x20xf32>, %n: memref<?xi32>, %t: index) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %two = arith.constant 2 : i32
      tile.grid (%m) = (%c0) to (%t) step [1] dims ["m"] {
        %a = tile.load %x[%m, %c0] dims [1] : memref<?x20xf32> -> vector<20xf32>
        %c = memref.load %n[%m] : memref<?xi32>
        %ci = arith.index_cast %c : i32 to index
        %p = scf.for %i = %c0 to %ci step %c1 iter_args(%acc = %a) -> (vector<20xf32>) {
          %s = arith.addf %acc, %a : vector<20xf32>
          scf.yield %s : vector<20xf32>
        }
        %big = arith.cmpi sgt, %c, %two : i32
        %r = scf.if %big -> (vector<20xf32>) {
          %neg = arith.negf %p : vector<20xf32>
          scf.yield %neg : vector<20xf32>
        } else {
          scf.yield %p : vector<20xf32>
        }
        tile.store %r, %y[%m, %c0] dims [1] : vector<20xf32>, memref<?x20xf32>
      }
      return
    })");
  Array<float> x = randomFloats(7 * 20), y(7 * 20);
  Array<int32_t> n(7);
  for (int i = 0; i < 7; ++i)
    n[i] = i;
  kernel.run({x.slot(), y.slot(), n.slot(), 7});
  for (int i = 0; i < 140; ++i) {
    float sum = x[i];
    for (int j = 0; j < i / 20; ++j)
      sum += x[i];
    ASSERT_EQ(y[i], i / 20 > 2 ? -sum : sum);
  }
}
