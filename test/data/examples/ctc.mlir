// Connectionist temporal classification (Graves et al. 2006): minus the logarithm of the probability that any alignment
// gives the labels. Places are blank, label, blank, .. blank; a move is allowed to the same place, the next one, and
// the one after a blank between two different labels.
// Arguments: logarithms of probabilities [token, class], the class of each place, moves [from, to], where paths begin
// before the first token, and where they may end.
#i = affine_map<(i) -> (i)>
#place = affine_map<(t, s) -> (s)>
#each = affine_map<(t, s) -> (t, s)>
#to = affine_map<(j, i) -> (j)>
#from = affine_map<(j, i) -> (i)>
#move = affine_map<(j, i) -> (i, j)>
#one = affine_map<(u, i) -> (u)>
#all = affine_map<(u, i) -> (i)>
func.func @run(%logs: tensor<?x4xf32>, %classes: tensor<7xi32>, %moves: tensor<7x7xf32>, %begin: tensor<7xf32>,
               %end: tensor<7xf32>) -> tensor<1xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %logs, %c0 : tensor<?x4xf32>
  %ee = tensor.empty(%tokens) : tensor<?x7xf32>
  %emissions = linalg.generic {indexing_maps = [#place, #each], iterator_types = ["parallel", "parallel"]}
      ins(%classes : tensor<7xi32>) outs(%ee : tensor<?x7xf32>) {
  ^bb0(%class: i32, %o: f32):
    %t = linalg.index 0 : index
    %c = arith.index_cast %class : i32 to index
    %r = tensor.extract %logs[%t, %c] : tensor<?x4xf32>
    linalg.yield %r : f32
  } -> tensor<?x7xf32>
  %sums = seq.scan log_sum_exp inputs(%emissions : tensor<?x7xf32>) state(%begin : tensor<7xf32>) {
  ^bb0(%emission: tensor<7xf32>, %paths: tensor<7xf32>):
    %e = tensor.empty() : tensor<7xf32>
    %none = linalg.fill ins(%lowest : f32) outs(%e : tensor<7xf32>) -> tensor<7xf32>
    %most = linalg.generic {indexing_maps = [#from, #move, #to], iterator_types = ["parallel", "reduction"]}
        ins(%paths, %moves : tensor<7xf32>, tensor<7x7xf32>) outs(%none : tensor<7xf32>) {
    ^bb0(%a: f32, %m: f32, %o: f32):
      %s = arith.addf %a, %m : f32
      %r = arith.maximumf %s, %o : f32
      linalg.yield %r : f32
    } -> tensor<7xf32>
    %off = linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
        ins(%most : tensor<7xf32>) outs(%e : tensor<7xf32>) {
    ^bb0(%m: f32, %o: f32):
      %isNone = arith.cmpf oeq, %m, %lowest : f32
      %r = arith.select %isNone, %zero, %m : f32
      linalg.yield %r : f32
    } -> tensor<7xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<7xf32>) -> tensor<7xf32>
    %sum = linalg.generic {indexing_maps = [#from, #move, #to, #to], iterator_types = ["parallel", "reduction"]}
        ins(%paths, %moves, %off : tensor<7xf32>, tensor<7x7xf32>, tensor<7xf32>) outs(%start : tensor<7xf32>) {
    ^bb0(%a: f32, %m: f32, %f: f32, %o: f32):
      %s = arith.addf %a, %m : f32
      %d = arith.subf %s, %f : f32
      %w = math.exp %d : f32
      %r = arith.addf %w, %o : f32
      linalg.yield %r : f32
    } -> tensor<7xf32>
    %next = linalg.generic {indexing_maps = [#i, #i, #i, #i], iterator_types = ["parallel"]}
        ins(%sum, %off, %emission : tensor<7xf32>, tensor<7xf32>, tensor<7xf32>) outs(%e : tensor<7xf32>) {
    ^bb0(%s: f32, %f: f32, %x: f32, %o: f32):
      %log = math.log %s : f32
      %back = arith.addf %log, %f : f32
      %r = arith.addf %back, %x : f32
      linalg.yield %r : f32
    } -> tensor<7xf32>
    seq.yield %next : tensor<7xf32>
  } -> tensor<7xf32>
  %oe = tensor.empty() : tensor<1xf32>
  %sn = linalg.fill ins(%lowest : f32) outs(%oe : tensor<1xf32>) -> tensor<1xf32>
  %sz = linalg.fill ins(%zero : f32) outs(%oe : tensor<1xf32>) -> tensor<1xf32>
  %most = linalg.generic {indexing_maps = [#all, #all, #one], iterator_types = ["parallel", "reduction"]}
      ins(%sums, %end : tensor<7xf32>, tensor<7xf32>) outs(%sn : tensor<1xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    %r = arith.maximumf %s, %o : f32
    linalg.yield %r : f32
  } -> tensor<1xf32>
  %sum = linalg.generic {indexing_maps = [#all, #all, #one, #one], iterator_types = ["parallel", "reduction"]}
      ins(%sums, %end, %most : tensor<7xf32>, tensor<7xf32>, tensor<1xf32>) outs(%sz : tensor<1xf32>) {
  ^bb0(%a: f32, %b: f32, %m: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    %d = arith.subf %s, %m : f32
    %w = math.exp %d : f32
    %r = arith.addf %o, %w : f32
    linalg.yield %r : f32
  } -> tensor<1xf32>
  %loss = linalg.generic {indexing_maps = [#i, #i, #i], iterator_types = ["parallel"]}
      ins(%sum, %most : tensor<1xf32>, tensor<1xf32>) outs(%oe : tensor<1xf32>) {
  ^bb0(%s: f32, %m: f32, %o: f32):
    %log = math.log %s : f32
    %both = arith.addf %log, %m : f32
    %r = arith.negf %both : f32
    linalg.yield %r : f32
  } -> tensor<1xf32>
  return %loss : tensor<1xf32>
}
