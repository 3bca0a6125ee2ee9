// Matrices of products are quantised where the module asks for it; those of experts, routers and the head stay.
// RUN: sennit-opt %s --sennit-quantize-weights --split-input-file | FileCheck %s
// RUN: sennit-opt %s --sennit-quantize-weights --split-input-file --remarks-filter=normalize -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REMARK

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
module attributes {seq.weight_bits = 4 : i64, seq.weight_group = 64 : i64} {
  seq.parameter @w : tensor<32x100xbf16> from "model.safetensors" at 0
  // The last word and the last group are not full.
  // CHECK-LABEL: func.func @product
  // CHECK: %[[W:.*]] = seq.weight @w
  // CHECK: %[[WORDS:.*]], %[[SCALES:.*]] = seq.quantize %[[W]] bits 4 group 64 : tensor<32x100xbf16> -> tensor<32x13xi32>, tensor<32x2xf32>
  // CHECK: %[[M:.*]] = seq.dequantize %[[WORDS]], %[[SCALES]] bits 4 group 64 : {{.*}} -> tensor<32x100xbf16>
  // CHECK: linalg.matmul {{.*}} ins(%{{.*}}, %[[M]] :
  // REMARK-DAG: QuantizeWeights{{.*}}the product reads a matrix of 4 bits in groups of 64
  func.func @product(%x: tensor<?x100xf32>, %y: tensor<?x32xf32>) -> tensor<?x32xf32> {
    %w = seq.weight @w : tensor<32x100xbf16>
    %0 = linalg.matmul indexing_maps = [#x, #w, #y]
        ins(%x, %w : tensor<?x100xf32>, tensor<32x100xbf16>) outs(%y : tensor<?x32xf32>) -> tensor<?x32xf32>
    return %0 : tensor<?x32xf32>
  }

  // CHECK-LABEL: func.func @head
  // CHECK-NOT: seq.quantize
  // REMARK-DAG: QuantizeWeights{{.*}}logits are as exact as the head
  func.func @head(%x: tensor<?x100xf32>, %y: tensor<?x32xf32>) -> tensor<?x32xf32> {
    %w = seq.weight @w : tensor<32x100xbf16>
    %0 = linalg.matmul indexing_maps = [#x, #w, #y]
        ins(%x, %w : tensor<?x100xf32>, tensor<32x100xbf16>) outs(%y : tensor<?x32xf32>) -> tensor<?x32xf32>
    return %0 : tensor<?x32xf32>
  }

  // CHECK-LABEL: func.func @router
  // CHECK-NOT: seq.quantize
  // REMARK-DAG: QuantizeWeights{{.*}}a router chooses by the product
  func.func @router(%x: tensor<?x100xf32>, %y: tensor<?x32xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>) {
    %w = seq.weight @w : tensor<32x100xbf16>
    %0 = linalg.matmul indexing_maps = [#x, #w, #y]
        ins(%x, %w : tensor<?x100xf32>, tensor<32x100xbf16>) outs(%y : tensor<?x32xf32>) -> tensor<?x32xf32>
    %v, %e = seq.route softmax %0 : tensor<?x32xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
    return %v, %e : tensor<?x2xf32>, tensor<?x2xi32>
  }

  // CHECK-LABEL: func.func @matrix_of_the_call
  // CHECK-NOT: seq.quantize
  // REMARK-DAG: QuantizeWeights{{.*}}the matrix is no parameter
  func.func @matrix_of_the_call(%x: tensor<?x100xf32>, %w: tensor<32x100xbf16>, %y: tensor<?x32xf32>)
      -> tensor<?x32xf32> {
    %0 = linalg.matmul indexing_maps = [#x, #w, #y]
        ins(%x, %w : tensor<?x100xf32>, tensor<32x100xbf16>) outs(%y : tensor<?x32xf32>) -> tensor<?x32xf32>
    return %0 : tensor<?x32xf32>
  }

  // CHECK-LABEL: func.func @experts
  // CHECK-NOT: seq.quantize
  // REMARK-DAG: QuantizeWeights{{.*}}experts read rows of matrices that are chosen at run time
  func.func @experts(%x: tensor<?x16xf32>, %w: tensor<8x32x16xbf16>, %offsets: tensor<9xi32>) -> tensor<?x32xf32> {
    %0 = seq.experts %x, %w offsets(%offsets) : tensor<?x16xf32>, tensor<8x32x16xbf16>, tensor<9xi32> -> tensor<?x32xf32>
    return %0 : tensor<?x32xf32>
  }
}

// -----

// Where nothing is asked for, nothing changes.
// CHECK-LABEL: func.func @unasked
// CHECK-NOT: seq.quantize
seq.parameter @w : tensor<32x64xbf16> from "model.safetensors" at 0
func.func @unasked(%x: tensor<?x64xf32>, %y: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %w = seq.weight @w : tensor<32x64xbf16>
  %0 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<?x64xf32>, tensor<32x64xbf16>) outs(%y : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}
