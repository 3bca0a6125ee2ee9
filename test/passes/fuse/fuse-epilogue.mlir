// Elementwise maps, and reductions of short rows, follow the kernel that computes their operand.
// RUN: sennit-opt %s --sennit-form-kernels --sennit-fuse-epilogue=row-limit=32 | FileCheck %s
// RUN: sennit-opt %s --sennit-form-kernels --sennit-fuse-epilogue=row-limit=32 --remarks-filter=fuse -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REMARK

!x = tensor<?x64xf32>
!w = tensor<32x64xf32>
!y = tensor<?x32xf32>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
#row = affine_map<(m, n) -> (m, n)>
#turned = affine_map<(m, n) -> (n, m)>
#statistic = affine_map<(m, n) -> (m)>

// CHECK-LABEL: func.func @residual_is_added_before_the_store
func.func @residual_is_added_before_the_store(%x: !x, %w: !w, %residual: !y, %start: !y) -> !y {
  // CHECK: %[[KERNEL:.*]] = seq.kernel "matmul_map" -> tensor<?x32xf32> {
  // CHECK:   %[[PRODUCT:.*]] = linalg.matmul
  // CHECK:   %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[PRODUCT]],
  // CHECK:   seq.yield %[[SUM]] :
  // CHECK: return %[[KERNEL]]
  %p = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %w : !x, !w) outs(%start : !y) -> !y
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] FuseEpilogue {{.*}}behind linalg.matmul
  %z = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%p, %residual : !y, !y) outs(%start : !y) {
  ^bb0(%a: f32, %b: f32, %old: f32):
    %sum = arith.addf %a, %b : f32
    linalg.yield %sum : f32
  } -> !y
  return %z : !y
}

// CHECK-LABEL: func.func @product_with_a_second_reader_stays_a_result
func.func @product_with_a_second_reader_stays_a_result(%x: !x, %w: !w, %start: !y) -> (!y, !y) {
  // CHECK: %[[KERNEL:.*]]:2 = seq.kernel "matmul_map" -> tensor<?x32xf32>, tensor<?x32xf32>
  // CHECK: return %[[KERNEL]]#1, %[[KERNEL]]#0
  %p = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %w : !x, !w) outs(%start : !y) -> !y
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] FuseEpilogue
  %z = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%p : !y) outs(%start : !y) {
  ^bb0(%a: f32, %old: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> !y
  return %z, %p : !y, !y
}

// CHECK-LABEL: func.func @row_of_one_tile_is_reduced
func.func @row_of_one_tile_is_reduced(%x: !x, %w: !w, %start: !y, %s0: tensor<?xf32>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %none = linalg.fill ins(%zero : f32) outs(%s0 : tensor<?xf32>) -> tensor<?xf32>
  // CHECK: seq.kernel "matmul_map" -> tensor<?xf32>
  %p = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %w : !x, !w) outs(%start : !y) -> !y
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] FuseEpilogue
  %s = linalg.generic {indexing_maps = [#row, #statistic], iterator_types = ["parallel", "reduction"]}
      ins(%p : !y) outs(%none : tensor<?xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %more = arith.addf %sum, %a : f32
    linalg.yield %more : f32
  } -> tensor<?xf32>
  return %s : tensor<?xf32>
}

// CHECK-LABEL: func.func @row_of_two_tiles_is_not
func.func @row_of_two_tiles_is_not(%y: !y, %w: tensor<64x32xf32>, %start: !x, %s0: tensor<?xf32>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %none = linalg.fill ins(%zero : f32) outs(%s0 : tensor<?xf32>) -> tensor<?xf32>
  // CHECK: seq.kernel "matmul" ->
  // CHECK: linalg.generic
  %p = linalg.matmul indexing_maps = [#x, #w, #y] ins(%y, %w : !y, tensor<64x32xf32>) outs(%start : !x) -> !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseEpilogue {{.*}}its rows of 64 elements do not fit one tile of 32
  %s = linalg.generic {indexing_maps = [#row, #statistic], iterator_types = ["parallel", "reduction"]}
      ins(%p : !x) outs(%none : tensor<?xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %more = arith.addf %sum, %a : f32
    linalg.yield %more : f32
  } -> tensor<?xf32>
  return %s : tensor<?xf32>
}

// CHECK-LABEL: func.func @transposing_map_walks_other_dimensions
func.func @transposing_map_walks_other_dimensions(%x: tensor<32x64xf32>, %w: !w, %start: tensor<32x32xf32>) -> tensor<32x32xf32> {
  // CHECK: seq.kernel "matmul" ->
  // CHECK: linalg.generic
  %p = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %w : tensor<32x64xf32>, !w) outs(%start : tensor<32x32xf32>) -> tensor<32x32xf32>
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseEpilogue {{.*}}it walks other dimensions than the kernel's result
  %z = linalg.generic {indexing_maps = [#turned, #row], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<32x32xf32>) outs(%start : tensor<32x32xf32>) {
  ^bb0(%a: f32, %old: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> tensor<32x32xf32>
  return %z : tensor<32x32xf32>
}

// CHECK-LABEL: func.func @second_view_of_the_product_stands_in_the_way
func.func @second_view_of_the_product_stands_in_the_way(%x: !x, %w: !w, %start: !y, %t: index) -> (!y, tensor<?x4x8xf32>) {
  // CHECK: seq.kernel "matmul" ->
  %p = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %w : !x, !w) outs(%start : !y) -> !y
  %heads = tensor.expand_shape %p [[0], [1, 2]] output_shape [%t, 4, 8] : !y into tensor<?x4x8xf32>
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseEpilogue {{.*}}another user of the kernel comes before it
  %z = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%p : !y) outs(%start : !y) {
  ^bb0(%a: f32, %old: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> !y
  return %z, %heads : !y, tensor<?x4x8xf32>
}

// CHECK-LABEL: func.func @map_of_a_state_is_left_out
func.func @map_of_a_state_is_left_out(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %h: tensor<3x8xf32>) -> tensor<3x8xf32> {
  // CHECK: seq.kernel "conv" ->
  // CHECK: linalg.generic
  %y, %n = seq.conv %x, %w state(%h : tensor<3x8xf32>) : tensor<?x8xf32>, tensor<8x4xf32>
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseEpilogue {{.*}}it reads a state, which is stored behind the last token
  %z = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%n : tensor<3x8xf32>) outs(%h : tensor<3x8xf32>) {
  ^bb0(%a: f32, %old: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> tensor<3x8xf32>
  return %z : tensor<3x8xf32>
}
