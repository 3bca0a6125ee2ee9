// Every op of tile is parsed, verified and printed in its short form.
// RUN: sennit-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @grid_with_bounds
func.func @grid_with_bounds(%x: memref<?x64xf32>, %y: memref<?x64xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  // CHECK: tile.grid (%[[M:.*]], %[[N:.*]]) = (%[[C0:.*]], %[[C0]]) to (%[[T:.*]], %[[T]]) step [16, 64] dims ["m", "n"] {
  tile.grid (%m, %n) = (%c0, %c0) to (%t, %t) step [16, 64] dims ["m", "n"] {
    // CHECK: tile.load %{{.*}}[%[[M]], %[[C0]]] bound [0 : %[[T]]] : memref<?x64xf32> -> vector<16x64xf32>
    %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x64xf32> -> vector<16x64xf32>
    // CHECK: tile.store %{{.*}}, %{{.*}}[%[[M]], %[[C0]]] bound [0 : %[[T]]] : vector<16x64xf32>, memref<?x64xf32>
    tile.store %a, %y[%m, %c0] bound [0 : %t] : vector<16x64xf32>, memref<?x64xf32>
  }
  return
}

// CHECK-LABEL: func.func @stream_with_carry
func.func @stream_with_carry(%x: memref<?x64xf32>, %y: memref<64xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %z = arith.constant dense<0.0> : vector<64xf32>
  // CHECK: tile.stream "t" %[[J:.*]] = %{{.*}} to %{{.*}} step 16 carry(%{{.*}} : vector<64xf32>) fetch {
  %s = tile.stream "t" %j = %c0 to %t step 16 carry(%z : vector<64xf32>) fetch {
    %a = tile.load %x[%j, %c0] bound [0 : %t] : memref<?x64xf32> -> vector<16x64xf32>
    // CHECK: tile.yield %{{.*}} : vector<16x64xf32>
    tile.yield %a : vector<16x64xf32>
  // CHECK: } do {
  // CHECK-NEXT: ^bb0(%{{.*}}: index, %{{.*}}: vector<16x64xf32>, %{{.*}}: vector<64xf32>):
  } do {
  ^bb0(%jj: index, %a: vector<16x64xf32>, %acc: vector<64xf32>):
    %p = tile.reduce add %a dim 0 : vector<16x64xf32> -> vector<64xf32>
    %n = arith.addf %acc, %p : vector<64xf32>
    tile.yield %n : vector<64xf32>
  }
  tile.store %s, %y[%c0] : vector<64xf32>, memref<64xf32>
  return
}

// CHECK-LABEL: func.func @stream_without_carry
func.func @stream_without_carry(%t: index) {
  %c0 = arith.constant 0 : index
  // CHECK: tile.stream "t" %{{.*}} = %{{.*}} to %{{.*}} step 4 fetch {
  tile.stream "t" %j = %c0 to %t step 4 fetch {
    tile.yield
  } do {
  ^bb0(%jj: index):
    tile.yield
  }
  return
}

// CHECK-LABEL: func.func @strided_dims_and_pad
func.func @strided_dims_and_pad(%x: memref<?x8x64xf32>, %m: index, %t: index) {
  %c0 = arith.constant 0 : index
  // CHECK: tile.load %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] dims [0, 2] bound [0 : %{{.*}}] pad 1.000000e+00 : f32 : memref<?x8x64xf32> -> vector<16x64xf32>
  %a = tile.load %x[%m, %c0, %c0] dims [0, 2] bound [0 : %t] pad 1.0 : f32 : memref<?x8x64xf32> -> vector<16x64xf32>
  // CHECK: tile.store %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] dims [2, 0] : vector<64x16xf32>, memref<?x8x64xf32>
  %b = tile.transpose %a [1, 0] : vector<16x64xf32> -> vector<64x16xf32>
  tile.store %b, %x[%m, %c0, %c0] dims [2, 0] : vector<64x16xf32>, memref<?x8x64xf32>
  return
}

// CHECK-LABEL: func.func @gather_and_scatter
func.func @gather_and_scatter(%x: memref<?x64xf32>, %i: memref<?xi32>, %m: index) {
  %c0 = arith.constant 0 : index
  %rows = tile.load %i[%m] : memref<?xi32> -> vector<16xi32>
  // CHECK: tile.load %{{.*}}[%[[ROWS:.*]] : vector<16xi32>, %{{.*}}] : memref<?x64xf32> -> vector<16x64xf32>
  %a = tile.load %x[%rows : vector<16xi32>, %c0] : memref<?x64xf32> -> vector<16x64xf32>
  // CHECK: tile.store %{{.*}}, %{{.*}}[%[[ROWS]] : vector<16xi32>, %{{.*}}] : vector<16x64xf32>, memref<?x64xf32>
  tile.store %a, %x[%rows : vector<16xi32>, %c0] : vector<16x64xf32>, memref<?x64xf32>
  return
}

// CHECK-LABEL: func.func @blocked_weights
func.func @blocked_weights(%w: memref<128x64xbf16, #tile.blocked<32>>, %n: index) {
  %c0 = arith.constant 0 : index
  // CHECK: memref<128x64xbf16, #tile.blocked<32>> -> vector<32x64xbf16>
  %a = tile.load %w[%n, %c0] : memref<128x64xbf16, #tile.blocked<32>> -> vector<32x64xbf16>
  return
}

// CHECK-LABEL: func.func @shapes
func.func @shapes(%base: index, %s: f32, %r: vector<16xf32>) {
  // CHECK: tile.iota %{{.*}} : vector<16xi32>
  %i = tile.iota %base : vector<16xi32>
  // CHECK: tile.broadcast %{{.*}} [0] : vector<16xf32> -> vector<16x64xf32>
  %b = tile.broadcast %r [0] : vector<16xf32> -> vector<16x64xf32>
  // CHECK: tile.broadcast %{{.*}} [] : f32 -> vector<16x64xf32>
  %u = tile.broadcast %s [] : f32 -> vector<16x64xf32>
  // CHECK: tile.reshape %{{.*}} : vector<16x64xf32> -> vector<16x4x16xf32>
  %h = tile.reshape %b : vector<16x64xf32> -> vector<16x4x16xf32>
  // CHECK: tile.slice %{{.*}} [3, 0] : vector<16x64xf32> -> vector<4x64xf32>
  %p = tile.slice %u [3, 0] : vector<16x64xf32> -> vector<4x64xf32>
  // CHECK: tile.concat %{{.*}}, %{{.*}} dim 0 : vector<4x64xf32>, vector<16x64xf32> -> vector<20x64xf32>
  %c = tile.concat %p, %b dim 0 : vector<4x64xf32>, vector<16x64xf32> -> vector<20x64xf32>
  return
}

// CHECK-LABEL: func.func @products
func.func @products(%a: vector<16x64xf32>, %b: vector<32x64xbf16>, %c: vector<16x32xf32>, %d: vector<4x64x8xf32>) {
  // CHECK: tile.mma nt %{{.*}}, %{{.*}} acc %{{.*}} : vector<16x64xf32>, vector<32x64xbf16> acc vector<16x32xf32> -> vector<16x32xf32>
  %e = tile.mma nt %a, %b acc %c : vector<16x64xf32>, vector<32x64xbf16> acc vector<16x32xf32> -> vector<16x32xf32>
  // CHECK: tile.mma tn %{{.*}}, %{{.*}} : vector<4x64x8xf32>, vector<4x64x8xf32> -> vector<4x8x8xf32>
  %f = tile.mma tn %d, %d : vector<4x64x8xf32>, vector<4x64x8xf32> -> vector<4x8x8xf32>
  return
}

// CHECK-LABEL: func.func @reduction_and_scans
func.func @reduction_and_scans(%a: vector<16x64xf32>, %h: vector<64xf32>, %i: vector<16xi32>) {
  // CHECK: tile.reduce max %{{.*}} dim 1 : vector<16x64xf32> -> vector<16xf32>
  %r = tile.reduce max %a dim 1 : vector<16x64xf32> -> vector<16xf32>
  // CHECK: tile.scan affine(%{{.*}}, %{{.*}}) init(%{{.*}} : vector<64xf32>) dim 0 : vector<16x64xf32>, vector<16x64xf32> -> vector<16x64xf32>, vector<64xf32>
  %s, %last = tile.scan affine(%a, %a) init(%h : vector<64xf32>) dim 0
    : vector<16x64xf32>, vector<16x64xf32> -> vector<16x64xf32>, vector<64xf32>
  // CHECK: tile.scan add(%{{.*}}) dim 0 exclusive : vector<16xi32> -> vector<16xi32>, vector<i32>
  %t, %total = tile.scan add(%i) dim 0 exclusive : vector<16xi32> -> vector<16xi32>, vector<i32>
  return
}

// CHECK-LABEL: func.func @dequantize
func.func @dequantize(%q: vector<32x32xi32>, %s: vector<32x2xf32>) -> vector<32x250xf32> {
  // CHECK: tile.dequantize %{{.*}}, %{{.*}} bits 4 group 128 : vector<32x32xi32>, vector<32x2xf32> -> vector<32x250xf32>
  %w = tile.dequantize %q, %s bits 4 group 128 : vector<32x32xi32>, vector<32x2xf32> -> vector<32x250xf32>
  return %w : vector<32x250xf32>
}
