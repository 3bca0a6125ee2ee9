// Each named constraint of the quantising ops is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

func.func @bits(%w: tensor<64x256xbf16>) {
  // expected-error@+1 {{has numbers of 3 bits; 4 and 8 are known}}
  %q, %s = seq.quantize %w bits 3 group 128 : tensor<64x256xbf16> -> tensor<64x32xi32>, tensor<64x2xf32>
  return
}

// -----

func.func @group(%w: tensor<64x256xbf16>) {
  // expected-error@+1 {{has groups of 100; a positive multiple of 32 is expected}}
  %q, %s = seq.quantize %w bits 4 group 100 : tensor<64x256xbf16> -> tensor<64x32xi32>, tensor<64x3xf32>
  return
}

// -----

func.func @words(%q: tensor<64x31xi32>, %s: tensor<64x2xf32>) {
  // expected-error@+1 {{has words of 64x31, the matrix takes 64x32}}
  %w = seq.dequantize %q, %s bits 4 group 128 : tensor<64x31xi32>, tensor<64x2xf32> -> tensor<64x256xbf16>
  return
}

// -----

func.func @scales(%q: tensor<64x64xi32>, %s: tensor<32x2xf32>) {
  // expected-error@+1 {{has scales of 32x2, the matrix takes 64x2}}
  %w = seq.dequantize %q, %s bits 8 group 128 : tensor<64x64xi32>, tensor<32x2xf32> -> tensor<64x256xbf16>
  return
}

// -----

func.func @depth_is_static(%q: tensor<64x64xi32>, %s: tensor<64x2xf32>) {
  // expected-error@+1 {{dimension 1 of `matrix` is dynamic in 'tensor<64x?xbf16>'}}
  %w = seq.dequantize %q, %s bits 8 group 128 : tensor<64x64xi32>, tensor<64x2xf32> -> tensor<64x?xbf16>
  return
}

// -----

// expected-error@+1 {{`seq.weight_bits` is 4 : i64 on `func.func`, it is a number on a module}}
func.func @weight_bits_of_a_function() attributes {seq.weight_bits = 4 : i64} {
  return
}
