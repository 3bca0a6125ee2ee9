// Prefill, decode and score are made of the model's two functions; they differ in the rows that the head sees.
// RUN: sennit-opt %s --sennit-derive-entry-points --split-input-file --verify-diagnostics | FileCheck %s

module attributes {seq.model = {chunk = 256 : i64}} {
  // CHECK-NOT: @body
  // CHECK-NOT: @head
  // CHECK-LABEL: func.func @prefill
  // CHECK-SAME: %{{.*}}: tensor<?xi32> {seq.name = "tokens"}, %{{.*}}: index, %{{.*}}: tensor<3x8xf32> {seq.state = "window"}
  // CHECK-SAME: -> (tensor<?x4xf32> {seq.name = "logits"}, tensor<3x8xf32>) attributes {seq.max_tokens = 256 : i64}
  // CHECK: %[[HIDDEN:.*]] = seq.embed
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[HIDDEN]]
  // CHECK: %[[LAST:.*]] = arith.subi %[[ROWS]]
  // CHECK: %[[ROW:.*]] = tensor.extract_slice %[[HIDDEN]][%[[LAST]], 0] [%{{.*}}, 8] [1, 1]
  // CHECK: %[[LOGITS:.*]] = tensor.extract_slice %[[ROW]]
  // CHECK: return %[[LOGITS]]

  // CHECK-LABEL: func.func @decode
  // CHECK-SAME: attributes {seq.max_tokens = 1 : i64}
  // CHECK-NOT: arith.subi

  // CHECK-LABEL: func.func @score
  // CHECK-SAME: attributes {seq.max_tokens = 256 : i64}
  // CHECK: %[[HIDDEN:.*]] = seq.embed
  // CHECK-NOT: arith.subi
  // CHECK: tensor.extract_slice %[[HIDDEN]][0, 0]

  // CHECK-LABEL: func.func @sample
  // CHECK-SAME: %[[LOGITS:.*]]: tensor<1x4xf32> {seq.name = "logits"}, %[[UNIFORM:.*]]: tensor<1xf64> {seq.name = "uniform"}
  // CHECK-SAME: -> (tensor<1xi32> {seq.name = "token"})
  // CHECK: seq.sample %[[LOGITS]] uniform(%[[UNIFORM]])
  func.func @body(%tokens: tensor<?xi32>, %past: index, %window: tensor<3x8xf32> {seq.state = "window"})
      -> (tensor<?x8xf32>, tensor<3x8xf32>) {
    %table = arith.constant dense<1.0> : tensor<16x8xf32>
    %hidden = seq.embed %tokens, %table : tensor<?xi32>, tensor<16x8xf32> -> tensor<?x8xf32>
    return %hidden, %window : tensor<?x8xf32>, tensor<3x8xf32>
  }
  func.func @head(%hidden: tensor<?x8xf32>) -> tensor<?x4xf32> {
    %c0 = arith.constant 0 : index
    %rows = tensor.dim %hidden, %c0 : tensor<?x8xf32>
    %logits = tensor.extract_slice %hidden[0, 0] [%rows, 4] [1, 1] : tensor<?x8xf32> to tensor<?x4xf32>
    return %logits : tensor<?x4xf32>
  }
}

// -----

// Tokens can be taken back: caches of attention by position, other states by a copy, which needs no mark.
module attributes {seq.model = {chunk = 256 : i64, verify = 6 : i64}} {
  // CHECK-LABEL: func.func @decode
  // CHECK-SAME: tensor<9x1x2xf32> {seq.roll_back = "position", seq.state = "key"}
  // CHECK-SAME: tensor<9x1x2xf32> {seq.roll_back = "position", seq.state = "value"}
  // CHECK-SAME: tensor<3x8xf32> {seq.state = "window"}
  // CHECK-LABEL: func.func @verify
  // CHECK-SAME: attributes {seq.max_tokens = 6 : i64}
  // CHECK: seq.attention
  // CHECK-NOT: arith.subi
  // CHECK: return
  func.func @body(%x: tensor<?x1x2xf32>, %past: index, %kc: tensor<9x1x2xf32> {seq.state = "key"},
                  %vc: tensor<9x1x2xf32> {seq.state = "value"}, %window: tensor<3x8xf32> {seq.state = "window"})
      -> (tensor<?x2xf32>, tensor<9x1x2xf32>, tensor<9x1x2xf32>, tensor<3x8xf32>) {
    %o, %kn, %vn = seq.attention %x, %x, %x past(%past : index)
      state(%kc, %vc : tensor<9x1x2xf32>, tensor<9x1x2xf32>) {scale = 1.0 : f32, window_right = 0}
      : tensor<?x1x2xf32>, tensor<?x1x2xf32>, tensor<?x1x2xf32>
    %hidden = tensor.collapse_shape %o [[0, 1], [2]] : tensor<?x1x2xf32> into tensor<?x2xf32>
    return %hidden, %kn, %vn, %window : tensor<?x2xf32>, tensor<9x1x2xf32>, tensor<9x1x2xf32>, tensor<3x8xf32>
  }
  func.func @head(%hidden: tensor<?x2xf32>) -> tensor<?x2xf32> {
    return %hidden : tensor<?x2xf32>
  }
}

// -----

// A module of kernels for a test has no model to derive from.
// CHECK-LABEL: func.func @alone
// CHECK-NOT: @prefill
func.func @alone(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}

// -----

// expected-error @+1 {{`seq.model` names no `chunk`, the most tokens of one call}}
module attributes {seq.model = {}} {
  func.func @body(%tokens: tensor<?xi32>, %past: index) -> tensor<?xi32> {
    return %tokens : tensor<?xi32>
  }
  func.func @head(%hidden: tensor<?xi32>) -> tensor<?xi32> {
    return %hidden : tensor<?xi32>
  }
}
