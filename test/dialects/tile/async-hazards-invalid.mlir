// The hazards of asynchronous matrix units are refused: each rule that looks beyond one op.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!r = !tile.ring<2 shared : !t>

func.func @pending_in_arithmetic(%r: !r, %n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %a = tile.open read %r[%n] : !r -> !t
    %p, %k = tile.start {
      %d = tile.mma nt %a, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    // expected-error@+1 {{takes a value in flight; `tile.finish` it first}}
    "test.use"(%p) : (!tile.pending<!d>) -> ()
  }
  return
}

// -----

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!r = !tile.ring<2 shared : !t>

func.func @pending_used_twice(%r: !r, %n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %a = tile.open read %r[%n] : !r -> !t
    // expected-error@+1 {{a value in flight has 2 uses, not 1}}
    %p, %k = tile.start {
      %d = tile.mma nt %a, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    %f = tile.finish %k (%p : !tile.pending<!d>)
    %q, %l = tile.start (%c = %p : !tile.pending<!d>) {
      %d = tile.mma nt %a, %a acc %c : !t, !t acc !d -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    %g = tile.finish %l (%q : !tile.pending<!d>)
  }
  return
}

// -----

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!r = !tile.ring<2 shared : !t>

func.func @token_finished_twice(%r: !r, %n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %a = tile.open read %r[%n] : !r -> !t
    // expected-error@+1 {{a token is finished 2 times}}
    %p, %k = tile.start {
      %d = tile.mma nt %a, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    %f = tile.finish %k (%p : !tile.pending<!d>)
    tile.finish %k
  }
  return
}

// -----

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!r = !tile.ring<2 shared : !t>

func.func @finish_behind(%r: !r, %n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %a = tile.open read %r[%n] : !r -> !t
    %p, %k = tile.start {
      %d = tile.mma nt %a, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    // expected-error@+1 {{leaves 1 younger groups in flight, 0 have been started}}
    %f = tile.finish %k behind 1 (%p : !tile.pending<!d>)
  }
  return
}

// -----

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!r = !tile.ring<2 shared : !t>

func.func @close_before_finish(%r: !r, %n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %a = tile.open read %r[%n] : !r -> !t
    %p, %k = tile.start {
      %d = tile.mma nt %a, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    // expected-error@+1 {{comes before the `tile.finish` of a group that it lists}}
    tile.close read %r[%n] after(%k) : !r
    %f = tile.finish %k (%p : !tile.pending<!d>)
  }
  return
}

// -----

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!r = !tile.ring<2 shared : !t>

func.func @close_forgets_a_reader(%r: !r, %n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %a = tile.open read %r[%n] : !r -> !t
    // expected-note@+1 {{the group}}
    %p, %k = tile.start {
      %d = tile.mma nt %a, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    %f = tile.finish %k (%p : !tile.pending<!d>)
    // expected-error@+1 {{does not list a group of products that reads the slot}}
    tile.close read %r[%n] : !r
  }
  return
}

// -----

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!r = !tile.ring<2 shared : !t>

// The slot that iteration i closes is the one that iteration i - 1 opened, whose group it must list.
func.func @close_forgets_the_reader_of_the_iteration_before(%r: !r, %n: index, %one: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %last = scf.for %i = %one to %n step %one iter_args(%before = %one) -> index {
      %use = arith.addi %before, %one : index
      %a = tile.open read %r[%use] : !r -> !t
      // expected-note@+1 {{the group}}
      %p, %k = tile.start {
        %d = tile.mma nt %a, %a : !t, !t -> !d
        tile.yield %d : !d
      } : !tile.pending<!d>
      %f = tile.finish %k (%p : !tile.pending<!d>)
      // expected-error@+1 {{does not list a group of products that reads the slot}}
      tile.close read %r[%before] : !r
      scf.yield %use : index
    }
  }
  return
}

// -----

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!r = !tile.ring<2 shared : !t>
!w = !tile.ring<1 registers : !t>

func.func @operand_made_before_the_wait(%r: !r, %w: !w, %n: index, %v: vector<64x64xf32>) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %a = tile.open read %r[%n] : !r -> !t
    %x = tile.open read %w[%n] : !w -> !t
    %p, %k = tile.start {
      %d = tile.mma nn %x, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    %early = "test.value"() : () -> !t
    %f = tile.finish %k (%p : !tile.pending<!d>)
    tile.close read %w[%n] after(%k) : !w
    // expected-error@+1 {{that did not pass through its `tile.finish`; give the value to `tie`}}
    tile.close write %w[%n] with(%early : !t) : !w
  }
  return
}

// -----

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!r = !tile.ring<2 shared : !t>

func.func @start_body(%r: !r, %n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %a = tile.open read %r[%n] : !r -> !t
    %p, %k = tile.start {
      %d = tile.mma nt %a, %a : !t, !t -> !d
      // expected-error@+1 {{stands in a group of products, which holds only `tile.mma`}}
      %e = arith.addf %d, %d : !d
      tile.yield %d : !d
    } : !tile.pending<!d>
  }
  return
}

// -----

!t = vector<64x64xbf16>
!d = vector<64x64xf32>

func.func @start_operands() {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %a = "test.value"() : () -> !t
    %p, %k = tile.start {
      // expected-error@+1 {{takes an operand that no `tile.open` read}}
      %d = tile.mma nt %a, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
  }
  return
}

// -----

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!w = !tile.ring<1 registers : !t>

func.func @start_second_operand(%w: !w, %n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %a = tile.open read %w[%n] : !w -> !t
    %p, %k = tile.start {
      // expected-error@+1 {{takes its second operand from registers}}
      %d = tile.mma nt %a, %a : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
  }
  return
}

// -----

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!r = !tile.ring<2 shared : !t>

func.func @start_accumulator(%r: !r, %n: index) {
  %zero = arith.constant dense<0.0> : !d
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %a = tile.open read %r[%n] : !r -> !t
    // expected-error@+1 {{accumulates onto a constant; leave `acc` out where a sum begins}}
    %p, %k = tile.start (%c = %zero : !d) {
      %d = tile.mma nt %a, %a acc %c : !t, !t acc !d -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
  }
  return
}
