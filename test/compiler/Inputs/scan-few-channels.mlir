// A decayed sum of 16384 tokens: of 32 channels, one part of work, and of 8192, which are 64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#c = affine_map<(c) -> (c)>
func.func @few(%x: tensor<16384x32xf32>, %h: tensor<32xf32>) -> (tensor<16384x32xf32>, tensor<32xf32>) {
  %y, %n = seq.scan affine inputs(%x : tensor<16384x32xf32>) state(%h : tensor<32xf32>) {
  ^bb0(%token: tensor<32xf32>, %before: tensor<32xf32>):
    %e = tensor.empty() : tensor<32xf32>
    %next = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
        ins(%token, %before : tensor<32xf32>, tensor<32xf32>) outs(%e : tensor<32xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %f = arith.constant 0.75 : f32
      %kept = arith.mulf %f, %b : f32
      %s = arith.addf %kept, %a : f32
      linalg.yield %s : f32
    } -> tensor<32xf32>
    seq.yield %next, %next : tensor<32xf32>, tensor<32xf32>
  } -> tensor<16384x32xf32>, tensor<32xf32>
  return %y, %n : tensor<16384x32xf32>, tensor<32xf32>
}
func.func @many(%x: tensor<16384x8192xf32>, %h: tensor<8192xf32>) -> (tensor<16384x8192xf32>, tensor<8192xf32>) {
  %y, %n = seq.scan affine inputs(%x : tensor<16384x8192xf32>) state(%h : tensor<8192xf32>) {
  ^bb0(%token: tensor<8192xf32>, %before: tensor<8192xf32>):
    %e = tensor.empty() : tensor<8192xf32>
    %next = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
        ins(%token, %before : tensor<8192xf32>, tensor<8192xf32>) outs(%e : tensor<8192xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %f = arith.constant 0.75 : f32
      %kept = arith.mulf %f, %b : f32
      %s = arith.addf %kept, %a : f32
      linalg.yield %s : f32
    } -> tensor<8192xf32>
    seq.yield %next, %next : tensor<8192xf32>, tensor<8192xf32>
  } -> tensor<16384x8192xf32>, tensor<8192xf32>
  return %y, %n : tensor<16384x8192xf32>, tensor<8192xf32>
}
