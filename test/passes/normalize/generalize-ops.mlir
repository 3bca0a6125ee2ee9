// Ops on tensors become generic ops, moves and views; what has programs of its own stays.
// RUN: sennit-opt %s --sennit-generalize-ops | FileCheck %s

// CHECK-LABEL: func.func @named_ops_become_generic
func.func @named_ops_become_generic(%a: tensor<2x3x4xf32>, %b: tensor<2x4x5xf32>, %c: tensor<2x3x5xf32>) -> tensor<2x3x5xf32> {
  // CHECK-NOT: linalg.batch_matmul
  // CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "reduction"]
  %y = linalg.batch_matmul ins(%a, %b : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%c : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  // CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel"]
  // CHECK: math.exp
  %z = math.exp %y : tensor<2x3x5xf32>
  return %z : tensor<2x3x5xf32>
}

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
// CHECK-LABEL: func.func @product_of_rows_and_a_matrix_stays
func.func @product_of_rows_and_a_matrix_stays(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %e: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK: linalg.fill
  // CHECK: linalg.matmul
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %y = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %w : tensor<?x8xf32>, tensor<4x8xf32>) outs(%z : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @loops_follow_the_result
// CHECK: linalg.generic {indexing_maps = [#[[TURNED:.*]], #[[SAME:.*]]], iterator_types
func.func @loops_follow_the_result(%x: tensor<3x5xf32>, %e: tensor<5x3xf32>) -> tensor<5x3xf32> {
  %y = linalg.transpose ins(%x : tensor<3x5xf32>) outs(%e : tensor<5x3xf32>) permutation = [1, 0]
  return %y : tensor<5x3xf32>
}

// CHECK-LABEL: func.func @pad_inserts_into_a_filled_tensor
func.func @pad_inserts_into_a_filled_tensor(%x: tensor<3x5xf32>) -> tensor<4x9xf32> {
  // CHECK: %[[FILLED:.*]] = linalg.fill
  // CHECK: tensor.insert_slice %{{.*}} into %[[FILLED]][1, 2] [3, 5] [1, 1]
  %v = arith.constant 2.0 : f32
  %y = tensor.pad %x low[1, 2] high[0, 2] {
  ^bb0(%i: index, %j: index):
    tensor.yield %v : f32
  } : tensor<3x5xf32> to tensor<4x9xf32>
  return %y : tensor<4x9xf32>
}

// CHECK-LABEL: func.func @pad_that_depends_on_the_position_stays
func.func @pad_that_depends_on_the_position_stays(%x: tensor<3xindex>) -> tensor<4xindex> {
  // CHECK: tensor.pad
  %y = tensor.pad %x low[1] high[0] {
  ^bb0(%i: index):
    tensor.yield %i : index
  } : tensor<3xindex> to tensor<4xindex>
  return %y : tensor<4xindex>
}

// CHECK-LABEL: func.func @scalars_of_tensors_sink_into_bodies
func.func @scalars_of_tensors_sink_into_bodies(%x: tensor<7xf32>, %s: tensor<f32>) -> tensor<7xf32> {
  // CHECK-NOT: tensor.splat
  // CHECK: linalg.generic
  // CHECK: %[[S:.*]] = tensor.extract %{{.*}}[]
  // CHECK: arith.mulf %[[S]], %[[S]]
  // CHECK: linalg.yield
  %a = tensor.extract %s[] : tensor<f32>
  %b = arith.mulf %a, %a : f32
  %t = tensor.splat %b : tensor<7xf32>
  return %t : tensor<7xf32>
}

// CHECK-LABEL: func.func @reshape_is_a_pair_of_views
func.func @reshape_is_a_pair_of_views(%x: tensor<4x6xf32>, %shape: tensor<3xindex>) -> tensor<2x3x4xf32> {
  // CHECK: tensor.collapse_shape
  // CHECK: tensor.expand_shape
  %y = tensor.reshape %x(%shape) : (tensor<4x6xf32>, tensor<3xindex>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}
