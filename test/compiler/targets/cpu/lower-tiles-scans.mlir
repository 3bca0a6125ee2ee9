// A stream's rows that a recurrence walks are asked for by its steps, a line of each a step; those of other streams all at once.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics --sennit-cpu-lower-tiles=level=avx512 --canonicalize --cse | FileCheck %s

// States of two numbers decay and take in a row; their sums are written.
// CHECK-LABEL: llvm.func @steps_ask_for_lines(
// CHECK: scf.for
// CHECK-NOT: llvm.intr.prefetch
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-2: math.fma
// CHECK: llvm.intr.prefetch{{.*}}rw = 0
// CHECK: llvm.intr.prefetch{{.*}}rw = 1
// CHECK-NEXT: scf.yield
// CHECK-NOT: llvm.intr.prefetch
func.func @steps_ask_for_lines(%x: memref<?x512xf32>, %y: memref<?x512xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %c512 = arith.constant 512 : index
  tile.grid (%c) = (%c0) to (%c512) step [16] dims ["c"] {
    %z = arith.constant dense<0.0> : vector<2x16xf32>
    %h = tile.stream "t" %j = %c0 to %t step 8 carry(%z : vector<2x16xf32>) fetch {
      %a = tile.load %x[%j, %c] : memref<?x512xf32> -> vector<8x16xf32>
      tile.yield %a : vector<8x16xf32>
    } do {
    ^bb0(%jj: index, %a: vector<8x16xf32>, %state: vector<2x16xf32>):
      %decay = arith.constant dense<0.5> : vector<8x2x16xf32>
      %rows = tile.broadcast %a [0, 2] : vector<8x16xf32> -> vector<8x2x16xf32>
      %states, %last = tile.scan affine(%decay, %rows) init(%state : vector<2x16xf32>) dim 0 : vector<8x2x16xf32>, vector<8x2x16xf32> -> vector<8x2x16xf32>, vector<2x16xf32>
      %sum = tile.reduce add %states dim 1 : vector<8x2x16xf32> -> vector<8x16xf32>
      tile.store %sum, %y[%jj, %c] : vector<8x16xf32>, memref<?x512xf32>
      tile.yield %last : vector<2x16xf32>
    }
  }
  return
}

// -----

// Of another shape than the steps, rows are asked for before the recurrence begins.
// CHECK-LABEL: llvm.func @other_rows_are_asked_for_at_once(
// CHECK-NOT: iter_args
// CHECK: llvm.intr.prefetch
// CHECK-NOT: llvm.intr.prefetch
// CHECK: scf.for {{.*}} iter_args
// CHECK-NOT: llvm.intr.prefetch
func.func @other_rows_are_asked_for_at_once(%x: memref<?x512xf32>, %y: memref<16x512xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %c512 = arith.constant 512 : index
  tile.grid (%c) = (%c0) to (%c512) step [16] dims ["c"] {
    %z = arith.constant dense<0.0> : vector<2x16xf32>
    %h = tile.stream "t" %j = %c0 to %t step 4 carry(%z : vector<2x16xf32>) fetch {
      %a = tile.load %x[%j, %c] : memref<?x512xf32> -> vector<4x16xf32>
      tile.yield %a : vector<4x16xf32>
    } do {
    ^bb0(%jj: index, %a: vector<4x16xf32>, %state: vector<2x16xf32>):
      %decay = arith.constant dense<0.5> : vector<2x2x16xf32>
      %rows = tile.reshape %a : vector<4x16xf32> -> vector<2x2x16xf32>
      %states, %last = tile.scan affine(%decay, %rows) init(%state : vector<2x16xf32>) dim 0 : vector<2x2x16xf32>, vector<2x2x16xf32> -> vector<2x2x16xf32>, vector<2x16xf32>
      %sum = tile.reduce add %states dim 1 : vector<2x2x16xf32> -> vector<2x16xf32>
      %next = arith.addf %last, %sum : vector<2x16xf32>
      tile.yield %next : vector<2x16xf32>
    }
    tile.store %h, %y[%c0, %c] : vector<2x16xf32>, memref<16x512xf32>
  }
  return
}
