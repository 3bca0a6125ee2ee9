// Copies leave out rows that no view of so few has; those are cleared once, and stay zero.
// RUN: sennit-opt %s --split-input-file --sennit-cuda-assign-roles --sennit-cuda-take-turns --sennit-cuda-distribute-tiles --sennit-cuda-lower-tile-rings | FileCheck %s

// A slot gets 8 rows of x and 64 of w: 1024 + 8192 bytes. The other 56 rows of x are 7168 bytes.
// CHECK-LABEL: func.func @few_rows(
// CHECK-SAME: cuda.box = array<i64: 8, 64>
// CHECK-SAME: cuda.box = array<i64: 64, 64>
// CHECK: arith.constant dense<0> : vector<4xi32>
// CHECK: %[[LAST:.*]] = arith.constant 7168 : i32
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[LAST]] step
// CHECK: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>
// CHECK: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>
// CHECK: nvvm.barrier
// CHECK: %[[BYTES:.*]] = arith.constant 9216 : i32
// CHECK: nvvm.mbarrier.arrive.expect_tx %{{.*}}, %[[BYTES]]
func.func @few_rows(%x: memref<8x4096xbf16>, %w: memref<128x4096xbf16>, %y: memref<8x128xbf16>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c128 = arith.constant 128 : index
  %c4096 = arith.constant 4096 : index
  %zero = arith.constant dense<0.0> : vector<64x64xf32>
  tile.grid (%n, %m) = (%c0, %c0) to (%c128, %c8) step [64, 64] dims ["n", "m"] {
    %sum = tile.stream "k" %k = %c0 to %c4096 step 64 carry(%zero : vector<64x64xf32>) fetch {
      %a = tile.load %x[%m, %k] bound [0 : %c8] : memref<8x4096xbf16> -> vector<64x64xbf16>
      %b = tile.load %w[%n, %k] : memref<128x4096xbf16> -> vector<64x64xbf16>
      tile.yield %a, %b : vector<64x64xbf16>, vector<64x64xbf16>
    } do {
    ^bb0(%k: index, %a: vector<64x64xbf16>, %b: vector<64x64xbf16>, %acc: vector<64x64xf32>):
      %next = tile.mma nt %a, %b acc %acc : vector<64x64xbf16>, vector<64x64xbf16> acc vector<64x64xf32> -> vector<64x64xf32>
      tile.yield %next : vector<64x64xf32>
    }
    %r = arith.truncf %sum : vector<64x64xf32> to vector<64x64xbf16>
    tile.store %r, %y[%m, %n] bound [0 : %c8] : vector<64x64xbf16>, memref<8x128xbf16>
  }
  return
}

// -----

// Views of more rows, and of rows that the kernel does not know, are copied whole.
// CHECK-LABEL: func.func @rows_of_a_call(
// CHECK-SAME: cuda.box = array<i64: 64, 64>
// CHECK-SAME: cuda.box = array<i64: 64, 64>
// CHECK-NOT: vector<4xi32>
// CHECK: %[[BYTES:.*]] = arith.constant 16384 : i32
// CHECK: nvvm.mbarrier.arrive.expect_tx %{{.*}}, %[[BYTES]]
func.func @rows_of_a_call(%x: memref<?x4096xbf16>, %w: memref<128x4096xbf16>, %y: memref<?x128xbf16>, %t: index) {
  %c0 = arith.constant 0 : index
  %c128 = arith.constant 128 : index
  %c4096 = arith.constant 4096 : index
  %zero = arith.constant dense<0.0> : vector<64x64xf32>
  tile.grid (%n, %m) = (%c0, %c0) to (%c128, %t) step [64, 64] dims ["n", "m"] {
    %sum = tile.stream "k" %k = %c0 to %c4096 step 64 carry(%zero : vector<64x64xf32>) fetch {
      %a = tile.load %x[%m, %k] bound [0 : %t] : memref<?x4096xbf16> -> vector<64x64xbf16>
      %b = tile.load %w[%n, %k] : memref<128x4096xbf16> -> vector<64x64xbf16>
      tile.yield %a, %b : vector<64x64xbf16>, vector<64x64xbf16>
    } do {
    ^bb0(%k: index, %a: vector<64x64xbf16>, %b: vector<64x64xbf16>, %acc: vector<64x64xf32>):
      %next = tile.mma nt %a, %b acc %acc : vector<64x64xbf16>, vector<64x64xbf16> acc vector<64x64xf32> -> vector<64x64xf32>
      tile.yield %next : vector<64x64xf32>
    }
    %r = arith.truncf %sum : vector<64x64xf32> to vector<64x64xbf16>
    tile.store %r, %y[%m, %n] bound [0 : %t] : vector<64x64xbf16>, memref<?x128xbf16>
  }
  return
}
