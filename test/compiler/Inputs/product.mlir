// A product of rows by a matrix, for schedule.test.
func.func @run(%x: tensor<64x1024xf32> {seq.name = "x"}, %w: tensor<512x1024xbf16> {seq.name = "w"}) -> (tensor<64x512xf32> {seq.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x512xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<64x512xf32>) -> tensor<64x512xf32>
  %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<64x1024xf32>, tensor<512x1024xbf16>)
      outs(%z : tensor<64x512xf32>) -> tensor<64x512xf32>
  return %p : tensor<64x512xf32>
}
