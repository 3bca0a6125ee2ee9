// Kernels of several grids: their items follow each other.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics --sennit-cpu-lower-tiles=level=avx512 --canonicalize --cse | FileCheck %s

// The second grid's items follow the first's, and its scratch lies behind the first's.
// CHECK-LABEL: llvm.func @items_of_two_grids.items
// CHECK: %[[FIRST:.*]] = arith.divui %{{.*}}, %c16_i64
// CHECK: %[[ITEMS:.*]] = arith.addi %[[FIRST]], %c4_i64
// CHECK: llvm.return %[[ITEMS]] : i64
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

func.func @declines_work_between_grids(%t: index) {
  %c0 = arith.constant 0 : index
  // expected-error@+1 {{does not stand last in its kernel}}
  tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
  }
  %c1 = arith.constant 1 : index
  tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
  }
  return
}
