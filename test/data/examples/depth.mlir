// A model of three layers, of which two are skipped by most tokens: a dense block through which a router lets a token
// (Raposo et al. 2024), a convolution for all, and linear attention that a token leaves out once it is sure of itself
// (early exit), so that the state counts the other tokens only. Weights are numbers of 24 bits made of their places.
#two = affine_map<(i, j) -> (i, j)>
#t = affine_map<(t) -> (t)>
#first = affine_map<(t) -> (t, 0)>
#column = affine_map<(t, d) -> (t, 0)>
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#product = affine_map<(m, n, k) -> (m, n)>
module attributes {seq.model = {architecture = "depth", vocabulary = 64 : i64, context = 256 : i64, chunk = 64 : i64, byte_level = false, end_of_text = -1 : i64}} {
func.func @body(%tokens: tensor<?xi32>, %past: index, %window: tensor<2x16xf32> {seq.state = "window"},
                %memory: tensor<2x4x8xf32> {seq.state = "memory"})
    -> (tensor<?x16xf32>, tensor<2x16xf32>, tensor<2x4x8xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %table.e = tensor.empty() : tensor<64x16xf32>
  %table = linalg.generic {indexing_maps = [#two], iterator_types = ["parallel", "parallel"]} outs(%table.e : tensor<64x16xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %i32 = arith.index_cast %i : index to i32
    %j32 = arith.index_cast %j : index to i32
    %p = arith.constant 668265263 : i32
    %q = arith.constant 374761393 : i32
    %seed = arith.constant 1013904223 : i32
    %a = arith.muli %i32, %p : i32
    %b = arith.muli %j32, %q : i32
    %c = arith.addi %a, %b : i32
    %d = arith.addi %c, %seed : i32
    %s15 = arith.constant 15 : i32
    %s8 = arith.constant 8 : i32
    %f = arith.shrui %d, %s15 : i32
    %g = arith.xori %d, %f : i32
    %h = arith.muli %g, %p : i32
    %k = arith.shrui %h, %s8 : i32
    %n = arith.sitofp %k : i32 to f32
    %unit = arith.constant 5.96046448E-8 : f32
    %half = arith.constant 0.5 : f32
    %x = arith.mulf %n, %unit : f32
    %r = arith.subf %x, %half : f32
    linalg.yield %r : f32
  } -> tensor<64x16xf32>
  %wr.e = tensor.empty() : tensor<1x16xf32>
  %wr = linalg.generic {indexing_maps = [#two], iterator_types = ["parallel", "parallel"]} outs(%wr.e : tensor<1x16xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %i32 = arith.index_cast %i : index to i32
    %j32 = arith.index_cast %j : index to i32
    %p = arith.constant 668265263 : i32
    %q = arith.constant 374761393 : i32
    %seed = arith.constant 2027808446 : i32
    %a = arith.muli %i32, %p : i32
    %b = arith.muli %j32, %q : i32
    %c = arith.addi %a, %b : i32
    %d = arith.addi %c, %seed : i32
    %s15 = arith.constant 15 : i32
    %s8 = arith.constant 8 : i32
    %f = arith.shrui %d, %s15 : i32
    %g = arith.xori %d, %f : i32
    %h = arith.muli %g, %p : i32
    %k = arith.shrui %h, %s8 : i32
    %n = arith.sitofp %k : i32 to f32
    %unit = arith.constant 5.96046448E-8 : f32
    %half = arith.constant 0.5 : f32
    %x = arith.mulf %n, %unit : f32
    %r = arith.subf %x, %half : f32
    linalg.yield %r : f32
  } -> tensor<1x16xf32>
  %up1.e = tensor.empty() : tensor<40x16xf32>
  %up1 = linalg.generic {indexing_maps = [#two], iterator_types = ["parallel", "parallel"]} outs(%up1.e : tensor<40x16xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %i32 = arith.index_cast %i : index to i32
    %j32 = arith.index_cast %j : index to i32
    %p = arith.constant 668265263 : i32
    %q = arith.constant 374761393 : i32
    %seed = arith.constant 894229022 : i32
    %a = arith.muli %i32, %p : i32
    %b = arith.muli %j32, %q : i32
    %c = arith.addi %a, %b : i32
    %d = arith.addi %c, %seed : i32
    %s15 = arith.constant 15 : i32
    %s8 = arith.constant 8 : i32
    %f = arith.shrui %d, %s15 : i32
    %g = arith.xori %d, %f : i32
    %h = arith.muli %g, %p : i32
    %k = arith.shrui %h, %s8 : i32
    %n = arith.sitofp %k : i32 to f32
    %unit = arith.constant 5.96046448E-8 : f32
    %half = arith.constant 0.5 : f32
    %x = arith.mulf %n, %unit : f32
    %r = arith.subf %x, %half : f32
    linalg.yield %r : f32
  } -> tensor<40x16xf32>
  %down1.e = tensor.empty() : tensor<16x40xf32>
  %down1 = linalg.generic {indexing_maps = [#two], iterator_types = ["parallel", "parallel"]} outs(%down1.e : tensor<16x40xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %i32 = arith.index_cast %i : index to i32
    %j32 = arith.index_cast %j : index to i32
    %p = arith.constant 668265263 : i32
    %q = arith.constant 374761393 : i32
    %seed = arith.constant 1908133245 : i32
    %a = arith.muli %i32, %p : i32
    %b = arith.muli %j32, %q : i32
    %c = arith.addi %a, %b : i32
    %d = arith.addi %c, %seed : i32
    %s15 = arith.constant 15 : i32
    %s8 = arith.constant 8 : i32
    %f = arith.shrui %d, %s15 : i32
    %g = arith.xori %d, %f : i32
    %h = arith.muli %g, %p : i32
    %k = arith.shrui %h, %s8 : i32
    %n = arith.sitofp %k : i32 to f32
    %unit = arith.constant 5.96046448E-8 : f32
    %half = arith.constant 0.5 : f32
    %x = arith.mulf %n, %unit : f32
    %r = arith.subf %x, %half : f32
    linalg.yield %r : f32
  } -> tensor<16x40xf32>
  %taps.e = tensor.empty() : tensor<16x3xf32>
  %taps = linalg.generic {indexing_maps = [#two], iterator_types = ["parallel", "parallel"]} outs(%taps.e : tensor<16x3xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %i32 = arith.index_cast %i : index to i32
    %j32 = arith.index_cast %j : index to i32
    %p = arith.constant 668265263 : i32
    %q = arith.constant 374761393 : i32
    %seed = arith.constant 774553821 : i32
    %a = arith.muli %i32, %p : i32
    %b = arith.muli %j32, %q : i32
    %c = arith.addi %a, %b : i32
    %d = arith.addi %c, %seed : i32
    %s15 = arith.constant 15 : i32
    %s8 = arith.constant 8 : i32
    %f = arith.shrui %d, %s15 : i32
    %g = arith.xori %d, %f : i32
    %h = arith.muli %g, %p : i32
    %k = arith.shrui %h, %s8 : i32
    %n = arith.sitofp %k : i32 to f32
    %unit = arith.constant 5.96046448E-8 : f32
    %half = arith.constant 0.5 : f32
    %x = arith.mulf %n, %unit : f32
    %r = arith.subf %x, %half : f32
    linalg.yield %r : f32
  } -> tensor<16x3xf32>
  %wk.e = tensor.empty() : tensor<8x16xf32>
  %wk = linalg.generic {indexing_maps = [#two], iterator_types = ["parallel", "parallel"]} outs(%wk.e : tensor<8x16xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %i32 = arith.index_cast %i : index to i32
    %j32 = arith.index_cast %j : index to i32
    %p = arith.constant 668265263 : i32
    %q = arith.constant 374761393 : i32
    %seed = arith.constant 1788458044 : i32
    %a = arith.muli %i32, %p : i32
    %b = arith.muli %j32, %q : i32
    %c = arith.addi %a, %b : i32
    %d = arith.addi %c, %seed : i32
    %s15 = arith.constant 15 : i32
    %s8 = arith.constant 8 : i32
    %f = arith.shrui %d, %s15 : i32
    %g = arith.xori %d, %f : i32
    %h = arith.muli %g, %p : i32
    %k = arith.shrui %h, %s8 : i32
    %n = arith.sitofp %k : i32 to f32
    %unit = arith.constant 5.96046448E-8 : f32
    %half = arith.constant 0.5 : f32
    %x = arith.mulf %n, %unit : f32
    %r = arith.subf %x, %half : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  %wv.e = tensor.empty() : tensor<16x16xf32>
  %wv = linalg.generic {indexing_maps = [#two], iterator_types = ["parallel", "parallel"]} outs(%wv.e : tensor<16x16xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %i32 = arith.index_cast %i : index to i32
    %j32 = arith.index_cast %j : index to i32
    %p = arith.constant 668265263 : i32
    %q = arith.constant 374761393 : i32
    %seed = arith.constant 654878620 : i32
    %a = arith.muli %i32, %p : i32
    %b = arith.muli %j32, %q : i32
    %c = arith.addi %a, %b : i32
    %d = arith.addi %c, %seed : i32
    %s15 = arith.constant 15 : i32
    %s8 = arith.constant 8 : i32
    %f = arith.shrui %d, %s15 : i32
    %g = arith.xori %d, %f : i32
    %h = arith.muli %g, %p : i32
    %k = arith.shrui %h, %s8 : i32
    %n = arith.sitofp %k : i32 to f32
    %unit = arith.constant 5.96046448E-8 : f32
    %half = arith.constant 0.5 : f32
    %x = arith.mulf %n, %unit : f32
    %r = arith.subf %x, %half : f32
    linalg.yield %r : f32
  } -> tensor<16x16xf32>
  %wq.e = tensor.empty() : tensor<8x16xf32>
  %wq = linalg.generic {indexing_maps = [#two], iterator_types = ["parallel", "parallel"]} outs(%wq.e : tensor<8x16xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %i32 = arith.index_cast %i : index to i32
    %j32 = arith.index_cast %j : index to i32
    %p = arith.constant 668265263 : i32
    %q = arith.constant 374761393 : i32
    %seed = arith.constant 1668782843 : i32
    %a = arith.muli %i32, %p : i32
    %b = arith.muli %j32, %q : i32
    %c = arith.addi %a, %b : i32
    %d = arith.addi %c, %seed : i32
    %s15 = arith.constant 15 : i32
    %s8 = arith.constant 8 : i32
    %f = arith.shrui %d, %s15 : i32
    %g = arith.xori %d, %f : i32
    %h = arith.muli %g, %p : i32
    %k = arith.shrui %h, %s8 : i32
    %n = arith.sitofp %k : i32 to f32
    %unit = arith.constant 5.96046448E-8 : f32
    %half = arith.constant 0.5 : f32
    %x = arith.mulf %n, %unit : f32
    %r = arith.subf %x, %half : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  %x = seq.embed %tokens, %table : tensor<?xi32>, tensor<64x16xf32> -> tensor<?x16xf32>
  %count = tensor.dim %tokens, %c0 : tensor<?xi32>

  // A token's router sees the token alone.
  %score.e = tensor.empty(%count) : tensor<?x1xf32>
    %score.z = linalg.fill ins(%zero : f32) outs(%score.e : tensor<?x1xf32>) -> tensor<?x1xf32>
    %score = linalg.matmul indexing_maps = [#left, #right, #product]
        ins(%x, %wr : tensor<?x16xf32>, tensor<1x16xf32>) outs(%score.z : tensor<?x1xf32>) -> tensor<?x1xf32>
  %chosen.e = tensor.empty(%count) : tensor<?xi1>
  %chosen = linalg.generic {indexing_maps = [#first, #t], iterator_types = ["parallel"]}
      ins(%score : tensor<?x1xf32>) outs(%chosen.e : tensor<?xi1>) {
  ^bb0(%a: f32, %o: i1):
    %r = arith.cmpf ogt, %a, %zero : f32
    linalg.yield %r : i1
  } -> tensor<?xi1>
  %y = seq.skip %chosen inputs(%x, %score : tensor<?x16xf32>, tensor<?x1xf32>) {
  ^bb0(%rows: tensor<?x16xf32>, %weights: tensor<?x1xf32>):
    %m = tensor.dim %rows, %c0 : tensor<?x16xf32>
    %hidden.e = tensor.empty(%m) : tensor<?x40xf32>
    %hidden.z = linalg.fill ins(%zero : f32) outs(%hidden.e : tensor<?x40xf32>) -> tensor<?x40xf32>
    %hidden = linalg.matmul indexing_maps = [#left, #right, #product]
        ins(%rows, %up1 : tensor<?x16xf32>, tensor<40x16xf32>) outs(%hidden.z : tensor<?x40xf32>) -> tensor<?x40xf32>
    %positive = linalg.generic {indexing_maps = [#two, #two], iterator_types = ["parallel", "parallel"]}
        ins(%hidden : tensor<?x40xf32>) outs(%hidden.e : tensor<?x40xf32>) {
    ^bb0(%a: f32, %o: f32):
      %r = arith.maximumf %a, %zero : f32
      linalg.yield %r : f32
    } -> tensor<?x40xf32>
    %block.e = tensor.empty(%m) : tensor<?x16xf32>
    %block.z = linalg.fill ins(%zero : f32) outs(%block.e : tensor<?x16xf32>) -> tensor<?x16xf32>
    %block = linalg.matmul indexing_maps = [#left, #right, #product]
        ins(%positive, %down1 : tensor<?x40xf32>, tensor<16x40xf32>) outs(%block.z : tensor<?x16xf32>) -> tensor<?x16xf32>
    %sum = linalg.generic {indexing_maps = [#two, #column, #two, #two], iterator_types = ["parallel", "parallel"]}
        ins(%rows, %weights, %block : tensor<?x16xf32>, tensor<?x1xf32>, tensor<?x16xf32>) outs(%block.e : tensor<?x16xf32>) {
    ^bb0(%a: f32, %w: f32, %b: f32, %o: f32):
      %p = arith.mulf %w, %b : f32
      %r = arith.addf %a, %p : f32
      linalg.yield %r : f32
    } -> tensor<?x16xf32>
    seq.yield %sum : tensor<?x16xf32>
  } : tensor<?xi1> -> tensor<?x16xf32>

  %z, %next = seq.conv %y, %taps state(%window : tensor<2x16xf32>) : tensor<?x16xf32>, tensor<16x3xf32>
  %unsure = linalg.generic {indexing_maps = [#first, #t], iterator_types = ["parallel"]}
      ins(%z : tensor<?x16xf32>) outs(%chosen.e : tensor<?xi1>) {
  ^bb0(%a: f32, %o: i1):
    %sure = arith.constant 0.125 : f32
    %size = math.absf %a : f32
    %r = arith.cmpf olt, %size, %sure : f32
    linalg.yield %r : i1
  } -> tensor<?xi1>
  %deep, %kept = seq.skip %unsure inputs(%z : tensor<?x16xf32>) state(%memory : tensor<2x4x8xf32>) {
  ^bb0(%rows: tensor<?x16xf32>, %before: tensor<2x4x8xf32>):
    %m = tensor.dim %rows, %c0 : tensor<?x16xf32>
    %k.e = tensor.empty(%m) : tensor<?x8xf32>
    %k.z = linalg.fill ins(%zero : f32) outs(%k.e : tensor<?x8xf32>) -> tensor<?x8xf32>
    %k = linalg.matmul indexing_maps = [#left, #right, #product]
        ins(%rows, %wk : tensor<?x16xf32>, tensor<8x16xf32>) outs(%k.z : tensor<?x8xf32>) -> tensor<?x8xf32>
    %q.e = tensor.empty(%m) : tensor<?x8xf32>
    %q.z = linalg.fill ins(%zero : f32) outs(%q.e : tensor<?x8xf32>) -> tensor<?x8xf32>
    %q = linalg.matmul indexing_maps = [#left, #right, #product]
        ins(%rows, %wq : tensor<?x16xf32>, tensor<8x16xf32>) outs(%q.z : tensor<?x8xf32>) -> tensor<?x8xf32>
    %v.e = tensor.empty(%m) : tensor<?x16xf32>
    %v.z = linalg.fill ins(%zero : f32) outs(%v.e : tensor<?x16xf32>) -> tensor<?x16xf32>
    %v = linalg.matmul indexing_maps = [#left, #right, #product]
        ins(%rows, %wv : tensor<?x16xf32>, tensor<16x16xf32>) outs(%v.z : tensor<?x16xf32>) -> tensor<?x16xf32>
    %kh = tensor.expand_shape %k [[0], [1, 2]] output_shape [%m, 2, 4] : tensor<?x8xf32> into tensor<?x2x4xf32>
    %qh = tensor.expand_shape %q [[0], [1, 2]] output_shape [%m, 2, 4] : tensor<?x8xf32> into tensor<?x2x4xf32>
    %vh = tensor.expand_shape %v [[0], [1, 2]] output_shape [%m, 2, 8] : tensor<?x16xf32> into tensor<?x2x8xf32>
    %read, %after = seq.linear_attention linear %qh, %kh, %vh state(%before) {scale = 1.0 : f32}
      : tensor<?x2x4xf32>, tensor<?x2x4xf32>, tensor<?x2x8xf32>, tensor<2x4x8xf32>
    %flat = tensor.collapse_shape %read [[0], [1, 2]] : tensor<?x2x8xf32> into tensor<?x16xf32>
    seq.yield %flat, %after : tensor<?x16xf32>, tensor<2x4x8xf32>
  } : tensor<?xi1> -> tensor<?x16xf32>, tensor<2x4x8xf32>
  return %deep, %next, %kept : tensor<?x16xf32>, tensor<2x16xf32>, tensor<2x4x8xf32>
}
func.func @head(%hidden: tensor<?x16xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %out.e = tensor.empty() : tensor<64x16xf32>
  %out = linalg.generic {indexing_maps = [#two], iterator_types = ["parallel", "parallel"]} outs(%out.e : tensor<64x16xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %i32 = arith.index_cast %i : index to i32
    %j32 = arith.index_cast %j : index to i32
    %p = arith.constant 668265263 : i32
    %q = arith.constant 374761393 : i32
    %seed = arith.constant 535203419 : i32
    %a = arith.muli %i32, %p : i32
    %b = arith.muli %j32, %q : i32
    %c = arith.addi %a, %b : i32
    %d = arith.addi %c, %seed : i32
    %s15 = arith.constant 15 : i32
    %s8 = arith.constant 8 : i32
    %f = arith.shrui %d, %s15 : i32
    %g = arith.xori %d, %f : i32
    %h = arith.muli %g, %p : i32
    %k = arith.shrui %h, %s8 : i32
    %n = arith.sitofp %k : i32 to f32
    %unit = arith.constant 5.96046448E-8 : f32
    %half = arith.constant 0.5 : f32
    %x = arith.mulf %n, %unit : f32
    %r = arith.subf %x, %half : f32
    linalg.yield %r : f32
  } -> tensor<64x16xf32>
  %count = tensor.dim %hidden, %c0 : tensor<?x16xf32>
  %logits.e = tensor.empty(%count) : tensor<?x64xf32>
    %logits.z = linalg.fill ins(%zero : f32) outs(%logits.e : tensor<?x64xf32>) -> tensor<?x64xf32>
    %logits = linalg.matmul indexing_maps = [#left, #right, #product]
        ins(%hidden, %out : tensor<?x16xf32>, tensor<64x16xf32>) outs(%logits.z : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %logits : tensor<?x64xf32>
}
}
