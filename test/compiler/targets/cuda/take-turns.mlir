// A role of two copies takes turns from the first group of a block to the last before a wait, and other roles do not.
// RUN: sennit-opt %s --sennit-cuda-take-turns --split-input-file --verify-diagnostics | FileCheck %s

!t = vector<128x64xbf16>
!d = vector<128x128xf32>
!r = !tile.ring<2 shared : !t>

// CHECK-LABEL: @one_turn_spans_two_groups
func.func @one_turn_spans_two_groups(%r: !r, %n: index) {
  // CHECK: name = "compute"
  // CHECK: nvvm.barrier.arrive
  // CHECK: nvvm.barrier id = %[[MINE:.*]] number_of_threads = %[[BOTH:.*]]
  // CHECK-COUNT-2: tile.start
  // CHECK: nvvm.barrier.arrive id = %{{.*}} number_of_threads = %[[BOTH]]
  // CHECK: tile.finish
  // CHECK: scf.if
  // CHECK-NEXT: nvvm.barrier id = %[[MINE]] number_of_threads = %[[BOTH]]
  tile.roles <name = "compute", warps = 4, registers = 240, copies = 2, turns = true> {
    %a = tile.open read %r[%n] : !r -> !t
    %p, %k = tile.start {
      %d = tile.mma nt %a, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    %q, %l = tile.start {
      %d = tile.mma nt %a, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    %f = tile.finish %k behind 1 (%p : !tile.pending<!d>)
    %g = tile.finish %l (%q : !tile.pending<!d>)
  }
  return
}

// -----

!t = vector<128x64xbf16>
!d = vector<128x128xf32>
!r = !tile.ring<2 shared : !t>

// CHECK-LABEL: @a_role_without_turns_is_left
// CHECK-NOT: nvvm.barrier
func.func @a_role_without_turns_is_left(%r: !r, %n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240, copies = 2> {
    %a = tile.open read %r[%n] : !r -> !t
    %p, %k = tile.start {
      %d = tile.mma nt %a, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    %f = tile.finish %k (%p : !tile.pending<!d>)
  }
  return
}

// -----

!t = vector<192x64xbf16>
!d = vector<192x192xf32>
!r = !tile.ring<2 shared : !t>

// The last copy lets the first begin.
// CHECK-LABEL: @three_copies_go_round
func.func @three_copies_go_round(%r: !r, %n: index) {
  // CHECK: %[[LAST:.*]] = arith.cmpi eq
  // CHECK: %[[NEXT:.*]] = arith.select %[[LAST]]
  // CHECK: scf.if %[[LAST]]
  // CHECK-NEXT: nvvm.barrier.arrive id = %[[NEXT]]
  // CHECK: tile.start
  // CHECK: nvvm.barrier.arrive id = %[[NEXT]]
  tile.roles <name = "compute", warps = 4, registers = 160, copies = 3, turns = true> {
    %a = tile.open read %r[%n] : !r -> !t
    %p, %k = tile.start {
      %d = tile.mma nt %a, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    %f = tile.finish %k (%p : !tile.pending<!d>)
  }
  return
}

// -----

func.func @one_copy_has_no_turns() {
  // expected-error@+1 {{lets one copy take turns}}
  tile.roles <name = "compute", warps = 4, registers = 160, turns = true> {
  }
  return
}
