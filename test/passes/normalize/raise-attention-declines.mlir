// What only resembles softmax attention stays in linalg, and the remark says in what it differs.
// RUN: sennit-opt %s --sennit-decompose --canonicalize --cse --sennit-generalize-ops --sennit-raise-attention \
// RUN:   --remarks-filter=fuse 2> %t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks

#scores = affine_map<(b, h, i, j) -> (b, h, i, j)>
#rows = affine_map<(b, h, i, j) -> (b, h, i)>
#bias = affine_map<(b, h, i, j) -> (i, j)>
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
#p = affine_map<(b, h, i, d, j) -> (b, h, i, j)>
#v = affine_map<(b, h, i, d, j) -> (b, h, j, d)>
#o = affine_map<(b, h, i, d, j) -> (b, h, i, d)>

// Scores with the bias, a maximum without: no common correction.
// CHECK-LABEL: func.func @shifted_by_another_maximum
func.func @shifted_by_another_maximum(%q: tensor<2x3x5x8xf32>, %k: tensor<2x3x7x8xf32>, %bias: tensor<5x7xf32>) -> tensor<2x3x5x8xf32> {
  // CHECK-NOT: seq.attention
  // REMARK: Missed{{.*}}no maximum of the same values bounds its exponent
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
      ins(%x : tensor<2x3x5x7xf32>) outs(%m0 : tensor<2x3x5xf32>) {
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

// The divisor sums the scores themselves.
// CHECK-LABEL: func.func @divided_by_another_sum
func.func @divided_by_another_sum(%q: tensor<2x3x5x8xf32>, %k: tensor<2x3x7x8xf32>, %bias: tensor<5x7xf32>) -> tensor<2x3x5x8xf32> {
  // CHECK-NOT: seq.attention
  // REMARK: Missed{{.*}}the divisor is not the sum of the same exponentials
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
      ins(%s : tensor<2x3x5x7xf32>) outs(%l0 : tensor<2x3x5xf32>) {
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

// The weights are a result as well.
// CHECK-LABEL: func.func @weights_read_elsewhere
func.func @weights_read_elsewhere(%q: tensor<2x3x5x8xf32>, %k: tensor<2x3x7x8xf32>, %bias: tensor<5x7xf32>) -> (tensor<2x3x5x8xf32>, tensor<2x3x5x7xf32>) {
  // CHECK-NOT: seq.attention
  // REMARK: Missed{{.*}}something else reads the softmax
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
  return %o, %p : tensor<2x3x5x8xf32>, tensor<2x3x5x7xf32>
}

#pair = affine_map<(i, d, j) -> (i, j)>
#value = affine_map<(i, d, j) -> (j, d)>
#out = affine_map<(i, d, j) -> (i, d)>
#query = affine_map<(i, j, d) -> (i, d)>
#key = affine_map<(i, j, d) -> (j, d)>
#score = affine_map<(i, j, d) -> (i, j)>
#ij = affine_map<(i, j) -> (i, j)>
#i = affine_map<(i, j) -> (i)>

// The result of bf16 operands is read as f32, which the op would have rounded.
// CHECK-LABEL: func.func @read_unrounded
func.func @read_unrounded(%q: tensor<5x8xbf16>, %k: tensor<7x8xbf16>, %x: tensor<5x7xf32>, %m: tensor<5xf32>) -> tensor<5x8xf32> {
  // CHECK-NOT: seq.attention
  // REMARK: Missed{{.*}}the result has more bits than queries, keys and values, and something reads them
  %zero = arith.constant 0.0 : f32 %least = arith.constant 0xFF800000 : f32
  %oe = tensor.empty() : tensor<5x8xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%x : tensor<5x7xf32>) -> tensor<5x7xf32>
  %m0 = linalg.fill ins(%least : f32) outs(%m : tensor<5xf32>) -> tensor<5xf32>
  %l0 = linalg.fill ins(%zero : f32) outs(%m : tensor<5xf32>) -> tensor<5xf32>
  %o0 = linalg.fill ins(%zero : f32) outs(%oe : tensor<5x8xf32>) -> tensor<5x8xf32>
  %s = linalg.generic {indexing_maps = [#query, #key, #score], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<5x8xbf16>, tensor<7x8xbf16>) outs(%s0 : tensor<5x7xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %aw = arith.extf %a : bf16 to f32 %bw = arith.extf %b : bf16 to f32
    %t = arith.mulf %aw, %bw : f32 %y = arith.addf %c, %t : f32 linalg.yield %y : f32
  } -> tensor<5x7xf32>
  %most = linalg.reduce {arith.maximumf} ins(%s : tensor<5x7xf32>) outs(%m0 : tensor<5xf32>) dimensions = [1]
  %e = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%s, %most : tensor<5x7xf32>, tensor<5xf32>) outs(%x : tensor<5x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %d = arith.subf %a, %b : f32 %y = math.exp %d : f32 linalg.yield %y : f32
  } -> tensor<5x7xf32>
  %l = linalg.reduce {arith.addf} ins(%e : tensor<5x7xf32>) outs(%l0 : tensor<5xf32>) dimensions = [1]
  %p = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%e, %l : tensor<5x7xf32>, tensor<5xf32>) outs(%x : tensor<5x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %y = arith.divf %a, %b : f32 linalg.yield %y : f32
  } -> tensor<5x7xf32>
  %o = linalg.generic {indexing_maps = [#pair, #value, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%p, %k : tensor<5x7xf32>, tensor<7x8xbf16>) outs(%o0 : tensor<5x8xf32>) {
  ^bb0(%a: f32, %b: bf16, %c: f32):
    %bw = arith.extf %b : bf16 to f32 %t = arith.mulf %a, %bw : f32
    %y = arith.addf %c, %t : f32 linalg.yield %y : f32
  } -> tensor<5x8xf32>
  return %o : tensor<5x8xf32>
}
