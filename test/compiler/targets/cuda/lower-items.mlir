// Any program of tiles becomes a kernel whose blocks walk its items, all threads together.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics --sennit-cuda-lower-items --canonicalize --cse | FileCheck %s
// RUN: sennit-opt %s --split-input-file --verify-diagnostics --sennit-cuda-lower-items=level=sm_89 --canonicalize --cse | FileCheck %s --check-prefix=SMALL

// Blocks take items by turns; each thread takes four elements side by side, and loads all before it stores one.
// CHECK-LABEL: llvm.func @items(
// CHECK-SAME: llvm.align = 64
// CHECK-SAME: cuda.launch = {early = 1 : i64, parameters = [{slot = 0 : i64}, {slot = 1 : i64}], shared = 2{{[0-9]+}} : i64, threads = 256 : i64}
// CHECK-SAME: nvvm.kernel
// CHECK: %[[BLOCK:.*]] = nvvm.read.ptx.sreg.ctaid.x
// CHECK: %[[BLOCKS:.*]] = nvvm.read.ptx.sreg.nctaid.x
// CHECK: scf.for
// CHECK: nvvm.barrier
// CHECK: scf.if
// CHECK-COUNT-4: llvm.load {{.*}} -> f32
// CHECK-COUNT-4: llvm.store
// CHECK-NOT: llvm.store
// CHECK: nvvm.barrier
func.func @items(%x: memref<?x64xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
    %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x64xf32> -> vector<16x64xf32>
    %b = arith.addf %a, %a : vector<16x64xf32>
    tile.store %b, %x[%m, %c0] bound [0 : %t] : vector<16x64xf32>, memref<?x64xf32>
  }
  return
}

// -----

// A block takes an item of either grid; shared memory holds the larger one's tiles.
// CHECK-LABEL: llvm.func @items_of_two_grids(
// CHECK: scf.for %[[ITEM:.*]] =
// CHECK: %[[MINE:.*]] = arith.cmpi ult, %[[ITEM]], %[[COUNT:.*]] : i64
// CHECK: scf.if %[[MINE]]
// CHECK: arith.addf
// CHECK: else
// CHECK: arith.subi %[[ITEM]], %[[COUNT]]
// CHECK: arith.mulf
func.func @items_of_two_grids(%x: memref<?x64xf32>, %y: memref<4x64xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
    %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x64xf32> -> vector<16x64xf32>
    %b = arith.addf %a, %a : vector<16x64xf32>
    tile.store %b, %x[%m, %c0] bound [0 : %t] : vector<16x64xf32>, memref<?x64xf32>
  }
  tile.grid (%m) = (%c0) to (%c4) step [1] dims ["m"] {
    %a = tile.load %y[%m, %c0] : memref<4x64xf32> -> vector<1x64xf32>
    %b = arith.mulf %a, %a : vector<1x64xf32>
    tile.store %b, %y[%m, %c0] : vector<1x64xf32>, memref<4x64xf32>
  }
  return
}

// -----

// One row is added up by all warps, each by itself, then their eight sums by every thread.
// CHECK-LABEL: llvm.func @row(
// CHECK-SAME: cuda.launch = {early = 1 : i64, items = 1 : i64, parameters =
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK: nvvm.barrier
// CHECK-COUNT-8: llvm.load %{{.*}} -> f32
func.func @row(%x: memref<4096xf32>, %y: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%m) = (%c0) to (%c1) step [1] dims ["m"] {
    %a = tile.load %x[%c0] : memref<4096xf32> -> vector<4096xf32>
    %r = tile.reshape %a : vector<4096xf32> -> vector<1x4096xf32>
    %s = tile.reduce add %r dim 1 : vector<1x4096xf32> -> vector<1xf32>
    tile.store %s, %y[%m] : vector<1xf32>, memref<1xf32>
  }
  return
}

// -----

// Rows are added up by warps: a share for each lane, side by side, then butterflies.
// CHECK-LABEL: llvm.func @rows(
// CHECK: arith.addf
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK-NOT: nvvm.shfl
// CHECK: nvvm.barrier
func.func @rows(%x: memref<8x256xf32>, %y: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  tile.grid (%m) = (%c0) to (%c8) step [8] dims ["m"] {
    %a = tile.load %x[%m, %c0] : memref<8x256xf32> -> vector<8x256xf32>
    %s = tile.reduce add %a dim 1 : vector<8x256xf32> -> vector<8xf32>
    tile.store %s, %y[%m] : vector<8xf32>, memref<8xf32>
  }
  return
}

// -----

// Many rows are the matrix unit's. f32 times bf16 takes two products a step: 2 x 2 instructions, 2 parts, 2 steps of 16.
// CHECK-LABEL: llvm.func @many_rows(
// CHECK: scf.for
// CHECK-COUNT-8: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k16.row.col.bf16"
// CHECK-NOT: mma.m16n8k16
// CHECK: scf.yield
func.func @many_rows(%x: memref<64x256xf32>, %w: memref<32x256xbf16>, %y: memref<64x32xf32>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  tile.grid (%m) = (%c0) to (%c64) step [64] dims ["m"] {
    %a = tile.load %x[%m, %c0] : memref<64x256xf32> -> vector<64x256xf32>
    %b = tile.load %w[%c0, %c0] : memref<32x256xbf16> -> vector<32x256xbf16>
    %c = tile.mma nt %a, %b : vector<64x256xf32>, vector<32x256xbf16> -> vector<64x32xf32>
    tile.store %c, %y[%m, %c0] : vector<64x32xf32>, memref<64x32xf32>
  }
  return
}

// -----

// Few rows read the matrix at the speed of memory: a warp a column, no matrix unit.
// CHECK-LABEL: llvm.func @few_rows(
// CHECK-NOT: mma.m16n8k16
// CHECK: math.fma {{.*}} : f32
// CHECK: nvvm.shfl.sync bfly
func.func @few_rows(%x: memref<1x512xf32>, %w: memref<16x512xbf16>, %y: memref<1x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%m) = (%c0) to (%c1) step [1] dims ["m"] {
    %a = tile.load %x[%m, %c0] : memref<1x512xf32> -> vector<1x512xf32>
    %b = tile.load %w[%c0, %c0] : memref<16x512xbf16> -> vector<16x512xbf16>
    %c = tile.mma nt %a, %b : vector<1x512xf32>, vector<16x512xbf16> -> vector<1x16xf32>
    tile.store %c, %y[%m, %c0] : vector<1x16xf32>, memref<1x16xf32>
  }
  return
}

// -----

// A carry of 128 KB is shared memory of Hopper, and a workspace where a block has less.
// CHECK-LABEL: llvm.func @large(
// CHECK-SAME: shared = 1{{[0-9]+}} : i64
// CHECK-NOT: workspace
// SMALL-LABEL: llvm.func @large(
// SMALL-SAME: {workspace = 1{{[0-9]+}} : i64}]
// SMALL: %[[OFFSET:.*]] = arith.muli
// SMALL: llvm.getelementptr %{{.*}}[%[[OFFSET]]]
func.func @large(%x: memref<?x256xf32>, %y: memref<128x256xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant dense<0.0> : vector<128x256xf32>
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
    %s = tile.stream "t" %j = %c0 to %t step 128 carry(%zero : vector<128x256xf32>) fetch {
      %a = tile.load %x[%j, %c0] bound [0 : %t] : memref<?x256xf32> -> vector<128x256xf32>
      tile.yield %a : vector<128x256xf32>
    } do {
    ^bb0(%jj: index, %a: vector<128x256xf32>, %acc: vector<128x256xf32>):
      %n = arith.addf %acc, %a : vector<128x256xf32>
      tile.yield %n : vector<128x256xf32>
    }
    tile.store %s, %y[%c0, %c0] : vector<128x256xf32>, memref<128x256xf32>
  }
  return
}

// -----

// expected-error@+1 {{returns 1 values, but a kernel writes to views}}
func.func @returns(%x: memref<16xf32>) -> index {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  tile.grid (%i) = (%c0) to (%c16) step [16] dims ["i"] {
    %a = tile.load %x[%i] : memref<16xf32> -> vector<16xf32>
    tile.store %a, %x[%i] : vector<16xf32>, memref<16xf32>
  }
  return %c0 : index
}
