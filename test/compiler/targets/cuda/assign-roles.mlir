// Programs of streamed products and of attention's form get roles; every other program stays, with the reason as a
// remark.
// RUN: sennit-opt %s --sennit-cuda-assign-roles --split-input-file | FileCheck %s
// RUN: sennit-opt %s --sennit-cuda-assign-roles --split-input-file --remarks-filter=cuda -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REMARK

!a = vector<128x64xbf16>
!b = vector<64x256xbf16>
!sum = vector<128x256xf32>
!half = vector<128x256xbf16>
!view = memref<?x?x?xbf16>

// REMARK: 2 copies of 240 registers, 4 slots
// CHECK-LABEL: @batched_product
func.func @batched_product(%a: !view, %b: memref<?x?xbf16>, %c: !view) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant dense<0.0> : !sum
  %batch = memref.dim %a, %c0 : !view
  %m = memref.dim %a, %c1 : !view
  %k = memref.dim %a, %c2 : !view
  %n = memref.dim %b, %c1 : memref<?x?xbf16>
  // CHECK: %[[IN:.*]] = tile.ring : <4 shared : vector<128x64xbf16>, vector<64x256xbf16>>
  // CHECK: %[[OUT:.*]] = tile.ring : <1 shared : vector<128x128xbf16>>
  // CHECK: tile.roles <name = "copy", warps = 4, registers = 24> {
  // CHECK: %[[BLOCKS:.*]] = gpu.grid_dim x
  // CHECK: %[[WAVES:.*]] = arith.ceildivui %{{.*}}, %[[BLOCKS]]
  // CHECK: scf.for %[[WAVE:.*]] = %{{.*}} to %[[WAVES]]
  // CHECK: %[[AGAIN:.*]] = gpu.grid_dim x
  // CHECK: arith.muli %[[WAVE]], %[[AGAIN]]
  // CHECK: scf.for
  // CHECK: %[[SLOT:.*]] = tile.open write %[[IN]]
  // CHECK: tile.copy %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] into %[[SLOT]] 0
  // CHECK: tile.copy %{{.*}}[%{{.*}}, %{{.*}}] into %[[SLOT]] 1
  // CHECK: }, <name = "compute", warps = 4, registers = 240, copies = 2> {
  // The first step begins the sum; the others give the slot before up.
  // CHECK: %[[FIRST:.*]], %[[TOKEN:.*]] = tile.start {
  // CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[FIRST]], %[[BEFORE:.*]] = %[[TOKEN]], %[[USE:.*]] = %{{.*}})
  // CHECK: tile.start (
  // CHECK: tile.finish %[[BEFORE]] behind 1
  // CHECK: tile.close read %[[IN]][%[[USE]]] after(%[[BEFORE]])
  // CHECK: tile.finish
  // Two parts of the tile, each with its epilogue.
  // CHECK: tile.slice %{{.*}} [0, 0]
  // CHECK: arith.truncf
  // CHECK: tile.copy %{{.*}} from
  // CHECK: tile.slice %{{.*}} [0, 128]
  // CHECK: arith.truncf
  // CHECK: tile.copy %{{.*}} from
  // CHECK-NOT: tile.grid
  tile.grid (%h, %i, %j) = (%c0, %c0, %c0) to (%batch, %m, %n) step [1, 128, 256] dims ["b", "m", "n"] {
    %sum = tile.stream "k" %d = %c0 to %k step 64 carry(%zero : !sum) fetch {
      %x = tile.load %a[%h, %i, %d] bound [0 : %m, 1 : %k] : !view -> !a
      %y = tile.load %b[%d, %j] bound [1 : %n] : memref<?x?xbf16> -> !b
      tile.yield %x, %y : !a, !b
    } do {
    ^bb0(%e: index, %x: !a, %y: !b, %acc: !sum):
      %next = tile.mma nn %x, %y acc %acc : !a, !b acc !sum -> !sum
      tile.yield %next : !sum
    }
    %half = arith.truncf %sum : !sum to !half
    tile.store %half, %c[%h, %i, %j] : !half, !view
  }
  return
}

// -----

!t = vector<64x64xbf16>
!sum = vector<64x64xf32>

// REMARK: as a stream: a bound is not the extent of its view
// CHECK-LABEL: @bounds_inside_the_view
// CHECK: tile.grid
func.func @bounds_inside_the_view(%a: memref<?x?xbf16>, %c: memref<?x?xbf16>, %length: index) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : !sum
  tile.grid (%i) = (%c0) to (%length) step [64] dims ["m"] {
    %sum = tile.stream "k" %d = %c0 to %length step 64 carry(%zero : !sum) fetch {
      %x = tile.load %a[%i, %d] bound [1 : %length] : memref<?x?xbf16> -> !t
      tile.yield %x : !t
    } do {
    ^bb0(%e: index, %x: !t, %acc: !sum):
      %next = tile.mma nt %x, %x acc %acc : !t, !t acc !sum -> !sum
      tile.yield %next : !sum
    }
    %half = arith.truncf %sum : !sum to !t
    tile.store %half, %c[%i, %c0] : !t, memref<?x?xbf16>
  }
  return
}

// -----

!t = vector<64x64xbf16>

// REMARK: as products: an item has other than one stream and one store; as attention: an item has
// CHECK-LABEL: @no_stream
// CHECK: tile.grid
func.func @no_stream(%a: memref<?x?xbf16>, %c: memref<?x?xbf16>, %length: index) {
  %c0 = arith.constant 0 : index
  tile.grid (%i) = (%c0) to (%length) step [64] dims ["m"] {
    %x = tile.load %a[%i, %c0] : memref<?x?xbf16> -> !t
    tile.store %x, %c[%i, %c0] : !t, memref<?x?xbf16>
  }
  return
}

// -----

!t = vector<64x64xbf16>
!sum = vector<64x64xf32>

// REMARK: 2 blocks a processor, 232 registers, 4 slots of 1 tiles
// CHECK-LABEL: @sum_from_one
// CHECK-SAME: cuda.blocks = 2
// CHECK: tile.roles
func.func @sum_from_one(%a: memref<?x?xbf16>, %c: memref<?x?xbf16>, %length: index) {
  %c0 = arith.constant 0 : index
  %one = arith.constant dense<1.0> : !sum
  tile.grid (%i) = (%c0) to (%length) step [64] dims ["m"] {
    %sum = tile.stream "k" %d = %c0 to %length step 64 carry(%one : !sum) fetch {
      %x = tile.load %a[%i, %d] : memref<?x?xbf16> -> !t
      tile.yield %x : !t
    } do {
    ^bb0(%e: index, %x: !t, %acc: !sum):
      %next = tile.mma nt %x, %x acc %acc : !t, !t acc !sum -> !sum
      tile.yield %next : !sum
    }
    %half = arith.truncf %sum : !sum to !t
    tile.store %half, %c[%i, %c0] : !t, memref<?x?xbf16>
  }
  return
}

// -----

!t = vector<128x64xbf16>
!sum = vector<128x64xf32>
!rows = memref<?x256xbf16>
!matrix = memref<96x256xbf16>
!wide = memref<?x96xf32>

// Two sums share their activations; views whose extent is a scalar are stated; what the epilogue loads and stores in
// f32 is each thread's own, in parts of 32 columns.
// REMARK: 2 copies of 240 registers, 7 slots
// CHECK-LABEL: @pair_onto_residual
func.func @pair_onto_residual(%x: !rows, %g: !matrix, %u: !matrix, %r: !wide, %y: !wide, %tokens: index) {
  %c0 = arith.constant 0 : index
  %c96 = arith.constant 96 : index
  %c256 = arith.constant 256 : index
  %zero = arith.constant dense<0.0> : !sum
  // CHECK: memref.reinterpret_cast %arg0 to offset: [0], sizes: [%arg5, 256], strides: [256, 1]
  // CHECK: memref.reinterpret_cast %arg1 to offset: [0], sizes: [96, 256], strides: [256, 1]
  // CHECK: tile.ring : <7 shared : vector<128x64xbf16>, vector<64x64xbf16>, vector<64x64xbf16>>
  // CHECK-NOT: tile.ring
  // CHECK: tile.start {
  // CHECK-NEXT: tile.mma
  // CHECK-NEXT: tile.mma
  // CHECK: tile.load %arg3{{.*}} bound [0 : %arg5, 1 : %{{.*}}] : {{.*}} -> vector<128x32xf32>
  // CHECK: tile.slice %{{.*}}#0 [0, 0] : vector<128x64xf32> -> vector<128x32xf32>
  // CHECK: tile.slice %{{.*}}#1 [0, 0]
  // CHECK: tile.store %{{.*}}, %arg4{{.*}} : vector<128x32xf32>
  // CHECK: tile.slice %{{.*}} [0, 32]
  // CHECK: tile.store
  // CHECK-NOT: tile.grid
  tile.grid (%j, %i) = (%c0, %c0) to (%c96, %tokens) step [64, 128] dims ["n", "m"] {
    %sums:2 = tile.stream "k" %d = %c0 to %c256 step 64 carry(%zero : !sum, %zero : !sum) fetch {
      %a = tile.load %x[%i, %d] bound [0 : %tokens] : !rows -> !t
      %b = tile.load %g[%j, %d] bound [0 : %c96] : !matrix -> vector<64x64xbf16>
      %c = tile.load %u[%j, %d] bound [0 : %c96] : !matrix -> vector<64x64xbf16>
      tile.yield %a, %b, %c : !t, vector<64x64xbf16>, vector<64x64xbf16>
    } do {
    ^bb0(%e: index, %a: !t, %b: vector<64x64xbf16>, %c: vector<64x64xbf16>, %s: !sum, %t: !sum):
      %s1 = tile.mma nt %a, %b acc %s : !t, vector<64x64xbf16> acc !sum -> !sum
      %t1 = tile.mma nt %a, %c acc %t : !t, vector<64x64xbf16> acc !sum -> !sum
      tile.yield %s1, %t1 : !sum, !sum
    }
    %p = arith.mulf %sums#0, %sums#1 : !sum
    %h = tile.load %r[%i, %j] bound [0 : %tokens, 1 : %c96] : !wide -> !sum
    %o = arith.addf %h, %p : !sum
    tile.store %o, %y[%i, %j] bound [0 : %tokens, 1 : %c96] : !sum, !wide
  }
  return
}

// -----

!t = vector<128x64xbf16>
!sum = vector<128x64xf32>
!rows = memref<?x256xbf16>
!matrix = memref<100x256xbf16>
!narrow = memref<?x100xbf16>

// Rows of 200 bytes are nothing that the copy engine can store to: the threads do.
// REMARK: 2 copies of 240 registers, 8 slots
// CHECK-LABEL: @rows_of_200_bytes
func.func @rows_of_200_bytes(%x: !rows, %w: !matrix, %y: !narrow, %tokens: index) {
  %c0 = arith.constant 0 : index
  %c100 = arith.constant 100 : index
  %c256 = arith.constant 256 : index
  %zero = arith.constant dense<0.0> : !sum
  // CHECK-COUNT-1: tile.ring
  // CHECK-NOT: tile.ring
  // CHECK: tile.store %{{.*}}, %arg2{{.*}} : vector<128x32xbf16>, memref<?x100xbf16>
  // CHECK-NOT: tile.grid
  tile.grid (%j, %i) = (%c0, %c0) to (%c100, %tokens) step [64, 128] dims ["n", "m"] {
    %sum = tile.stream "k" %d = %c0 to %c256 step 64 carry(%zero : !sum) fetch {
      %a = tile.load %x[%i, %d] bound [0 : %tokens] : !rows -> !t
      %b = tile.load %w[%j, %d] bound [0 : %c100] : !matrix -> vector<64x64xbf16>
      tile.yield %a, %b : !t, vector<64x64xbf16>
    } do {
    ^bb0(%e: index, %a: !t, %b: vector<64x64xbf16>, %s: !sum):
      %s1 = tile.mma nt %a, %b acc %s : !t, vector<64x64xbf16> acc !sum -> !sum
      tile.yield %s1 : !sum
    }
    %half = arith.truncf %sum : !sum to !t
    tile.store %half, %y[%i, %j] bound [0 : %tokens, 1 : %c100] : !t, !narrow
  }
  return
}
