// A Mamba-3 mixer of 2 heads, rank 2, 2 complex states and 3 channels a head (Lahoti et al. 2026): the transition is
// complex, which is keys and queries rotated by the angles summed so far; the rule is trapezoidal, which is a second
// writer, the token before; and each token writes and reads R rows, which is R keys and R queries on one state.
// Arguments: real and imaginary parts of keys and queries [token, head and rank, state], inputs [token, head, channel],
// what makes values of inputs [head, rank, channel], steps and mixtures before their activations [token, head], decay
// rates [head], angles before theirs [token, state], what makes outputs [head, rank, channel], the skip [head], and the
// states: the angles, the matrix, and the last token's key and value.
#t = affine_map<(t, h, r, n) -> (t, h, r, n)>
#th = affine_map<(t, h, r, n) -> (t, h)>
#thn = affine_map<(t, h, r, n) -> (t, h, n)>
#hrn = affine_map<(t, h, r, n) -> (h, r, n)>
#angle = affine_map<(t, h, n) -> (t, n)>
#step = affine_map<(t, h, n) -> (t, h)>
#whole = affine_map<(t, h, n) -> (t, h, n)>
#head = affine_map<(t, h) -> (h)>
#number = affine_map<(t, h) -> (t, h)>
#c = affine_map<(h, n) -> (h, n)>
#out = affine_map<(t, h, p, r) -> (t, h, p)>
#each = affine_map<(t, h, p, r) -> (t, h, r, p)>
#weight = affine_map<(t, h, p, r) -> (h, r, p)>
#skip = affine_map<(t, h, p, r) -> (h)>
func.func @run(%kr: tensor<?x4x2xf32>, %ki: tensor<?x4x2xf32>, %qr: tensor<?x4x2xf32>, %qi: tensor<?x4x2xf32>,
               %x: tensor<?x2x3xf32>, %mv: tensor<2x2x3xf32>, %raw: tensor<?x2xf32>, %trap: tensor<?x2xf32>,
               %rate: tensor<2xf32>, %angles: tensor<?x2xf32>, %mo: tensor<2x2x3xf32>, %d: tensor<2xf32>,
               %theta0: tensor<2x2xf32>, %s0: tensor<2x4x3xf32>, %k0: tensor<1x16xf32>, %v0: tensor<1x12xf32>)
    -> (tensor<?x2x3xf32>, tensor<2x2xf32>, tensor<2x4x3xf32>, tensor<1x16xf32>, tensor<1x12xf32>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %raw, %c0 : tensor<?x2xf32>
  %ne = tensor.empty(%tokens) : tensor<?x2xf32>
  // softplus, sigmoid, A dt, and the weights of this token and of the one before, which the decay follows.
  %dt = linalg.generic {indexing_maps = [#number, #number], iterator_types = ["parallel", "parallel"]}
      ins(%raw : tensor<?x2xf32>) outs(%ne : tensor<?x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %most = arith.maximumf %a, %zero : f32
    %size = math.absf %a : f32
    %less = arith.negf %size : f32
    %exp = math.exp %less : f32
    %log = math.log1p %exp : f32
    %r = arith.addf %most, %log : f32
    linalg.yield %r : f32
  } -> tensor<?x2xf32>
  %g = linalg.generic {indexing_maps = [#number, #head, #number], iterator_types = ["parallel", "parallel"]}
      ins(%dt, %rate : tensor<?x2xf32>, tensor<2xf32>) outs(%ne : tensor<?x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<?x2xf32>
  %now = linalg.generic {indexing_maps = [#number, #number, #number], iterator_types = ["parallel", "parallel"]}
      ins(%dt, %trap : tensor<?x2xf32>, tensor<?x2xf32>) outs(%ne : tensor<?x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %minus = arith.negf %b : f32
    %exp = math.exp %minus : f32
    %sum = arith.addf %one, %exp : f32
    %r = arith.divf %a, %sum : f32
    linalg.yield %r : f32
  } -> tensor<?x2xf32>
  %then = linalg.generic {indexing_maps = [#number, #number, #number, #number], iterator_types = ["parallel", "parallel"]}
      ins(%dt, %now, %g : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) outs(%ne : tensor<?x2xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %rest = arith.subf %a, %b : f32
    %decay = math.exp %c : f32
    %r = arith.mulf %rest, %decay : f32
    linalg.yield %r : f32
  } -> tensor<?x2xf32>

  // The angles, summed modulo a turn.
  %te = tensor.empty(%tokens) : tensor<?x2x2xf32>
  %turns = linalg.generic {indexing_maps = [#angle, #step, #whole], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%angles, %dt : tensor<?x2xf32>, tensor<?x2xf32>) outs(%te : tensor<?x2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %pi = arith.constant 3.14159265358979 : f32
    %tanh = math.tanh %a : f32
    %turn = arith.mulf %pi, %tanh : f32
    %r = arith.mulf %turn, %b : f32
    linalg.yield %r : f32
  } -> tensor<?x2x2xf32>
  %theta, %theta1 = seq.scan general inputs(%turns : tensor<?x2x2xf32>) state(%theta0 : tensor<2x2xf32>) {
  ^bb0(%turn: tensor<2x2xf32>, %before: tensor<2x2xf32>):
    %e = tensor.empty() : tensor<2x2xf32>
    %next = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel", "parallel"]}
        ins(%turn, %before : tensor<2x2xf32>, tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %round = arith.constant 6.28318530717958 : f32
      %sum = arith.addf %a, %b : f32
      %rounds = arith.divf %sum, %round : f32
      %whole = math.floor %rounds : f32
      %over = arith.mulf %whole, %round : f32
      %r = arith.subf %sum, %over : f32
      linalg.yield %r : f32
    } -> tensor<2x2xf32>
    seq.yield %next, %next : tensor<2x2xf32>, tensor<2x2xf32>
  } -> tensor<?x2x2xf32>, tensor<2x2xf32>

  // Keys and queries turned by them: real parts, then imaginary parts.
  %re = tensor.empty(%tokens) : tensor<?x2x2x2xf32>
  %kr4 = tensor.expand_shape %kr [[0], [1, 2], [3]] output_shape [%tokens, 2, 2, 2] : tensor<?x4x2xf32> into tensor<?x2x2x2xf32>
  %ki4 = tensor.expand_shape %ki [[0], [1, 2], [3]] output_shape [%tokens, 2, 2, 2] : tensor<?x4x2xf32> into tensor<?x2x2x2xf32>
  %qr4 = tensor.expand_shape %qr [[0], [1, 2], [3]] output_shape [%tokens, 2, 2, 2] : tensor<?x4x2xf32> into tensor<?x2x2x2xf32>
  %qi4 = tensor.expand_shape %qi [[0], [1, 2], [3]] output_shape [%tokens, 2, 2, 2] : tensor<?x4x2xf32> into tensor<?x2x2x2xf32>
  %kReal = linalg.generic {indexing_maps = [#t, #t, #thn, #t], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%kr4, %ki4, %theta : tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>, tensor<?x2x2xf32>) outs(%re : tensor<?x2x2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %w: f32, %o: f32):
    %cos = math.cos %w : f32
    %sin = math.sin %w : f32
    %l = arith.mulf %a, %cos : f32
    %m = arith.mulf %b, %sin : f32
    %r = arith.subf %l, %m : f32
    linalg.yield %r : f32
  } -> tensor<?x2x2x2xf32>
  %kImaginary = linalg.generic {indexing_maps = [#t, #t, #thn, #t], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%kr4, %ki4, %theta : tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>, tensor<?x2x2xf32>) outs(%re : tensor<?x2x2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %w: f32, %o: f32):
    %cos = math.cos %w : f32
    %sin = math.sin %w : f32
    %l = arith.mulf %a, %sin : f32
    %m = arith.mulf %b, %cos : f32
    %r = arith.addf %l, %m : f32
    linalg.yield %r : f32
  } -> tensor<?x2x2x2xf32>
  %qReal = linalg.generic {indexing_maps = [#t, #t, #thn, #t], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%qr4, %qi4, %theta : tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>, tensor<?x2x2xf32>) outs(%re : tensor<?x2x2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %w: f32, %o: f32):
    %cos = math.cos %w : f32
    %sin = math.sin %w : f32
    %l = arith.mulf %a, %cos : f32
    %m = arith.mulf %b, %sin : f32
    %r = arith.subf %l, %m : f32
    linalg.yield %r : f32
  } -> tensor<?x2x2x2xf32>
  %qImaginary = linalg.generic {indexing_maps = [#t, #t, #thn, #t], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%qr4, %qi4, %theta : tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>, tensor<?x2x2xf32>) outs(%re : tensor<?x2x2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %w: f32, %o: f32):
    %cos = math.cos %w : f32
    %sin = math.sin %w : f32
    %l = arith.mulf %a, %sin : f32
    %m = arith.mulf %b, %cos : f32
    %r = arith.addf %l, %m : f32
    linalg.yield %r : f32
  } -> tensor<?x2x2x2xf32>
  %k = tensor.concat dim(3) %kReal, %kImaginary : (tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>) -> tensor<?x2x2x4xf32>
  %q4 = tensor.concat dim(3) %qReal, %qImaginary : (tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>) -> tensor<?x2x2x4xf32>
  %q = tensor.collapse_shape %q4 [[0], [1, 2], [3]] : tensor<?x2x2x4xf32> into tensor<?x4x4xf32>
  %ve = tensor.empty(%tokens) : tensor<?x2x2x3xf32>
  %v = linalg.generic {indexing_maps = [#thn, #hrn, #t], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %mv : tensor<?x2x3xf32>, tensor<2x2x3xf32>) outs(%ve : tensor<?x2x2x3xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<?x2x2x3xf32>

  // The token before is a convolution by [1, 0], whose window carries it from call to call.
  %kTaps = arith.constant dense<[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]> : tensor<16x2xf32>
  %vTaps = arith.constant dense<[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]> : tensor<12x2xf32>
  %kRows = tensor.collapse_shape %k [[0], [1, 2, 3]] : tensor<?x2x2x4xf32> into tensor<?x16xf32>
  %vRows = tensor.collapse_shape %v [[0], [1, 2, 3]] : tensor<?x2x2x3xf32> into tensor<?x12xf32>
  %kBefore2, %k1 = seq.conv %kRows, %kTaps state(%k0 : tensor<1x16xf32>) : tensor<?x16xf32>, tensor<16x2xf32>
  %vBefore2, %v1 = seq.conv %vRows, %vTaps state(%v0 : tensor<1x12xf32>) : tensor<?x12xf32>, tensor<12x2xf32>
  %kBefore = tensor.expand_shape %kBefore2 [[0], [1, 2, 3]] output_shape [%tokens, 2, 2, 4] : tensor<?x16xf32> into tensor<?x2x2x4xf32>
  %vBefore = tensor.expand_shape %vBefore2 [[0], [1, 2, 3]] output_shape [%tokens, 2, 2, 3] : tensor<?x12xf32> into tensor<?x2x2x3xf32>
  %ke = tensor.empty(%tokens) : tensor<?x2x2x4xf32>
  %kNow = linalg.generic {indexing_maps = [#t, #th, #t], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k, %now : tensor<?x2x2x4xf32>, tensor<?x2xf32>) outs(%ke : tensor<?x2x2x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<?x2x2x4xf32>
  %kThen = linalg.generic {indexing_maps = [#t, #th, #t], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%kBefore, %then : tensor<?x2x2x4xf32>, tensor<?x2xf32>) outs(%ke : tensor<?x2x2x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<?x2x2x4xf32>
  %keys4 = tensor.concat dim(2) %kThen, %kNow : (tensor<?x2x2x4xf32>, tensor<?x2x2x4xf32>) -> tensor<?x2x4x4xf32>
  %values4 = tensor.concat dim(2) %vBefore, %v : (tensor<?x2x2x3xf32>, tensor<?x2x2x3xf32>) -> tensor<?x2x4x3xf32>
  %keys = tensor.collapse_shape %keys4 [[0], [1, 2], [3]] : tensor<?x2x4x4xf32> into tensor<?x8x4xf32>
  %values = tensor.collapse_shape %values4 [[0], [1, 2], [3]] : tensor<?x2x4x3xf32> into tensor<?x8x3xf32>
  %read, %s1 = seq.linear_attention gated %q, %keys, %values decay(%g : tensor<?x2xf32>) state(%s0) {scale = 1.0 : f32}
    : tensor<?x4x4xf32>, tensor<?x8x4xf32>, tensor<?x8x3xf32>, tensor<2x4x3xf32>
  %read4 = tensor.expand_shape %read [[0], [1, 2], [3]] output_shape [%tokens, 2, 2, 3] : tensor<?x4x3xf32> into tensor<?x2x2x3xf32>
  %zero = arith.constant 0.0 : f32
  %oe = tensor.empty(%tokens) : tensor<?x2x3xf32>
  %oz = linalg.fill ins(%zero : f32) outs(%oe : tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
  %y = linalg.generic {indexing_maps = [#each, #each, #weight, #skip, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%read4, %v, %mo, %d : tensor<?x2x2x3xf32>, tensor<?x2x2x3xf32>, tensor<2x2x3xf32>, tensor<2xf32>) outs(%oz : tensor<?x2x3xf32>) {
  ^bb0(%a: f32, %b: f32, %w: f32, %k2: f32, %o: f32):
    %skip = arith.mulf %k2, %b : f32
    %both = arith.addf %a, %skip : f32
    %m = arith.mulf %w, %both : f32
    %r = arith.addf %o, %m : f32
    linalg.yield %r : f32
  } -> tensor<?x2x3xf32>
  return %y, %theta1, %s1, %k1, %v1 : tensor<?x2x3xf32>, tensor<2x2xf32>, tensor<2x4x3xf32>, tensor<1x16xf32>, tensor<1x12xf32>
}
