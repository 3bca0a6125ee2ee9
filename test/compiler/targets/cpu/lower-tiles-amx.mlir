// Products of bf16 panels in groups become tiles of AMX, or dot products of pairs where there are few rows.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics --sennit-cpu-lower-tiles=level=amx --canonicalize --cse | FileCheck %s

!w = memref<32x64xbf16, #tile.blocked<32, group = 2>>

// CHECK-LABEL: llvm.func @many_rows
// CHECK: llvm.call_intrinsic "llvm.x86.tilezero.internal"
// CHECK: scf.for
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.tileloadd64.internal"
// CHECK: llvm.call_intrinsic "llvm.x86.tdpbf16ps.internal"
// CHECK: llvm.call_intrinsic "llvm.x86.tilestored64.internal"
func.func @many_rows(%x: memref<20x64xf32>, %w: !w, %y: memref<20x32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %a = tile.load %x[%c0, %c0] : memref<20x64xf32> -> vector<20x64xf32>
    %b = tile.load %w[%c0, %c0] : !w -> vector<32x64xbf16>
    %c = tile.mma nt %a, %b : vector<20x64xf32>, vector<32x64xbf16> -> vector<20x32xf32>
    tile.store %c, %y[%c0, %c0] : vector<20x32xf32>, memref<20x32xf32>
  }
  return
}

// -----

!w = memref<32x64xbf16, #tile.blocked<32, group = 2>>

// CHECK-LABEL: llvm.func @one_row
// CHECK-NOT: tdpbf16ps
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
func.func @one_row(%x: memref<1x64xf32>, %w: !w, %y: memref<1x32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %a = tile.load %x[%c0, %c0] : memref<1x64xf32> -> vector<1x64xf32>
    %b = tile.load %w[%c0, %c0] : !w -> vector<32x64xbf16>
    %c = tile.mma nt %a, %b : vector<1x64xf32>, vector<32x64xbf16> -> vector<1x32xf32>
    tile.store %c, %y[%c0, %c0] : vector<1x32xf32>, memref<1x32xf32>
  }
  return
}

// -----

!w = memref<32x48xbf16, #tile.blocked<32, group = 2>>

// The second step ends past the depth: its rows are zero there, as the panels are.
// CHECK-LABEL: llvm.func @last_step_is_filled_up
// CHECK: llvm.store %{{.*}} : vector<16xi16>
// CHECK: llvm.call_intrinsic "llvm.x86.tdpbf16ps.internal"
func.func @last_step_is_filled_up(%w: !w, %x: memref<16x48xf32>, %y: memref<16x32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %a = tile.load %x[%c0, %c0] : memref<16x48xf32> -> vector<16x48xf32>
    %b = tile.load %w[%c0, %c0] : !w -> vector<32x48xbf16>
    %c = tile.mma nt %a, %b : vector<16x48xf32>, vector<32x48xbf16> -> vector<16x32xf32>
    tile.store %c, %y[%c0, %c0] : vector<16x32xf32>, memref<16x32xf32>
  }
  return
}

// -----

// CHECK-LABEL: llvm.func @rows_that_lie_as_columns
// CHECK: vector.shuffle
// CHECK: llvm.call_intrinsic "llvm.x86.tdpbf16ps.internal"
func.func @rows_that_lie_as_columns(%x: memref<32x16xbf16>, %w: memref<32x16xbf16>, %y: memref<16x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %a = tile.load %x[%c0, %c0] : memref<32x16xbf16> -> vector<32x16xbf16>
    %b = tile.load %w[%c0, %c0] : memref<32x16xbf16> -> vector<32x16xbf16>
    %c = tile.mma tn %a, %b : vector<32x16xbf16>, vector<32x16xbf16> -> vector<16x16xf32>
    tile.store %c, %y[%c0, %c0] : vector<16x16xf32>, memref<16x16xf32>
  }
  return
}

// -----

func.func @declines_part_of_a_step(%w: memref<32x96xbf16, #tile.blocked<32, group = 2>>, %x: memref<16x48xf32>,
                                   %y: memref<16x32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %a = tile.load %x[%c0, %c0] : memref<16x48xf32> -> vector<16x48xf32>
    // expected-error@+1 {{the matrix unit takes matrices of whole steps of 32, or up to the depth's end}}
    %b = tile.load %w[%c0, %c0] : memref<32x96xbf16, #tile.blocked<32, group = 2>> -> vector<32x48xbf16>
    %c = tile.mma nt %a, %b : vector<16x48xf32>, vector<32x48xbf16> -> vector<16x32xf32>
    tile.store %c, %y[%c0, %c0] : vector<16x32xf32>, memref<16x32xf32>
  }
  return
}

// -----

func.func @declines_reading_groups_alone(%w: memref<32x32xbf16, #tile.blocked<32, group = 2>>, %y: memref<32x32xbf16>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    // expected-error@+1 {{for something other than the second operand of `tile.mma nt`}}
    %b = tile.load %w[%c0, %c0] : memref<32x32xbf16, #tile.blocked<32, group = 2>> -> vector<32x32xbf16>
    tile.store %b, %y[%c0, %c0] : vector<32x32xbf16>, memref<32x32xbf16>
  }
  return
}
