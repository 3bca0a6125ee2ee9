// What products with 16-bit matrices multiply has 16 bits too: in the map that makes it, below views, in attention.
// RUN: sennit-opt %s --sennit-round-operands --canonicalize --cse --split-input-file | FileCheck %s

#row = affine_map<(m, d) -> (m, d)>
#wide = affine_map<(m, n, k) -> (m, k)>
#matrix = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

module attributes {seq.rounds_operands} {
  // A map that products alone read rounds its own result.
  // CHECK-LABEL: @own_result
  // CHECK: %[[N:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x64xbf16>)
  // CHECK: math.exp
  // CHECK-NEXT: arith.truncf %{{.*}} : f32 to bf16
  // CHECK: linalg.matmul {{.*}} ins(%[[N]], %{{.*}} : tensor<?x64xbf16>, tensor<32x64xbf16>) outs(%{{.*}} : tensor<?x32xf32>)
  func.func @own_result(%x: tensor<?x64xf32>, %w: tensor<32x64xbf16>, %init: tensor<?x64xf32>, %out: tensor<?x32xf32>)
      -> tensor<?x32xf32> {
    %n = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<?x64xf32>) outs(%init : tensor<?x64xf32>) {
    ^bb0(%a: f32, %b: f32):
      %e = math.exp %a : f32
      linalg.yield %e : f32
    } -> tensor<?x64xf32>
    %y = linalg.matmul indexing_maps = [#wide, #matrix, #sum]
        ins(%n, %w : tensor<?x64xf32>, tensor<32x64xbf16>) outs(%out : tensor<?x32xf32>) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }

  // One that something else reads stays; a second map rounds it.
  // CHECK-LABEL: @other_reader
  // CHECK: %[[N:.*]] = linalg.generic {{.*}} ins(%arg0 : tensor<?x64xf32>) outs(%{{.*}} : tensor<?x64xf32>)
  // CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[N]] : tensor<?x64xf32>) outs(%{{.*}} : tensor<?x64xbf16>)
  // CHECK: %[[Y:.*]] = linalg.matmul {{.*}} ins(%[[R]],
  // CHECK: return %[[Y]], %[[N]]
  func.func @other_reader(%x: tensor<?x64xf32>, %w: tensor<32x64xbf16>, %init: tensor<?x64xf32>,
                          %out: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x64xf32>) {
    %n = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<?x64xf32>) outs(%init : tensor<?x64xf32>) {
    ^bb0(%a: f32, %b: f32):
      %e = math.exp %a : f32
      linalg.yield %e : f32
    } -> tensor<?x64xf32>
    %y = linalg.matmul indexing_maps = [#wide, #matrix, #sum]
        ins(%n, %w : tensor<?x64xf32>, tensor<32x64xbf16>) outs(%out : tensor<?x32xf32>) -> tensor<?x32xf32>
    return %y, %n : tensor<?x32xf32>, tensor<?x64xf32>
  }

  // A matrix of f32 is multiplied as it is.
  // CHECK-LABEL: @wide_matrix
  // CHECK: linalg.matmul {{.*}} ins(%arg0, %arg1 : tensor<?x64xf32>, tensor<32x64xf32>)
  func.func @wide_matrix(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>, %out: tensor<?x32xf32>) -> tensor<?x32xf32> {
    %y = linalg.matmul indexing_maps = [#wide, #matrix, #sum]
        ins(%x, %w : tensor<?x64xf32>, tensor<32x64xf32>) outs(%out : tensor<?x32xf32>) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }

  // Caches that are the model's follow; the output goes to its product as it is.
  // CHECK-LABEL: @attend
  // CHECK-SAME: tensor<16x2x32xbf16> {seq.state = "key"}, %{{.*}}: tensor<16x2x32xbf16> {seq.state = "value"}
  // CHECK: seq.attention %{{.*}} : tensor<?x2x32xbf16>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>
  // CHECK: %[[FLAT:.*]] = tensor.collapse_shape %output
  // CHECK: linalg.matmul {{.*}} ins(%[[FLAT]], %{{.*}} : tensor<?x64xbf16>, tensor<32x64xbf16>)
  func.func @attend(%q: tensor<?x2x32xf32>, %past: index, %kc: tensor<16x2x32xf32> {seq.state = "key"},
                    %vc: tensor<16x2x32xf32> {seq.state = "value"}, %w: tensor<32x64xbf16>, %out: tensor<?x32xf32>)
      -> (tensor<?x32xf32>, tensor<16x2x32xf32>, tensor<16x2x32xf32>) {
    %o, %kn, %vn = seq.attention %q, %q, %q past(%past : index)
      state(%kc, %vc : tensor<16x2x32xf32>, tensor<16x2x32xf32>) {scale = 1.0 : f32, window_right = 0}
      : tensor<?x2x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32xf32>
    %flat = tensor.collapse_shape %o [[0], [1, 2]] : tensor<?x2x32xf32> into tensor<?x64xf32>
    %y = linalg.matmul indexing_maps = [#wide, #matrix, #sum]
        ins(%flat, %w : tensor<?x64xf32>, tensor<32x64xbf16>) outs(%out : tensor<?x32xf32>) -> tensor<?x32xf32>
    return %y, %kn, %vn : tensor<?x32xf32>, tensor<16x2x32xf32>, tensor<16x2x32xf32>
  }

  // Rows of linear attention are rounded; its state and output are not.
  // CHECK-LABEL: @recur
  // CHECK-COUNT-2: arith.truncf
  // CHECK: seq.linear_attention gated %{{.*}} : tensor<?x1x64xbf16>, tensor<?x1x64xbf16>, tensor<?x2x64xbf16>, tensor<2x64x64xf32>
  // CHECK: return %{{.*}} : tensor<?x2x64xf32>, tensor<2x64x64xf32>
  func.func @recur(%q: tensor<?x1x64xf32>, %v: tensor<?x2x64xf32>, %g: tensor<?x2xf32>,
                   %s: tensor<2x64x64xf32> {seq.state = "s"}) -> (tensor<?x2x64xf32>, tensor<2x64x64xf32>) {
    %o, %n = seq.linear_attention gated %q, %q, %v decay(%g : tensor<?x2xf32>) state(%s) {scale = 1.0 : f32}
      : tensor<?x1x64xf32>, tensor<?x1x64xf32>, tensor<?x2x64xf32>, tensor<2x64x64xf32>
    return %o, %n : tensor<?x2x64xf32>, tensor<2x64x64xf32>
  }

  // What a delta rule erases cancels: it stays as it is.
  // CHECK-LABEL: @erase
  // CHECK: seq.linear_attention delta %{{.*}} : tensor<?x2x64xf32>
  func.func @erase(%q: tensor<?x2x64xf32>, %beta: tensor<?x2xf32>, %s: tensor<2x64x64xf32> {seq.state = "s"})
      -> (tensor<?x2x64xf32>, tensor<2x64x64xf32>) {
    %o, %n = seq.linear_attention delta %q, %q, %q beta(%beta : tensor<?x2xf32>) state(%s) {scale = 1.0 : f32}
      : tensor<?x2x64xf32>, tensor<?x2x64xf32>, tensor<?x2x64xf32>, tensor<2x64x64xf32>
    return %o, %n : tensor<?x2x64xf32>, tensor<2x64x64xf32>
  }
}

// -----

#wide = affine_map<(m, n, k) -> (m, k)>
#matrix = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// Nobody asked.
// CHECK-LABEL: @unasked
// CHECK: linalg.matmul {{.*}} ins(%arg0, %arg1 : tensor<?x64xf32>, tensor<32x64xbf16>)
func.func @unasked(%x: tensor<?x64xf32>, %w: tensor<32x64xbf16>, %out: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %y = linalg.matmul indexing_maps = [#wide, #matrix, #sum]
      ins(%x, %w : tensor<?x64xf32>, tensor<32x64xbf16>) outs(%out : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
