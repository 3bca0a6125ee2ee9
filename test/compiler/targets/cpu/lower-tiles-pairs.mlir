// Without AMX, products of bf16 panels in groups become dot products of pairs in vectors.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics --sennit-cpu-lower-tiles=level=avx512bf16 --canonicalize --cse | FileCheck %s

!w = memref<64x64xbf16, #tile.blocked<32, group = 2>>

// Twelve rows by two vectors of columns, of which each is read once; the last eleven rows are another block.
// CHECK-LABEL: llvm.func @blocks_of_rows
// CHECK-NOT: tdpbf16ps
// CHECK: scf.for
// CHECK: iter_args
// CHECK-COUNT-48: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// CHECK: llvm.intr.prefetch
// CHECK: scf.yield
// CHECK: iter_args
// CHECK-COUNT-44: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// CHECK: scf.yield
// CHECK-NOT: dpbf16ps
// CHECK: llvm.return
func.func @blocks_of_rows(%x: memref<23x64xbf16>, %w: !w, %y: memref<23x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %a = tile.load %x[%c0, %c0] : memref<23x64xbf16> -> vector<23x64xbf16>
    %b = tile.load %w[%c0, %c0] : !w -> vector<64x64xbf16>
    %c = tile.mma nt %a, %b : vector<23x64xbf16>, vector<64x64xbf16> -> vector<23x64xf32>
    tile.store %c, %y[%c0, %c0] : vector<23x64xf32>, memref<23x64xf32>
  }
  return
}

// -----

!w = memref<32x8xbf16, #tile.blocked<32, group = 2>>

// An f32 is its rounding and what that leaves out: two products.
// CHECK-LABEL: llvm.func @activations_in_two_parts
// CHECK-COUNT-16: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// CHECK-NOT: dpbf16ps
// CHECK: llvm.return
func.func @activations_in_two_parts(%x: memref<2x8xf32>, %w: !w, %y: memref<2x32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %a = tile.load %x[%c0, %c0] : memref<2x8xf32> -> vector<2x8xf32>
    %b = tile.load %w[%c0, %c0] : !w -> vector<32x8xbf16>
    %c = tile.mma nt %a, %b : vector<2x8xf32>, vector<32x8xbf16> -> vector<2x32xf32>
    tile.store %c, %y[%c0, %c0] : vector<2x32xf32>, memref<2x32xf32>
  }
  return
}

// -----

// A second operand that lies as columns of depth is packed in scratch first.
// CHECK-LABEL: llvm.func @packs_what_lies_otherwise
// CHECK: vector.shuffle
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
func.func @packs_what_lies_otherwise(%x: memref<16x32xbf16>, %w: memref<16x32xbf16>, %y: memref<16x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %a = tile.load %x[%c0, %c0] : memref<16x32xbf16> -> vector<16x32xbf16>
    %b = tile.load %w[%c0, %c0] : memref<16x32xbf16> -> vector<16x32xbf16>
    %c = tile.mma nt %a, %b : vector<16x32xbf16>, vector<16x32xbf16> -> vector<16x16xf32>
    tile.store %c, %y[%c0, %c0] : vector<16x16xf32>, memref<16x16xf32>
  }
  return
}

// -----

// Few rows run along the depth, where neighbours lie side by side in both; a stream's next columns are asked for.
// CHECK-LABEL: llvm.func @few_rows_run_along_the_depth
// CHECK-NOT: vector.shuffle
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
// CHECK-COUNT-16: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// CHECK: llvm.intr.prefetch
// CHECK-NOT: dpbf16ps
// CHECK: llvm.return
func.func @few_rows_run_along_the_depth(%x: memref<4x32xbf16>, %w: memref<?x64xbf16>, %y: memref<4x16xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %z = arith.constant dense<0.0> : vector<4x16xf32>
    %a = tile.load %x[%c0, %c0] : memref<4x32xbf16> -> vector<4x32xbf16>
    %s = tile.stream "n" %n = %c0 to %t step 16 carry(%z : vector<4x16xf32>) fetch {
      %b = tile.load %w[%n, %c0] bound [0 : %t] : memref<?x64xbf16> -> vector<16x32xbf16>
      tile.yield %b : vector<16x32xbf16>
    } do {
    ^bb0(%nn: index, %b: vector<16x32xbf16>, %sum: vector<4x16xf32>):
      %c = tile.mma nt %a, %b acc %sum : vector<4x32xbf16>, vector<16x32xbf16> acc vector<4x16xf32> -> vector<4x16xf32>
      tile.yield %c : vector<4x16xf32>
    }
    tile.store %s, %y[%c0, %c0] : vector<4x16xf32>, memref<4x16xf32>
  }
  return
}

// -----

// CHECK-LABEL: llvm.func @declines_an_odd_number_of_vectors
// CHECK-NOT: dpbf16ps
// CHECK: math.fma
func.func @declines_an_odd_number_of_vectors(%x: memref<4x48xbf16>, %w: memref<16x48xbf16>, %y: memref<4x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %a = tile.load %x[%c0, %c0] : memref<4x48xbf16> -> vector<4x48xbf16>
    %b = tile.load %w[%c0, %c0] : memref<16x48xbf16> -> vector<16x48xbf16>
    %c = tile.mma nt %a, %b : vector<4x48xbf16>, vector<16x48xbf16> -> vector<4x16xf32>
    tile.store %c, %y[%c0, %c0] : vector<4x16xf32>, memref<4x16xf32>
  }
  return
}

// -----

// An f32 has more bits than a pair's numbers.
// CHECK-LABEL: llvm.func @declines_rows_of_f32
// CHECK-NOT: dpbf16ps
// CHECK: math.fma
func.func @declines_rows_of_f32(%x: memref<4x32xf32>, %w: memref<16x32xbf16>, %y: memref<4x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %a = tile.load %x[%c0, %c0] : memref<4x32xf32> -> vector<4x32xf32>
    %b = tile.load %w[%c0, %c0] : memref<16x32xbf16> -> vector<16x32xbf16>
    %c = tile.mma nt %a, %b : vector<4x32xf32>, vector<16x32xbf16> -> vector<4x16xf32>
    tile.store %c, %y[%c0, %c0] : vector<4x16xf32>, memref<4x16xf32>
  }
  return
}
