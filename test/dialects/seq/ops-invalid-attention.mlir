// Each named constraint of seq.attention is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

func.func @capacity_static(%q: tensor<?x2x8xf32>, %c: tensor<?x2x8xf32>, %past: index) {
  // expected-error@+1 {{dimension 0 of `key_cache` is dynamic in 'tensor<?x2x8xf32>'}}
  %o, %kn, %vn = seq.attention %q, %q, %q past(%past : index) state(%c, %c : tensor<?x2x8xf32>, tensor<?x2x8xf32>) {scale = 1.0 : f32, window_right = 0}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  return
}

// -----

// expected-note@+1 {{`key` is 'tensor<?x2x8xf32>'}}
func.func @head_groups(%q: tensor<?x3x8xf32>, %k: tensor<?x2x8xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+1 {{`query` has 3 heads, not a multiple of the 2 of `key`}}
  %o, %kn, %vn = seq.attention %q, %k, %k past(%past : index) state(%c, %c : tensor<9x2x8xf32>, tensor<9x2x8xf32>) {scale = 1.0 : f32, window_right = 0}
    : tensor<?x3x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  return
}

// -----

// expected-note@+1 {{`key` is 'tensor<?x2x8xf32>'}}
func.func @head_groups_of_the_cache(%q: tensor<?x2x8xf32>, %c: tensor<9x1x8xf32>, %past: index) {
  // expected-error@+1 {{`key_cache` has 1 heads, `key` has 2}}
  %o, %kn, %vn = seq.attention %q, %q, %q past(%past : index) state(%c, %c : tensor<9x1x8xf32>, tensor<9x1x8xf32>) {scale = 1.0 : f32, window_right = 0}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  return
}

// -----

// expected-note@+1 {{`query` is 'tensor<?x2x8xf32>'}}
func.func @widths_of_the_key(%q: tensor<?x2x8xf32>, %k: tensor<?x2x4xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+1 {{`key` has 4 components a head, `query` has 8}}
  %o, %kn, %vn = seq.attention %q, %k, %q past(%past : index) state(%c, %c : tensor<9x2x8xf32>, tensor<9x2x8xf32>) {scale = 1.0 : f32, window_right = 0}
    : tensor<?x2x8xf32>, tensor<?x2x4xf32>, tensor<?x2x8xf32>
  return
}

// -----

// expected-note@+1 {{`value` is 'tensor<?x2x4xf32>'}}
func.func @widths_of_the_value(%q: tensor<?x2x8xf32>, %v: tensor<?x2x4xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+1 {{`value_cache` has 8 components a head, `value` has 4}}
  %o, %kn, %vn = seq.attention %q, %q, %v past(%past : index) state(%c, %c : tensor<9x2x8xf32>, tensor<9x2x8xf32>) {scale = 1.0 : f32, window_right = 0}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x4xf32>
  return
}

// -----

// expected-note@+1 {{`query` is 'tensor<3x2x8xf32>'}}
func.func @tokens(%q: tensor<3x2x8xf32>, %k: tensor<4x2x8xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+1 {{`key` has 4 tokens, `query` has 3}}
  %o, %kn, %vn = seq.attention %q, %k, %q past(%past : index) state(%c, %c : tensor<9x2x8xf32>, tensor<9x2x8xf32>) {scale = 1.0 : f32, window_right = 0}
    : tensor<3x2x8xf32>, tensor<4x2x8xf32>, tensor<3x2x8xf32>
  return
}

// -----

// expected-note@+1 {{`key_cache` is 'tensor<9x2x8xf32>'}}
func.func @capacity(%q: tensor<?x2x8xf32>, %c: tensor<9x2x8xf32>, %d: tensor<8x2x8xf32>, %past: index) {
  // expected-error@+1 {{`value_cache` has 8 rows, `key_cache` has 9}}
  %o, %kn, %vn = seq.attention %q, %q, %q past(%past : index) state(%c, %d : tensor<9x2x8xf32>, tensor<8x2x8xf32>) {scale = 1.0 : f32, window_right = 0}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  return
}

// -----

func.func @windows(%q: tensor<?x2x8xf32>) {
  // expected-error@+1 {{`window_left` is -1, it counts keys and is not negative}}
  %o = seq.attention %q, %q, %q {scale = 1.0 : f32, window_left = -1}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  return
}

// -----

func.func @caches_come_in_pairs(%q: tensor<?x2x8xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+1 {{has 1 states, expected key cache and value cache}}
  %o, %kn = seq.attention %q, %q, %q past(%past : index) state(%c : tensor<9x2x8xf32>) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  return
}

// -----

func.func @caches_need_a_row_to_write_to(%q: tensor<?x2x8xf32>, %c: tensor<9x2x8xf32>) {
  // expected-error@+1 {{has a state but no `past`, the row to write to}}
  %o, %kn, %vn = seq.attention %q, %q, %q state(%c, %c : tensor<9x2x8xf32>, tensor<9x2x8xf32>) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  return
}

// -----

func.func @ranks(%q: tensor<2x?x2x8xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+1 {{`key_cache` is 'tensor<9x2x8xf32>', expected rank 4}}
  %o, %kn, %vn = seq.attention %q, %q, %q past(%past : index) state(%c, %c : tensor<9x2x8xf32>, tensor<9x2x8xf32>) {scale = 1.0 : f32}
    : tensor<2x?x2x8xf32>, tensor<2x?x2x8xf32>, tensor<2x?x2x8xf32>
  return
}

// -----

// expected-note@+1 {{`query` is 'tensor<2x3x2x8xf32>'}}
func.func @sequences(%q: tensor<2x3x2x8xf32>, %lengths: tensor<3xi32>) {
  // expected-error@+1 {{`lengths` has 3 sequences, `query` has 2}}
  %o = seq.attention %q, %q, %q lengths(%lengths : tensor<3xi32>) {scale = 1.0 : f32}
    : tensor<2x3x2x8xf32>, tensor<2x3x2x8xf32>, tensor<2x3x2x8xf32>
  return
}

// -----

func.func @one_sequence(%q: tensor<3x2x8xf32>, %lengths: tensor<3xi32>) {
  // expected-error@+1 {{`lengths` is 'tensor<3xi32>', but there is one sequence}}
  %o = seq.attention %q, %q, %q lengths(%lengths : tensor<3xi32>) {scale = 1.0 : f32}
    : tensor<3x2x8xf32>, tensor<3x2x8xf32>, tensor<3x2x8xf32>
  return
}

// -----

// expected-note@+1 {{`query` is 'tensor<3x2x8xf32>'}}
func.func @sinks(%q: tensor<3x2x8xf32>, %sinks: tensor<3xf32>) {
  // expected-error@+1 {{`sinks` has 3 heads, `query` has 2}}
  %o = seq.attention %q, %q, %q sinks(%sinks : tensor<3xf32>) {scale = 1.0 : f32}
    : tensor<3x2x8xf32>, tensor<3x2x8xf32>, tensor<3x2x8xf32>
  return
}

// -----

func.func @score_arguments(%q: tensor<3x2x8xf32>) {
  // expected-error@+1 {{score region takes 'f32', expected 'f32', 'index', 'index', 'index', 'index'}}
  %o = seq.attention %q, %q, %q score {
  ^bb0(%s: f32):
    seq.yield %s : f32
  } {scale = 1.0 : f32} : tensor<3x2x8xf32>, tensor<3x2x8xf32>, tensor<3x2x8xf32>
  return
}

// -----

func.func @score_yields_a_score(%q: tensor<3x2x8xf32>) {
  // expected-error@+1 {{score region yields something else than one f32}}
  %o = seq.attention %q, %q, %q score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    seq.yield %j : index
  } {scale = 1.0 : f32} : tensor<3x2x8xf32>, tensor<3x2x8xf32>, tensor<3x2x8xf32>
  return
}

// -----

func.func @captures_without_reader(%q: tensor<3x2x8xf32>) {
  // expected-error@+1 {{has captures but no score region that reads them}}
  %o = seq.attention %q, %q, %q captures(%q : tensor<3x2x8xf32>) {scale = 1.0 : f32}
    : tensor<3x2x8xf32>, tensor<3x2x8xf32>, tensor<3x2x8xf32>
  return
}

// -----

func.func @value_is_given_or_part_of_the_keys(%q: tensor<3x2x8xf32>) {
  // expected-error@+1 {{has both `value` and `value_width`, or neither}}
  %o = seq.attention %q, %q, %q {scale = 1.0 : f32, value_width = 4} : tensor<3x2x8xf32>, tensor<3x2x8xf32>, tensor<3x2x8xf32>
  return
}

// -----

func.func @value_width(%q: tensor<3x2x8xf32>) {
  // expected-error@+1 {{`value_width` is 9, the keys have 8 components}}
  %o = seq.attention %q, %q {scale = 1.0 : f32, value_width = 9} : tensor<3x2x8xf32>, tensor<3x2x8xf32>
  return
}

// -----

func.func @one_cache_of_latent_keys(%q: tensor<3x2x8xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+1 {{has 2 states, expected the cache of the keys, of which the values are a part}}
  %o, %a, %b = seq.attention %q, %q past(%past : index) state(%c, %c : tensor<9x2x8xf32>, tensor<9x2x8xf32>)
    {scale = 1.0 : f32, value_width = 4} : tensor<3x2x8xf32>, tensor<3x2x8xf32>
  return
}

// -----

func.func @pages_without_state(%q: tensor<3x2x8xf32>, %p: tensor<4xi32>) {
  // expected-error@+1 {{has `pages` but no state that they are pages of}}
  %o = seq.attention %q, %q, %q pages(%p : tensor<4xi32>) {scale = 1.0 : f32}
    : tensor<3x2x8xf32>, tensor<3x2x8xf32>, tensor<3x2x8xf32>
  return
}

// -----

func.func @pages_of_a_sequence(%q: tensor<3x2x8xf32>, %c: tensor<9x4x2x8xf32>, %p: tensor<2x4xi32>, %past: index) {
  // expected-error@+1 {{`pages` is 'tensor<2x4xi32>', expected one row a sequence}}
  %o, %a = seq.attention %q, %q past(%past : index) state(%c : tensor<9x4x2x8xf32>) pages(%p : tensor<2x4xi32>)
    {scale = 1.0 : f32, value_width = 4} : tensor<3x2x8xf32>, tensor<3x2x8xf32>
  return
}

// -----

func.func @results(%q: tensor<?x2x8xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{are incompatible with return type(s) of operation}}
  %o = "seq.attention"(%q, %q, %q) <{scale = 1.0 : f32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0>}> ({})
    : (tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>) -> tensor<?x2x4xf32>
  return
}
