// Dispatches that need nothing of each other become one, of a kernel with the grids of all.
// RUN: sennit-opt %s --sennit-join-dispatches --split-input-file | FileCheck %s

module attributes {machine.target = #machine.core<name = "cpu", isa = "avx512", vector_bits = 512, vector_registers = 32, l1_bytes = 32768, l2_bytes = 1048576>} {
  // CHECK-LABEL: func.func private @grow_and_shrink
  // CHECK-SAME: (%[[X:.*]]: memref<?x8xf32>, %[[Z:.*]]: memref<4x8xf32>, %[[Y:.*]]: memref<?x8xf32>, %[[W:.*]]: memref<4x8xf32>, %[[T:.*]]: index)
  // CHECK: tile.grid ({{.*}}) = (%{{.*}}) to (%[[T]])
  // CHECK: tile.load %[[X]]
  // CHECK: tile.store %{{.*}}, %[[Y]]
  // CHECK: tile.grid
  // CHECK: tile.load %[[Z]]
  // CHECK: tile.store %{{.*}}, %[[W]]
  // CHECK: return
  func.func private @grow(%x: memref<?x8xf32>, %y: memref<?x8xf32>, %t: index) {
    %c0 = arith.constant 0 : index
    tile.grid (%i) = (%c0) to (%t) step [1] dims ["i"] {
      %a = tile.load %x[%i, %c0] : memref<?x8xf32> -> vector<1x8xf32>
      tile.store %a, %y[%i, %c0] : vector<1x8xf32>, memref<?x8xf32>
    }
    return
  }
  func.func private @shrink(%x: memref<4x8xf32>, %y: memref<4x8xf32>) {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    tile.grid (%i) = (%c0) to (%c4) step [1] dims ["i"] {
      %a = tile.load %x[%i, %c0] : memref<4x8xf32> -> vector<1x8xf32>
      tile.store %a, %y[%i, %c0] : vector<1x8xf32>, memref<4x8xf32>
    }
    return
  }
  func.func private @window(%w: memref<4x8xf32>) {
    %c0 = arith.constant 0 : index
    tile.grid (%i) = (%c0) to (%c0) step [1] dims ["i"] {
    }
    return
  }

  // The second reads what the first gives; the third goes beside the first, before which its operand comes.
  // CHECK-LABEL: func.func @beside
  // CHECK: %[[S:.*]] = tensor.collapse_shape
  // CHECK: %[[E:.*]] = tensor.expand_shape %[[S]]
  // CHECK: %[[AB:.*]]:2 = rt.dispatch @grow_and_shrink(%{{.*}}, %[[E]] : {{.*}}) scalars(%{{.*}}) extents(%{{.*}}) ties [-1, -1]
  // CHECK: %[[C:.*]] = rt.dispatch @grow(%[[AB]]#0
  // CHECK-NOT: rt.dispatch
  // CHECK: return %[[C]], %[[AB]]#1
  func.func @beside(%x: tensor<?x8xf32>, %z: tensor<4x8xf32>) -> (tensor<?x8xf32>, tensor<4x8xf32>) attributes {seq.max_tokens = 1 : i64} {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?x8xf32>
    %a = rt.dispatch @grow(%x : tensor<?x8xf32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x8xf32>
    %b = rt.dispatch @grow(%a : tensor<?x8xf32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x8xf32>
    %s = tensor.collapse_shape %z [[0, 1]] : tensor<4x8xf32> into tensor<32xf32>
    %e = tensor.expand_shape %s [[0, 1]] output_shape [4, 8] : tensor<32xf32> into tensor<4x8xf32>
    %d = rt.dispatch @shrink(%e : tensor<4x8xf32>) ties [-1] -> tensor<4x8xf32>
    return %b, %d : tensor<?x8xf32>, tensor<4x8xf32>
  }

  // What overwrites a state stands behind all that read it, views too.
  // CHECK-LABEL: func.func @overwrites
  // CHECK: rt.dispatch @shrink_and_shrink(
  // CHECK: rt.dispatch @window(
  func.func @overwrites(%s: tensor<4x8xf32> {seq.state = "s"}, %z: tensor<4x8xf32>)
      -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) attributes {seq.max_tokens = 1 : i64} {
    %c = tensor.collapse_shape %s [[0, 1]] : tensor<4x8xf32> into tensor<32xf32>
    %e = tensor.expand_shape %c [[0, 1]] output_shape [4, 8] : tensor<32xf32> into tensor<4x8xf32>
    %a = rt.dispatch @shrink(%e : tensor<4x8xf32>) ties [-1] -> tensor<4x8xf32>
    %b = rt.dispatch @shrink(%z : tensor<4x8xf32>) ties [-1] -> tensor<4x8xf32>
    %w = rt.dispatch @window(%s : tensor<4x8xf32>) ties [0] -> tensor<4x8xf32>
    return %a, %b, %w : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
  }

  // Results of 8192 rows of 32 bytes are the most that may live longer.
  // CHECK-LABEL: func.func @declines_large_results
  // CHECK-COUNT-2: rt.dispatch @grow(
  func.func @declines_large_results(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) attributes {seq.max_tokens = 8193 : i64} {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?x8xf32>
    %a = rt.dispatch @grow(%x : tensor<?x8xf32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x8xf32>
    %b = rt.dispatch @grow(%x : tensor<?x8xf32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x8xf32>
    return %a, %b : tensor<?x8xf32>, tensor<?x8xf32>
  }

  // Of rows that a kernel counted nobody knows the most.
  // CHECK-LABEL: func.func @declines_results_without_bound
  // CHECK-COUNT-2: rt.dispatch @grow(
  func.func @declines_results_without_bound(%x: tensor<4x8xf32>, %count: i32) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    %n = arith.index_cast %count : i32 to index
    %y = tensor.cast %x : tensor<4x8xf32> to tensor<?x8xf32>
    %a = rt.dispatch @grow(%y : tensor<?x8xf32>) scalars(%n) extents(%n) ties [-1] -> tensor<?x8xf32>
    %b = rt.dispatch @grow(%y : tensor<?x8xf32>) scalars(%n) extents(%n) ties [-1] -> tensor<?x8xf32>
    return %a, %b : tensor<?x8xf32>, tensor<?x8xf32>
  }

  // CHECK-LABEL: func.func @joins_results_that_just_fit
  // CHECK: rt.dispatch @grow_and_grow(
  func.func @joins_results_that_just_fit(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) attributes {seq.max_tokens = 8192 : i64} {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?x8xf32>
    %a = rt.dispatch @grow(%x : tensor<?x8xf32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x8xf32>
    %b = rt.dispatch @grow(%x : tensor<?x8xf32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x8xf32>
    return %a, %b : tensor<?x8xf32>, tensor<?x8xf32>
  }

  // CHECK-LABEL: func.func @declines_numbers_read_on_the_host
  // CHECK-COUNT-2: rt.dispatch @shrink(
  func.func @declines_numbers_read_on_the_host(%x: tensor<4x8xf32>, %n: tensor<1xi32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
    %c0 = arith.constant 0 : index
    %count = tensor.extract %n[%c0] : tensor<1xi32>
    %a = rt.dispatch @shrink(%x : tensor<4x8xf32>) ties [-1] -> tensor<4x8xf32>
    %b = rt.dispatch @shrink(%x : tensor<4x8xf32>) ties [-1] -> tensor<4x8xf32>
    return %a, %b : tensor<4x8xf32>, tensor<4x8xf32>
  }
}

// -----

// A product of 8 rows is a pipeline of its own on this machine, of 4 rows it is not. A kernel that is only a part of
// another is gone.
// CHECK-NOT: @four(
module attributes {machine.target = #machine.core<name = "cuda", isa = "sm_90a", vector_bits = 32, vector_registers = 255, l1_bytes = 32768, l2_bytes = 116224, threads = 256, async_rows = 8>} {
  func.func private @four(%x: memref<4x64xbf16>, %y: memref<4x4xf32>) {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    tile.grid (%i) = (%c0) to (%c4) step [4] dims ["i"] {
      %a = tile.load %x[%i, %c0] : memref<4x64xbf16> -> vector<4x64xbf16>
      %s = tile.mma nt %a, %a : vector<4x64xbf16>, vector<4x64xbf16> -> vector<4x4xf32>
      tile.store %s, %y[%i, %c0] : vector<4x4xf32>, memref<4x4xf32>
    }
    return
  }
  func.func private @eight(%x: memref<8x64xbf16>, %y: memref<8x8xf32>) {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    tile.grid (%i) = (%c0) to (%c8) step [8] dims ["i"] {
      %a = tile.load %x[%i, %c0] : memref<8x64xbf16> -> vector<8x64xbf16>
      %s = tile.mma nt %a, %a : vector<8x64xbf16>, vector<8x64xbf16> -> vector<8x8xf32>
      tile.store %s, %y[%i, %c0] : vector<8x8xf32>, memref<8x8xf32>
    }
    return
  }
  // CHECK-LABEL: func.func @declines_asynchronous_products
  // CHECK: rt.dispatch @eight(
  // CHECK: rt.dispatch @four_and_four(
  // CHECK: rt.dispatch @eight(
  func.func @declines_asynchronous_products(%x: tensor<4x64xbf16>, %z: tensor<8x64xbf16>)
      -> (tensor<8x8xf32>, tensor<4x4xf32>, tensor<8x8xf32>, tensor<4x4xf32>) {
    %a = rt.dispatch @eight(%z : tensor<8x64xbf16>) ties [-1] -> tensor<8x8xf32>
    %b = rt.dispatch @four(%x : tensor<4x64xbf16>) ties [-1] -> tensor<4x4xf32>
    %c = rt.dispatch @eight(%z : tensor<8x64xbf16>) ties [-1] -> tensor<8x8xf32>
    %d = rt.dispatch @four(%x : tensor<4x64xbf16>) ties [-1] -> tensor<4x4xf32>
    return %a, %b, %c, %d : tensor<8x8xf32>, tensor<4x4xf32>, tensor<8x8xf32>, tensor<4x4xf32>
  }
}
