// Before fusion a function is one block of forms that the fusing passes know, and only @initialize reads parameters.
// RUN: sennit-opt %s --sennit-verify-normalized --split-input-file --verify-diagnostics

seq.parameter @weight : tensor<8xf32> from "model.safetensors" at 0
rt.constant @packed : tensor<8xf32>
func.func @initialize() {
  %w = seq.weight @weight : tensor<8xf32>
  rt.assign @packed, %w : tensor<8xf32>
  return
}
func.func @mixers_and_extents_remain(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %h: tensor<3x8xf32>) -> index {
  %c0 = arith.constant 0 : index
  %y, %next = seq.conv %x, %w state(%h) : tensor<?x8xf32>, tensor<8x4xf32>, tensor<3x8xf32>
  %t = tensor.dim %y, %c0 : tensor<?x8xf32>
  return %t : index
}

// -----

func.func @unknown_form(%x: tensor<?x8x8xf32>, %w: tensor<?x8x8xf32>, %start: tensor<?x8x8xf32>) -> tensor<?x8x8xf32> {
  // expected-error @+1 {{not normalized: `linalg.batch_matmul` is none of the forms that fusion knows}}
  %y = linalg.batch_matmul ins(%x, %w : tensor<?x8x8xf32>, tensor<?x8x8xf32>) outs(%start : tensor<?x8x8xf32>) -> tensor<?x8x8xf32>
  return %y : tensor<?x8x8xf32>
}

// -----

// The matrix is read by rows, y = x W^T; the other order has no kernel.
func.func @product_of_the_other_order(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %start: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error @+1 {{not normalized: `linalg.matmul` is none of the forms that fusion knows}}
  %y = linalg.matmul ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%start : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

seq.parameter @weight : tensor<8xf32> from "model.safetensors" at 0
func.func @decode() -> tensor<8xf32> {
  // expected-error @+1 {{not normalized: `decode` reads a parameter; only `initialize` may}}
  %w = seq.weight @weight : tensor<8xf32>
  return %w : tensor<8xf32>
}

// -----

// expected-error @+1 {{not normalized: control flow splits `branches` into several blocks}}
func.func @branches(%x: tensor<8xf32>) -> tensor<8xf32> {
  cf.br ^next
^next:
  return %x : tensor<8xf32>
}
