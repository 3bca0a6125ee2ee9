// Softmax attention in plain linalg becomes seq.attention, where its reductions correct each other.
// RUN: sennit-opt %s --sennit-decompose --canonicalize --cse --sennit-generalize-ops --sennit-raise-attention --canonicalize \
// RUN:   --remarks-filter=fuse 2> %t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks

// What decomposition takes apart comes together again.
// CHECK-LABEL: func.func @of_itself
// CHECK-SAME: %[[Q:[^:]*]]: tensor<17x2x8xf32>, %[[K:[^:]*]]: tensor<33x2x8xf32>, %[[V:[^:]*]]: tensor<33x2x6xf32>
func.func @of_itself(%q: tensor<17x2x8xf32>, %k: tensor<33x2x8xf32>, %v: tensor<33x2x6xf32>) -> tensor<17x2x6xf32> {
  // CHECK: seq.attention
  // CHECK-NOT: math.exp
  // REMARK: Passed{{.*}}RaiseAttention{{.*}}three reductions over the keys become one loop
  %o = seq.attention %q, %k, %v {scale = 0.5 : f32} : tensor<17x2x8xf32>, tensor<33x2x8xf32>, tensor<33x2x6xf32>
  return %o : tensor<17x2x6xf32>
}

// Operands of 16 bits, widened for products and rounded behind them.
// CHECK-LABEL: func.func @of_16_bits
func.func @of_16_bits(%q: tensor<17x2x8xbf16>, %k: tensor<33x2x8xbf16>, %v: tensor<33x2x6xbf16>) -> tensor<17x2x6xbf16> {
  // CHECK: seq.attention {{.*}}xbf16>
  // CHECK-NOT: math.exp
  %o = seq.attention %q, %k, %v {scale = 0.5 : f32} : tensor<17x2x8xbf16>, tensor<33x2x8xbf16>, tensor<33x2x6xbf16>
  return %o : tensor<17x2x6xbf16>
}

// Tokens counted at run time: the one sequence goes without a batch.
// CHECK-LABEL: func.func @of_many_tokens
func.func @of_many_tokens(%q: tensor<?x2x8xf32>, %k: tensor<?x2x8xf32>) -> tensor<?x2x8xf32> {
  // CHECK: seq.attention {{.*}} : tensor<?x2x8xf32>
  // CHECK-NOT: math.exp
  %o = seq.attention %q, %k, %k {scale = 0.5 : f32, window_right = 0} : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  return %o : tensor<?x2x8xf32>
}

// Comparing keys with queries is a side of the window.
// CHECK-LABEL: func.func @causal
func.func @causal(%q: tensor<17x2x8xf32>, %k: tensor<33x2x8xf32>) -> tensor<17x2x8xf32> {
  // CHECK: seq.attention {{.*}} {scale = 5.000000e-01 : f32, window_right = 0 : i64}
  %o = seq.attention %q, %k, %k {scale = 0.5 : f32, window_right = 0} : tensor<17x2x8xf32>, tensor<33x2x8xf32>, tensor<33x2x8xf32>
  return %o : tensor<17x2x8xf32>
}

#scores = affine_map<(b, h, i, j) -> (b, h, i, j)>
#rows = affine_map<(b, h, i, j) -> (b, h, i)>
#bias = affine_map<(b, h, i, j) -> (i, j)>
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
#p = affine_map<(b, h, i, d, j) -> (b, h, i, j)>
#v = affine_map<(b, h, i, d, j) -> (b, h, j, d)>
#o = affine_map<(b, h, i, d, j) -> (b, h, i, d)>

// A bias between product and softmax is the score region.
// CHECK-LABEL: func.func @with_bias
// CHECK-SAME: %{{[^:]*}}: tensor<2x3x5x8xf32>, %{{[^:]*}}: tensor<2x3x7x8xf32>, %[[BIAS:[^:]*]]: tensor<5x7xf32>
func.func @with_bias(%q: tensor<2x3x5x8xf32>, %k: tensor<2x3x7x8xf32>, %bias: tensor<5x7xf32>) -> tensor<2x3x5x8xf32> {
  // CHECK-COUNT-2: linalg.generic
  // CHECK: seq.attention {{.*}} captures(%[[BIAS]] : tensor<5x7xf32>) score
  // CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index, %[[J:.*]]: index, %[[X:.*]]: tensor<5x7xf32>)
  // CHECK: %[[EXTRA:.*]] = tensor.extract %[[X]][%[[I]], %[[J]]]
  // CHECK: %[[SUM:.*]] = arith.addf %[[S]], %[[EXTRA]]
  // CHECK: seq.yield %[[SUM]]
  // CHECK: linalg.generic
  // CHECK-NOT: math.exp
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %se = tensor.empty() : tensor<2x3x5x7xf32>
  %re = tensor.empty() : tensor<2x3x5xf32>
  %oe = tensor.empty() : tensor<2x3x5x8xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%se : tensor<2x3x5x7xf32>) -> tensor<2x3x5x7xf32>
  %m0 = linalg.fill ins(%least : f32) outs(%re : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %l0 = linalg.fill ins(%zero : f32) outs(%re : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %o0 = linalg.fill ins(%zero : f32) outs(%oe : tensor<2x3x5x8xf32>) -> tensor<2x3x5x8xf32>
  %x = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x3x5x8xf32>, tensor<2x3x7x8xf32>) outs(%s0 : tensor<2x3x5x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %y = arith.addf %c, %m : f32
    linalg.yield %y : f32
  } -> tensor<2x3x5x7xf32>
  %s = linalg.generic {indexing_maps = [#scores, #bias, #scores], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %bias : tensor<2x3x5x7xf32>, tensor<5x7xf32>) outs(%se : tensor<2x3x5x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %y = arith.addf %a, %b : f32
    linalg.yield %y : f32
  } -> tensor<2x3x5x7xf32>
  %m = linalg.generic {indexing_maps = [#scores, #rows], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%s : tensor<2x3x5x7xf32>) outs(%m0 : tensor<2x3x5xf32>) {
  ^bb0(%a: f32, %c: f32):
    %y = arith.maximumf %a, %c : f32
    linalg.yield %y : f32
  } -> tensor<2x3x5xf32>
  %e = linalg.generic {indexing_maps = [#scores, #rows, #scores], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s, %m : tensor<2x3x5x7xf32>, tensor<2x3x5xf32>) outs(%se : tensor<2x3x5x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %d = arith.subf %a, %b : f32
    %y = math.exp %d : f32
    linalg.yield %y : f32
  } -> tensor<2x3x5x7xf32>
  %l = linalg.generic {indexing_maps = [#scores, #rows], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%e : tensor<2x3x5x7xf32>) outs(%l0 : tensor<2x3x5xf32>) {
  ^bb0(%a: f32, %c: f32):
    %y = arith.addf %a, %c : f32
    linalg.yield %y : f32
  } -> tensor<2x3x5xf32>
  %p = linalg.generic {indexing_maps = [#scores, #rows, #scores], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%e, %l : tensor<2x3x5x7xf32>, tensor<2x3x5xf32>) outs(%se : tensor<2x3x5x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %y = arith.divf %a, %b : f32
    linalg.yield %y : f32
  } -> tensor<2x3x5x7xf32>
  %o = linalg.generic {indexing_maps = [#p, #v, #o], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %k : tensor<2x3x5x7xf32>, tensor<2x3x7x8xf32>) outs(%o0 : tensor<2x3x5x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %t = arith.mulf %a, %b : f32
    %y = arith.addf %c, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x3x5x8xf32>
  return %o : tensor<2x3x5x8xf32>
}

#turned = affine_map<(h, i, j, d) -> (h, j, d)>
#left = affine_map<(h, i, j, d) -> (h, i, d)>
#product = affine_map<(h, i, j, d) -> (h, i, j)>

// The weights' logarithms less the logarithm of their sum: division in another spelling.
// CHECK-LABEL: func.func @by_log_sum_exp
func.func @by_log_sum_exp(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x8xf32>, %se: tensor<2x5x7xf32>,
                          %re: tensor<2x5xf32>, %oe: tensor<2x5x8xf32>) -> tensor<2x5x8xf32> {
  // CHECK: seq.attention
  // CHECK-NOT: math.exp
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %s0 = linalg.fill ins(%zero : f32) outs(%se : tensor<2x5x7xf32>) -> tensor<2x5x7xf32>
  %m0 = linalg.fill ins(%least : f32) outs(%re : tensor<2x5xf32>) -> tensor<2x5xf32>
  %l0 = linalg.fill ins(%zero : f32) outs(%re : tensor<2x5xf32>) -> tensor<2x5xf32>
  %o0 = linalg.fill ins(%zero : f32) outs(%oe : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  %s = linalg.batch_matmul indexing_maps = [#left, #turned, #product] ins(%q, %k : tensor<2x5x8xf32>, tensor<2x7x8xf32>)
      outs(%s0 : tensor<2x5x7xf32>) -> tensor<2x5x7xf32>
  %m = linalg.reduce {arith.maximumf} ins(%s : tensor<2x5x7xf32>) outs(%m0 : tensor<2x5xf32>) dimensions = [2]
  %b = linalg.broadcast ins(%m : tensor<2x5xf32>) outs(%se : tensor<2x5x7xf32>) dimensions = [2]
  %d = arith.subf %s, %b : tensor<2x5x7xf32>
  %e = math.exp %d : tensor<2x5x7xf32>
  %l = linalg.reduce {arith.addf} ins(%e : tensor<2x5x7xf32>) outs(%l0 : tensor<2x5xf32>) dimensions = [2]
  %g = math.log %l : tensor<2x5xf32>
  %a = arith.addf %m, %g : tensor<2x5xf32>
  %ab = linalg.broadcast ins(%a : tensor<2x5xf32>) outs(%se : tensor<2x5x7xf32>) dimensions = [2]
  %n = arith.subf %s, %ab : tensor<2x5x7xf32>
  %p = math.exp %n : tensor<2x5x7xf32>
  %o = linalg.batch_matmul ins(%p, %v : tensor<2x5x7xf32>, tensor<2x7x8xf32>) outs(%o0 : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  return %o : tensor<2x5x8xf32>
}

#all = affine_map<(b, h, i, j) -> (b, h, i, j)>
#kept = affine_map<(b, h, i, j) -> (b, h, i, 0)>
#query = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#key = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#score = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
#value = affine_map<(b, h, i, d, j) -> (b, h, j, d)>
#weight = affine_map<(b, h, i, d, j) -> (b, h, i, j)>
#output = affine_map<(b, h, i, d, j) -> (b, h, i, d)>

// Statistics that keep the reduced dimension, as exporters write them, on a single sequence.
// CHECK-LABEL: func.func @with_kept_dimensions
func.func @with_kept_dimensions(%q: tensor<1x2x5x8xf32>, %k: tensor<1x2x7x8xf32>, %v: tensor<1x2x7x8xf32>, %se: tensor<1x2x5x7xf32>,
                                %re: tensor<1x2x5xf32>, %oe: tensor<1x2x5x8xf32>) -> tensor<1x2x5x8xf32> {
  // CHECK: seq.attention {{.*}} : tensor<1x5x2x8xf32>, tensor<1x7x2x8xf32>, tensor<1x7x2x8xf32>
  // CHECK-NOT: math.exp
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %s0 = linalg.fill ins(%zero : f32) outs(%se : tensor<1x2x5x7xf32>) -> tensor<1x2x5x7xf32>
  %m0 = linalg.fill ins(%least : f32) outs(%re : tensor<1x2x5xf32>) -> tensor<1x2x5xf32>
  %l0 = linalg.fill ins(%zero : f32) outs(%re : tensor<1x2x5xf32>) -> tensor<1x2x5xf32>
  %o0 = linalg.fill ins(%zero : f32) outs(%oe : tensor<1x2x5x8xf32>) -> tensor<1x2x5x8xf32>
  %s = linalg.generic {indexing_maps = [#query, #key, #score], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<1x2x5x8xf32>, tensor<1x2x7x8xf32>) outs(%s0 : tensor<1x2x5x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %t = arith.mulf %a, %b : f32
    %y = arith.addf %c, %t : f32
    linalg.yield %y : f32
  } -> tensor<1x2x5x7xf32>
  %most = linalg.reduce {arith.maximumf} ins(%s : tensor<1x2x5x7xf32>) outs(%m0 : tensor<1x2x5xf32>) dimensions = [3]
  %m = tensor.expand_shape %most [[0], [1], [2, 3]] output_shape [1, 2, 5, 1] : tensor<1x2x5xf32> into tensor<1x2x5x1xf32>
  %e = linalg.generic {indexing_maps = [#all, #kept, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s, %m : tensor<1x2x5x7xf32>, tensor<1x2x5x1xf32>) outs(%se : tensor<1x2x5x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %d = arith.subf %a, %b : f32
    %y = math.exp %d : f32
    linalg.yield %y : f32
  } -> tensor<1x2x5x7xf32>
  %sum = linalg.reduce {arith.addf} ins(%e : tensor<1x2x5x7xf32>) outs(%l0 : tensor<1x2x5xf32>) dimensions = [3]
  %l = tensor.expand_shape %sum [[0], [1], [2, 3]] output_shape [1, 2, 5, 1] : tensor<1x2x5xf32> into tensor<1x2x5x1xf32>
  %p = linalg.generic {indexing_maps = [#all, #kept, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%e, %l : tensor<1x2x5x7xf32>, tensor<1x2x5x1xf32>) outs(%se : tensor<1x2x5x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %y = arith.divf %a, %b : f32
    linalg.yield %y : f32
  } -> tensor<1x2x5x7xf32>
  %o = linalg.generic {indexing_maps = [#weight, #value, #output], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<1x2x5x7xf32>, tensor<1x2x7x8xf32>) outs(%o0 : tensor<1x2x5x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %t = arith.mulf %a, %b : f32
    %y = arith.addf %c, %t : f32
    linalg.yield %y : f32
  } -> tensor<1x2x5x8xf32>
  return %o : tensor<1x2x5x8xf32>
}

// Who rounds scores of f32 means it.
// CHECK-LABEL: func.func @rounded_scores
func.func @rounded_scores(%q: tensor<5x2x8xf32>, %k: tensor<7x2x8xf32>) -> tensor<5x2x8xf32> {
  // CHECK-NOT: seq.attention
  // REMARK: Missed{{.*}}scores or weights of f32 operands are rounded
  %o = seq.attention %q, %k, %k score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %rounded = arith.truncf %s : f32 to bf16
    %wide = arith.extf %rounded : bf16 to f32
    seq.yield %wide : f32
  } {scale = 0.5 : f32} : tensor<5x2x8xf32>, tensor<7x2x8xf32>, tensor<7x2x8xf32>
  return %o : tensor<5x2x8xf32>
}
