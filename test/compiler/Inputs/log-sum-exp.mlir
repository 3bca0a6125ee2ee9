// The logarithm of a sum of exponentials, over a vocabulary.
!x = tensor<8x131072xf32>
!r = tensor<8xf32>
func.func @log_sum_exp(%x: !x) -> !r {
  %least = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : !r
  %low = linalg.fill ins(%least : f32) outs(%e : !r) -> !r
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %m = linalg.reduce {arith.maximumf} ins(%x : !x) outs(%low : !r) dimensions = [1]
  %b = linalg.broadcast ins(%m : !r) outs(%x : !x) dimensions = [1]
  %d = arith.subf %x, %b : !x
  %y = math.exp %d : !x
  %l = linalg.reduce {arith.addf} ins(%y : !x) outs(%z : !r) dimensions = [1]
  %g = math.log %l : !r
  %o = arith.addf %m, %g : !r
  return %o : !r
}
