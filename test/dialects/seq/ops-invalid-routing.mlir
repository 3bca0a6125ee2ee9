// Each named constraint of the routing ops is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

// expected-note@+1 {{`logits` is 'tensor<3x8xf32>'}}
func.func @route_tokens(%l: tensor<3x8xf32>) {
  // expected-error@+1 {{`weights` has 2 tokens, `logits` has 3}}
  %w, %e = seq.route softmax %l : tensor<3x8xf32> -> tensor<2x2xf32>, tensor<3x2xi32>
  return
}

// -----

func.func @route_top_k_choices(%l: tensor<?x8xf32>) {
  // expected-error@+2 {{`experts` has 3 choices, `weights` has 2}}
  // expected-note@+1 {{`weights` is 'tensor<?x2xf32>'}}
  %w, %e = seq.route softmax %l : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x3xi32>
  return
}

// -----

func.func @route_top_k(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{chooses 9 of 8 experts}}
  %w, %e = seq.route softmax %l : tensor<?x8xf32> -> tensor<?x9xf32>, tensor<?x9xi32>
  return
}

// -----

func.func @route_top_k_of_kept_groups(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{chooses 5 of 4 experts}}
  %w, %e = seq.route softmax %l groups 4 top_groups 2 by best : tensor<?x8xf32> -> tensor<?x5xf32>, tensor<?x5xi32>
  return
}

// -----

// expected-note@+1 {{`logits` is 'tensor<?x8xf32>'}}
func.func @route_bias(%l: tensor<?x8xf32>, %b: tensor<7xf32>) {
  // expected-error@+1 {{`bias` has 7 experts, `logits` has 8}}
  %w, %e = seq.route sigmoid %l bias(%b : tensor<7xf32>) : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @route_groups_alone(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{has one of `groups`, `top_groups` and `group_value` without the others}}
  %w, %e = seq.route softmax %l {groups = 4} : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @route_groups_divide(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{has 3 groups of 8 experts}}
  %w, %e = seq.route softmax %l groups 3 top_groups 2 by best : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @route_groups_kept(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{chooses 5 of 4 groups}}
  %w, %e = seq.route softmax %l groups 4 top_groups 5 by best : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @route_groups_of_one(%l: tensor<?x8xf32>) {
  // expected-error@+1 {{sums the best two of groups of one expert}}
  %w, %e = seq.route softmax %l groups 8 top_groups 4 by best_two : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----

// expected-note@+1 {{`experts` is 'tensor<3x2xi32>'}}
func.func @dispatch_pairs(%e: tensor<3x2xi32>) {
  // expected-error@+1 {{`pairs` has 5 rows, 3 tokens make 6 pairs}}
  %f, %p, %o = seq.dispatch %e : tensor<3x2xi32> -> tensor<5xi32>, tensor<3x2xi32>, tensor<9xi32>
  return
}

// -----

// expected-note@+1 {{`experts` is 'tensor<?x2xi32>'}}
func.func @dispatch_positions(%e: tensor<?x2xi32>) {
  // expected-error@+1 {{`positions` has 3 choices, `experts` has 2}}
  %f, %p, %o = seq.dispatch %e : tensor<?x2xi32> -> tensor<?xi32>, tensor<?x3xi32>, tensor<9xi32>
  return
}

// -----

func.func @dispatch_offsets(%e: tensor<?x2xi32>) {
  // expected-error@+1 {{`offsets` has 1 places, one expert needs 2}}
  %f, %p, %o = seq.dispatch %e : tensor<?x2xi32> -> tensor<?xi32>, tensor<?x2xi32>, tensor<1xi32>
  return
}

// -----

func.func @dispatch_capacity(%e: tensor<?x2xi32>) {
  // expected-error@+1 {{`capacity` is 0, not positive}}
  %f, %p, %o = seq.dispatch %e capacity 0 : tensor<?x2xi32> -> tensor<?xi32>, tensor<?x2xi32>, tensor<9xi32>
  return
}

// -----

// expected-note@+1 {{`weight` is 'tensor<4x6x8xbf16>'}}
func.func @experts_widths(%x: tensor<?x7xf32>, %w: tensor<4x6x8xbf16>, %o: tensor<5xi32>) {
  // expected-error@+1 {{`input` has 7 components, `weight` has 8}}
  %y = seq.experts %x, %w offsets(%o) : tensor<?x7xf32>, tensor<4x6x8xbf16>, tensor<5xi32> -> tensor<?x6xf32>
  return
}

// -----

// expected-note@+1 {{`weight` is 'tensor<4x6x8xbf16>'}}
func.func @experts_offsets(%x: tensor<?x8xf32>, %w: tensor<4x6x8xbf16>, %o: tensor<4xi32>) {
  // expected-error@+1 {{`offsets` has 4 places, 4 experts need 5}}
  %y = seq.experts %x, %w offsets(%o) : tensor<?x8xf32>, tensor<4x6x8xbf16>, tensor<4xi32> -> tensor<?x6xf32>
  return
}

// -----

func.func @experts_gather_without_top_k(%x: tensor<?x8xf32>, %w: tensor<4x6x8xbf16>, %o: tensor<5xi32>, %p: tensor<?xi32>) {
  // expected-error@+1 {{gathers without `top_k`}}
  %y = seq.experts %x, %w offsets(%o) gather(%p : tensor<?xi32>)
    : tensor<?x8xf32>, tensor<4x6x8xbf16>, tensor<5xi32> -> tensor<?x6xf32>
  return
}

// -----

func.func @experts_gather_nothing(%x: tensor<?x8xf32>, %w: tensor<4x6x8xbf16>, %o: tensor<5xi32>) {
  // expected-error@+1 {{has `top_k` and gathers nothing}}
  %y = seq.experts %x, %w offsets(%o) top_k 2
    : tensor<?x8xf32>, tensor<4x6x8xbf16>, tensor<5xi32> -> tensor<?x6xf32>
  return
}

// -----

func.func @experts_gather_top_k(%x: tensor<?x8xf32>, %w: tensor<4x6x8xbf16>, %o: tensor<5xi32>, %p: tensor<?xi32>) {
  // expected-error@+1 {{`top_k` is 0, not positive}}
  %y = seq.experts %x, %w offsets(%o) gather(%p : tensor<?xi32>) top_k 0
    : tensor<?x8xf32>, tensor<4x6x8xbf16>, tensor<5xi32> -> tensor<?x6xf32>
  return
}

// -----

// expected-note@+1 {{`pairs` is 'tensor<6xi32>'}}
func.func @experts_rows(%x: tensor<3x8xf32>, %w: tensor<4x6x8xbf16>, %o: tensor<5xi32>, %p: tensor<6xi32>) {
  // expected-error@+1 {{`output` has 3 rows, `pairs` has 6}}
  %y = seq.experts %x, %w offsets(%o) gather(%p : tensor<6xi32>) top_k 2
    : tensor<3x8xf32>, tensor<4x6x8xbf16>, tensor<5xi32> -> tensor<3x6xf32>
  return
}

// -----

// expected-note@+1 {{`weights` is 'tensor<?x2xf32>'}}
func.func @combine_choices(%r: tensor<?x8xf32>, %w: tensor<?x2xf32>, %p: tensor<?x3xi32>) {
  // expected-error@+1 {{`positions` has 3 choices, `weights` has 2}}
  %y = seq.combine %r, %w, %p : tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x3xi32> -> tensor<?x8xf32>
  return
}

// -----

// expected-note@+1 {{`weights` is 'tensor<3x2xf32>'}}
func.func @combine_choices_rows(%r: tensor<5x8xf32>, %w: tensor<3x2xf32>, %p: tensor<3x2xi32>) {
  // expected-error@+1 {{`rows` has 5 rows, 3 tokens make 6 pairs}}
  %y = seq.combine %r, %w, %p : tensor<5x8xf32>, tensor<3x2xf32>, tensor<3x2xi32> -> tensor<3x8xf32>
  return
}

// -----

// expected-note@+1 {{`weights` is 'tensor<3x2xf32>'}}
func.func @combine_tokens(%r: tensor<6x8xf32>, %w: tensor<3x2xf32>, %p: tensor<3x2xi32>) {
  // expected-error@+1 {{`output` has 4 tokens, `weights` has 3}}
  %y = seq.combine %r, %w, %p : tensor<6x8xf32>, tensor<3x2xf32>, tensor<3x2xi32> -> tensor<4x8xf32>
  return
}

// -----

// expected-note@+1 {{`rows` is 'tensor<?x8xf32>'}}
func.func @combine_widths(%r: tensor<?x8xf32>, %w: tensor<?x2xf32>, %p: tensor<?x2xi32>) {
  // expected-error@+1 {{`output` has 9 components, `rows` has 8}}
  %y = seq.combine %r, %w, %p : tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x2xi32> -> tensor<?x9xf32>
  return
}
