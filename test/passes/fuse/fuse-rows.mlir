// Maps and row reductions that no other kernel took join kernels of rows.
// RUN: sennit-opt %s --sennit-fuse-rows | FileCheck %s
// RUN: sennit-opt %s --sennit-fuse-rows --remarks-filter=fuse -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

!x = tensor<?x64xf32>
!s = tensor<?xf32>
#row = affine_map<(m, k) -> (m, k)>
#statistic = affine_map<(m, k) -> (m)>
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (k, n)>
#sum = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func.func @norm_is_one_kernel
func.func @norm_is_one_kernel(%x: !x, %s0: !s, %old: !x) -> !x {
  %zero = arith.constant 0.0 : f32
  %none = linalg.fill ins(%zero : f32) outs(%s0 : !s) -> !s
  // CHECK: %[[KERNEL:.*]] = seq.kernel "rows" -> tensor<?x64xf32> {
  // CHECK: iterator_types = ["parallel", "reduction"]
  // CHECK: iterator_types = ["parallel", "parallel"]
  // CHECK: return %[[KERNEL]]
  %s = linalg.generic {indexing_maps = [#row, #statistic], iterator_types = ["parallel", "reduction"]}
      ins(%x : !x) outs(%none : !s) {
  ^bb0(%a: f32, %sum: f32):
    %more = arith.addf %sum, %a : f32
    linalg.yield %more : f32
  } -> !s
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] FuseRows {{.*}}joins the kernel of its operand
  %n = linalg.generic {indexing_maps = [#row, #statistic, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : !x, !s) outs(%old : !x) {
  ^bb0(%a: f32, %sum: f32, %unused: f32):
    %scaled = arith.mulf %a, %sum : f32
    linalg.yield %scaled : f32
  } -> !x
  return %n : !x
}

// CHECK-LABEL: func.func @map_of_other_rows_opens_its_own
func.func @map_of_other_rows_opens_its_own(%x: !x, %s0: !s) -> !s {
  %zero = arith.constant 0.0 : f32
  %none = linalg.fill ins(%zero : f32) outs(%s0 : !s) -> !s
  // CHECK-COUNT-2: seq.kernel "rows" -> tensor<?xf32>
  %s = linalg.generic {indexing_maps = [#row, #statistic], iterator_types = ["parallel", "reduction"]}
      ins(%x : !x) outs(%none : !s) {
  ^bb0(%a: f32, %sum: f32):
    %more = arith.addf %sum, %a : f32
    linalg.yield %more : f32
  } -> !s
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseRows {{.*}}it walks other rows than the kernel that computes its operand
  %n = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]}
      ins(%s : !s) outs(%s0 : !s) {
  ^bb0(%sum: f32, %unused: f32):
    %root = math.sqrt %sum : f32
    linalg.yield %root : f32
  } -> !s
  return %n : !s
}

// CHECK-LABEL: func.func @product_of_a_product_opens_its_own
func.func @product_of_a_product_opens_its_own(%x: tensor<4x64xf32>, %w: tensor<64x64xf32>, %old: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %zero = arith.constant 0.0 : f32
  %none = linalg.fill ins(%zero : f32) outs(%old : tensor<4x64xf32>) -> tensor<4x64xf32>
  // CHECK-COUNT-2: seq.kernel "rows" -> tensor<4x64xf32>
  %first = linalg.generic {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<4x64xf32>, tensor<64x64xf32>) outs(%none : tensor<4x64xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %product = arith.mulf %a, %b : f32
    %more = arith.addf %sum, %product : f32
    linalg.yield %more : f32
  } -> tensor<4x64xf32>
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseRows {{.*}}it sums over what the kernel of its operand computes in other turns of the loops
  %second = linalg.generic {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%first, %w : tensor<4x64xf32>, tensor<64x64xf32>) outs(%none : tensor<4x64xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %product = arith.mulf %a, %b : f32
    %more = arith.addf %sum, %product : f32
    linalg.yield %more : f32
  } -> tensor<4x64xf32>
  return %second : tensor<4x64xf32>
}

// CHECK-LABEL: func.func @rotation_of_stored_keys_is_a_kernel
func.func @rotation_of_stored_keys_is_a_kernel(%k: tensor<?x2x8xf32>, %table: tensor<64x4xf32>, %past: index) -> tensor<?x2x8xf32> {
  // CHECK: seq.kernel "rows" -> tensor<?x2x8xf32>
  // CHECK: seq.rope
  %r = seq.rope %k past %past tables(%table, %table : tensor<64x4xf32>, tensor<64x4xf32>) : tensor<?x2x8xf32>
  return %r : tensor<?x2x8xf32>
}

// CHECK-LABEL: func.func @body_that_reads_elements_opens_its_own
func.func @body_that_reads_elements_opens_its_own(%x: !x, %old: !x) -> !x {
  // CHECK-COUNT-2: seq.kernel "rows" -> tensor<?x64xf32>
  %n = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x : !x) outs(%old : !x) {
  ^bb0(%a: f32, %unused: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseRows {{.*}}its body reads elements of the kernel's result
  %y = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%n : !x) outs(%old : !x) {
  ^bb0(%a: f32, %unused: f32):
    %i = linalg.index 0 : index
    %first = arith.constant 0 : index
    %b = tensor.extract %n[%i, %first] : !x
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> !x
  return %y : !x
}

// CHECK-LABEL: func.func @map_takes_in_the_kernels_of_all_operands
func.func @map_takes_in_the_kernels_of_all_operands(%x: !x, %z: !x, %old: !x) -> !x {
  // CHECK: %[[KERNEL:.*]] = seq.kernel "rows" -> tensor<?x64xf32> {
  // CHECK-COUNT-2: arith.negf
  // CHECK: arith.addf
  // CHECK: return %[[KERNEL]]
  %n = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x : !x) outs(%old : !x) {
  ^bb0(%a: f32, %unused: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> !x
  %m = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%z : !x) outs(%old : !x) {
  ^bb0(%a: f32, %unused: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> !x
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] FuseRows {{.*}}takes in the kernel of another operand
  %y = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%n, %m : !x, !x) outs(%old : !x) {
  ^bb0(%a: f32, %b: f32, %unused: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> !x
  return %y : !x
}

// CHECK-LABEL: func.func @operand_that_others_read_stays
func.func @operand_that_others_read_stays(%x: !x, %z: !x, %old: !x) -> (!x, !x) {
  // CHECK-COUNT-2: seq.kernel "rows"
  %n = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x : !x) outs(%old : !x) {
  ^bb0(%a: f32, %unused: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> !x
  %m = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%z : !x) outs(%old : !x) {
  ^bb0(%a: f32, %unused: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseRows {{.*}}something else reads the other operand
  %y = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%n, %m : !x, !x) outs(%old : !x) {
  ^bb0(%a: f32, %b: f32, %unused: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> !x
  return %y, %m : !x, !x
}

// CHECK-LABEL: func.func @operand_read_at_computed_places_stays
func.func @operand_read_at_computed_places_stays(%x: !x, %z: !x, %old: !x) -> !x {
  // CHECK-COUNT-2: seq.kernel "rows"
  %n = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x : !x) outs(%old : !x) {
  ^bb0(%a: f32, %unused: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> !x
  %m = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%z : !x) outs(%old : !x) {
  ^bb0(%a: f32, %unused: f32):
    %negated = arith.negf %a : f32
    linalg.yield %negated : f32
  } -> !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseRows {{.*}}its body reads elements of the other operand
  %y = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%n, %m : !x, !x) outs(%old : !x) {
  ^bb0(%a: f32, %b: f32, %unused: f32):
    %i = linalg.index 0 : index
    %first = arith.constant 0 : index
    %c = tensor.extract %m[%i, %first] : !x
    %s = arith.addf %a, %b : f32
    %t = arith.addf %s, %c : f32
    linalg.yield %t : f32
  } -> !x
  return %y : !x
}
