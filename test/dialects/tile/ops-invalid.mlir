// Each named constraint of tile's ops on values is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

func.func @broadcast_dims_rise(%a: vector<4x8xf32>) {
  // expected-error@+1 {{dims do not rise at 0}}
  %b = tile.broadcast %a [1, 0] : vector<4x8xf32> -> vector<8x4xf32>
  return
}

// -----

func.func @broadcast_dims_range(%a: vector<4xf32>) {
  // expected-error@+1 {{dim 2 out of range for rank 2}}
  %b = tile.broadcast %a [2] : vector<4xf32> -> vector<8x4xf32>
  return
}

// -----

func.func @broadcast_extents(%a: vector<4xf32>) {
  // expected-error@+1 {{operand extent 4 differs from result extent 8 along dim 0}}
  %b = tile.broadcast %a [0] : vector<4xf32> -> vector<8x4xf32>
  return
}

// -----

func.func @broadcast_scalar_dims(%a: f32) {
  // expected-error@+1 {{has 1 dims for an operand of rank 0}}
  %b = tile.broadcast %a [0] : f32 -> vector<8x4xf32>
  return
}

// -----

func.func @transpose_permutation(%a: vector<4x8xf32>) {
  // expected-error@+1 {{`permutation` is not one of 2 dimensions}}
  %b = tile.transpose %a [1, 1] : vector<4x8xf32> -> vector<8x8xf32>
  return
}

// -----

func.func @transpose_extents(%a: vector<4x8xf32>) {
  // expected-error@+1 {{result extent 4 of dim 0 differs from operand extent 8 of dim 1}}
  %b = tile.transpose %a [1, 0] : vector<4x8xf32> -> vector<4x8xf32>
  return
}

// -----

func.func @reshape_elements(%a: vector<4x8xf32>) {
  // expected-error@+1 {{operand has 32 elements, result 16}}
  %b = tile.reshape %a : vector<4x8xf32> -> vector<4x4xf32>
  return
}

// -----

func.func @reshape_element_type(%a: vector<4x8xf32>) {
  // expected-error@+1 {{turns elements 'f32' into 'i32', it only moves them}}
  %b = tile.reshape %a : vector<4x8xf32> -> vector<32xi32>
  return
}

// -----

func.func @slice_inside(%a: vector<4x8xf32>) {
  // expected-error@+1 {{offset 2 plus extent 3 exceeds operand extent 4 along dim 0}}
  %b = tile.slice %a [2, 0] : vector<4x8xf32> -> vector<3x8xf32>
  return
}

// -----

func.func @concat_extents_add(%a: vector<4x8xf32>) {
  // expected-error@+1 {{extents 4 and 4 do not add to 9 along dim 0}}
  %b = tile.concat %a, %a dim 0 : vector<4x8xf32>, vector<4x8xf32> -> vector<9x8xf32>
  return
}

// -----

func.func @concat_extents_equal(%a: vector<4x8xf32>, %b: vector<4x7xf32>) {
  // expected-error@+1 {{extents 8, 7 and 8 differ along dim 1}}
  %c = tile.concat %a, %b dim 0 : vector<4x8xf32>, vector<4x7xf32> -> vector<8x8xf32>
  return
}

// -----

func.func @mma_shape_contraction(%a: vector<4x8xf32>, %b: vector<4x8xf32>) {
  // expected-error@+1 {{contracts 8 of A with 4 of B}}
  %c = tile.mma nn %a, %b : vector<4x8xf32>, vector<4x8xf32> -> vector<4x8xf32>
  return
}

// -----

func.func @mma_shape_result(%a: vector<4x8xf32>, %b: vector<6x8xf32>) {
  // expected-error@+1 {{makes 4x6, but the result is 4x8}}
  %c = tile.mma nt %a, %b : vector<4x8xf32>, vector<6x8xf32> -> vector<4x8xf32>
  return
}

// -----

func.func @mma_shape_batch(%a: vector<2x4x8xf32>, %b: vector<3x6x8xf32>) {
  // expected-error@+1 {{batch extents of A, B and the result differ}}
  %c = tile.mma nt %a, %b : vector<2x4x8xf32>, vector<3x6x8xf32> -> vector<2x4x6xf32>
  return
}

// -----

func.func @mma_accumulator_element(%a: vector<4x8xbf16>, %b: vector<6x8xbf16>) {
  // expected-error@+1 {{accumulates in f32, but the result has 'bf16'}}
  %c = tile.mma nt %a, %b : vector<4x8xbf16>, vector<6x8xbf16> -> vector<4x6xbf16>
  return
}

// -----

func.func @mma_accumulator_type(%a: vector<4x8xf32>, %b: vector<6x8xf32>, %c: vector<4x8xf32>) {
  // expected-error@+1 {{accumulator 'vector<4x8xf32>' differs from result 'vector<4x6xf32>'}}
  %d = tile.mma nt %a, %b acc %c : vector<4x8xf32>, vector<6x8xf32> acc vector<4x8xf32> -> vector<4x6xf32>
  return
}

// -----

func.func @reduce_shape(%a: vector<4x8xf32>) {
  // expected-error@+1 {{result 'vector<8xf32>' is not the operand without dim 1}}
  %b = tile.reduce add %a dim 1 : vector<4x8xf32> -> vector<8xf32>
  return
}

// -----

func.func @reduce_bits(%a: vector<4x8xf32>) {
  // expected-error @+1 {{`or` merges integers, not 'f32'}}
  %b = tile.reduce or %a dim 1 : vector<4x8xf32> -> vector<4xf32>
  return
}

// -----

func.func @reduce_dim(%a: vector<4x8xf32>) {
  // expected-error@+1 {{dim 2 out of range for rank 2}}
  %b = tile.reduce add %a dim 2 : vector<4x8xf32> -> vector<4xf32>
  return
}

// -----

func.func @scan_operands(%a: vector<4x8xf32>) {
  // expected-error@+1 {{`affine` takes 2 operands, it has 1}}
  %b, %c = tile.scan affine(%a) dim 0 : vector<4x8xf32> -> vector<4x8xf32>, vector<8xf32>
  return
}

// -----

func.func @scan_initial(%a: vector<4x8xf32>, %h: vector<4xf32>) {
  // expected-error@+1 {{initial value 'vector<4xf32>' differs from last value 'vector<8xf32>'}}
  %b, %c = tile.scan add(%a) init(%h : vector<4xf32>) dim 0 : vector<4x8xf32> -> vector<4x8xf32>, vector<8xf32>
  return
}

// -----

func.func @dequantize_bits(%q: vector<32x32xi32>, %s: vector<32x2xf32>) {
  // expected-error@+1 {{has numbers of 5 bits; 4 and 8 are known}}
  %w = tile.dequantize %q, %s bits 5 group 128 : vector<32x32xi32>, vector<32x2xf32> -> vector<32x256xf32>
  return
}

// -----

func.func @dequantize_group(%q: vector<32x32xi32>, %s: vector<32x16xf32>) {
  // expected-error@+1 {{has groups of 16; a positive multiple of 32 is expected}}
  %w = tile.dequantize %q, %s bits 4 group 16 : vector<32x32xi32>, vector<32x16xf32> -> vector<32x256xf32>
  return
}

// -----

func.func @dequantize_shape(%q: vector<32x32xi32>, %s: vector<32x3xf32>) {
  // expected-error@+1 {{has scales of 32x3, the result takes 32x2}}
  %w = tile.dequantize %q, %s bits 4 group 128 : vector<32x32xi32>, vector<32x3xf32> -> vector<32x256xf32>
  return
}
