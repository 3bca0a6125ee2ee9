// An item that walks one stream gets roles whatever else it computes: products start where they stand, operands that it
// computes pass through rings of its own, tiles lose their dimensions of one element.
// RUN: sennit-opt %s --sennit-cuda-assign-roles --split-input-file | FileCheck %s
// RUN: sennit-opt %s --sennit-cuda-assign-roles --split-input-file --remarks-filter=cuda -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REMARK
// RUN: sennit-opt %s --sennit-cuda-assign-roles --split-input-file --sennit-cuda-distribute-tiles \
// RUN:   --sennit-cuda-lower-tile-rings -o /dev/null

!rows = vector<1x64x1x64xbf16>
!t = vector<64x64xbf16>
!f = vector<64x64xf32>
!view = memref<2x512x4x64xbf16>

// A chunk of linear attention: a state times queries, scores, what they weigh, and the next state.
// REMARK: 2 blocks a processor, 232 registers, 4 slots of 2 tiles
// CHECK-LABEL: @chunks
// CHECK-SAME: cuda.blocks = 2
func.func @chunks(%x: !view, %w: !view, %g: memref<2x4x512xf32>, %s: memref<2x4x64x64xf32>, %y: !view) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c512 = arith.constant 512 : index
  // CHECK: %[[IN:.*]] = tile.ring : <4 shared : vector<64x64xbf16>, vector<64x64xbf16>>
  // CHECK: %[[STATE:.*]] = tile.ring : <1 shared : vector<64x64xbf16>>
  // CHECK: %[[WEIGHTS:.*]] = tile.ring : <1 registers : vector<64x64xbf16>>
  // CHECK: %[[OUT:.*]] = tile.ring : <1 shared : vector<64x64xbf16>>
  // CHECK: tile.roles <name = "copy"
  // CHECK: tile.copy %{{.*}} box [1, 1, 64, 64] into %{{.*}} 0
  // CHECK: tile.copy %{{.*}} box [1, 1, 64, 64] into %{{.*}} 1
  // CHECK: <name = "compute", warps = 4, registers = 232>
  // CHECK: %[[FIRST:.*]] = tile.load %arg3{{.*}} : memref<2x4x64x64xf32> -> vector<64x64xf32>
  // CHECK: scf.for {{.*}} iter_args(%[[S:.*]] = %[[FIRST]]) -> (vector<64x64xf32>)
  // Threads load what no product reads, before they wait.
  // CHECK: tile.load %arg2{{.*}} : memref<2x4x512xf32> -> vector<64xf32>
  // CHECK: %[[TILES:.*]]:2 = tile.open read %[[IN]]
  // CHECK: %[[ROUND:.*]] = arith.truncf %[[S]]
  // CHECK: tile.close write %[[STATE]][%{{.*}}] with(%[[ROUND]]
  // CHECK: %[[B:.*]] = tile.open read %[[STATE]]
  // CHECK: tile.start {
  // CHECK-NEXT: tile.mma nt %[[TILES]]#0, %[[TILES]]#1
  // CHECK: tile.start {
  // CHECK-NEXT: tile.mma nn %[[TILES]]#0, %[[B]]
  // The second product is in flight while the first is weighed.
  // CHECK: tile.finish %{{.*}} behind 1
  // CHECK: arith.mulf
  // CHECK: tile.close write %[[WEIGHTS]]
  // CHECK: %[[A:.*]] = tile.open read %[[WEIGHTS]]
  // CHECK: tile.finish
  // CHECK: tile.start (
  // CHECK-NEXT: tile.mma nn %[[A]], %[[TILES]]#1
  // CHECK: tile.finish {{.*}} tie(
  // CHECK: tile.close write %[[OUT]]
  // CHECK: tile.copy %{{.*}} box [1, 1, 64, 64] from
  // CHECK-DAG: tile.close read %[[IN]][%{{.*}}] after(
  // CHECK-DAG: tile.close read %[[STATE]][%{{.*}}] after(
  // CHECK: scf.yield %{{.*}} : vector<64x64xf32>
  // CHECK: tile.store %{{.*}}, %arg3{{.*}} : vector<64x64xf32>
  // CHECK-NOT: tile.grid
  tile.grid (%b, %h) = (%c0, %c0) to (%c2, %c4) step [1, 1] dims ["sequence", "head"] {
    %s0 = tile.load %s[%b, %h, %c0, %c0] : memref<2x4x64x64xf32> -> vector<1x1x64x64xf32>
    %s1 = tile.reshape %s0 : vector<1x1x64x64xf32> -> !f
    %last = tile.stream "chunk" %t = %c0 to %c512 step 64 carry(%s1 : !f) fetch {
      %q = tile.load %x[%b, %t, %h, %c0] : !view -> !rows
      %k = tile.load %w[%b, %t, %h, %c0] : !view -> !rows
      %e = tile.load %g[%b, %h, %t] : memref<2x4x512xf32> -> vector<64xf32>
      tile.yield %q, %k, %e : !rows, !rows, vector<64xf32>
    } do {
    ^bb0(%t: index, %q4: !rows, %k4: !rows, %e: vector<64xf32>, %state: !f):
      %q = tile.reshape %q4 : !rows -> !t
      %k = tile.reshape %k4 : !rows -> !t
      %half = arith.truncf %state : !f to !t
      %scores = tile.mma nt %q, %k : !t, !t -> !f
      %read = tile.mma nn %q, %half : !t, !t -> !f
      %rows = tile.broadcast %e [0] : vector<64xf32> -> !f
      %columns = tile.broadcast %e [1] : vector<64xf32> -> !f
      %decay = arith.mulf %rows, %columns : !f
      %weighed = arith.mulf %scores, %decay : !f
      %weights = arith.truncf %weighed : !f to !t
      %sum = tile.mma nn %weights, %k acc %read : !t, !t acc !f -> !f
      %o = arith.truncf %sum : !f to !t
      %o4 = tile.reshape %o : !t -> !rows
      tile.store %o4, %y[%b, %t, %h, %c0] : !rows, !view
      %next = arith.addf %state, %sum : !f
      tile.yield %next : !f
    }
    %end = tile.reshape %last : !f -> vector<1x1x64x64xf32>
    tile.store %end, %s[%b, %h, %c0, %c0] : vector<1x1x64x64xf32>, memref<2x4x64x64xf32>
  }
  return
}

// -----

!t = vector<64x64xbf16>
!f = vector<64x64xf32>

// REMARK: as a stream: a product has operands of other than 16 bits
// CHECK-LABEL: @wide_operands
// CHECK: tile.grid
func.func @wide_operands(%x: memref<?x64xf32>, %y: memref<?x64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %one = arith.constant dense<1.0> : !f
  tile.grid (%i) = (%c0) to (%n) step [64] dims ["m"] {
    %sum = tile.stream "k" %d = %c0 to %n step 64 carry(%one : !f) fetch {
      %a = tile.load %x[%d, %c0] : memref<?x64xf32> -> !f
      tile.yield %a : !f
    } do {
    ^bb0(%d: index, %a: !f, %s: !f):
      %p = tile.mma nn %a, %a acc %s : !f, !f acc !f -> !f
      tile.yield %p : !f
    }
    tile.store %sum, %y[%i, %c0] : !f, memref<?x64xf32>
  }
  return
}

// -----

!t = vector<64x64xbf16>
!f = vector<64x64xf32>

// What one step stores the next may read: copies would run ahead of it.
// REMARK: as a stream: the stream reads a view that the item stores to
// CHECK-LABEL: @in_place
// CHECK: tile.grid
func.func @in_place(%x: memref<512x64xbf16>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c512 = arith.constant 512 : index
  %one = arith.constant dense<1.0> : !f
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["m"] {
    %sum = tile.stream "k" %d = %c0 to %c512 step 64 carry(%one : !f) fetch {
      %a = tile.load %x[%d, %c0] : memref<512x64xbf16> -> !t
      tile.yield %a : !t
    } do {
    ^bb0(%d: index, %a: !t, %s: !f):
      %p = tile.mma nt %a, %a acc %s : !t, !t acc !f -> !f
      %h = arith.truncf %p : !f to !t
      tile.store %h, %x[%d, %c0] : !t, memref<512x64xbf16>
      tile.yield %p : !f
    }
  }
  return
}

// -----

!t = vector<96x64xbf16>
!f = vector<96x64xf32>

// REMARK: as a stream: a product has other than rows of 64, columns of 8 and a depth of 16
// CHECK-LABEL: @rows_of_96
// CHECK: tile.grid
func.func @rows_of_96(%x: memref<?x64xbf16>, %y: memref<?x64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %one = arith.constant dense<1.0> : vector<96x96xf32>
  tile.grid (%i) = (%c0) to (%n) step [96] dims ["m"] {
    %sum = tile.stream "k" %d = %c0 to %n step 96 carry(%one : vector<96x96xf32>) fetch {
      %a = tile.load %x[%d, %c0] : memref<?x64xbf16> -> !t
      tile.yield %a : !t
    } do {
    ^bb0(%d: index, %a: !t, %s: vector<96x96xf32>):
      %p = tile.mma nt %a, %a acc %s : !t, !t acc vector<96x96xf32> -> vector<96x96xf32>
      tile.yield %p : vector<96x96xf32>
    }
    tile.store %sum, %y[%i, %c0] : vector<96x96xf32>, memref<?x64xf32>
  }
  return
}

// -----

!t = vector<64x64xbf16>
!f = vector<64x256xf32>
!w = vector<256x64xbf16>

// REMARK: an iteration's tiles take 384 registers a thread
// CHECK-LABEL: @too_many_registers
// CHECK: tile.grid
func.func @too_many_registers(%x: memref<512x64xbf16>, %y: memref<?x256xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %one = arith.constant dense<1.0> : !f
  tile.grid (%i) = (%c0) to (%n) step [64] dims ["m"] {
    %sums:2 = tile.stream "k" %d = %c0 to %n step 256 carry(%one : !f, %one : !f) fetch {
      %a = tile.load %x[%i, %c0] : memref<512x64xbf16> -> !t
      %b = tile.load %x[%d, %c0] : memref<512x64xbf16> -> !w
      tile.yield %a, %b : !t, !w
    } do {
    ^bb0(%d: index, %a: !t, %b: !w, %s: !f, %u: !f):
      %p = tile.mma nt %a, %b : !t, !w -> !f
      %m = arith.mulf %p, %s : !f
      tile.yield %m, %u : !f, !f
    }
    tile.store %sums#0, %y[%i, %c0] : !f, memref<?x256xf32>
  }
  return
}
