// Rings become shared memory, barriers and TMA; what has no rule is refused.
// RUN: sennit-opt %s --sennit-cuda-distribute-tiles --sennit-cuda-lower-tile-rings --split-input-file \
// RUN:   --verify-diagnostics --allow-unregistered-dialect | FileCheck %s

!a = vector<128x64xbf16>
!b = vector<64x128xbf16>
!in = !tile.ring<2 shared : !a, !b>

// CHECK: llvm.mlir.global external @sennit_shared() {addr_space = 3 : i32, alignment = 1024
// CHECK-LABEL: @copies_meet_products
// CHECK-SAME: %[[MAP_A:[a-z0-9]+]]: !llvm.ptr {cuda.box = array<i64: 128, 64>, cuda.element = bf16, cuda.view = 0 : i64}
// CHECK-SAME: %[[MAP_B:[a-z0-9]+]]: !llvm.ptr {cuda.box = array<i64: 1, 64, 64>, cuda.element = bf16, cuda.view = 1 : i64}
// Two slots of 16 KB + 16 KB, then two full and two empty barriers.
// CHECK-SAME: cuda.shared = 65568
func.func @copies_meet_products(%x: memref<?x?xbf16>, %y: memref<?x?x?xbf16>, %n: index) {
  %in = tile.ring : !in
  // CHECK-COUNT-4: nvvm.mbarrier.init
  // CHECK: nvvm.fence.mbarrier.init
  // CHECK: nvvm.barrier0
  tile.roles <name = "copy", warps = 4, registers = 24> {
    // CHECK: nvvm.mbarrier.try_wait.parity
    // CHECK: %[[BYTES:.*]] = arith.constant 32768 : i32
    // CHECK: nvvm.mbarrier.arrive.expect_tx %[[FULL:.*]], %[[BYTES]]
    %s = tile.open write %in[%n] : !in -> !tile.slot<!a, !b>
    // CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[MAP_A]], %[[FULL]], box[%{{.*}}, %{{.*}}] {isCTAOnly = true}
    tile.copy %x[%n, %n] into %s 0 : memref<?x?xbf16>, !tile.slot<!a, !b>
    // A tile of 128 columns is two panels of 64.
    // CHECK-COUNT-2: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[MAP_B]], %[[FULL]], box[%{{.*}}, %{{.*}}, %{{.*}}]
    tile.copy %y[%n, %n, %n] into %s 1 : memref<?x?x?xbf16>, !tile.slot<!a, !b>
    tile.close write %in[%n] : !in
  }, <name = "compute", warps = 4, registers = 240, copies = 2> {
    // CHECK: nvvm.mbarrier.try_wait.parity
    // CHECK: builtin.unrealized_conversion_cast %{{.*}} : i32 to vector<128x64xbf16>
    %p, %q = tile.open read %in[%n] : !in -> !a, !b
    // CHECK: scf.if
    // CHECK: nvvm.mbarrier.arrive
    tile.close read %in[%n] : !in
  }
  return
}

// -----

!t = vector<128x64xbf16>
!d = vector<128x64xf32>
!out = !tile.ring<2 shared : !t>

// CHECK-LABEL: @one_role_writes_and_stores
// CHECK-SAME: cuda.box = array<i64: 64, 64>
func.func @one_role_writes_and_stores(%y: memref<?x?xbf16>, %n: index) {
  %v = arith.constant dense<1.0> : !d
  %out = tile.ring : !out
  // CHECK-NOT: nvvm.mbarrier.init
  tile.roles <name = "compute", warps = 4, registers = 240, copies = 2> {
    %h = arith.truncf %v : !d to !t
    // The other slot may still be read.
    // CHECK: nvvm.cp.async.bulk.wait_group 1 {read}
    // CHECK: nvvm.barrier id
    %s = tile.open write %out[%n] : !out -> !tile.slot<!t>
    // CHECK-COUNT-4: nvvm.stmatrix
    // CHECK: nvvm.fence.proxy
    // CHECK: nvvm.barrier id
    tile.close write %out[%n] with(%h : !t) : !out
    %o = tile.open read %out[%n] : !out -> !t
    // CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta
    tile.copy %y[%n, %n] from %o 0 : memref<?x?xbf16>, !t
    // CHECK: nvvm.cp.async.bulk.commit.group
    tile.close read %out[%n] : !out
    // CHECK: nvvm.cp.async.bulk.wait_group 0
  }
  return
}

// -----

!t = vector<128x64xbf16>
!d = vector<128x64xf32>
!operand = !tile.ring<1 registers : !t>

// CHECK-LABEL: @registers_are_a_stack_slot
func.func @registers_are_a_stack_slot(%n: index) {
  %v = arith.constant dense<1.0> : !d
  // CHECK: llvm.alloca %{{.*}} x vector<16xi32>
  %r = tile.ring : !operand
  tile.roles <name = "compute", warps = 4, registers = 240, copies = 2> {
    %h = arith.truncf %v : !d to !t
    // CHECK: llvm.store %{{.*}} : vector<16xi32>
    tile.close write %r[%n] with(%h : !t) : !operand
    // CHECK: llvm.load %{{.*}} -> vector<16xi32>
    %o = tile.open read %r[%n] : !operand -> !t
  }
  return
}

// -----

!t = vector<64x48xbf16>
!r = !tile.ring<1 shared : !t>

func.func @rows_must_be_swizzled(%x: memref<?x?xbf16>, %n: index) {
  // expected-error@+1 {{which takes matrices of bf16 or f16 with a multiple of 8 rows up to 256 and of 64 columns}}
  %r = tile.ring : !r
  tile.roles <name = "copy", warps = 4, registers = 24> {
    %s = tile.open write %r[%n] : !r -> !tile.slot<!t>
  }
  return
}

// -----

!t = vector<256x128xbf16>
!r = !tile.ring<4 shared : !t>

func.func @rings_must_fit(%x: memref<?x?xbf16>, %n: index) {
  %r = tile.ring : !r
  // expected-error@+1 {{takes 262208 bytes of shared memory, a block has 232448}}
  tile.roles <name = "copy", warps = 4, registers = 24> {
    %s = tile.open write %r[%n] : !r -> !tile.slot<!t>
  }, <name = "compute", warps = 4, registers = 24> {
    %s = tile.open read %r[%n] : !r -> !t
  }
  return
}

// -----

!t = vector<64x64xbf16>
!r = !tile.ring<1 shared : !t, !t>

func.func @each_tile_is_copied_once(%x: memref<?x?xbf16>, %n: index) {
  %r = tile.ring : !r
  tile.roles <name = "copy", warps = 4, registers = 24> {
    // expected-error@+1 {{opens a slot of 2 tiles, 1 copies follow in its block; each tile needs one}}
    %s = tile.open write %r[%n] : !r -> !tile.slot<!t, !t>
    tile.copy %x[%n, %n] into %s 1 : memref<?x?xbf16>, !tile.slot<!t, !t>
  }, <name = "compute", warps = 4, registers = 24> {
    %s, %u = tile.open read %r[%n] : !r -> !t, !t
  }
  return
}

// -----

!t = vector<64x64xbf16>
!r = !tile.ring<1 shared : !t>

func.func @both_sides_are_needed(%n: index) {
  // expected-error@+1 {{is not opened from both sides}}
  %r = tile.ring : !r
  tile.roles <name = "copy", warps = 4, registers = 24> {
    %s = tile.open write %r[%n] : !r -> !tile.slot<!t>
  }
  return
}

// -----

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!r = !tile.ring<1 shared : !t>

func.func @no_rule_to_fill_for_another_role(%n: index) {
  %v = arith.constant dense<1.0> : !d
  %r = tile.ring : !r
  tile.roles <name = "convert", warps = 4, registers = 24> {
    %h = arith.truncf %v : !d to !t
    // expected-error@+1 {{fills a ring that another role reads, which has no rule yet; use copies}}
    tile.close write %r[%n] with(%h : !t) : !r
    %s = tile.open write %r[%n] : !r -> !tile.slot<!t>
  }, <name = "compute", warps = 4, registers = 24> {
    %s = tile.open read %r[%n] : !r -> !t
  }
  return
}
