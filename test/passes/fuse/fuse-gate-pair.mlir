// The two products of a gated unit become one kernel, so that the activations are read once.
// RUN: sennit-opt %s --sennit-form-kernels --sennit-fuse-gate-pair | FileCheck %s
// RUN: sennit-opt %s --sennit-form-kernels --sennit-fuse-gate-pair --remarks-filter=fuse -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REMARK

!x = tensor<?x64xf32>
!w = tensor<32x64xf32>
!y = tensor<?x32xf32>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
#row = affine_map<(m, n) -> (m, n)>

// CHECK-LABEL: func.func @gate_and_up_are_one_kernel
func.func @gate_and_up_are_one_kernel(%x: !x, %gate: !w, %up: !w, %start: !y) -> !y {
  // CHECK: %[[PAIR:.*]]:2 = seq.kernel "matmul_pair"
  // CHECK-COUNT-2: linalg.matmul
  // CHECK: linalg.generic {{.*}} ins(%[[PAIR]]#0, %[[PAIR]]#1
  %g = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %gate : !x, !w) outs(%start : !y) -> !y
  %u = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %up : !x, !w) outs(%start : !y) -> !y
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] FuseGatePair {{.*}}two products of the same activations
  %z = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%g, %u : !y, !y) outs(%start : !y) {
  ^bb0(%a: f32, %b: f32, %old: f32):
    %product = arith.mulf %a, %b : f32
    linalg.yield %product : f32
  } -> !y
  return %z : !y
}

// CHECK-LABEL: func.func @later_reader_of_the_gate_is_no_hindrance
func.func @later_reader_of_the_gate_is_no_hindrance(%x: !x, %gate: !w, %up: !w, %start: !y) -> (!y, !y) {
  // CHECK: %[[PAIR:.*]]:2 = seq.kernel "matmul_pair"
  // CHECK: return %{{.*}}, %[[PAIR]]#0
  %g = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %gate : !x, !w) outs(%start : !y) -> !y
  %u = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %up : !x, !w) outs(%start : !y) -> !y
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] FuseGatePair
  %z = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%g, %u : !y, !y) outs(%start : !y) {
  ^bb0(%a: f32, %b: f32, %old: f32):
    %product = arith.mulf %a, %b : f32
    linalg.yield %product : f32
  } -> !y
  return %z, %g : !y, !y
}

// CHECK-LABEL: func.func @other_activations_stay_apart
func.func @other_activations_stay_apart(%x: !x, %other: !x, %gate: !w, %up: !w, %start: !y) -> !y {
  // CHECK-COUNT-2: seq.kernel "matmul" ->
  %g = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %gate : !x, !w) outs(%start : !y) -> !y
  %u = linalg.matmul indexing_maps = [#x, #w, #y] ins(%other, %up : !x, !w) outs(%start : !y) -> !y
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseGatePair {{.*}}the products read different activations
  %z = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%g, %u : !y, !y) outs(%start : !y) {
  ^bb0(%a: f32, %b: f32, %old: f32):
    %product = arith.mulf %a, %b : f32
    linalg.yield %product : f32
  } -> !y
  return %z : !y
}

// CHECK-LABEL: func.func @other_matrix_type_stays_apart
func.func @other_matrix_type_stays_apart(%x: !x, %gate: !w, %up: tensor<32x64xbf16>, %start: !y) -> !y {
  // CHECK-COUNT-2: seq.kernel "matmul" ->
  %g = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %gate : !x, !w) outs(%start : !y) -> !y
  %u = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %up : !x, tensor<32x64xbf16>) outs(%start : !y) -> !y
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseGatePair {{.*}}the matrices differ in shape or type
  %z = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%g, %u : !y, !y) outs(%start : !y) {
  ^bb0(%a: f32, %b: f32, %old: f32):
    %product = arith.mulf %a, %b : f32
    linalg.yield %product : f32
  } -> !y
  return %z : !y
}

// CHECK-LABEL: func.func @reader_in_between_keeps_them_apart
func.func @reader_in_between_keeps_them_apart(%x: !x, %gate: !w, %up: !w, %start: !y) -> !y {
  // CHECK-COUNT-2: seq.kernel "matmul" ->
  %g = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %gate : !x, !w) outs(%start : !y) -> !y
  %negative = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%g : !y) outs(%start : !y) {
  ^bb0(%a: f32, %old: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> !y
  %u = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %up : !x, !w) outs(%negative : !y) -> !y
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseGatePair {{.*}}another op reads the first product before the second is computed
  %z = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%g, %u : !y, !y) outs(%start : !y) {
  ^bb0(%a: f32, %b: f32, %old: f32):
    %product = arith.mulf %a, %b : f32
    linalg.yield %product : f32
  } -> !y
  return %z : !y
}
