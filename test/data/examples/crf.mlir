// A conditional random field over 4 tags (Lafferty, McCallum and Pereira 2001): the logarithm of the sum over all
// paths, the best path's score, and the best path (Viterbi 1967). Place 0 is where every path begins and none returns,
// so that some places cannot be reached: -inf stands for no path, and 0 is taken off before the exponential instead.
// Arguments: emissions [token, place], moves [from, to], the weight of ending in each place.
#i = affine_map<(i) -> (i)>
#to = affine_map<(j, i) -> (j)>
#from = affine_map<(j, i) -> (i)>
#move = affine_map<(j, i) -> (i, j)>
#one = affine_map<(u, i) -> (u)>
#all = affine_map<(u, i) -> (i)>
func.func @run(%emissions: tensor<?x5xf32>, %moves: tensor<5x5xf32>, %end: tensor<5xf32>)
    -> (tensor<1xf32>, tensor<1xf32>, tensor<?x1xi32>) {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %before = arith.constant dense<[0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000]> : tensor<5xf32>
  %se = tensor.empty() : tensor<5xf32>
  %oe = tensor.empty() : tensor<1xf32>
  %sn = linalg.fill ins(%lowest : f32) outs(%oe : tensor<1xf32>) -> tensor<1xf32>
  %sz = linalg.fill ins(%zero : f32) outs(%oe : tensor<1xf32>) -> tensor<1xf32>

  %sums = seq.scan log_sum_exp inputs(%emissions : tensor<?x5xf32>) state(%before : tensor<5xf32>) {
  ^bb0(%emission: tensor<5xf32>, %paths: tensor<5xf32>):
    %e = tensor.empty() : tensor<5xf32>
    %none = linalg.fill ins(%lowest : f32) outs(%e : tensor<5xf32>) -> tensor<5xf32>
    %most = linalg.generic {indexing_maps = [#from, #move, #to], iterator_types = ["parallel", "reduction"]}
        ins(%paths, %moves : tensor<5xf32>, tensor<5x5xf32>) outs(%none : tensor<5xf32>) {
    ^bb0(%a: f32, %m: f32, %o: f32):
      %s = arith.addf %a, %m : f32
      %r = arith.maximumf %s, %o : f32
      linalg.yield %r : f32
    } -> tensor<5xf32>
    %off = linalg.generic {indexing_maps = [#i, #i], iterator_types = ["parallel"]}
        ins(%most : tensor<5xf32>) outs(%e : tensor<5xf32>) {
    ^bb0(%m: f32, %o: f32):
      %isNone = arith.cmpf oeq, %m, %lowest : f32
      %r = arith.select %isNone, %zero, %m : f32
      linalg.yield %r : f32
    } -> tensor<5xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<5xf32>) -> tensor<5xf32>
    %sum = linalg.generic {indexing_maps = [#from, #move, #to, #to], iterator_types = ["parallel", "reduction"]}
        ins(%paths, %moves, %off : tensor<5xf32>, tensor<5x5xf32>, tensor<5xf32>) outs(%start : tensor<5xf32>) {
    ^bb0(%a: f32, %m: f32, %f: f32, %o: f32):
      %s = arith.addf %a, %m : f32
      %d = arith.subf %s, %f : f32
      %w = math.exp %d : f32
      %r = arith.addf %w, %o : f32
      linalg.yield %r : f32
    } -> tensor<5xf32>
    %next = linalg.generic {indexing_maps = [#i, #i, #i, #i], iterator_types = ["parallel"]}
        ins(%sum, %off, %emission : tensor<5xf32>, tensor<5xf32>, tensor<5xf32>) outs(%e : tensor<5xf32>) {
    ^bb0(%s: f32, %f: f32, %x: f32, %o: f32):
      %log = math.log %s : f32
      %back = arith.addf %log, %f : f32
      %r = arith.addf %back, %x : f32
      linalg.yield %r : f32
    } -> tensor<5xf32>
    seq.yield %next : tensor<5xf32>
  } -> tensor<5xf32>
  %most = linalg.generic {indexing_maps = [#all, #all, #one], iterator_types = ["parallel", "reduction"]}
      ins(%sums, %end : tensor<5xf32>, tensor<5xf32>) outs(%sn : tensor<1xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    %r = arith.maximumf %s, %o : f32
    linalg.yield %r : f32
  } -> tensor<1xf32>
  %sum = linalg.generic {indexing_maps = [#all, #all, #one, #one], iterator_types = ["parallel", "reduction"]}
      ins(%sums, %end, %most : tensor<5xf32>, tensor<5xf32>, tensor<1xf32>) outs(%sz : tensor<1xf32>) {
  ^bb0(%a: f32, %b: f32, %m: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    %d = arith.subf %s, %m : f32
    %w = math.exp %d : f32
    %r = arith.addf %o, %w : f32
    linalg.yield %r : f32
  } -> tensor<1xf32>
  %partition = linalg.generic {indexing_maps = [#i, #i, #i], iterator_types = ["parallel"]}
      ins(%sum, %most : tensor<1xf32>, tensor<1xf32>) outs(%oe : tensor<1xf32>) {
  ^bb0(%s: f32, %m: f32, %o: f32):
    %log = math.log %s : f32
    %r = arith.addf %log, %m : f32
    linalg.yield %r : f32
  } -> tensor<1xf32>

  // Beside the best score of each place, from where it came; of equal ones the first.
  %backs, %bests = seq.scan max_plus inputs(%emissions : tensor<?x5xf32>) state(%before : tensor<5xf32>) {
  ^bb0(%emission: tensor<5xf32>, %paths: tensor<5xf32>):
    %five = arith.constant 5 : i32
    %e = tensor.empty() : tensor<5xf32>
    %ie = tensor.empty() : tensor<5xi32>
    %none = linalg.fill ins(%lowest : f32) outs(%e : tensor<5xf32>) -> tensor<5xf32>
    %nowhere = linalg.fill ins(%five : i32) outs(%ie : tensor<5xi32>) -> tensor<5xi32>
    %best = linalg.generic {indexing_maps = [#from, #move, #to], iterator_types = ["parallel", "reduction"]}
        ins(%paths, %moves : tensor<5xf32>, tensor<5x5xf32>) outs(%none : tensor<5xf32>) {
    ^bb0(%a: f32, %m: f32, %o: f32):
      %s = arith.addf %a, %m : f32
      %r = arith.maximumf %s, %o : f32
      linalg.yield %r : f32
    } -> tensor<5xf32>
    %back = linalg.generic {indexing_maps = [#from, #move, #to, #to], iterator_types = ["parallel", "reduction"]}
        ins(%paths, %moves, %best : tensor<5xf32>, tensor<5x5xf32>, tensor<5xf32>) outs(%nowhere : tensor<5xi32>) {
    ^bb0(%a: f32, %m: f32, %b: f32, %o: i32):
      %s = arith.addf %a, %m : f32
      %isBest = arith.cmpf oeq, %s, %b : f32
      %index = linalg.index 1 : index
      %here = arith.index_cast %index : index to i32
      %where = arith.select %isBest, %here, %five : i32
      %r = arith.minsi %where, %o : i32
      linalg.yield %r : i32
    } -> tensor<5xi32>
    %next = linalg.generic {indexing_maps = [#i, #i, #i], iterator_types = ["parallel"]}
        ins(%best, %emission : tensor<5xf32>, tensor<5xf32>) outs(%e : tensor<5xf32>) {
    ^bb0(%b: f32, %x: f32, %o: f32):
      %r = arith.addf %b, %x : f32
      linalg.yield %r : f32
    } -> tensor<5xf32>
    seq.yield %back, %next : tensor<5xi32>, tensor<5xf32>
  } -> tensor<?x5xi32>, tensor<5xf32>
  %score = linalg.generic {indexing_maps = [#all, #all, #one], iterator_types = ["parallel", "reduction"]}
      ins(%bests, %end : tensor<5xf32>, tensor<5xf32>) outs(%sn : tensor<1xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    %r = arith.maximumf %s, %o : f32
    linalg.yield %r : f32
  } -> tensor<1xf32>
  %four = arith.constant 4 : i32
  %le = tensor.empty() : tensor<1xi32>
  %ln = linalg.fill ins(%four : i32) outs(%le : tensor<1xi32>) -> tensor<1xi32>
  %last = linalg.generic {indexing_maps = [#all, #all, #one, #one], iterator_types = ["parallel", "reduction"]}
      ins(%bests, %end, %score : tensor<5xf32>, tensor<5xf32>, tensor<1xf32>) outs(%ln : tensor<1xi32>) {
  ^bb0(%a: f32, %b: f32, %m: f32, %o: i32):
    %s = arith.addf %a, %b : f32
    %isBest = arith.cmpf oeq, %s, %m : f32
    %index = linalg.index 1 : index
    %here = arith.index_cast %index : index to i32
    %where = arith.select %isBest, %here, %four : i32
    %r = arith.minsi %where, %o : i32
    linalg.yield %r : i32
  } -> tensor<1xi32>

  // The path, read from its end.
  %path, %first = seq.scan general inputs(%backs : tensor<?x5xi32>) state(%last : tensor<1xi32>)
      attributes {reverse_inputs = array<i1: true>, reverse_outputs = array<i1: true>} {
  ^bb0(%back: tensor<5xi32>, %place: tensor<1xi32>):
    %nothing = arith.constant 0 : i32
    %e = tensor.empty() : tensor<1xi32>
    %z = linalg.fill ins(%nothing : i32) outs(%e : tensor<1xi32>) -> tensor<1xi32>
    %came = linalg.generic {indexing_maps = [#all, #one, #one], iterator_types = ["parallel", "reduction"]}
        ins(%back, %place : tensor<5xi32>, tensor<1xi32>) outs(%z : tensor<1xi32>) {
    ^bb0(%b: i32, %p: i32, %o: i32):
      %index = linalg.index 1 : index
      %here = arith.index_cast %index : index to i32
      %isHere = arith.cmpi eq, %here, %p : i32
      %from = arith.select %isHere, %b, %nothing : i32
      %r = arith.addi %from, %o : i32
      linalg.yield %r : i32
    } -> tensor<1xi32>
    seq.yield %place, %came : tensor<1xi32>, tensor<1xi32>
  } -> tensor<?x1xi32>, tensor<1xi32>
  return %partition, %score, %path : tensor<1xf32>, tensor<1xf32>, tensor<?x1xi32>
}
