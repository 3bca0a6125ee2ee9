// Tiles of products that an engine copies: every processor has one where it can, and a step is worth its barriers.
// RUN: sennit-opt %s --sennit-build-tile-programs --split-input-file | FileCheck %s

// How many processors there are, the machine says.
// RUN: sennit compile %S/Inputs/product.mlir --target nvidia-h200-sxm --stop-after=schedule -o - | FileCheck %s --check-prefix=ALL
// ALL: step [16, 64] dims ["n", "m"]
// RUN: sennit compile %S/Inputs/product.mlir --target nvidia-h200-sxm --set core.count=8 --stop-after=schedule -o - | FileCheck %s --check-prefix=FEW
// FEW: step [64, 64] dims ["n", "m"]

// 112 columns of 14336 make 128 items for 132 processors; 128 would make 112, and 64 two waves.
// CHECK: step [112, 64] dims ["n", "m"]
// CHECK: vector<64x64xbf16>, vector<112x64xbf16>
module attributes {machine.target = #machine.core<name = "cuda", isa = "sm_90a", vector_bits = 32, vector_registers = 255, l1_bytes = 32768, l2_bytes = 116224, threads = 256, async_rows = 4>} {
  func.func @wide(%x: tensor<64x4096xbf16>, %w: tensor<14336x4096xbf16>) -> tensor<64x14336xf32> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<64x14336xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<64x14336xf32>) -> tensor<64x14336xf32>
    %y = seq.kernel "matmul" -> tensor<64x14336xf32> {
      %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%x, %w : tensor<64x4096xbf16>, tensor<14336x4096xbf16>) outs(%z : tensor<64x14336xf32>) -> tensor<64x14336xf32>
      seq.yield %p : tensor<64x14336xf32>
    }
    return %y : tensor<64x14336xf32>
  }
}

// -----

// So do 224 of more rows.
// CHECK: step [224, 128] dims ["n", "m"]
// CHECK: vector<128x64xbf16>, vector<224x64xbf16>
module attributes {machine.target = #machine.core<name = "cuda", isa = "sm_90a", vector_bits = 32, vector_registers = 255, l1_bytes = 32768, l2_bytes = 116224, threads = 256, async_rows = 4>} {
  func.func @tall(%x: tensor<256x4096xbf16>, %w: tensor<14336x4096xbf16>) -> tensor<256x14336xf32> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<256x14336xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<256x14336xf32>) -> tensor<256x14336xf32>
    %y = seq.kernel "matmul" -> tensor<256x14336xf32> {
      %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%x, %w : tensor<256x4096xbf16>, tensor<14336x4096xbf16>) outs(%z : tensor<256x14336xf32>) -> tensor<256x14336xf32>
      seq.yield %p : tensor<256x14336xf32>
    }
    return %y : tensor<256x14336xf32>
  }
}

// -----

// Few rows of few columns: long steps, whose operands come in the time of the barriers.
// CHECK: step [16, 64] dims ["n", "m"]
// CHECK: vector<64x256xbf16>, vector<16x256xbf16>
module attributes {machine.target = #machine.core<name = "cuda", isa = "sm_90a", vector_bits = 32, vector_registers = 255, l1_bytes = 32768, l2_bytes = 116224, threads = 256, async_rows = 4>} {
  func.func @deep(%x: tensor<4x8192xbf16>, %w: tensor<2048x8192xbf16>) -> tensor<4x2048xf32> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4x2048xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2048xf32>) -> tensor<4x2048xf32>
    %y = seq.kernel "matmul" -> tensor<4x2048xf32> {
      %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%x, %w : tensor<4x8192xbf16>, tensor<2048x8192xbf16>) outs(%z : tensor<4x2048xf32>) -> tensor<4x2048xf32>
      seq.yield %p : tensor<4x2048xf32>
    }
    return %y : tensor<4x2048xf32>
  }
}

// -----

// Many rows take the largest items.
// CHECK: step [256, 128] dims ["n", "m"]
// CHECK: vector<128x64xbf16>, vector<256x64xbf16>
module attributes {machine.target = #machine.core<name = "cuda", isa = "sm_90a", vector_bits = 32, vector_registers = 255, l1_bytes = 32768, l2_bytes = 116224, threads = 256, async_rows = 4>} {
  func.func @square(%x: tensor<8192x8192xbf16>, %w: tensor<8192x8192xbf16>) -> tensor<8192x8192xf32> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<8192x8192xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8192x8192xf32>) -> tensor<8192x8192xf32>
    %y = seq.kernel "matmul" -> tensor<8192x8192xf32> {
      %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%x, %w : tensor<8192x8192xbf16>, tensor<8192x8192xbf16>) outs(%z : tensor<8192x8192xf32>) -> tensor<8192x8192xf32>
      seq.yield %p : tensor<8192x8192xf32>
    }
    return %y : tensor<8192x8192xf32>
  }
}
