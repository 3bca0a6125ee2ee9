// Each named constraint of the asynchronous stratum's ops on their own form is enforced.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

func.func @roles_names() {
  // expected-error@+1 {{has two roles named `copy`}}
  tile.roles <name = "copy", warps = 4, registers = 40> {
  }, <name = "copy", warps = 4, registers = 40> {
  }
  return
}

// -----

func.func @roles_warps() {
  // expected-error@+1 {{role `copy` has 0 copies of 4 warps}}
  tile.roles <name = "copy", warps = 4, registers = 40, copies = 0> {
  }
  return
}

// -----

func.func @registers() {
  // expected-error@+1 {{role `copy` has 20 registers a thread, not a multiple of 8 from 24 to 256}}
  tile.roles <name = "copy", warps = 4, registers = 20> {
  }
  return
}

// -----

func.func @captures(%v: vector<64xf32>) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    // expected-error@+1 {{takes 'vector<64xf32>' from outside its role; tiles pass from one role to another through rings}}
    %w = arith.addf %v, %v : vector<64xf32>
  }
  return
}

// -----

func.func @captures_of_constants_are_legal() {
  %v = arith.constant dense<1.0> : vector<64xf32>
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %w = arith.addf %v, %v : vector<64xf32>
  }
  return
}

// -----

func.func @ring_depth() {
  // expected-error@+1 {{has 0 slots, at least 1 is needed}}
  %r = tile.ring : !tile.ring<0 shared : vector<64x64xbf16>>
  return
}

// -----

func.func @ring_depth_of_registers() {
  // expected-error@+1 {{in registers has 2 slots of 1 tiles, not 1 of 1}}
  %r = tile.ring : !tile.ring<2 registers : vector<64x64xbf16>>
  return
}

// -----

func.func @ring_over() {
  %r = tile.ring : !tile.ring<1 shared : vector<64x64xbf16>>
  // expected-error@+1 {{lies over a ring of another type}}
  %s = tile.ring over %r : !tile.ring<1 shared : vector<64x64xbf16>> : !tile.ring<2 shared : vector<64x64xbf16>>
  return
}

// -----

func.func @open_results_of_read(%r: !tile.ring<1 shared : vector<64x64xbf16>>, %n: index) {
  // expected-error@+1 {{reads other tiles than the ring holds}}
  %t = tile.open read %r[%n] : !tile.ring<1 shared : vector<64x64xbf16>> -> vector<64x64xf16>
  return
}

// -----

func.func @open_results_of_write(%r: !tile.ring<1 shared : vector<64x64xbf16>>, %n: index) {
  // expected-error@+1 {{for writing yields something else than one slot of the ring's tiles}}
  %t = tile.open write %r[%n] : !tile.ring<1 shared : vector<64x64xbf16>> -> vector<64x64xbf16>
  return
}

// -----

func.func @close_with_of_read(%r: !tile.ring<1 shared : vector<64x64xbf16>>, %n: index, %t: vector<64x64xbf16>) {
  // expected-error@+1 {{fills a slot that it read}}
  tile.close read %r[%n] with(%t : vector<64x64xbf16>) : !tile.ring<1 shared : vector<64x64xbf16>>
  return
}

// -----

func.func @close_with_of_registers(%r: !tile.ring<1 registers : vector<64x64xbf16>>, %n: index) {
  // expected-error@+1 {{fills the slot with other tiles than the ring holds}}
  tile.close write %r[%n] : !tile.ring<1 registers : vector<64x64xbf16>>
  return
}

// -----

func.func @close_after_of_write(%r: !tile.ring<1 shared : vector<64x64xbf16>>, %n: index, %t: !tile.token) {
  // expected-error@+1 {{lists groups of products for a slot that it wrote}}
  tile.close write %r[%n] after(%t) : !tile.ring<1 shared : vector<64x64xbf16>>
  return
}

// -----

func.func @copy_indices(%x: memref<?x?xbf16>, %s: !tile.slot<vector<64x64xbf16>>, %n: index) {
  // expected-error@+1 {{has 1 indices for a view of rank 2}}
  tile.copy %x[%n] into %s 0 : memref<?x?xbf16>, !tile.slot<vector<64x64xbf16>>
  return
}

// -----

func.func @copy_direction(%x: memref<?x?xbf16>, %s: !tile.slot<vector<64x64xbf16>>, %n: index) {
  // expected-error@+1 {{goes `into` a slot or `from` a tile}}
  tile.copy %x[%n, %n] from %s 0 : memref<?x?xbf16>, !tile.slot<vector<64x64xbf16>>
  return
}

// -----

func.func @copy_part(%x: memref<?x?xbf16>, %s: !tile.slot<vector<64x64xbf16>>, %n: index) {
  // expected-error@+1 {{names tile 1 of 1}}
  tile.copy %x[%n, %n] into %s 1 : memref<?x?xbf16>, !tile.slot<vector<64x64xbf16>>
  return
}

// -----

func.func @copy_element(%x: memref<?x?xf16>, %s: !tile.slot<vector<64x64xbf16>>, %n: index) {
  // expected-error@+1 {{moves 'vector<64x64xbf16>' to or from 'memref<?x?xf16>'}}
  tile.copy %x[%n, %n] into %s 0 : memref<?x?xf16>, !tile.slot<vector<64x64xbf16>>
  return
}
