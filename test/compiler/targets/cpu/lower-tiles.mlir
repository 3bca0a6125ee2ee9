// Tile programs become loops over vectors of 16 lanes, with what they need of scratch.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics --sennit-cpu-lower-tiles=level=avx512 --canonicalize --cse | FileCheck %s

// CHECK-LABEL: llvm.func @items_are_counted.items
// CHECK: %[[ROWS:.*]] = arith.divui %{{.*}}, %c16_i64
// CHECK: %[[ITEMS:.*]] = arith.muli %[[ROWS]], %c2_i64
// CHECK: llvm.return %[[ITEMS]] : i64
func.func @items_are_counted(%x: memref<?x64xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  tile.grid (%m, %n) = (%c0, %c0) to (%t, %c64) step [16, 32] dims ["m", "n"] {
    %a = tile.load %x[%m, %n] bound [0 : %t] : memref<?x64xf32> -> vector<16x32xf32>
    %b = arith.addf %a, %a : vector<16x32xf32>
    tile.store %b, %x[%m, %n] bound [0 : %t] : vector<16x32xf32>, memref<?x64xf32>
  }
  return
}

// -----

// CHECK-LABEL: llvm.func @whole_rows_need_no_mask(
// CHECK-SAME: sennit.scratch
// CHECK-NOT: masked
// CHECK: llvm.load {{.*}} -> vector<16xf32>
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: llvm.store {{.*}} : vector<16xf32>
func.func @whole_rows_need_no_mask(%x: memref<?x64xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
    %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x64xf32> -> vector<16x64xf32>
    %b = arith.addf %a, %a : vector<16x64xf32>
    tile.store %b, %x[%m, %c0] bound [0 : %t] : vector<16x64xf32>, memref<?x64xf32>
  }
  return
}

// -----

// CHECK-LABEL: llvm.func @odd_rows_are_masked(
// CHECK: llvm.intr.masked.load
// CHECK: llvm.intr.masked.store
func.func @odd_rows_are_masked(%x: memref<?x50xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
    %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x50xf32> -> vector<16x50xf32>
    tile.store %a, %x[%m, %c0] bound [0 : %t] : vector<16x50xf32>, memref<?x50xf32>
  }
  return
}

// -----

// The block of accumulators, 12 rows of 2 vectors, is carried by the loop over k.
// CHECK-LABEL: llvm.func @product_accumulates_in_registers(
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-48: math.fma {{.*}} : vector<16xf32>
// CHECK-NOT: math.fma
// CHECK: scf.yield
func.func @product_accumulates_in_registers(%x: memref<12x64xf32>, %w: memref<32x64xbf16, #tile.blocked<32>>, %y: memref<12x32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%m) = (%c0) to (%c1) step [1] dims ["m"] {
    %a = tile.load %x[%c0, %c0] : memref<12x64xf32> -> vector<12x64xf32>
    %b = tile.load %w[%c0, %c0] : memref<32x64xbf16, #tile.blocked<32>> -> vector<32x64xbf16>
    %c = tile.mma nt %a, %b : vector<12x64xf32>, vector<32x64xbf16> -> vector<12x32xf32>
    tile.store %c, %y[%c0, %c0] : vector<12x32xf32>, memref<12x32xf32>
  }
  return
}

// -----

// The carried tile is updated where it stands: 64 x 4 bytes and a place for pads.
// CHECK-LABEL: llvm.func @carry_is_written_in_place(
// CHECK-SAME: sennit.scratch = 448 : i64
func.func @carry_is_written_in_place(%x: memref<?x64xf32>, %y: memref<64xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %z = arith.constant dense<0.0> : vector<64xf32>
    %s = tile.stream "t" %j = %c0 to %t step 1 carry(%z : vector<64xf32>) fetch {
      %a = tile.load %x[%j, %c0] dims [1] : memref<?x64xf32> -> vector<64xf32>
      tile.yield %a : vector<64xf32>
    } do {
    ^bb0(%jj: index, %a: vector<64xf32>, %acc: vector<64xf32>):
      %n = arith.addf %acc, %a : vector<64xf32>
      tile.yield %n : vector<64xf32>
    }
    tile.store %s, %y[%c0] : vector<64xf32>, memref<64xf32>
  }
  return
}

// -----

// Rows far apart are asked for one iteration ahead, close ones are left to the processor.
// CHECK-LABEL: llvm.func @distant_rows_are_asked_for(
// CHECK: scf.for
// CHECK-COUNT-1: llvm.intr.prefetch
// CHECK-NOT: llvm.intr.prefetch
func.func @distant_rows_are_asked_for(%x: memref<?x4x512xf32>, %w: memref<?x16xf32>, %y: memref<16xf32>, %t: index, %h: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %z = arith.constant dense<0.0> : vector<16xf32>
    %s = tile.stream "t" %j = %c0 to %t step 8 carry(%z : vector<16xf32>) fetch {
      %h1 = arith.addi %h, %c1 : index
      %a = tile.load %x[%j, %h1, %c0] dims [0, 2] : memref<?x4x512xf32> -> vector<8x16xf32>
      %b = tile.load %w[%j, %c0] : memref<?x16xf32> -> vector<8x16xf32>
      tile.yield %a, %b : vector<8x16xf32>, vector<8x16xf32>
    } do {
    ^bb0(%jj: index, %a: vector<8x16xf32>, %b: vector<8x16xf32>, %acc: vector<16xf32>):
      %p = arith.mulf %a, %b : vector<8x16xf32>
      %r = tile.reduce add %p dim 0 : vector<8x16xf32> -> vector<16xf32>
      %n = arith.addf %acc, %r : vector<16xf32>
      tile.yield %n : vector<16xf32>
    }
    tile.store %s, %y[%c0] : vector<16xf32>, memref<16xf32>
  }
  return
}

// -----

// So are rows that are written; heads of one are no rows in between.
// CHECK-LABEL: llvm.func @rows_to_write_are_asked_for(
// CHECK: scf.for
// CHECK-COUNT-1: llvm.intr.prefetch{{.*}}rw = 0
// CHECK-COUNT-1: llvm.intr.prefetch{{.*}}rw = 1
// CHECK-NOT: llvm.intr.prefetch
func.func @rows_to_write_are_asked_for(%x: memref<?x4x64xf32>, %y: memref<?x4x64xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  tile.grid (%h) = (%c0) to (%c4) step [1] dims ["h"] {
    tile.stream "t" %j = %c0 to %t step 8 fetch {
      %a = tile.load %x[%j, %h, %c0] : memref<?x4x64xf32> -> vector<8x1x16xf32>
      tile.yield %a : vector<8x1x16xf32>
    } do {
    ^bb0(%jj: index, %a: vector<8x1x16xf32>):
      %n = arith.negf %a : vector<8x1x16xf32>
      tile.store %n, %y[%jj, %h, %c0] : vector<8x1x16xf32>, memref<?x4x64xf32>
      tile.yield
    }
  }
  return
}

// -----

// Without a grid it is no kernel.
// CHECK-LABEL: func.func @not_a_kernel
func.func @not_a_kernel(%t: index) {
  return
}

// -----

func.func @declines_dynamic_strides(%x: memref<?x?xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
    // expected-error@+1 {{reads or writes 'memref<?x?xf32>', of which dim 1 is dynamic; only the leading one may be}}
    %a = tile.load %x[%m, %c0] : memref<?x?xf32> -> vector<16x64xf32>
  }
  return
}

// -----

func.func @declines_narrow_panels(%x: memref<8x8xf32, #tile.blocked<8>>, %t: index) {
  %c0 = arith.constant 0 : index
  tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
    // expected-error@+1 {{reads panels of 8 rows, which are not whole vectors of 16}}
    %a = tile.load %x[%c0, %c0] : memref<8x8xf32, #tile.blocked<8>> -> vector<8x8xf32>
  }
  return
}

// -----

func.func @declines_groups_without_a_matrix_unit(%x: memref<32x32xbf16, #tile.blocked<32, group = 2>>, %t: index) {
  %c0 = arith.constant 0 : index
  tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
    // expected-error@+1 {{for which level `avx512` has no matrix unit}}
    %a = tile.load %x[%c0, %c0] : memref<32x32xbf16, #tile.blocked<32, group = 2>> -> vector<32x32xbf16>
  }
  return
}

// -----

func.func @declines_scattered_groups(%x: memref<32x32xf32, #tile.blocked<32, group = 2>>, %t: index) {
  %c0 = arith.constant 0 : index
  tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
    %a = arith.constant dense<0.0> : vector<32x32xf32>
    // expected-error@+1 {{groups are written two bf16 at once, from matrices of even depth}}
    tile.store %a, %x[%c0, %c0] dims [1, 0] : vector<32x32xf32>, memref<32x32xf32, #tile.blocked<32, group = 2>>
  }
  return
}

// -----

func.func @declines_swapping_carries(%t: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%m) = (%c0) to (%c1) step [1] dims ["m"] {
    %a = arith.constant dense<0.0> : vector<4xf32>
    // expected-error@+1 {{yields carries in each other's places, carry 0 among them}}
    %s:2 = tile.stream "t" %j = %c0 to %t step 1 carry(%a : vector<4xf32>, %a : vector<4xf32>) fetch {
      tile.yield
    } do {
    ^bb0(%jj: index, %x: vector<4xf32>, %y: vector<4xf32>):
      tile.yield %y, %x : vector<4xf32>, vector<4xf32>
    }
  }
  return
}

// -----

func.func @declines_returning(%x: memref<4xf32>) -> index {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error@-3 {{returns 1 values, but a kernel writes to views}}
  tile.grid (%m) = (%c0) to (%c1) step [1] dims ["m"] {
  }
  return %c0 : index
}
