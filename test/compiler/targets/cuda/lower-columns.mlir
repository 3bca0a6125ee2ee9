// Few rows: lanes copy the matrix ahead of the products, a constant one before the kernels ahead have ended.
// RUN: sennit-opt %s --split-input-file --sennit-cuda-lower-items --canonicalize --cse | FileCheck %s
// RUN: sennit-opt %s --split-input-file --sennit-cuda-lower-items=level=sm_89 --canonicalize --cse | FileCheck %s --check-prefix=SMALL

// 8 warps share the depth of 2048: a step of 8 columns each, all of which are under way.
// CHECK-LABEL: llvm.func @constant_matrix(
// CHECK-COUNT-4: nvvm.cp.async.shared.global {{.*}}, 16, cache = cg
// CHECK-NEXT: nvvm.cp.async.commit.group
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK-NEXT: nvvm.cp.async.commit.group
// CHECK: nvvm.griddepcontrol wait
// CHECK-NEXT: nvvm.griddepcontrol launch_dependents
// CHECK: scf.for
// Rows are read first, then what was copied; each slot is filled anew for the block's next item.
// CHECK: nvvm.cp.async.wait.group 1
// CHECK-COUNT-4: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<8xi16>
// CHECK-COUNT-32: math.fma
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK-NEXT: nvvm.cp.async.commit.group
// CHECK: nvvm.cp.async.wait.group 1
// Halves of the lanes take halves of 8 sums: 4, 2 and 1 exchanges, then 2 of the sum that is left.
// CHECK-COUNT-9: nvvm.shfl.sync bfly
// CHECK-NOT: nvvm.shfl
// CHECK: nvvm.barrier
// CHECK-NOT: nvvm.griddepcontrol
// SMALL-LABEL: llvm.func @constant_matrix(
// SMALL: nvvm.cp.async.shared.global
// SMALL-NOT: nvvm.griddepcontrol
// SMALL: llvm.return
func.func @constant_matrix(%x: memref<1x2048xf32>, %w: memref<64x2048xbf16> {rt.constant}, %y: memref<1x64xf32>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  tile.grid (%n) = (%c0) to (%c64) step [8] dims ["n"] {
    %a = tile.load %x[%c0, %c0] : memref<1x2048xf32> -> vector<1x2048xf32>
    %b = tile.load %w[%n, %c0] : memref<64x2048xbf16> -> vector<8x2048xbf16>
    %c = tile.mma nt %a, %b : vector<1x2048xf32>, vector<8x2048xbf16> -> vector<1x8xf32>
    tile.store %c, %y[%c0, %n] : vector<1x8xf32>, memref<1x64xf32>
  }
  return
}

// -----

// What another kernel may just have written waits for it. Two warps share the depth, so that there are four steps.
// CHECK-LABEL: llvm.func @other_matrix(
// CHECK-NOT: nvvm.cp.async
// CHECK: nvvm.griddepcontrol wait
// CHECK: nvvm.cp.async.shared.global
func.func @other_matrix(%x: memref<1x2560xf32>, %w: memref<60x2560xf16>, %y: memref<1x60xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  tile.grid (%n) = (%c0) to (%t) step [8] dims ["n"] {
    %a = tile.load %x[%c0, %c0] : memref<1x2560xf32> -> vector<1x2560xf32>
    %b = tile.load %w[%n, %c0] bound [0 : %t] : memref<60x2560xf16> -> vector<8x2560xf16>
    %c = tile.mma nt %a, %b : vector<1x2560xf32>, vector<8x2560xf16> -> vector<1x8xf32>
    tile.store %c, %y[%c0, %n] bound [1 : %t] : vector<1x8xf32>, memref<1x60xf32>
  }
  return
}

// -----

// An item of the other grid passes the ring on.
// CHECK-LABEL: llvm.func @beside_another(
// CHECK: nvvm.griddepcontrol wait
// CHECK: scf.for
// CHECK: scf.if
// CHECK: scf.if
// CHECK-COUNT-8: nvvm.cp.async.shared.global
// CHECK: arith.addf
// CHECK: else
// CHECK: nvvm.cp.async.wait.group
func.func @beside_another(%x: memref<1x2048xf32>, %w: memref<64x2048xbf16> {rt.constant}, %y: memref<1x64xf32>,
                          %z: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  tile.grid (%i) = (%c0) to (%c64) step [64] dims ["i"] {
    %a = tile.load %z[%i] : memref<64xf32> -> vector<64xf32>
    %b = arith.addf %a, %a : vector<64xf32>
    tile.store %b, %z[%i] : vector<64xf32>, memref<64xf32>
  }
  tile.grid (%n) = (%c0) to (%c64) step [8] dims ["n"] {
    %a = tile.load %x[%c0, %c0] : memref<1x2048xf32> -> vector<1x2048xf32>
    %b = tile.load %w[%n, %c0] : memref<64x2048xbf16> -> vector<8x2048xbf16>
    %c = tile.mma nt %a, %b : vector<1x2048xf32>, vector<8x2048xbf16> -> vector<1x8xf32>
    tile.store %c, %y[%c0, %n] : vector<1x8xf32>, memref<1x64xf32>
  }
  return
}

// -----

// A depth that is not whole steps is read as before; so is a row that begins inside of another.
// CHECK-LABEL: llvm.func @uneven(
// CHECK-NOT: nvvm.cp.async
// CHECK: llvm.return
func.func @uneven(%x: memref<1x520xf32>, %w: memref<64x520xbf16>, %v: memref<64x1024xbf16>, %y: memref<1x64xf32>) {
  %c0 = arith.constant 0 : index
  %c512 = arith.constant 512 : index
  %c64 = arith.constant 64 : index
  tile.grid (%n) = (%c0) to (%c64) step [8] dims ["n"] {
    %a = tile.load %x[%c0, %c0] : memref<1x520xf32> -> vector<1x520xf32>
    %b = tile.load %w[%n, %c0] : memref<64x520xbf16> -> vector<8x520xbf16>
    %c = tile.mma nt %a, %b : vector<1x520xf32>, vector<8x520xbf16> -> vector<1x8xf32>
    %d = tile.load %x[%c0, %c0] : memref<1x520xf32> -> vector<1x512xf32>
    %e = tile.load %v[%n, %c512] : memref<64x1024xbf16> -> vector<8x512xbf16>
    %f = tile.mma nt %d, %e acc %c : vector<1x512xf32>, vector<8x512xbf16> acc vector<1x8xf32> -> vector<1x8xf32>
    tile.store %f, %y[%c0, %n] : vector<1x8xf32>, memref<1x64xf32>
  }
  return
}

// -----

// One row by a matrix stored by its depth is little work: 64 threads a column, in teams of 4.
// CHECK-LABEL: llvm.func @threads(
// CHECK-NOT: mma.m16n8k16
// CHECK: scf.for
// CHECK-COUNT-8: math.fma
// CHECK: nvvm.barrier
// CHECK-COUNT-3: arith.addf
// An update of rank one is an instruction an element.
// CHECK-NOT: mma.m16n8k16
// CHECK: math.fma
// CHECK: llvm.return
func.func @threads(%q: memref<1x128xf32>, %s: memref<128x64xf32>, %v: memref<1x64xf32>, %y: memref<1x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%n) = (%c0) to (%c1) step [1] dims ["n"] {
    %a = tile.load %q[%n, %c0] : memref<1x128xf32> -> vector<1x128xf32>
    %b = tile.load %s[%c0, %c0] : memref<128x64xf32> -> vector<128x64xf32>
    %c = tile.mma nn %a, %b : vector<1x128xf32>, vector<128x64xf32> -> vector<1x64xf32>
    tile.store %c, %y[%n, %c0] : vector<1x64xf32>, memref<1x64xf32>
    %d = tile.load %v[%n, %c0] : memref<1x64xf32> -> vector<1x64xf32>
    %e = tile.mma tn %a, %d acc %b : vector<1x128xf32>, vector<1x64xf32> acc vector<128x64xf32> -> vector<128x64xf32>
    tile.store %e, %s[%c0, %c0] : vector<128x64xf32>, memref<128x64xf32>
  }
  return
}
