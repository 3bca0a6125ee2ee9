// A long convolution between two gates (Poli et al. 2023), by its modes: the filter of a channel is a sum of 4 real
// exponentials, R_n lambda_n^t (StripedHyena 2), and so a recurrence with 4 numbers a channel, in a prompt and in a step.
// It is linear attention with a head a channel, values one wide, keys of ones, R as queries and log lambda as decay.
// Arguments: gate, input, gate [token, channel], R and log lambda [channel, mode], the direct part [channel], the state.
#row = affine_map<(t, c) -> (t, c)>
#channel = affine_map<(t, c) -> (c)>
#mode = affine_map<(t, c, n) -> (c, n)>
#all = affine_map<(t, c, n) -> (t, c, n)>
func.func @run(%q: tensor<?x5xf32>, %k: tensor<?x5xf32>, %v: tensor<?x5xf32>, %weights: tensor<5x4xf32>,
               %logs: tensor<5x4xf32>, %direct: tensor<5xf32>, %state: tensor<5x4x1xf32>)
    -> (tensor<?x5xf32>, tensor<5x4x1xf32>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %q, %c0 : tensor<?x5xf32>
  %xe = tensor.empty(%tokens) : tensor<?x5xf32>
  %x = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%k, %v : tensor<?x5xf32>, tensor<?x5xf32>) outs(%xe : tensor<?x5xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<?x5xf32>
  %values = tensor.expand_shape %x [[0], [1, 2]] output_shape [%tokens, 5, 1] : tensor<?x5xf32> into tensor<?x5x1xf32>
  %ke = tensor.empty(%tokens) : tensor<?x1x4xf32>
  %keys = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel", "parallel"]}
      outs(%ke : tensor<?x1x4xf32>) {
  ^bb0(%o: f32):
    %one = arith.constant 1.0 : f32
    linalg.yield %one : f32
  } -> tensor<?x1x4xf32>
  %me = tensor.empty(%tokens) : tensor<?x5x4xf32>
  %queries = linalg.generic {indexing_maps = [#mode, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%weights : tensor<5x4xf32>) outs(%me : tensor<?x5x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<?x5x4xf32>
  %decay = linalg.generic {indexing_maps = [#mode, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%logs : tensor<5x4xf32>) outs(%me : tensor<?x5x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<?x5x4xf32>
  %read, %after = seq.linear_attention gated %queries, %keys, %values decay(%decay : tensor<?x5x4xf32>) state(%state)
    {scale = 1.0 : f32} : tensor<?x5x4xf32>, tensor<?x1x4xf32>, tensor<?x5x1xf32>, tensor<5x4x1xf32>
  %rows = tensor.collapse_shape %read [[0], [1, 2]] : tensor<?x5x1xf32> into tensor<?x5xf32>
  %y = linalg.generic {indexing_maps = [#row, #row, #row, #channel, #row], iterator_types = ["parallel", "parallel"]}
      ins(%rows, %x, %q, %direct : tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>, tensor<5xf32>) outs(%xe : tensor<?x5xf32>) {
  ^bb0(%a: f32, %b: f32, %g: f32, %d: f32, %o: f32):
    %now = arith.mulf %d, %b : f32
    %both = arith.addf %a, %now : f32
    %r = arith.mulf %g, %both : f32
    linalg.yield %r : f32
  } -> tensor<?x5xf32>
  return %y, %after : tensor<?x5xf32>, tensor<5x4x1xf32>
}
