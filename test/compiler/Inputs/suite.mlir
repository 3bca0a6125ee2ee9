// Exponentials of rows, as a work of a suite of programs.
#id = affine_map<(i, j) -> (i, j)>
func.func @run(%x: tensor<64x1000xf32> {seq.name = "x"}) -> (tensor<64x1000xf32> {seq.name = "y"}) {
  %e = tensor.empty() : tensor<64x1000xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<64x1000xf32>) outs(%e : tensor<64x1000xf32>) {
  ^bb0(%a: f32, %old: f32):
    %b = math.exp %a : f32
    linalg.yield %b : f32
  } -> tensor<64x1000xf32>
  return %y : tensor<64x1000xf32>
}
