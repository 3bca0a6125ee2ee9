// Each named constraint of seq.selective_scan, linear_attention, conv and rope is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

func.func @scan_static(%u: tensor<?x?xf32>, %a: tensor<8x4xf32>, %b: tensor<?x4xf32>) {
  // expected-error@+1 {{dimension 1 of `input` is dynamic in 'tensor<?x?xf32>'}}
  %y, %h = seq.selective_scan %u, %u, %a, %b, %b state(%a)
    : tensor<?x?xf32>, tensor<?x?xf32>, tensor<8x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<8x4xf32>
  return
}

// -----

// expected-note@+1 {{`input` is 'tensor<?x8xf32>'}}
func.func @scan_channels(%u: tensor<?x8xf32>, %a: tensor<9x4xf32>, %b: tensor<?x4xf32>) {
  // expected-error@+1 {{`transition` has 9 channels, `input` has 8}}
  %y, %h = seq.selective_scan %u, %u, %a, %b, %b state(%a)
    : tensor<?x8xf32>, tensor<?x8xf32>, tensor<9x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<9x4xf32>
  return
}

// -----

// expected-note@+1 {{`transition` is 'tensor<8x4xf32>'}}
func.func @scan_states(%u: tensor<?x8xf32>, %a: tensor<8x4xf32>, %b: tensor<?x5xf32>) {
  // expected-error@+1 {{`write` has 5 states, `transition` has 4}}
  %y, %h = seq.selective_scan %u, %u, %a, %b, %b state(%a)
    : tensor<?x8xf32>, tensor<?x8xf32>, tensor<8x4xf32>, tensor<?x5xf32>, tensor<?x5xf32>, tensor<8x4xf32>
  return
}

// -----

// expected-note@+1 {{`input` is 'tensor<3x8xf32>'}}
func.func @scan_tokens(%u: tensor<3x8xf32>, %d: tensor<?x8xf32>, %a: tensor<8x4xf32>, %b: tensor<2x4xf32>) {
  // expected-error@+1 {{`write` has 2 tokens, `input` has 3}}
  %y, %h = seq.selective_scan %u, %d, %a, %b, %b state(%a)
    : tensor<3x8xf32>, tensor<?x8xf32>, tensor<8x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<8x4xf32>
  return
}

// -----

// expected-note@+1 {{`query` is 'tensor<?x3x8xf32>'}}
func.func @linear_head_groups(%q: tensor<?x3x8xf32>, %v: tensor<?x4x8xf32>, %s: tensor<4x8x8xf32>) {
  // expected-error@+1 {{`value` has 4 heads, not a multiple of the 3 of `query`}}
  %o, %n = seq.linear_attention linear %q, %q, %v state(%s) {scale = 1.0 : f32}
    : tensor<?x3x8xf32>, tensor<?x3x8xf32>, tensor<?x4x8xf32>, tensor<4x8x8xf32>
  return
}

// -----

// expected-note@+1 {{`value` is 'tensor<?x4x8xf32>'}}
func.func @linear_state_heads(%q: tensor<?x2x8xf32>, %v: tensor<?x4x8xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{`state` has 2 heads, `value` has 4}}
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

// expected-note@+1 {{`value` is 'tensor<?x2x8xf32>'}}
func.func @linear_decay_heads(%q: tensor<?x2x8xf32>, %g: tensor<?x1xf32>, %s: tensor<2x8x8xf32>) {
  // expected-error@+1 {{`decay` has 1 heads, `value` has 2}}
  %o, %n = seq.linear_attention gated %q, %q, %q decay(%g : tensor<?x1xf32>) state(%s) {scale = 1.0 : f32}
    : tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<?x2x8xf32>, tensor<2x8x8xf32>
  return
}

// -----

// expected-note@+1 {{`input` is 'tensor<?x8xf32>'}}
func.func @conv_channels(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %b: tensor<9xf32>, %h: tensor<3x8xf32>) {
  // expected-error@+1 {{`bias` has 9 channels, `input` has 8}}
  %y, %n = seq.conv %x, %w bias(%b : tensor<9xf32>) state(%h) : tensor<?x8xf32>, tensor<8x4xf32>, tensor<3x8xf32>
  return
}

// -----

func.func @conv_window_taps(%x: tensor<?x8xf32>, %w: tensor<8x1xf32>, %h: tensor<0x8xf32>) {
  // expected-error@+1 {{`weight` has 1 taps, fewer than 2 carry no window}}
  %y, %n = seq.conv %x, %w state(%h) : tensor<?x8xf32>, tensor<8x1xf32>, tensor<0x8xf32>
  return
}

// -----

// expected-note@+1 {{`weight` is 'tensor<8x4xf32>'}}
func.func @conv_window_rows(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %h: tensor<4x8xf32>) {
  // expected-error@+1 {{`window` has 4 rows, 4 taps need 3}}
  %y, %n = seq.conv %x, %w state(%h) : tensor<?x8xf32>, tensor<8x4xf32>, tensor<4x8xf32>
  return
}

// -----

// expected-note@+1 {{`cosine` is 'tensor<512x4xf32>'}}
func.func @rope_planes_tables(%x: tensor<?x1x8xf32>, %c: tensor<512x4xf32>, %s: tensor<512x3xf32>, %p: index) {
  // expected-error@+1 {{`sine` has 3 planes, `cosine` has 4}}
  %y = seq.rope %x past %p tables(%c, %s : tensor<512x4xf32>, tensor<512x3xf32>) : tensor<?x1x8xf32>
  return
}

// -----

// expected-note@+1 {{`input` is 'tensor<?x1x6xf32>'}}
func.func @rope_planes_width(%x: tensor<?x1x6xf32>, %c: tensor<512x4xf32>, %p: index) {
  // expected-error@+1 {{tables have 4 planes, `input` has 6 components a head, fewer than two a plane}}
  %y = seq.rope %x past %p tables(%c, %c : tensor<512x4xf32>, tensor<512x4xf32>) : tensor<?x1x6xf32>
  return
}
