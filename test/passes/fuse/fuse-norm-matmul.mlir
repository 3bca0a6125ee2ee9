// Rows are normalised where a product reads them, and are never stored, unless something else reads them.
// RUN: sennit-opt %s --sennit-form-kernels --sennit-fuse-norm-matmul | FileCheck %s
// RUN: sennit-opt %s --sennit-form-kernels --sennit-fuse-norm-matmul --remarks-filter=fuse -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REMARK

!x = tensor<?x64xf32>
!s = tensor<?xf32>
!w = tensor<32x64xf32>
!y = tensor<?x32xf32>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
#row = affine_map<(m, k) -> (m, k)>
#statistic = affine_map<(m, k) -> (m)>

// CHECK-LABEL: func.func @norm_moves_into_its_product
func.func @norm_moves_into_its_product(%x: !x, %w: !w, %rows: !s, %old: !x, %start: !y) -> !y {
  %zero = arith.constant 0.0 : f32
  %none = linalg.fill ins(%zero : f32) outs(%rows : !s) -> !s
  // CHECK-NOT: linalg.generic
  // CHECK: seq.kernel "norm_matmul"
  // CHECK: iterator_types = ["parallel", "reduction"]
  // CHECK: %[[NORM:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
  // CHECK: linalg.matmul {{.*}} ins(%[[NORM]],
  %s = linalg.generic {indexing_maps = [#row, #statistic], iterator_types = ["parallel", "reduction"]}
      ins(%x : !x) outs(%none : !s) {
  ^bb0(%a: f32, %sum: f32):
    %square = arith.mulf %a, %a : f32
    %more = arith.addf %sum, %square : f32
    linalg.yield %more : f32
  } -> !s
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] FuseNormMatmul {{.*}}into 1 products
  %n = linalg.generic {indexing_maps = [#row, #statistic, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : !x, !s) outs(%old : !x) {
  ^bb0(%a: f32, %sum: f32, %unused: f32):
    %scale = math.rsqrt %sum : f32
    %scaled = arith.mulf %a, %scale : f32
    linalg.yield %scaled : f32
  } -> !x
  %y = linalg.matmul indexing_maps = [#x, #w, #y] ins(%n, %w : !x, !w) outs(%start : !y) -> !y
  return %y : !y
}

// CHECK-LABEL: func.func @stored_norm_stays_outside
func.func @stored_norm_stays_outside(%x: !x, %w: !w, %s0: !s, %old: !x, %start: !y) -> (!y, !x) {
  %zero = arith.constant 0.0 : f32
  %none = linalg.fill ins(%zero : f32) outs(%s0 : !s) -> !s
  // CHECK: %[[NORM:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
  // CHECK: seq.kernel "matmul"
  // CHECK: linalg.matmul {{.*}} ins(%[[NORM]],
  %s = linalg.generic {indexing_maps = [#row, #statistic], iterator_types = ["parallel", "reduction"]}
      ins(%x : !x) outs(%none : !s) {
  ^bb0(%a: f32, %sum: f32):
    %more = arith.addf %sum, %a : f32
    linalg.yield %more : f32
  } -> !s
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseNormMatmul {{.*}}`func.return` reads the normalised rows too, so they are stored anyway
  %n = linalg.generic {indexing_maps = [#row, #statistic, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : !x, !s) outs(%old : !x) {
  ^bb0(%a: f32, %sum: f32, %unused: f32):
    %scaled = arith.mulf %a, %sum : f32
    linalg.yield %scaled : f32
  } -> !x
  %y = linalg.matmul indexing_maps = [#x, #w, #y] ins(%n, %w : !x, !w) outs(%start : !y) -> !y
  return %y, %n : !y, !x
}

// CHECK-LABEL: func.func @experts_gather_their_rows
func.func @experts_gather_their_rows(%x: !x, %w: tensor<4x32x64xf32>, %offsets: tensor<5xi32>, %pairs: tensor<?xi32>,
                                     %s0: !s, %old: !x) -> !y {
  %zero = arith.constant 0.0 : f32
  %none = linalg.fill ins(%zero : f32) outs(%s0 : !s) -> !s
  // CHECK: seq.kernel "experts"
  %s = linalg.generic {indexing_maps = [#row, #statistic], iterator_types = ["parallel", "reduction"]}
      ins(%x : !x) outs(%none : !s) {
  ^bb0(%a: f32, %sum: f32):
    %more = arith.addf %sum, %a : f32
    linalg.yield %more : f32
  } -> !s
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseNormMatmul {{.*}}`seq.experts` reads the normalised rows too
  %n = linalg.generic {indexing_maps = [#row, #statistic, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : !x, !s) outs(%old : !x) {
  ^bb0(%a: f32, %sum: f32, %unused: f32):
    %scaled = arith.mulf %a, %sum : f32
    linalg.yield %scaled : f32
  } -> !x
  %y = seq.experts %n, %w offsets(%offsets) gather(%pairs : tensor<?xi32>) top_k 2
    : !x, tensor<4x32x64xf32>, tensor<5xi32> -> !y
  return %y : !y
}

// Both statistics of a row come of one loop, which moves once.
// CHECK-LABEL: func.func @two_statistics_of_one_loop
func.func @two_statistics_of_one_loop(%x: !x, %w: !w, %s0: !s, %old: !x, %start: !y) -> !y {
  // CHECK-NOT: linalg.generic
  // CHECK: seq.kernel "norm_matmul"
  // CHECK: %[[S:.*]]:2 = linalg.generic
  // CHECK: %[[NORM:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[S]]#0, %[[S]]#1
  // CHECK: linalg.matmul {{.*}} ins(%[[NORM]],
  %s:2 = linalg.generic {indexing_maps = [#row, #statistic, #statistic], iterator_types = ["parallel", "reduction"]}
      ins(%x : !x) outs(%s0, %s0 : !s, !s) attrs = {seq.corrected} {
  ^bb0(%a: f32, %most: f32, %sum: f32):
    %new = arith.maximumf %most, %a : f32
    %more = arith.addf %sum, %a : f32
    linalg.yield %new, %more : f32, f32
  } -> (!s, !s)
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] FuseNormMatmul {{.*}}into 1 products
  %n = linalg.generic {indexing_maps = [#row, #statistic, #statistic, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s#0, %s#1 : !x, !s, !s) outs(%old : !x) {
  ^bb0(%a: f32, %most: f32, %sum: f32, %unused: f32):
    %centred = arith.subf %a, %most : f32
    %scaled = arith.mulf %centred, %sum : f32
    linalg.yield %scaled : f32
  } -> !x
  %y = linalg.matmul indexing_maps = [#x, #w, #y] ins(%n, %w : !x, !w) outs(%start : !y) -> !y
  return %y : !y
}

// A norm in several maps moves with all of them, but for what others read.
// CHECK-LABEL: func.func @norm_of_several_maps
func.func @norm_of_several_maps(%x: !x, %w: !w, %gain: tensor<64xf32>, %s0: !s, %old: !x, %start: !y) -> !y {
  %zero = arith.constant 0.0 : f32
  %none = linalg.fill ins(%zero : f32) outs(%s0 : !s) -> !s
  // CHECK-NOT: linalg.generic
  // CHECK: seq.kernel "norm_matmul"
  // CHECK: arith.mulf
  // CHECK: iterator_types = ["parallel", "reduction"]
  // CHECK: math.rsqrt
  // CHECK: %[[GAINS:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
  // CHECK: %[[NORM:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[GAINS]]
  // CHECK: linalg.matmul {{.*}} ins(%[[NORM]],
  %square = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]} ins(%x : !x) outs(%old : !x) {
  ^bb0(%a: f32, %unused: f32):
    %m = arith.mulf %a, %a : f32
    linalg.yield %m : f32
  } -> !x
  %s = linalg.generic {indexing_maps = [#row, #statistic], iterator_types = ["parallel", "reduction"]}
      ins(%square : !x) outs(%none : !s) {
  ^bb0(%a: f32, %sum: f32):
    %more = arith.addf %sum, %a : f32
    linalg.yield %more : f32
  } -> !s
  %scale = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]}
      ins(%s : !s) outs(%s0 : !s) {
  ^bb0(%sum: f32, %unused: f32):
    %r = math.rsqrt %sum : f32
    linalg.yield %r : f32
  } -> !s
  %gains = linalg.generic {indexing_maps = [affine_map<(m, k) -> (k)>, #row], iterator_types = ["parallel", "parallel"]}
      ins(%gain : tensor<64xf32>) outs(%old : !x) {
  ^bb0(%g: f32, %unused: f32):
    linalg.yield %g : f32
  } -> !x
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] FuseNormMatmul {{.*}}into 1 products
  %n = linalg.generic {indexing_maps = [#row, #statistic, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x, %scale, %gains : !x, !s, !x) outs(%old : !x) {
  ^bb0(%a: f32, %r: f32, %g: f32, %unused: f32):
    %scaled = arith.mulf %a, %r : f32
    %weighted = arith.mulf %scaled, %g : f32
    linalg.yield %weighted : f32
  } -> !x
  %y = linalg.matmul indexing_maps = [#x, #w, #y] ins(%n, %w : !x, !w) outs(%start : !y) -> !y
  return %y : !y
}

// Rows that are stored for another reader are read, not computed again, by a map of them.
// CHECK-LABEL: func.func @rounded_rows_of_a_stored_norm
func.func @rounded_rows_of_a_stored_norm(%x: !x, %w: !w, %s0: !s, %old: !x, %start: !y) -> (!y, !x) {
  %zero = arith.constant 0.0 : f32
  %none = linalg.fill ins(%zero : f32) outs(%s0 : !s) -> !s
  // CHECK: seq.kernel "matmul"
  %s = linalg.generic {indexing_maps = [#row, #statistic], iterator_types = ["parallel", "reduction"]}
      ins(%x : !x) outs(%none : !s) {
  ^bb0(%a: f32, %sum: f32):
    %more = arith.addf %sum, %a : f32
    linalg.yield %more : f32
  } -> !s
  %n = linalg.generic {indexing_maps = [#row, #statistic, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : !x, !s) outs(%old : !x) {
  ^bb0(%a: f32, %sum: f32, %unused: f32):
    %scaled = arith.mulf %a, %sum : f32
    linalg.yield %scaled : f32
  } -> !x
  %r = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]} ins(%n : !x) outs(%old : !x) {
  ^bb0(%a: f32, %unused: f32):
    %rounded = math.roundeven %a : f32
    linalg.yield %rounded : f32
  } -> !x
  %y = linalg.matmul indexing_maps = [#x, #w, #y] ins(%r, %w : !x, !w) outs(%start : !y) -> !y
  return %y, %n : !y, !x
}
