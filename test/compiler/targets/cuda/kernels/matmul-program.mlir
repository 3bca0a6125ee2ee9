// The product C = A B^T as a program of tiles, without roles, rings or a word of Hopper, and what its PTX holds.
// RUN: sennit-translate --tile-to-ptx %s | FileCheck %s

// CHECK: // sennit: {"early":1,"kernel":"matmul_program",
// CHECK-SAME: "threads":384
// CHECK: .entry matmul_program(
// CHECK-NOT: .local
// CHECK-COUNT-8: wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16
// CHECK-NOT: wgmma.mma_async

!a = vector<128x64xbf16>
!b = vector<256x64xbf16>
!sum = vector<128x256xf32>
!half = vector<128x256xbf16>
!view = memref<?x?xbf16>

func.func @matmul_program(%a: !view, %b: !view, %c: !view) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant dense<0.0> : !sum
  %m = memref.dim %a, %c0 : !view
  %n = memref.dim %b, %c0 : !view
  %k = memref.dim %a, %c1 : !view
  %bk = memref.dim %b, %c1 : !view
  %cm = memref.dim %c, %c0 : !view
  %cn = memref.dim %c, %c1 : !view
  tile.grid (%i, %j) = (%c0, %c0) to (%m, %n) step [128, 256] dims ["m", "n"] {
    %sum = tile.stream "k" %d = %c0 to %k step 64 carry(%zero : !sum) fetch {
      %x = tile.load %a[%i, %d] bound [0 : %m, 1 : %k] : !view -> !a
      %y = tile.load %b[%j, %d] bound [0 : %n, 1 : %bk] : !view -> !b
      tile.yield %x, %y : !a, !b
    } do {
    ^bb0(%e: index, %x: !a, %y: !b, %acc: !sum):
      %next = tile.mma nt %x, %y acc %acc : !a, !b acc !sum -> !sum
      tile.yield %next : !sum
    }
    %half = arith.truncf %sum : !sum to !half
    tile.store %half, %c[%i, %j] bound [0 : %cm, 1 : %cn] : !half, !view
  }
  return
}
