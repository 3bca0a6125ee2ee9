// Attention as a stream with carried maximum, sum and output.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/targets/cpu/TileKernel.h"

using namespace sennit::test;

class AttentionTest : public TileTest {};
SENNIT_TILE_TESTS(AttentionTest);

// Causal attention of T queries over T keys in a cache [keys, heads, width].
static const char *attention = R"(
  func.func @attention(%q: memref<?x$H$x$D$xf32>, %key: memref<?x$H$x$D$x$E$>, %value: memref<?x$H$x$D$x$E$>,
                       %y: memref<?x$H$x$D$xf32>, %t: index) {
    %c0 = arith.constant 0 : index
    %ch = arith.constant $H$ : index
    %cm = arith.constant $M$ : index
    tile.grid (%h, %m) = (%c0, %c0) to (%ch, %t) step [1, $M$] dims ["h", "m"] {
      %low = arith.constant dense<-1.0e30> : vector<$M$xf32>
      %zl = arith.constant dense<0.0> : vector<$M$xf32>
      %zo = arith.constant dense<0.0> : vector<$M$x$D$xf32>
      %scale = arith.constant dense<0.25> : vector<$M$x$D$xf32>
      %q0 = tile.load %q[%m, %h, %c0] dims [0, 2] bound [0 : %t] : memref<?x$H$x$D$xf32> -> vector<$M$x$D$xf32>
      %qs = arith.mulf %q0, %scale : vector<$M$x$D$xf32>
      %next = arith.addi %m, %cm : index
      %end = arith.minsi %next, %t : index
      %mx, %l, %o = tile.stream "kv" %j = %c0 to %end step $C$ carry(%low : vector<$M$xf32>, %zl : vector<$M$xf32>, %zo : vector<$M$x$D$xf32>) fetch {
        %kt = tile.load %key[%j, %h, %c0] dims [0, 2] bound [0 : %t] : memref<?x$H$x$D$x$E$> -> vector<$C$x$D$x$E$>
        %vt = tile.load %value[%j, %h, %c0] dims [0, 2] bound [0 : %t] : memref<?x$H$x$D$x$E$> -> vector<$C$x$D$x$E$>
        tile.yield %kt, %vt : vector<$C$x$D$x$E$>, vector<$C$x$D$x$E$>
      } do {
      ^bb0(%j: index, %kt: vector<$C$x$D$x$E$>, %vt: vector<$C$x$D$x$E$>, %mi: vector<$M$xf32>, %li: vector<$M$xf32>, %oi: vector<$M$x$D$xf32>):
        %s = tile.mma nt %qs, %kt : vector<$M$x$D$xf32>, vector<$C$x$D$x$E$> -> vector<$M$x$C$xf32>
        %qi = tile.iota %m : vector<$M$xi32>
        %ki = tile.iota %j : vector<$C$xi32>
        %qw = tile.broadcast %qi [0] : vector<$M$xi32> -> vector<$M$x$C$xi32>
        %kw = tile.broadcast %ki [1] : vector<$C$xi32> -> vector<$M$x$C$xi32>
        %seen = arith.cmpi sle, %kw, %qw : vector<$M$x$C$xi32>
        %hidden = arith.constant dense<-1.0e30> : vector<$M$x$C$xf32>
        %sm = arith.select %seen, %s, %hidden : vector<$M$x$C$xi1>, vector<$M$x$C$xf32>
        %row = tile.reduce max %sm dim 1 : vector<$M$x$C$xf32> -> vector<$M$xf32>
        %mn = arith.maximumf %mi, %row : vector<$M$xf32>
        %mw = tile.broadcast %mn [0] : vector<$M$xf32> -> vector<$M$x$C$xf32>
        %d = arith.subf %sm, %mw : vector<$M$x$C$xf32>
        %p = math.exp %d : vector<$M$x$C$xf32>
        %dm = arith.subf %mi, %mn : vector<$M$xf32>
        %alpha = math.exp %dm : vector<$M$xf32>
        %ps = tile.reduce add %p dim 1 : vector<$M$x$C$xf32> -> vector<$M$xf32>
        %la = arith.mulf %li, %alpha : vector<$M$xf32>
        %ln = arith.addf %la, %ps : vector<$M$xf32>
        %aw = tile.broadcast %alpha [0] : vector<$M$xf32> -> vector<$M$x$D$xf32>
        %oa = arith.mulf %oi, %aw : vector<$M$x$D$xf32>
        %on = tile.mma nn %p, %vt acc %oa : vector<$M$x$C$xf32>, vector<$C$x$D$x$E$> acc vector<$M$x$D$xf32> -> vector<$M$x$D$xf32>
        tile.yield %mn, %ln, %on : vector<$M$xf32>, vector<$M$xf32>, vector<$M$x$D$xf32>
      }
      %lw = tile.broadcast %l [0] : vector<$M$xf32> -> vector<$M$x$D$xf32>
      %r = arith.divf %o, %lw : vector<$M$x$D$xf32>
      tile.store %r, %y[%m, %h, %c0] dims [0, 2] bound [0 : %t] : vector<$M$x$D$xf32>, memref<?x$H$x$D$xf32>
    }
    return
  })";

static Array<float> attend(const Array<float> &q, const Array<float> &k,
                           const Array<float> &v, int64_t t, int64_t heads,
                           int64_t width) {
  Array<float> y(t * heads * width);
  int64_t row = heads * width;
  for (int64_t h = 0; h < heads; ++h)
    for (int64_t i = 0; i < t; ++i) {
      std::vector<double> p(i + 1), o(width);
      double sum = 0, largest = -INFINITY;
      for (int64_t j = 0; j <= i; ++j) {
        for (int64_t d = 0; d < width; ++d)
          p[j] +=
              0.25 * q[i * row + h * width + d] * k[j * row + h * width + d];
        largest = std::max(largest, p[j]);
      }
      for (int64_t j = 0; j <= i; ++j) {
        p[j] = std::exp(p[j] - largest);
        sum += p[j];
        for (int64_t d = 0; d < width; ++d)
          o[d] += p[j] * v[j * row + h * width + d];
      }
      for (int64_t d = 0; d < width; ++d)
        y[i * row + h * width + d] = o[d] / sum;
    }
  return y;
}

static std::string makeAttention(int64_t heads, int64_t width, int64_t queries,
                                 int64_t keys, const std::string &element) {
  std::string text = fill(
      attention, {{"H", heads}, {"D", width}, {"M", queries}, {"C", keys}});
  for (size_t at = text.find("$E$"); at != std::string::npos;
       at = text.find("$E$"))
    text.replace(at, 3, element);
  return text;
}

TEST_P(AttentionTest, AttendsCausally) {
  TileKernel kernel(GetParam(), makeAttention(2, 24, 16, 32, "f32"));
  for (int64_t t : {1, 17, 100}) {
    size_t size = t * 2 * 24;
    Array<float> q = randomFloats(size, -3, 3), k = randomFloats(size, -3, 3),
                 v = randomFloats(size), y(size);
    Array<float> expected = attend(q, k, v, t, 2, 24);
    kernel.run({q.slot(), k.slot(), v.slot(), y.slot(), t});
    expectNear(expected.data(), y.data(), size, 1e-5, 1e-5);
  }
}

TEST_P(AttentionTest, AttendsToBFloats) {
  TileKernel kernel(GetParam(), makeAttention(1, 64, 5, 48, "bf16"));
  int64_t t = 77;
  size_t size = t * 64;
  Array<float> q = randomFloats(size), k(size), v(size), y(size);
  Array<uint16_t> kb = randomBFloats(size), vb = randomBFloats(size);
  for (size_t i = 0; i < size; ++i) {
    k[i] = fromBFloat(kb[i]);
    v[i] = fromBFloat(vb[i]);
  }
  Array<float> expected = attend(q, k, v, t, 1, 64);
  kernel.run({q.slot(), kb.slot(), vb.slot(), y.slot(), t});
  expectNear(expected.data(), y.data(), size, 1e-5, 1e-5);
}
