// Groups of products become wgmma in every form of their operands; sizes that wgmma has not are refused.
// RUN: sennit-opt %s --sennit-cuda-distribute-tiles --sennit-cuda-lower-tile-rings --sennit-cuda-lower-tile-matrix \
// RUN:   --split-input-file --verify-diagnostics --allow-unregistered-dialect | FileCheck %s

!a = vector<128x64xf16>
!b = vector<64x64xf16>
!d = vector<128x64xf32>
!in = !tile.ring<2 shared : !a, !b>

// CHECK-LABEL: @operands_in_shared_memory
func.func @operands_in_shared_memory(%x: memref<?x?xf16>, %n: index) {
  %in = tile.ring : !in
  tile.roles <name = "copy", warps = 4, registers = 24> {
    %s = tile.open write %in[%n] : !in -> !tile.slot<!a, !b>
    tile.copy %x[%n, %n] into %s 0 : memref<?x?xf16>, !tile.slot<!a, !b>
    tile.copy %x[%n, %n] into %s 1 : memref<?x?xf16>, !tile.slot<!a, !b>
  }, <name = "compute", warps = 4, registers = 240> {
    %a, %b = tile.open read %in[%n] : !in -> !a, !b
    // CHECK: wgmma.fence.sync.aligned
    // One copy has both blocks of 64 rows: 2 x 4 steps of 16, each sum begun without a register cleared.
    // CHECK: setp.ne.b32 sum, 0, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {{.*}}, sum, 1, 1, 0, 1; }"
    // CHECK-COUNT-3: setp.ne.b32 sum, 1, 0;
    // CHECK: setp.ne.b32 sum, 0, 0;
    // CHECK-COUNT-3: setp.ne.b32 sum, 1, 0;
    // CHECK: wgmma.commit_group
    %p, %k = tile.start {
      %d = tile.mma nn %a, %b : !a, !b -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    // CHECK: wgmma.fence.sync.aligned
    // CHECK-NOT: sum, 0, 0;
    // CHECK-COUNT-8: wgmma.mma_async
    // CHECK: wgmma.commit_group
    %q, %l = tile.start (%c = %p : !tile.pending<!d>) {
      %d = tile.mma nt %a, %b acc %c : !a, !b acc !d -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    // CHECK: "wgmma.wait_group.sync.aligned 1;", "~{memory}"
    tile.finish %k behind 1
    // CHECK: "wgmma.wait_group.sync.aligned 0;", "=f,=f
    %f = tile.finish %l (%q : !tile.pending<!d>)
  }
  return
}

// -----

!w = vector<64x64xbf16>
!b = vector<64x128xbf16>
!d = vector<64x128xf32>
!in = !tile.ring<2 shared : !b>
!operand = !tile.ring<1 registers : !w>

// CHECK-LABEL: @operand_in_registers_onto_a_value
func.func @operand_in_registers_onto_a_value(%view: memref<?x?xbf16>, %n: index, %one: index) {
  %in = tile.ring : !in
  %r = tile.ring : !operand
  %zero = arith.constant dense<0.0> : !d
  tile.roles <name = "copy", warps = 4, registers = 24> {
    %s = tile.open write %in[%n] : !in -> !tile.slot<!b>
    tile.copy %view[%n, %n] into %s 0 : memref<?x?xbf16>, !tile.slot<!b>
  }, <name = "compute", warps = 4, registers = 240> {
    %v = scf.for %i = %one to %n step %one iter_args(%x = %zero) -> (!d) {
      %w = tile.open read %r[%n] : !operand -> !w
      %b = tile.open read %in[%n] : !in -> !b
      // What threads wrote passes through the fence.
      // CHECK: "wgmma.fence.sync.aligned;", "=f,=f
      // CHECK-COUNT-4: m64n128k16.f32.bf16.bf16 {$0, {{.*}}$63}, {$64, $65, $66, $67}, b, sum, 1, 1, 1; }"
      %p, %k = tile.start (%c = %x : !d) {
        %d = tile.mma nn %w, %b acc %c : !w, !b acc !d -> !d
        tile.yield %d : !d
      } : !tile.pending<!d>
      %f = tile.finish %k (%p : !tile.pending<!d>)
      scf.yield %f : !d
    }
  }
  return
}

// -----

!a = vector<64x64xbf16>
!b = vector<64x320xbf16>
!d = vector<64x320xf32>
!in = !tile.ring<2 shared : !a, !b>

func.func @columns_must_fit(%x: memref<?x?xbf16>, %n: index) {
  %in = tile.ring : !in
  tile.roles <name = "copy", warps = 4, registers = 24> {
    %s = tile.open write %in[%n] : !in -> !tile.slot<!a, !b>
    tile.copy %x[%n, %n] into %s 0 : memref<?x?xbf16>, !tile.slot<!a, !b>
    tile.copy %x[%n, %n] into %s 1 : memref<?x?xbf16>, !tile.slot<!a, !b>
  }, <name = "compute", warps = 4, registers = 240> {
    %a, %b = tile.open read %in[%n] : !in -> !a, !b
    %p, %k = tile.start {
      // expected-error@+1 {{makes 64x320 by 1 copies; wgmma has blocks of 64 rows a copy, columns in steps of 8 up to 256}}
      %d = tile.mma nn %a, %b : !a, !b -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    %f = tile.finish %k (%p : !tile.pending<!d>)
  }
  return
}
