// Reductions over long rows that read the result of another become one loop, their sums corrected as the statistic moves.
// RUN: sennit-opt %s --sennit-generalize-ops --sennit-merge-reductions --canonicalize --cse --remarks-filter=fuse \
// RUN:   2> %t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks

!x = tensor<3x1000xf32>
!r = tensor<3xf32>

// CHECK-DAG: #[[ELEMENTS:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[ROWS:.*]] = affine_map<(d0, d1) -> (d0)>

// Softmax's maximum and sum: the correction of the sum is exp(m - m').
// CHECK-LABEL: func.func @log_sum_exp
// CHECK-SAME: %[[X:[^:]*]]: tensor<3x1000xf32>
func.func @log_sum_exp(%x: !x, %e: !r) -> (!r, !r) {
  // CHECK-DAG: %[[LOWEST:.*]] = arith.constant -3.40282347E+38 : f32
  // CHECK: linalg.generic {indexing_maps = [#[[ELEMENTS]], #[[ROWS]], #[[ROWS]]], iterator_types = ["parallel", "reduction"]}
  // CHECK-SAME: ins(%[[X]] : tensor<3x1000xf32>)
  // CHECK-SAME: attrs = {seq.corrected}
  // CHECK: ^bb0(%[[A:.*]]: f32, %[[M:.*]]: f32, %[[L:.*]]: f32):
  // CHECK: %[[MOST:.*]] = arith.maximumf %[[M]], %[[A]]
  // CHECK: %[[OLD:.*]] = arith.maximumf %[[M]], %[[LOWEST]]
  // CHECK: %[[NEW:.*]] = arith.maximumf %[[MOST]], %[[LOWEST]]
  // CHECK: %[[D:.*]] = arith.subf %[[OLD]], %[[NEW]]
  // CHECK: %[[U:.*]] = arith.subf %[[A]], %[[NEW]]
  // CHECK: %[[FACTOR:.*]] = math.exp %[[D]]
  // CHECK: %[[ACTED:.*]] = arith.mulf %[[L]], %[[FACTOR]]
  // CHECK: %[[LIFTED:.*]] = math.exp %[[U]]
  // CHECK: %[[SUM:.*]] = arith.addf %[[ACTED]], %[[LIFTED]]
  // CHECK: linalg.yield %[[MOST]], %[[SUM]]
  // CHECK-NOT: reduction
  %low = arith.constant 0xFF800000 : f32
  %none = linalg.fill ins(%low : f32) outs(%e : !r) -> !r
  %m = linalg.reduce {arith.maximumf} ins(%x : !x) outs(%none : !r) dimensions = [1]
  %b = linalg.broadcast ins(%m : !r) outs(%x : !x) dimensions = [1]
  %d = arith.subf %x, %b : !x
  %p = math.exp %d : !x
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] MergeReductions {{.*}}joins the loop of the statistic that it reads, which corrects it
  %l = linalg.reduce {arith.addf} ins(%p : !x) outs(%z : !r) dimensions = [1]
  return %m, %l : !r, !r
}

// The variance about the mean of the elements so far: sum, count and squares. First powers about the mean are zero.
// CHECK-LABEL: func.func @mean_and_variance
func.func @mean_and_variance(%x: !x, %e: !r) -> (!r, !r) {
  // CHECK: linalg.generic {indexing_maps = [#[[ELEMENTS]], #[[ROWS]], #[[ROWS]], #[[ROWS]]]
  // CHECK: ^bb0(%[[A:.*]]: f32, %[[S:.*]]: f32, %[[N:.*]]: f32, %[[SQUARES:.*]]: f32):
  // CHECK: %[[SUM:.*]] = arith.addf %[[S]], %[[A]]
  // CHECK: %[[COUNT:.*]] = arith.addf %[[N]], %{{.*}}
  // CHECK: %[[CENTRE:.*]] = arith.divf %[[SUM]]
  // CHECK: %[[U:.*]] = arith.subf %[[A]], %[[CENTRE]]
  // CHECK-NOT: math.exp
  // CHECK: %[[SQUARE:.*]] = arith.mulf %[[U]], %[[U]]
  // CHECK: linalg.yield %[[SUM]], %[[COUNT]]
  // CHECK-NOT: "reduction"
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %s = linalg.reduce {arith.addf} ins(%x : !x) outs(%z : !r) dimensions = [1]
  %n = arith.constant dense<1000.0> : !r
  %mean = arith.divf %s, %n : !r
  %b = linalg.broadcast ins(%mean : !r) outs(%x : !x) dimensions = [1]
  %u = arith.subf %x, %b : !x
  %q = arith.mulf %u, %u : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] MergeReductions {{.*}}which corrects it
  %v = linalg.reduce {arith.addf} ins(%q : !x) outs(%z : !r) dimensions = [1]
  return %mean, %v : !r, !r
}

// Three in a chain: the third needs the sum of the second, and one more; what it makes of the second's result waits.
// CHECK-LABEL: func.func @entropy
func.func @entropy(%x: !x, %e: !r) -> !r {
  // CHECK: %[[SUMS:.*]]:3 = linalg.generic {{{.*}}iterator_types = ["parallel", "reduction"]}
  // CHECK-NOT: math.log
  // CHECK: linalg.generic {{{.*}}iterator_types = ["parallel"]}
  // CHECK: math.log
  // CHECK-NOT: "reduction"
  %low = arith.constant 0xFF800000 : f32
  %none = linalg.fill ins(%low : f32) outs(%e : !r) -> !r
  %m = linalg.reduce {arith.maximumf} ins(%x : !x) outs(%none : !r) dimensions = [1]
  %b = linalg.broadcast ins(%m : !r) outs(%x : !x) dimensions = [1]
  %d = arith.subf %x, %b : !x
  %y = math.exp %d : !x
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] MergeReductions
  %l = linalg.reduce {arith.addf} ins(%y : !x) outs(%z : !r) dimensions = [1]
  %bl = linalg.broadcast ins(%l : !r) outs(%x : !x) dimensions = [1]
  %p = arith.divf %y, %bl : !x
  %g = math.log %p : !x
  %pg = arith.mulf %p, %g : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] MergeReductions
  %h = linalg.reduce {arith.addf} ins(%pg : !x) outs(%z : !r) dimensions = [1]
  return %h : !r
}

// The deferred gauge: sums that do not depend on the statistic are scaled behind the loop.
// CHECK-LABEL: func.func @normalised_sum
func.func @normalised_sum(%x: !x, %w: !x, %e: !r) -> !r {
  // CHECK: %[[SUMS:.*]]:2 = linalg.generic {{{.*}}iterator_types = ["parallel", "reduction"]}
  // CHECK-NOT: math.rsqrt
  // CHECK: linalg.generic {{{.*}}iterator_types = ["parallel"]}
  // CHECK: math.rsqrt
  // CHECK-NOT: "reduction"
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %square = arith.mulf %x, %x : !x
  %s = linalg.reduce {arith.addf} ins(%square : !x) outs(%z : !r) dimensions = [1]
  %scale = math.rsqrt %s : !r
  %b = linalg.broadcast ins(%scale : !r) outs(%x : !x) dimensions = [1]
  %n = arith.mulf %x, %b : !x
  %nw = arith.mulf %n, %w : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] MergeReductions {{.*}}by which it is scaled at the end
  %y = linalg.reduce {arith.addf} ins(%nw : !x) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// max(x / s, 0) = max(x, 0) / s where s > 0.
// CHECK-LABEL: func.func @rectified
func.func @rectified(%x: !x, %e: !r) -> !r {
  // CHECK: %[[SUMS:.*]]:2 = linalg.generic {{{.*}}iterator_types = ["parallel", "reduction"]}
  // CHECK-NOT: "reduction"
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %y = math.exp %x : !x
  %s = linalg.reduce {arith.addf} ins(%y : !x) outs(%z : !r) dimensions = [1]
  %b = linalg.broadcast ins(%s : !r) outs(%x : !x) dimensions = [1]
  %n = arith.divf %x, %b : !x
  %zeros = arith.constant dense<0.0> : !x
  %relu = arith.maximumf %n, %zeros : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] MergeReductions
  %r = linalg.reduce {arith.addf} ins(%relu : !x) outs(%z : !r) dimensions = [1]
  return %r : !r
}

// The weights themselves are read behind the loop: only the reductions merge.
// CHECK-LABEL: func.func @weights_are_a_second_pass
func.func @weights_are_a_second_pass(%x: !x, %e: !r) -> !x {
  // CHECK: %[[SUMS:.*]]:2 = linalg.generic {{{.*}}iterator_types = ["parallel", "reduction"]}
  // CHECK: linalg.generic {{{.*}}iterator_types = ["parallel", "parallel"]}
  // CHECK-NOT: "reduction"
  %low = arith.constant 0xFF800000 : f32
  %none = linalg.fill ins(%low : f32) outs(%e : !r) -> !r
  %m = linalg.reduce {arith.maximumf} ins(%x : !x) outs(%none : !r) dimensions = [1]
  %b = linalg.broadcast ins(%m : !r) outs(%x : !x) dimensions = [1]
  %d = arith.subf %x, %b : !x
  %y = math.exp %d : !x
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] MergeReductions
  %l = linalg.reduce {arith.addf} ins(%y : !x) outs(%z : !r) dimensions = [1]
  %bl = linalg.broadcast ins(%l : !r) outs(%x : !x) dimensions = [1]
  %p = arith.divf %y, %bl : !x
  return %p : !x
}

// A mean whose count f32 does not hold stays a loop of its own.
// CHECK-LABEL: func.func @rows_beyond_counting
func.func @rows_beyond_counting(%x: tensor<1x33554432xf32>, %e: tensor<1xf32>) -> tensor<1xf32> {
  // CHECK-NOT: seq.corrected
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1xf32>) -> tensor<1xf32>
  %s = linalg.reduce {arith.addf} ins(%x : tensor<1x33554432xf32>) outs(%z : tensor<1xf32>) dimensions = [1]
  %n = arith.constant dense<33554432.0> : tensor<1xf32>
  %mean = arith.divf %s, %n : tensor<1xf32>
  %b = linalg.broadcast ins(%mean : tensor<1xf32>) outs(%x : tensor<1x33554432xf32>) dimensions = [1]
  %u = arith.subf %x, %b : tensor<1x33554432xf32>
  %q = arith.mulf %u, %u : tensor<1x33554432xf32>
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}rows of 33554432 elements are more than f32 counts
  %v = linalg.reduce {arith.addf} ins(%q : tensor<1x33554432xf32>) outs(%z : tensor<1xf32>) dimensions = [1]
  return %v : tensor<1xf32>
}

// Nor does a sum without end join.
// CHECK-LABEL: func.func @doubled_again_and_again
func.func @doubled_again_and_again(%x: !x, %e: !r) -> !r {
  // CHECK-NOT: seq.corrected
  %low = arith.constant 0xFF800000 : f32
  %none = linalg.fill ins(%low : f32) outs(%e : !r) -> !r
  %m = linalg.reduce {arith.maximumf} ins(%x : !x) outs(%none : !r) dimensions = [1]
  %b = linalg.broadcast ins(%m : !r) outs(%x : !x) dimensions = [1]
  %d = arith.subf %x, %b : !x
  %d2 = arith.addf %d, %d : !x
  %d4 = arith.addf %d2, %d2 : !x
  %d8 = arith.addf %d4, %d4 : !x
  %d16 = arith.addf %d8, %d8 : !x
  %y = math.exp %d16 : !x
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}it is a sum of more than 16 products
  %l = linalg.reduce {arith.addf} ins(%y : !x) outs(%z : !r) dimensions = [1]
  return %l : !r
}
