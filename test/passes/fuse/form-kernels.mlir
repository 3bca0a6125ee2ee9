// Ops that decide loops get a kernel each; their neighbours stay outside for the passes that follow.
// RUN: sennit-opt %s --sennit-form-kernels | FileCheck %s

!x = tensor<?x64xf32>
!w = tensor<32x64xf32>
!y = tensor<?x32xf32>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
#row = affine_map<(m, n) -> (m, n)>

// CHECK-LABEL: func.func @product_has_a_kernel
func.func @product_has_a_kernel(%x: !x, %w: !w, %start: !y) -> !y {
  // CHECK: %[[KERNEL:.*]] = seq.kernel "matmul" -> tensor<?x32xf32> {
  // CHECK:   %[[PRODUCT:.*]] = linalg.matmul
  // CHECK:   seq.yield %[[PRODUCT]]
  // CHECK: return %[[KERNEL]]
  %y = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %w : !x, !w) outs(%start : !y) -> !y
  return %y : !y
}

// CHECK-LABEL: func.func @mixer_yields_its_state_too
func.func @mixer_yields_its_state_too(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %h: tensor<3x8xf32>)
    -> (tensor<?x8xf32>, tensor<3x8xf32>) {
  // CHECK: %[[KERNEL:.*]]:2 = seq.kernel "conv" -> tensor<?x8xf32>, tensor<3x8xf32> {
  // CHECK: return %[[KERNEL]]#0, %[[KERNEL]]#1
  %y, %next = seq.conv %x, %w state(%h : tensor<3x8xf32>) : tensor<?x8xf32>, tensor<8x4xf32>
  return %y, %next : tensor<?x8xf32>, tensor<3x8xf32>
}

// CHECK-LABEL: func.func @two_products_have_two_kernels
func.func @two_products_have_two_kernels(%x: !x, %a: !w, %b: !w, %start: !y) -> (!y, !y) {
  // CHECK-COUNT-2: seq.kernel "matmul"
  %ya = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %a : !x, !w) outs(%start : !y) -> !y
  %yb = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %b : !x, !w) outs(%start : !y) -> !y
  return %ya, %yb : !y, !y
}

// CHECK-LABEL: func.func @map_stays_outside
func.func @map_stays_outside(%x: !x) -> !x {
  // CHECK-NOT: seq.kernel
  %y = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x : !x) outs(%x : !x) {
  ^bb0(%value: f32, %old: f32):
    %negated = arith.negf %value : f32
    linalg.yield %negated : f32
  } -> !x
  return %y : !x
}

// CHECK-LABEL: func.func @other_reductions_and_moves_decide_loops
func.func @other_reductions_and_moves_decide_loops(%x: tensor<4x8xf32>, %e: tensor<8xf32>) -> (tensor<8xf32>, tensor<8x8xf32>) {
  // CHECK: seq.kernel "generic" -> tensor<8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>],
      iterator_types = ["reduction", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %m = arith.minimumf %a, %acc : f32
    linalg.yield %m : f32
  } -> tensor<8xf32>
  // CHECK: seq.kernel "concat" -> tensor<8x8xf32>
  %y = tensor.concat dim(0) %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
  return %s, %y : tensor<8xf32>, tensor<8x8xf32>
}
