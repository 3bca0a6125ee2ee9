// Each named constraint of seq.attention is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

func.func @capacity_static(%q: tensor<?x2x8xf32>, %c: tensor<?x2x8xf32>, %past: index) {
  // expected-error@+1 {{dimension 0 of `key_cache` is dynamic in 'tensor<?x2x8xf32>'}}
  %o, %kn, %vn = seq.attention %q, %q, %q past %past state(%c, %c) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>
  return
}

// -----

// expected-note@+1 {{`key` is 'tensor<?x2x8xf32>'}}
func.func @head_groups(%q: tensor<?x3x8xf32>, %k: tensor<?x2x8xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+1 {{`query` has 3 heads, not a multiple of the 2 of `key`}}
  %o, %kn, %vn = seq.attention %q, %k, %k past %past state(%c, %c) {scale = 1.0 : f32}
    : tensor<?x3x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<9x2x8xf32>, tensor<9x2x8xf32>
  return
}

// -----

// expected-note@+1 {{`key` is 'tensor<?x2x8xf32>'}}
func.func @head_groups_of_the_cache(%q: tensor<?x2x8xf32>, %c: tensor<9x1x8xf32>, %past: index) {
  // expected-error@+1 {{`key_cache` has 1 heads, `key` has 2}}
  %o, %kn, %vn = seq.attention %q, %q, %q past %past state(%c, %c) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<9x1x8xf32>, tensor<9x1x8xf32>
  return
}

// -----

// expected-note@+1 {{`query` is 'tensor<?x2x8xf32>'}}
func.func @widths_of_the_key(%q: tensor<?x2x8xf32>, %k: tensor<?x2x4xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+1 {{`key` has 4 components a head, `query` has 8}}
  %o, %kn, %vn = seq.attention %q, %k, %q past %past state(%c, %c) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x4xf32>, tensor<?x2x8xf32>, tensor<9x2x8xf32>, tensor<9x2x8xf32>
  return
}

// -----

// expected-note@+1 {{`value` is 'tensor<?x2x4xf32>'}}
func.func @widths_of_the_value(%q: tensor<?x2x8xf32>, %v: tensor<?x2x4xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+1 {{`value_cache` has 8 components a head, `value` has 4}}
  %o, %kn, %vn = seq.attention %q, %q, %v past %past state(%c, %c) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x4xf32>, tensor<9x2x8xf32>, tensor<9x2x8xf32>
  return
}

// -----

// expected-note@+1 {{`query` is 'tensor<3x2x8xf32>'}}
func.func @tokens(%q: tensor<3x2x8xf32>, %k: tensor<4x2x8xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+1 {{`key` has 4 tokens, `query` has 3}}
  %o, %kn, %vn = seq.attention %q, %k, %q past %past state(%c, %c) {scale = 1.0 : f32}
    : tensor<3x2x8xf32>, tensor<4x2x8xf32>, tensor<3x2x8xf32>, tensor<9x2x8xf32>, tensor<9x2x8xf32>
  return
}

// -----

// expected-note@+1 {{`key_cache` is 'tensor<9x2x8xf32>'}}
func.func @capacity(%q: tensor<?x2x8xf32>, %c: tensor<9x2x8xf32>, %d: tensor<8x2x8xf32>, %past: index) {
  // expected-error@+1 {{`value_cache` has 8 rows, `key_cache` has 9}}
  %o, %kn, %vn = seq.attention %q, %q, %q past %past state(%c, %d) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<9x2x8xf32>, tensor<8x2x8xf32>
  return
}

// -----

func.func @window(%q: tensor<?x2x8xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+1 {{`window` is 0, it counts the token itself and is positive}}
  %o, %kn, %vn = seq.attention %q, %q, %q past %past state(%c, %c) {scale = 1.0 : f32, window = 0}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<9x2x8xf32>, tensor<9x2x8xf32>
  return
}

// -----

func.func @results(%q: tensor<?x2x8xf32>, %c: tensor<9x2x8xf32>, %past: index) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{are incompatible with return type(s) of operation}}
  %o, %kn, %vn = "seq.attention"(%q, %q, %q, %past, %c, %c) <{scale = 1.0 : f32}>
    : (tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, index, tensor<9x2x8xf32>, tensor<9x2x8xf32>)
    -> (tensor<?x2x4xf32>, tensor<9x2x8xf32>, tensor<9x2x8xf32>)
  return
}
