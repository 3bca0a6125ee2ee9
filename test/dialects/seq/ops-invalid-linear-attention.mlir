// Each named constraint of seq.linear_attention is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

// expected-note@+1 {{`query` is 'tensor<?x3x8xf32>'}}
func.func @linear_head_groups(%q: tensor<?x3x8xf32>, %v: tensor<?x4x8xf32>, %s: tensor<4x8x8xf32>) {
  // expected-error@+1 {{`state` has 4 heads, not a multiple of the 3 of `query`}}
  %o, %n = seq.linear_attention linear %q, %q, %v state(%s) {scale = 1.0 : f32}
    : tensor<?x3x8xf32>, tensor<?x3x8xf32>, tensor<?x4x8xf32>, tensor<4x8x8xf32>
  return
}

// -----

// expected-note@+1 {{`value` is 'tensor<?x4x8xf32>'}}
func.func @linear_state_heads(%q: tensor<?x2x8xf32>, %v: tensor<?x4x8xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{`state` has 2 heads, not a multiple of the 4 of `value`}}
  %o, %n = seq.linear_attention linear %q, %q, %v state(%s) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x4x8xf32>, tensor<2x8x8xf32>
  return
}

// -----

// expected-note@+1 {{`value` is 'tensor<?x4x6xf32>'}}
func.func @linear_widths(%q: tensor<?x2x8xf32>, %v: tensor<?x4x6xf32>, %s: tensor<4x8x8xf32>) {
  // expected-error@+1 {{`state` has 8 value components, `value` has 6}}
  %o, %n = seq.linear_attention linear %q, %q, %v state(%s) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x4x6xf32>, tensor<4x8x8xf32>
  return
}

// -----

// expected-note@+1 {{`query` is 'tensor<1x2x8xf32>'}}
func.func @linear_tokens(%q: tensor<1x2x8xf32>, %v: tensor<2x4x8xf32>, %s: tensor<4x8x8xf32>) {
  // expected-error@+1 {{`value` has 2 tokens, `query` has 1}}
  %o, %n = seq.linear_attention linear %q, %q, %v state(%s) {scale = 1.0 : f32}
    : tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<2x4x8xf32>, tensor<4x8x8xf32>
  return
}

// -----

func.func @linear_decay_missing(%q: tensor<?x2x8xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{update rule `gated` has no `decay` operand}}
  %o, %n = seq.linear_attention gated %q, %q, %q state(%s) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<2x8x8xf32>
  return
}

// -----

func.func @linear_decay_useless(%q: tensor<?x2x8xf32>, %g: tensor<?x2xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{update rule `linear` has a `decay` operand}}
  %o, %n = seq.linear_attention linear %q, %q, %q decay(%g : tensor<?x2xf32>) state(%s) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<2x8x8xf32>
  return
}

// -----

// expected-note@+1 {{`state` is 'tensor<2x8x8xf32>'}}
func.func @linear_decay_heads(%q: tensor<?x2x8xf32>, %g: tensor<?x1xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{`decay` has 1 heads, `state` has 2}}
  %o, %n = seq.linear_attention gated %q, %q, %q decay(%g : tensor<?x1xf32>) state(%s) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<2x8x8xf32>
  return
}

// -----

// expected-note@+1 {{`state` is 'tensor<2x8x8xf32>'}}
func.func @linear_query_heads(%q: tensor<?x3x8xf32>, %v: tensor<?x2x8xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{`query` has 3 heads, not a multiple of the 2 of `state`}}
  %o, %n = seq.linear_attention linear %q, %v, %v state(%s) {scale = 1.0 : f32}
    : tensor<?x3x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<2x8x8xf32>
  return
}

// -----

func.func @linear_ranks(%q: tensor<3x?x2x8xf32>, %v: tensor<?x2x8xf32>, %s: tensor<3x2x8x8xf32>) {
  // expected-error@+1 {{`value` has 3 dimensions, `query` is 'tensor<3x?x2x8xf32>', which asks for 4}}
  %o, %n = seq.linear_attention linear %q, %q, %v state(%s) {scale = 1.0 : f32}
    : tensor<3x?x2x8xf32>, tensor<3x?x2x8xf32>, tensor<?x2x8xf32>, tensor<3x2x8x8xf32>
  return
}

// -----

// expected-note@+1 {{`query` is 'tensor<3x?x2x8xf32>'}}
func.func @linear_sequences(%q: tensor<3x?x2x8xf32>, %v: tensor<3x?x2x8xf32>, %s: tensor<1x2x8x8xf32>) {
  // expected-error@+1 {{`state` has 1 sequences, `query` has 3}}
  %o, %n = seq.linear_attention linear %q, %q, %v state(%s) {scale = 1.0 : f32}
    : tensor<3x?x2x8xf32>, tensor<3x?x2x8xf32>, tensor<3x?x2x8xf32>, tensor<1x2x8x8xf32>
  return
}

// -----

func.func @linear_operands_beta(%q: tensor<?x2x8xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{update rule `delta` has no `beta` operand}}
  %o, %n = seq.linear_attention delta %q, %q, %q state(%s) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<2x8x8xf32>
  return
}

// -----

func.func @linear_operands_erase(%q: tensor<?x2x8xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{update rule `linear` has a `erase` operand}}
  %o, %n = seq.linear_attention linear %q, %q, %q erase(%q, %q : tensor<?x2x8xf32>, tensor<?x2x8xf32>) state(%s)
    {scale = 1.0 : f32} : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<2x8x8xf32>
  return
}

// -----

// expected-note@+1 {{`query` is 'tensor<?x2x8xf32>'}}
func.func @linear_widths_decay(%q: tensor<?x2x8xf32>, %g: tensor<?x2x4xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{`decay` has 4 components a head, `query` has 8}}
  %o, %n = seq.linear_attention gated %q, %q, %q decay(%g : tensor<?x2x4xf32>) state(%s) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<2x8x8xf32>
  return
}

// -----

func.func @linear_chunk(%q: tensor<?x2x8xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{`chunk` is 0, fewer than 1}}
  %o, %n = seq.linear_attention linear %q, %q, %q state(%s) {scale = 1.0 : f32, chunk = 0}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<2x8x8xf32>
  return
}

// -----

func.func @linear_writers_rule(%q: tensor<?x2x8xf32>, %k: tensor<?x4x8xf32>, %beta: tensor<?x2xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{update rule `delta` writes 4 keys into 2 states}}
  %o, %n = seq.linear_attention delta %q, %k, %k beta(%beta : tensor<?x2xf32>) state(%s) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x4x8xf32>, tensor<?x4x8xf32>, tensor<2x8x8xf32>
  return
}

// -----

// expected-note@+1 {{`key` is 'tensor<?x4x8xf32>'}}
func.func @linear_writers(%q: tensor<?x2x8xf32>, %k: tensor<?x4x8xf32>, %v: tensor<?x2x8xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{`value` has 2 heads, `key` has 4}}
  %o, %n = seq.linear_attention linear %q, %k, %v state(%s) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x4x8xf32>, tensor<?x2x8xf32>, tensor<2x8x8xf32>
  return
}

// -----

func.func @linear_elements(%q: tensor<?x4x8xbf16>, %k: tensor<?x4x8xf32>, %s: tensor<4x8x8xf32>) {
  // expected-error@+1 {{failed to verify that all of {query, key, value} have same element type}}
  %o, %n = seq.linear_attention linear %q, %k, %k state(%s) {scale = 1.0 : f32}
    : tensor<?x4x8xbf16>, tensor<?x4x8xf32>, tensor<?x4x8xf32>, tensor<4x8x8xf32>
  return
}
