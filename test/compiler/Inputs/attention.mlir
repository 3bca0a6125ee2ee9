// Softmax attention in plain ops: of many queries, and of one.
#q = affine_map<(h, i, j, d) -> (h, i, d)>
#k = affine_map<(h, i, j, d) -> (h, j, d)>
#s = affine_map<(h, i, j, d) -> (h, i, j)>

func.func @many(%q: tensor<8x256x64xf32>, %k: tensor<8x4096x64xf32>, %v: tensor<8x4096x64xf32>) -> tensor<8x256x64xf32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %se = tensor.empty() : tensor<8x256x4096xf32>
  %re = tensor.empty() : tensor<8x256xf32>
  %oe = tensor.empty() : tensor<8x256x64xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%se : tensor<8x256x4096xf32>) -> tensor<8x256x4096xf32>
  %m0 = linalg.fill ins(%least : f32) outs(%re : tensor<8x256xf32>) -> tensor<8x256xf32>
  %l0 = linalg.fill ins(%zero : f32) outs(%re : tensor<8x256xf32>) -> tensor<8x256xf32>
  %o0 = linalg.fill ins(%zero : f32) outs(%oe : tensor<8x256x64xf32>) -> tensor<8x256x64xf32>
  %s = linalg.batch_matmul indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<8x256x64xf32>, tensor<8x4096x64xf32>)
      outs(%s0 : tensor<8x256x4096xf32>) -> tensor<8x256x4096xf32>
  %scale = arith.constant dense<0.125> : tensor<8x256x4096xf32>
  %x = arith.mulf %s, %scale : tensor<8x256x4096xf32>
  %m = linalg.reduce {arith.maximumf} ins(%x : tensor<8x256x4096xf32>) outs(%m0 : tensor<8x256xf32>) dimensions = [2]
  %b = linalg.broadcast ins(%m : tensor<8x256xf32>) outs(%se : tensor<8x256x4096xf32>) dimensions = [2]
  %d = arith.subf %x, %b : tensor<8x256x4096xf32>
  %y = math.exp %d : tensor<8x256x4096xf32>
  %l = linalg.reduce {arith.addf} ins(%y : tensor<8x256x4096xf32>) outs(%l0 : tensor<8x256xf32>) dimensions = [2]
  %bl = linalg.broadcast ins(%l : tensor<8x256xf32>) outs(%se : tensor<8x256x4096xf32>) dimensions = [2]
  %p = arith.divf %y, %bl : tensor<8x256x4096xf32>
  %o = linalg.batch_matmul ins(%p, %v : tensor<8x256x4096xf32>, tensor<8x4096x64xf32>)
      outs(%o0 : tensor<8x256x64xf32>) -> tensor<8x256x64xf32>
  return %o : tensor<8x256x64xf32>
}

func.func @one(%q: tensor<8x1x64xf32>, %k: tensor<8x4096x64xf32>, %v: tensor<8x4096x64xf32>) -> tensor<8x1x64xf32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %se = tensor.empty() : tensor<8x1x4096xf32>
  %re = tensor.empty() : tensor<8x1xf32>
  %oe = tensor.empty() : tensor<8x1x64xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%se : tensor<8x1x4096xf32>) -> tensor<8x1x4096xf32>
  %m0 = linalg.fill ins(%least : f32) outs(%re : tensor<8x1xf32>) -> tensor<8x1xf32>
  %l0 = linalg.fill ins(%zero : f32) outs(%re : tensor<8x1xf32>) -> tensor<8x1xf32>
  %o0 = linalg.fill ins(%zero : f32) outs(%oe : tensor<8x1x64xf32>) -> tensor<8x1x64xf32>
  %s = linalg.batch_matmul indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<8x1x64xf32>, tensor<8x4096x64xf32>)
      outs(%s0 : tensor<8x1x4096xf32>) -> tensor<8x1x4096xf32>
  %scale = arith.constant dense<0.125> : tensor<8x1x4096xf32>
  %x = arith.mulf %s, %scale : tensor<8x1x4096xf32>
  %m = linalg.reduce {arith.maximumf} ins(%x : tensor<8x1x4096xf32>) outs(%m0 : tensor<8x1xf32>) dimensions = [2]
  %b = linalg.broadcast ins(%m : tensor<8x1xf32>) outs(%se : tensor<8x1x4096xf32>) dimensions = [2]
  %d = arith.subf %x, %b : tensor<8x1x4096xf32>
  %y = math.exp %d : tensor<8x1x4096xf32>
  %l = linalg.reduce {arith.addf} ins(%y : tensor<8x1x4096xf32>) outs(%l0 : tensor<8x1xf32>) dimensions = [2]
  %bl = linalg.broadcast ins(%l : tensor<8x1xf32>) outs(%se : tensor<8x1x4096xf32>) dimensions = [2]
  %p = arith.divf %y, %bl : tensor<8x1x4096xf32>
  %o = linalg.batch_matmul ins(%p, %v : tensor<8x1x4096xf32>, tensor<8x4096x64xf32>)
      outs(%o0 : tensor<8x1x64xf32>) -> tensor<8x1x64xf32>
  return %o : tensor<8x1x64xf32>
}
