// After fusion every computation stands in a kernel; views, constants and extents may remain outside.
// RUN: sennit-opt %s --sennit-verify-fused --split-input-file --verify-diagnostics

func.func @views_and_extents_remain(%x: tensor<?x64xf32>) -> tensor<?x8x8xf32> {
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x64xf32>
  %heads = tensor.expand_shape %x [[0], [1, 2]] output_shape [%t, 8, 8] : tensor<?x64xf32> into tensor<?x8x8xf32>
  return %heads : tensor<?x8x8xf32>
}

// -----

func.func @map_outside_every_kernel(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @+1 {{not fused: `linalg.generic` stands outside every kernel}}
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%x : tensor<8xf32>) {
  ^bb0(%a: f32, %old: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @mixer_outside_every_kernel(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %h: tensor<3x8xf32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{not fused: `seq.conv` stands outside every kernel}}
  %y, %next = seq.conv %x, %w state(%h : tensor<3x8xf32>) : tensor<?x8xf32>, tensor<8x4xf32>
  return %y : tensor<?x8xf32>
}
