// Each named constraint of tile.load, tile.store and #tile.blocked is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

func.func @load_indices_count(%x: memref<?x64xf32>, %m: index) {
  // expected-error@+1 {{has 1 indices for a view of rank 2}}
  %a = tile.load %x[%m] : memref<?x64xf32> -> vector<16x64xf32>
  return
}

// -----

func.func @load_indices_walked(%x: memref<?x64xf32>, %m: vector<16xi32>, %n: index) {
  // expected-error@+1 {{index 0 is a vector, but no tile dim walks it}}
  %a = tile.load %x[%m : vector<16xi32>, %n] : memref<?x64xf32> -> vector<64xf32>
  return
}

// -----

func.func @load_indices_extent(%x: memref<?x64xf32>, %m: vector<8xi32>, %n: index) {
  // expected-error@+1 {{index 0 has 8 elements, the tile's extent there is 16}}
  %a = tile.load %x[%m : vector<8xi32>, %n] : memref<?x64xf32> -> vector<16x64xf32>
  return
}

// -----

func.func @load_dims_count(%x: memref<?x64xf32>, %m: index) {
  // expected-error@+1 {{has 1 dims for a tile of rank 2}}
  %a = tile.load %x[%m, %m] dims [0] : memref<?x64xf32> -> vector<16x64xf32>
  return
}

// -----

func.func @load_dims_different(%x: memref<?x64xf32>, %m: index) {
  // expected-error@+1 {{walks view dim 1 twice}}
  %a = tile.load %x[%m, %m] dims [1, 1] : memref<?x64xf32> -> vector<16x64xf32>
  return
}

// -----

func.func @load_dims_range(%x: memref<?x64xf32>, %m: index) {
  // expected-error@+1 {{dim 2 out of range for a view of rank 2}}
  %a = tile.load %x[%m, %m] dims [1, 2] : memref<?x64xf32> -> vector<16x64xf32>
  return
}

// -----

func.func @load_element(%x: memref<?xbf16>, %m: index) {
  // expected-error@+1 {{tile of 'f32' on a view of 'bf16'}}
  %a = tile.load %x[%m] : memref<?xbf16> -> vector<16xf32>
  return
}

// -----

func.func @load_pad(%x: memref<?xf32>, %m: index) {
  // expected-error@+1 {{pad 1 : i32 is not of type 'f32'}}
  %a = tile.load %x[%m] pad 1 : i32 : memref<?xf32> -> vector<16xf32>
  return
}

// -----

func.func @load_bound_range(%x: memref<?xf32>, %m: index) {
  // expected-error@+1 {{bound on dim 1 out of range for a tile of rank 1}}
  %a = tile.load %x[%m] bound [1 : %m] : memref<?xf32> -> vector<16xf32>
  return
}

// -----

func.func @load_bound_different(%x: memref<?xf32>, %m: index) {
  // expected-error@+1 {{bounds dim 0 twice}}
  %a = tile.load %x[%m] bound [0 : %m, 0 : %m] : memref<?xf32> -> vector<16xf32>
  return
}

// -----

func.func @load_bound_gathered(%x: memref<?xf32>, %i: vector<16xi32>, %m: index) {
  // expected-error@+1 {{bounds dim 0, which an index vector walks; mark its outside by negative indices}}
  %a = tile.load %x[%i : vector<16xi32>] bound [0 : %m] : memref<?xf32> -> vector<16xf32>
  return
}

// -----

func.func @store_element(%x: memref<?xbf16>, %m: index, %a: vector<16xf32>) {
  // expected-error@+1 {{tile of 'f32' on a view of 'bf16'}}
  tile.store %a, %x[%m] : vector<16xf32>, memref<?xbf16>
  return
}

// -----

// expected-error@+1 {{blocked layout on rank 1, it describes matrices [.., N, K]}}
func.func private @blocked_rank(memref<8xf32, #tile.blocked<32>>)

// -----

// expected-error@+1 {{blocked layout has panels of 0 rows, at least 1 is needed}}
func.func private @blocked_rows(memref<8x8xf32, #tile.blocked<0>>)

// -----

// expected-error@+1 {{blocked layout has groups of 0 elements, at least 1 is needed}}
func.func private @blocked_groups(memref<8x8xf32, #tile.blocked<8, group = 0>>)
