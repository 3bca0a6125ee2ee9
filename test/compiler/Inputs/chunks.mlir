// Recurrences of 2048 tokens, for chunks.test.

func.func @ssd(%q: tensor<2048x1x128xbf16>, %v: tensor<2048x32x64xbf16>, %g: tensor<2048x32xf32>, %s: tensor<32x128x64xf32>)
    -> (tensor<2048x32x64xf32>, tensor<32x128x64xf32>) {
  %o, %n = seq.linear_attention gated %q, %q, %v decay(%g : tensor<2048x32xf32>) state(%s) {scale = 1.0 : f32}
    : tensor<2048x1x128xbf16>, tensor<2048x1x128xbf16>, tensor<2048x32x64xbf16>, tensor<32x128x64xf32>
  return %o, %n : tensor<2048x32x64xf32>, tensor<32x128x64xf32>
}

func.func @components(%q: tensor<2048x16x128xf32>, %b: tensor<2048x16xf32>, %s: tensor<16x128x128xf32>)
    -> (tensor<2048x16x128xf32>, tensor<16x128x128xf32>) {
  %o, %n = seq.linear_attention gated_delta %q, %q, %q decay(%q : tensor<2048x16x128xf32>) beta(%b : tensor<2048x16xf32>)
    state(%s) {scale = 1.0 : f32}
    : tensor<2048x16x128xf32>, tensor<2048x16x128xf32>, tensor<2048x16x128xf32>, tensor<16x128x128xf32>
  return %o, %n : tensor<2048x16x128xf32>, tensor<16x128x128xf32>
}

func.func @pinned(%q: tensor<2048x2x64xf32>, %s: tensor<2x64x64xf32>) -> (tensor<2048x2x64xf32>, tensor<2x64x64xf32>) {
  %o, %n = seq.linear_attention linear %q, %q, %q state(%s) {scale = 1.0 : f32, chunk = 100 : i64}
    : tensor<2048x2x64xf32>, tensor<2048x2x64xf32>, tensor<2048x2x64xf32>, tensor<2x64x64xf32>
  return %o, %n : tensor<2048x2x64xf32>, tensor<2x64x64xf32>
}

func.func @step(%q: tensor<1x2x64xf32>, %s: tensor<2x64x64xf32>) -> (tensor<1x2x64xf32>, tensor<2x64x64xf32>) {
  %o, %n = seq.linear_attention linear %q, %q, %q state(%s) {scale = 1.0 : f32}
    : tensor<1x2x64xf32>, tensor<1x2x64xf32>, tensor<1x2x64xf32>, tensor<2x64x64xf32>
  return %o, %n : tensor<1x2x64xf32>, tensor<2x64x64xf32>
}
