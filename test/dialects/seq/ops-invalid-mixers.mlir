// Each named constraint of seq.selective_scan, conv and rope is enforced, with its message.
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

func.func @scan_ranks(%u: tensor<2x?x8xf32>, %a: tensor<8x4xf32>, %b: tensor<2x?x4xf32>) {
  // expected-error@+1 {{`state` has 2 dimensions, `input` is 'tensor<2x?x8xf32>', which asks for 3}}
  %y, %h = seq.selective_scan %u, %u, %a, %b, %b state(%a)
    : tensor<2x?x8xf32>, tensor<2x?x8xf32>, tensor<8x4xf32>, tensor<2x?x4xf32>, tensor<2x?x4xf32>, tensor<8x4xf32>
  return
}

// -----

// expected-note@+1 {{`input` is 'tensor<2x?x8xf32>'}}
func.func @conv_sequences(%x: tensor<2x?x8xf32>, %w: tensor<8x4xf32>, %h: tensor<3x3x8xf32>) {
  // expected-error@+1 {{`window` has 3 sequences, `input` has 2}}
  %y, %n = seq.conv %x, %w state(%h : tensor<3x3x8xf32>) : tensor<2x?x8xf32>, tensor<8x4xf32>
  return
}

// -----

func.func @conv_channels_filters(%x: tensor<?x8xf32>, %w: tensor<3x4xf32>) {
  // expected-error@+1 {{`input` has 8 channels, not a multiple of the 3 filters of `weight`}}
  %y = seq.conv %x, %w : tensor<?x8xf32>, tensor<3x4xf32>
  return
}

// -----

// expected-note@+1 {{`input` is 'tensor<?x8xf32>'}}
func.func @conv_channels(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %b: tensor<9xf32>, %h: tensor<3x8xf32>) {
  // expected-error@+1 {{`bias` has 9 channels, `input` has 8}}
  %y, %n = seq.conv %x, %w bias(%b : tensor<9xf32>) state(%h : tensor<3x8xf32>) : tensor<?x8xf32>, tensor<8x4xf32>
  return
}

// -----

func.func @conv_window_taps(%x: tensor<?x8xf32>, %w: tensor<8x1xf32>, %h: tensor<0x8xf32>) {
  // expected-error@+1 {{has a `window`, one tap needs none}}
  %y, %n = seq.conv %x, %w state(%h : tensor<0x8xf32>) : tensor<?x8xf32>, tensor<8x1xf32>
  return
}

// -----

// expected-note@+1 {{`weight` is 'tensor<8x4xf32>'}}
func.func @conv_window_rows(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %h: tensor<4x8xf32>) {
  // expected-error@+1 {{`window` has 4 rows, 4 taps need 3}}
  %y, %n = seq.conv %x, %w state(%h : tensor<4x8xf32>) : tensor<?x8xf32>, tensor<8x4xf32>
  return
}

// -----

func.func @conv_block(%x: tensor<?x8xf32>, %w: tensor<8x40xf32>) {
  // expected-error@+1 {{`block` is 0, fewer than 1}}
  %y = seq.conv %x, %w {block = 0 : i64} : tensor<?x8xf32>, tensor<8x40xf32>
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

// -----

func.func @rope_place_neither(%x: tensor<?x1x8xf32>, %c: tensor<512x4xf32>) {
  // expected-error@+1 {{has neither `past` and `positions`; one of them says where tokens are}}
  %y = seq.rope %x tables(%c, %c : tensor<512x4xf32>, tensor<512x4xf32>) : tensor<?x1x8xf32>
  return
}

// -----

func.func @rope_place_both(%x: tensor<?x1x8xf32>, %c: tensor<512x4xf32>, %p: index, %q: tensor<?x1xi32>) {
  // expected-error@+1 {{has both `past` and `positions`; one of them says where tokens are}}
  %y = seq.rope %x past %p positions(%q : tensor<?x1xi32>) tables(%c, %c : tensor<512x4xf32>, tensor<512x4xf32>)
    : tensor<?x1x8xf32>
  return
}

// -----

// expected-note@+1 {{`input` is 'tensor<7x1x8xf32>'}}
func.func @rope_tokens(%x: tensor<7x1x8xf32>, %c: tensor<512x4xf32>, %q: tensor<6x1xi32>) {
  // expected-error@+1 {{`positions` has 6 tokens, `input` has 7}}
  %y = seq.rope %x positions(%q : tensor<6x1xi32>) tables(%c, %c : tensor<512x4xf32>, tensor<512x4xf32>)
    : tensor<7x1x8xf32>
  return
}

// -----

func.func @rope_axes_without_positions(%x: tensor<?x1x8xf32>, %c: tensor<512x4xf32>, %p: index) {
  // expected-error@+1 {{has `axes`, but no `positions` to take them from}}
  %y = seq.rope %x past %p axes [0, 0, 0, 0] tables(%c, %c : tensor<512x4xf32>, tensor<512x4xf32>) : tensor<?x1x8xf32>
  return
}

// -----

func.func @rope_axes_left_out(%x: tensor<?x1x8xf32>, %c: tensor<512x4xf32>, %q: tensor<?x3xi32>) {
  // expected-error@+1 {{`positions` has 3 columns, and no `axes` say which plane turns by which}}
  %y = seq.rope %x positions(%q : tensor<?x3xi32>) tables(%c, %c : tensor<512x4xf32>, tensor<512x4xf32>)
    : tensor<?x1x8xf32>
  return
}

// -----

func.func @rope_axes_planes(%x: tensor<?x1x8xf32>, %c: tensor<512x4xf32>, %q: tensor<?x3xi32>) {
  // expected-error@+1 {{`axes` names 3 axes, tables have 4 planes}}
  %y = seq.rope %x positions(%q : tensor<?x3xi32>) axes [0, 1, 2]
    tables(%c, %c : tensor<512x4xf32>, tensor<512x4xf32>) : tensor<?x1x8xf32>
  return
}

// -----

func.func @rope_axes_columns(%x: tensor<?x1x8xf32>, %c: tensor<512x4xf32>, %q: tensor<?x3xi32>) {
  // expected-error@+1 {{`axes` names axis 3, `positions` has 3 columns}}
  %y = seq.rope %x positions(%q : tensor<?x3xi32>) axes [0, 1, 2, 3]
    tables(%c, %c : tensor<512x4xf32>, tensor<512x4xf32>) : tensor<?x1x8xf32>
  return
}
