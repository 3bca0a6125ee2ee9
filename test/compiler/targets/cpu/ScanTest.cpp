// Recurrences along rows and lanes, and reduced at once, against loops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/targets/cpu/TileKernel.h"

using namespace sennit::test;

class ScanTest : public TileTest {};
SENNIT_TILE_TESTS(ScanTest);

TEST_P(ScanTest, AddsAlongRows) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%x: memref<13x20xi32>, %y: memref<13x20xi32>, %last: memref<20xi32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
        %a = tile.load %x[%c0, %c0] : memref<13x20xi32> -> vector<13x20xi32>
        %s, %l = tile.scan add(%a) dim 0 exclusive : vector<13x20xi32> -> vector<13x20xi32>, vector<20xi32>
        tile.store %s, %y[%c0, %c0] : vector<13x20xi32>, memref<13x20xi32>
        tile.store %l, %last[%c0] : vector<20xi32>, memref<20xi32>
      }
      return
    })");
  Array<int32_t> x(260), y(260), last(20), sum(20);
  for (int i = 0; i < 260; ++i)
    x[i] = i * 7919 % 101 - 50;
  kernel.run({x.slot(), y.slot(), last.slot()});
  for (int i = 0; i < 260; ++i) {
    ASSERT_EQ(y[i], sum[i % 20]) << i;
    sum[i % 20] += x[i];
  }
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(last[i], sum[i]);
}

// The heart of a counting sort: where each class's run starts, and the total.
TEST_P(ScanTest, AddsAlongLanes) {
  for (int64_t size : {1, 3, 17, 64, 127}) {
    TileKernel kernel(GetParam(), fill(R"(
      func.func @k(%x: memref<$T$xi32>, %y: memref<$T$xi32>, %z: memref<$T$xi32>, %total: memref<1xi32>) {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
          %a = tile.load %x[%c0] : memref<$T$xi32> -> vector<$T$xi32>
          %s, %l = tile.scan add(%a) dim 0 exclusive : vector<$T$xi32> -> vector<$T$xi32>, vector<i32>
          %f, %m = tile.scan add(%a) dim 0 : vector<$T$xi32> -> vector<$T$xi32>, vector<i32>
          tile.store %s, %y[%c0] : vector<$T$xi32>, memref<$T$xi32>
          tile.store %f, %z[%c0] : vector<$T$xi32>, memref<$T$xi32>
          %w = tile.broadcast %l [] : vector<i32> -> vector<1xi32>
          tile.store %w, %total[%c0] : vector<1xi32>, memref<1xi32>
        }
        return
      })",
                                       {{"T", size}}));
    Array<int32_t> x(size), y(size), z(size), total(1);
    for (int i = 0; i < size; ++i)
      x[i] = i * 31 % 7;
    kernel.run({x.slot(), y.slot(), z.slot(), total.slot()});
    int32_t sum = 0;
    for (int i = 0; i < size; ++i) {
      ASSERT_EQ(y[i], sum);
      sum += x[i];
      ASSERT_EQ(z[i], sum);
    }
    EXPECT_EQ(total[0], sum);
  }
}

TEST_P(ScanTest, RecursAlongRowsWithAnInitialState) {
  TileKernel kernel(GetParam(), R"(
    func.func @k(%a: memref<9x21xf32>, %b: memref<9x21xf32>, %h: memref<21xf32>, %y: memref<9x21xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
        %at = tile.load %a[%c0, %c0] : memref<9x21xf32> -> vector<9x21xf32>
        %bt = tile.load %b[%c0, %c0] : memref<9x21xf32> -> vector<9x21xf32>
        %ht = tile.load %h[%c0] : memref<21xf32> -> vector<21xf32>
        %s, %l = tile.scan affine(%at, %bt) init(%ht : vector<21xf32>) dim 0
          : vector<9x21xf32>, vector<9x21xf32> -> vector<9x21xf32>, vector<21xf32>
        tile.store %s, %y[%c0, %c0] : vector<9x21xf32>, memref<9x21xf32>
        tile.store %l, %h[%c0] : vector<21xf32>, memref<21xf32>
      }
      return
    })");
  Array<float> a = randomFloats(189), b = randomFloats(189),
               h = randomFloats(21), y(189), expected(189), state(21);
  for (int i = 0; i < 189; ++i) {
    float before = i < 21 ? h[i] : state[i % 21];
    expected[i] = state[i % 21] = a[i] * before + b[i];
  }
  kernel.run({a.slot(), b.slot(), h.slot(), y.slot()});
  expectNear(expected.data(), y.data(), 189, 1e-5, 1e-6);
  expectNear(state.data(), h.data(), 21, 1e-5, 1e-6);
}

// Mamba: h' = exp(dt A) h + dt u B, y = C h; the state is carried from block to
// block of time, and the last block is short.
static const char *selectiveScan = R"(
  func.func @scan(%u: memref<?x$D$xf32>, %dt: memref<?x$D$xf32>, %a: memref<$N$x$D$xf32>, %b: memref<?x$N$xf32>,
                  %c: memref<?x$N$xf32>, %h: memref<$N$x$D$xf32>, %y: memref<?x$D$xf32>, %t: index) {
    %c0 = arith.constant 0 : index
    %cd = arith.constant $D$ : index
    tile.grid (%d) = (%c0) to (%cd) step [$V$] dims ["d"] {
      %at = tile.load %a[%c0, %d] : memref<$N$x$D$xf32> -> vector<$N$x$V$xf32>
      %h0 = tile.load %h[%c0, %d] : memref<$N$x$D$xf32> -> vector<$N$x$V$xf32>
      %hn = tile.stream "t" %j = %c0 to %t step $T$ carry(%h0 : vector<$N$x$V$xf32>) fetch {
        %uj = tile.load %u[%j, %d] bound [0 : %t] : memref<?x$D$xf32> -> vector<$T$x$V$xf32>
        %dj = tile.load %dt[%j, %d] bound [0 : %t] : memref<?x$D$xf32> -> vector<$T$x$V$xf32>
        %bj = tile.load %b[%j, %c0] bound [0 : %t] : memref<?x$N$xf32> -> vector<$T$x$N$xf32>
        %cj = tile.load %c[%j, %c0] bound [0 : %t] : memref<?x$N$xf32> -> vector<$T$x$N$xf32>
        tile.yield %uj, %dj, %bj, %cj : vector<$T$x$V$xf32>, vector<$T$x$V$xf32>, vector<$T$x$N$xf32>, vector<$T$x$N$xf32>
      } do {
      ^bb0(%j: index, %uj: vector<$T$x$V$xf32>, %dj: vector<$T$x$V$xf32>, %bj: vector<$T$x$N$xf32>, %cj: vector<$T$x$N$xf32>, %hj: vector<$N$x$V$xf32>):
        %dw = tile.broadcast %dj [0, 2] : vector<$T$x$V$xf32> -> vector<$T$x$N$x$V$xf32>
        %aw = tile.broadcast %at [1, 2] : vector<$N$x$V$xf32> -> vector<$T$x$N$x$V$xf32>
        %bw = tile.broadcast %bj [0, 1] : vector<$T$x$N$xf32> -> vector<$T$x$N$x$V$xf32>
        %cw = tile.broadcast %cj [0, 1] : vector<$T$x$N$xf32> -> vector<$T$x$N$x$V$xf32>
        %da = arith.mulf %dw, %aw : vector<$T$x$N$x$V$xf32>
        %decay = math.exp %da : vector<$T$x$N$x$V$xf32>
        %du = arith.mulf %dj, %uj : vector<$T$x$V$xf32>
        %duw = tile.broadcast %du [0, 2] : vector<$T$x$V$xf32> -> vector<$T$x$N$x$V$xf32>
        %in = arith.mulf %duw, %bw : vector<$T$x$N$x$V$xf32>
        %s, %last = tile.scan affine(%decay, %in) init(%hj : vector<$N$x$V$xf32>) dim 0
          : vector<$T$x$N$x$V$xf32>, vector<$T$x$N$x$V$xf32> -> vector<$T$x$N$x$V$xf32>, vector<$N$x$V$xf32>
        %sc = arith.mulf %s, %cw : vector<$T$x$N$x$V$xf32>
        %yj = tile.reduce add %sc dim 1 : vector<$T$x$N$x$V$xf32> -> vector<$T$x$V$xf32>
        tile.store %yj, %y[%j, %d] bound [0 : %t] : vector<$T$x$V$xf32>, memref<?x$D$xf32>
        tile.yield %last : vector<$N$x$V$xf32>
      }
      tile.store %hn, %h[%c0, %d] : vector<$N$x$V$xf32>, memref<$N$x$D$xf32>
    }
    return
  })";

TEST_P(ScanTest, ReducesStatesAsTheyArise) {
  for (int64_t states : {4, 16}) {
    int64_t channels = 40, t = 21;
    TileKernel kernel(
        GetParam(),
        fill(selectiveScan,
             {{"D", channels}, {"N", states}, {"V", 20}, {"T", 8}}));
    Array<float> u = randomFloats(t * channels),
                 dt = randomFloats(t * channels, 0, 1),
                 a = randomFloats(states * channels, -2, 0),
                 b = randomFloats(t * states), c = randomFloats(t * states),
                 h = randomFloats(states * channels), y(t * channels),
                 expected(t * channels), state(states * channels);
    std::copy_n(h.data(), h.size(), state.data());
    for (int64_t i = 0; i < t; ++i)
      for (int64_t d = 0; d < channels; ++d) {
        float step = dt[i * channels + d], sum = 0;
        for (int64_t n = 0; n < states; ++n) {
          float &s = state[n * channels + d];
          s = std::exp(step * a[n * channels + d]) * s +
              step * u[i * channels + d] * b[i * states + n];
          sum += s * c[i * states + n];
        }
        expected[i * channels + d] = sum;
      }
    kernel.run({u.slot(), dt.slot(), a.slot(), b.slot(), c.slot(), h.slot(),
                y.slot(), t});
    expectNear(expected.data(), y.data(), y.size(), 1e-5, 1e-5);
    expectNear(state.data(), h.data(), h.size(), 1e-5, 1e-5);
  }
}
