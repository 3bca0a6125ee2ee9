// What depends on parameters alone is computed once, in @initialize; entries read the result.
// RUN: sennit-opt %s --sennit-hoist-parameters --split-input-file | FileCheck %s

// CHECK-LABEL: rt.constant @"decay!" : tensor<8xbf16>
seq.parameter @decay : tensor<8xbf16> from "model.safetensors" at 0
// CHECK-LABEL: func.func @weight_is_read_as_it_is
func.func @weight_is_read_as_it_is(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  // CHECK: %[[READ:.*]] = rt.read @"decay!" : tensor<8xbf16>
  // CHECK: linalg.generic {{.*}} ins(%[[READ]] :
  %w = seq.weight @decay : tensor<8xbf16>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%w : tensor<8xbf16>) outs(%x : tensor<8xbf16>) {
  ^bb0(%a: bf16, %b: bf16):
    %sum = arith.addf %a, %b : bf16
    linalg.yield %sum : bf16
  } -> tensor<8xbf16>
  return %y : tensor<8xbf16>
}
// CHECK: func.func @initialize()
// CHECK: %[[WEIGHT:.*]] = seq.weight @decay
// CHECK: rt.assign @"decay!", %[[WEIGHT]]

// -----

// CHECK-LABEL: rt.constant @constant.0 : tensor<8xf32>
seq.parameter @logarithm : tensor<8xbf16> from "model.safetensors" at 0
// CHECK-LABEL: func.func @map_of_a_weight_moves
// CHECK-NEXT: %[[READ:.*]] = rt.read @constant.0
// CHECK-NEXT: return %[[READ]]
func.func @map_of_a_weight_moves() -> tensor<8xf32> {
  %w = seq.weight @logarithm : tensor<8xbf16>
  %empty = tensor.empty() : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%w : tensor<8xbf16>) outs(%empty : tensor<8xf32>) {
  ^bb0(%a: bf16, %old: f32):
    %wide = arith.extf %a : bf16 to f32
    %decay = math.exp %wide : f32
    linalg.yield %decay : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}
// CHECK: func.func @initialize()
// CHECK: %[[WEIGHT:.*]] = seq.weight @logarithm
// CHECK: %[[DECAY:.*]] = linalg.generic {{.*}} ins(%[[WEIGHT]] :
// CHECK: rt.assign @constant.0, %[[DECAY]]

// -----

// CHECK-LABEL: rt.constant @"shared!" : tensor<8xf32>
// CHECK-NOT: rt.constant
seq.parameter @shared : tensor<8xf32> from "model.safetensors" at 0
// CHECK-LABEL: func.func @two_readers_share_one_constant
// CHECK-COUNT-2: rt.read @"shared!"
func.func @two_readers_share_one_constant() -> (tensor<8xf32>, tensor<8xf32>) {
  %a = seq.weight @shared : tensor<8xf32>
  %b = seq.weight @shared : tensor<8xf32>
  return %a, %b : tensor<8xf32>, tensor<8xf32>
}

// -----

// CHECK-LABEL: rt.constant @constant.0 : tensor<2xf32>
// CHECK-LABEL: func.func @table_moves
// CHECK: rt.read @constant.0
func.func @table_moves() -> tensor<2xf32> {
  %cosine = arith.constant dense<[1.0, 0.5]> : tensor<2xf32>
  return %cosine : tensor<2xf32>
}

// -----

// CHECK-NOT: rt.constant
// CHECK-LABEL: func.func @splat_stays
// CHECK: arith.constant dense<1.000000e+00>
func.func @splat_stays() -> tensor<2xf32> {
  %ones = arith.constant dense<1.0> : tensor<2xf32>
  return %ones : tensor<2xf32>
}

// -----

// CHECK-NOT: rt.constant
// CHECK-LABEL: func.func @what_depends_on_tokens_stays
// CHECK: linalg.generic
func.func @what_depends_on_tokens_stays(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%x : tensor<8xf32>) {
  ^bb0(%a: f32, %old: f32):
    %e = math.exp %a : f32
    linalg.yield %e : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}
