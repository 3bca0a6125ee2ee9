// A matrix unit multiplies chunks of bf16 rows; numbers that decay whole rows are multiplied behind the products.
// RUN: sennit-opt %s --split-input-file --sennit-form-kernels --sennit-build-tile-programs --canonicalize --cse | FileCheck %s

module attributes {machine.target = #machine.core<name = "cpu", isa = "amx", vector_bits = 512, vector_registers = 32,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}, amx: {kind: matrix, rate: {bf16: 1024 flop/clk}, fragment: {m: 16, n: 16, k: {bf16: 32}}, split: {f32: 2}, group: 2}}}}}">} {
  // CHECK-LABEL: func.func private @linear_attention(
  // CHECK: tile.stream "chunk" {{.*}} step 32
  // CHECK: %[[ROUNDED:.*]] = arith.truncf %{{.*}} : vector<8x4xf32> to vector<8x4xbf16>
  // CHECK: %[[READ:.*]] = tile.mma nn %[[Q:.*]], %[[ROUNDED]] : vector<32x8xbf16>, vector<8x4xbf16> -> vector<32x4xf32>
  // CHECK: arith.mulf %[[READ]], %{{.*}} : vector<32x4xf32>
  // CHECK: tile.mma nt %[[Q]], %[[K:.*]] : vector<32x8xbf16>, vector<32x8xbf16> -> vector<32x32xf32>
  // CHECK: tile.mma tn %[[K]], %{{.*}} acc %{{.*}} : vector<32x8xbf16>, vector<32x4xbf16>
  func.func @rows_of_bf16(%q: tensor<128x2x8xbf16>, %v: tensor<128x2x4xbf16>, %g: tensor<128x2xf32>,
                          %s: tensor<2x8x4xf32>) -> (tensor<128x2x4xf32>, tensor<2x8x4xf32>) {
    %o, %n = seq.linear_attention gated %q, %q, %v decay(%g : tensor<128x2xf32>) state(%s) {scale = 1.0 : f32, chunk = 32}
      : tensor<128x2x8xbf16>, tensor<128x2x8xbf16>, tensor<128x2x4xbf16>, tensor<2x8x4xf32>
    return %o, %n : tensor<128x2x4xf32>, tensor<2x8x4xf32>
  }
}

// -----

module attributes {machine.target = #machine.core<name = "cpu", isa = "amx", vector_bits = 512, vector_registers = 32,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}, amx: {kind: matrix, rate: {bf16: 1024 flop/clk}, fragment: {m: 16, n: 16, k: {bf16: 32}}, split: {f32: 2}, group: 2}}}}}">} {
  // CHECK-LABEL: func.func private @linear_attention(
  // CHECK: tile.stream "chunk" {{.*}} step 32
  // CHECK-NOT: bf16
  // CHECK: tile.mma nt %{{.*}}, %{{.*}} : vector<32x8xf32>, vector<32x8xf32>
  func.func @declines_rows_of_f32(%q: tensor<128x2x8xf32>, %v: tensor<128x2x4xf32>, %g: tensor<128x2xf32>,
                                  %s: tensor<2x8x4xf32>) -> (tensor<128x2x4xf32>, tensor<2x8x4xf32>) {
    %o, %n = seq.linear_attention gated %q, %q, %v decay(%g : tensor<128x2xf32>) state(%s) {scale = 1.0 : f32, chunk = 32}
      : tensor<128x2x8xf32>, tensor<128x2x8xf32>, tensor<128x2x4xf32>, tensor<2x8x4xf32>
    return %o, %n : tensor<128x2x4xf32>, tensor<2x8x4xf32>
  }
}
