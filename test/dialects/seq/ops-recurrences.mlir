// The recurrences are printed as they are written, with a batch and without.
// RUN: sennit-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @selective_scan_of_a_batch
func.func @selective_scan_of_a_batch(%u: tensor<2x?x8xf32>, %a: tensor<8x4xf32>, %b: tensor<2x?x4xf32>,
                                     %h: tensor<2x8x4xf32>) -> tensor<2x?x8xf32> {
  // CHECK: seq.selective_scan {{.*}} state(%{{.*}}) : tensor<2x?x8xf32>,
  %y, %n = seq.selective_scan %u, %u, %a, %b, %b state(%h)
    : tensor<2x?x8xf32>, tensor<2x?x8xf32>, tensor<8x4xf32>, tensor<2x?x4xf32>, tensor<2x?x4xf32>, tensor<2x8x4xf32>
  return %y : tensor<2x?x8xf32>
}

// CHECK-LABEL: func.func @delta_rule
func.func @delta_rule(%q: tensor<?x4x8xf32>, %k: tensor<?x1x8xf32>, %v: tensor<?x2x6xf32>, %beta: tensor<?x2xf32>,
                      %s: tensor<2x8x6xf32>) -> tensor<?x4x6xf32> {
  // CHECK: seq.linear_attention delta {{.*}} beta(%{{.*}} : tensor<?x2xf32>) state(%{{.*}}) {chunk = 16 : i64
  %o, %n = seq.linear_attention delta %q, %k, %v beta(%beta : tensor<?x2xf32>) state(%s) {scale = 1.0 : f32, chunk = 16}
    : tensor<?x4x8xf32>, tensor<?x1x8xf32>, tensor<?x2x6xf32>, tensor<2x8x6xf32>
  // CHECK: return %{{.*}} : tensor<?x4x6xf32>
  return %o : tensor<?x4x6xf32>
}

// CHECK-LABEL: func.func @rank_one
func.func @rank_one(%x: tensor<3x?x2x8xf32>, %s: tensor<3x2x8x8xf32>) -> tensor<3x?x2x8xf32> {
  // CHECK: seq.linear_attention rank_one {{.*}} decay(%{{.*}} : tensor<3x?x2x8xf32>)
  // CHECK-SAME: erase(%{{.*}}, %{{.*}} : tensor<3x?x2x8xf32>, tensor<3x?x2x8xf32>) state(%{{.*}})
  %o, %n = seq.linear_attention rank_one %x, %x, %x decay(%x : tensor<3x?x2x8xf32>)
    erase(%x, %x : tensor<3x?x2x8xf32>, tensor<3x?x2x8xf32>) state(%s) {scale = 1.0 : f32}
    : tensor<3x?x2x8xf32>, tensor<3x?x2x8xf32>, tensor<3x?x2x8xf32>, tensor<3x2x8x8xf32>
  return %o : tensor<3x?x2x8xf32>
}

// CHECK-LABEL: func.func @conv_without_window
func.func @conv_without_window(%x: tensor<2x?x8xf32>, %w: tensor<8x1xf16>, %f: tensor<2x5xbf16>)
    -> (tensor<2x?x8xf32>, tensor<2x?x8xf32>) {
  // CHECK: seq.conv %{{.*}}, %{{.*}} : tensor<2x?x8xf32>, tensor<8x1xf16>
  %y = seq.conv %x, %w : tensor<2x?x8xf32>, tensor<8x1xf16>
  // CHECK: seq.conv %{{.*}}, %{{.*}} : tensor<2x?x8xf32>, tensor<2x5xbf16>
  %z = seq.conv %x, %f : tensor<2x?x8xf32>, tensor<2x5xbf16>
  return %y, %z : tensor<2x?x8xf32>, tensor<2x?x8xf32>
}

// CHECK-LABEL: func.func @scan
func.func @scan(%x: tensor<?x8xf32>, %i: tensor<?xi32>, %h: tensor<8xf32>) -> (tensor<?x8xf32>, tensor<8xf32>) {
  // CHECK: seq.scan general inputs(%{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<?xi32>) state(%{{.*}} : tensor<8xf32>)
  // CHECK-SAME: attributes {reverse_outputs = array<i1: true>} {
  // CHECK-NEXT: ^bb0(%[[TOKEN:.*]]: tensor<8xf32>, %{{.*}}: tensor<i32>, %[[STATE:.*]]: tensor<8xf32>):
  // CHECK-NEXT: seq.yield %[[STATE]], %[[TOKEN]] : tensor<8xf32>, tensor<8xf32>
  // CHECK-NEXT: } -> tensor<?x8xf32>, tensor<8xf32>
  %y, %n = seq.scan general inputs(%x, %i : tensor<?x8xf32>, tensor<?xi32>) state(%h : tensor<8xf32>)
      attributes {reverse_outputs = array<i1: true>} {
  ^bb0(%token: tensor<8xf32>, %number: tensor<i32>, %state: tensor<8xf32>):
    seq.yield %state, %token : tensor<8xf32>, tensor<8xf32>
  } -> tensor<?x8xf32>, tensor<8xf32>
  return %y, %n : tensor<?x8xf32>, tensor<8xf32>
}
