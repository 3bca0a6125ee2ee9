// Each named constraint of seq.scan is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

func.func @inputs_none(%h: tensor<8xf32>) {
  // expected-error@+1 {{has no inputs, whose tokens it would walk}}
  %n = "seq.scan"(%h) <{algebra = #seq<scan_algebra general>, operandSegmentSizes = array<i32: 0, 1>}> ({
  ^bb0(%s: tensor<8xf32>):
    seq.yield %s : tensor<8xf32>
  }) : (tensor<8xf32>) -> tensor<8xf32>
  return
}

// -----

// expected-note@+1 {{`inputs` is 'tensor<3x8xf32>'}}
func.func @inputs_tokens(%x: tensor<3x8xf32>, %z: tensor<4x8xf32>) {
  // expected-error@+1 {{`inputs` has 4 tokens, `inputs` has 3}}
  %y = seq.scan general inputs(%x, %z : tensor<3x8xf32>, tensor<4x8xf32>) {
  ^bb0(%a: tensor<8xf32>, %b: tensor<8xf32>):
    seq.yield %a : tensor<8xf32>
  } -> tensor<3x8xf32>
  return
}

// -----

func.func @region_arguments(%x: tensor<?x8xf32>) {
  // expected-error@+1 {{region takes 'tensor<9xf32>' as value 0, which is 'tensor<8xf32>'}}
  %y = seq.scan general inputs(%x : tensor<?x8xf32>) {
  ^bb0(%a: tensor<9xf32>):
    seq.yield %a : tensor<9xf32>
  } -> tensor<?x9xf32>
  return
}

// -----

func.func @region_yields(%x: tensor<?x8xf32>, %h: tensor<8xf32>) {
  // expected-error@+1 {{region yields 1 values, its slices and states are 2}}
  %y, %n = seq.scan general inputs(%x : tensor<?x8xf32>) state(%h : tensor<8xf32>) {
  ^bb0(%a: tensor<8xf32>, %s: tensor<8xf32>):
    seq.yield %a : tensor<8xf32>
  } -> tensor<?x8xf32>, tensor<8xf32>
  return
}

// -----

func.func @directions(%x: tensor<?x8xf32>) {
  // expected-error@+1 {{`reverse_inputs` has 2 entries for 1 tensors}}
  %y = seq.scan general inputs(%x : tensor<?x8xf32>) attributes {reverse_inputs = array<i1: true, false>} {
  ^bb0(%a: tensor<8xf32>):
    seq.yield %a : tensor<8xf32>
  } -> tensor<?x8xf32>
  return
}

// -----

#c = affine_map<(c) -> (c)>
func.func @algebra_affine(%x: tensor<?x8xf32>, %h: tensor<8xf32>) {
  // expected-error@+1 {{state 0 is not `affine` in the states; declare it `general`}}
  %n = seq.scan affine inputs(%x : tensor<?x8xf32>) state(%h : tensor<8xf32>) {
  ^bb0(%a: tensor<8xf32>, %s: tensor<8xf32>):
    %e = tensor.empty() : tensor<8xf32>
    %m = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
        ins(%a, %s : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %u = arith.mulf %p, %q : f32
      // expected-note@+1 {{the form is lost here}}
      %v = arith.mulf %u, %q : f32
      linalg.yield %v : f32
    } -> tensor<8xf32>
    seq.yield %m : tensor<8xf32>
  } -> tensor<8xf32>
  return
}

// -----

#c = affine_map<(c) -> (c)>
func.func @algebra_max_plus(%x: tensor<?x8xf32>, %h: tensor<8xf32>) {
  // expected-error@+1 {{state 0 is not `max_plus` in the states; declare it `general`}}
  %n = seq.scan max_plus inputs(%x : tensor<?x8xf32>) state(%h : tensor<8xf32>) {
  ^bb0(%a: tensor<8xf32>, %s: tensor<8xf32>):
    %e = tensor.empty() : tensor<8xf32>
    %m = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
        ins(%a, %s : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %u = arith.maximumf %p, %q : f32
      // expected-note@+1 {{the form is lost here}}
      %v = arith.addf %u, %q : f32
      linalg.yield %v : f32
    } -> tensor<8xf32>
    seq.yield %m : tensor<8xf32>
  } -> tensor<8xf32>
  return
}

// -----

#c = affine_map<(c) -> (c)>
func.func @algebra_log_sum_exp_keeps_what_was_taken_off(%x: tensor<?x8xf32>, %h: tensor<8xf32>) {
  // expected-error@+1 {{state 0 is not `log_sum_exp` in the states; declare it `general`}}
  %n = seq.scan log_sum_exp inputs(%x : tensor<?x8xf32>) state(%h : tensor<8xf32>) {
  ^bb0(%a: tensor<8xf32>, %s: tensor<8xf32>):
    %e = tensor.empty() : tensor<8xf32>
    %m = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
        ins(%a, %s : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %most = arith.maximumf %p, %q : f32
      %d = arith.subf %q, %most : f32
      %w = math.exp %d : f32
      %v = math.log %w : f32
      linalg.yield %v : f32
    } -> tensor<8xf32>
    seq.yield %m : tensor<8xf32>
  } -> tensor<8xf32>
  return
}

// -----

func.func @segments_positive(%x: tensor<?x8xf32>) {
  // expected-error@+1 {{`segments` is 0, not positive}}
  %y = seq.scan general inputs(%x : tensor<?x8xf32>) attributes {segments = 0 : i64} {
  ^bb0(%a: tensor<8xf32>):
    seq.yield %a : tensor<8xf32>
  } -> tensor<?x8xf32>
  return
}

// -----

func.func @segments_states(%x: tensor<?x8xf32>, %h: tensor<3x8xf32>) {
  // expected-error@+1 {{has the state 'tensor<3x8xf32>' for 4 segments}}
  %y, %n = seq.scan general inputs(%x : tensor<?x8xf32>) state(%h : tensor<3x8xf32>) attributes {segments = 4 : i64} {
  ^bb0(%a: tensor<8xf32>, %s: tensor<8xf32>):
    seq.yield %a, %s : tensor<8xf32>, tensor<8xf32>
  } -> tensor<?x8xf32>, tensor<3x8xf32>
  return
}

// -----

func.func @segments_are_not_seen_by_the_region(%x: tensor<?x8xf32>, %h: tensor<4x8xf32>) {
  // expected-error@+1 {{region takes 'tensor<4x8xf32>' as value 1, which is 'tensor<8xf32>'}}
  %y, %n = seq.scan general inputs(%x : tensor<?x8xf32>) state(%h : tensor<4x8xf32>) attributes {segments = 4 : i64} {
  ^bb0(%a: tensor<8xf32>, %s: tensor<4x8xf32>):
    seq.yield %a, %s : tensor<8xf32>, tensor<4x8xf32>
  } -> tensor<?x8xf32>, tensor<4x8xf32>
  return
}
