// Each named constraint of seq.skip is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

func.func @skip_inputs(%c: tensor<?xi1>) {
  // expected-error@+1 {{has no inputs, whose rows it would choose}}
  "seq.skip"(%c) <{operandSegmentSizes = array<i32: 1, 0, 0>}> ({
    seq.yield
  }) : (tensor<?xi1>) -> ()
  return
}

// -----

// expected-note@+1 {{`chosen` is 'tensor<3xi1>'}}
func.func @skip_inputs_tokens(%c: tensor<3xi1>, %x: tensor<4x8xf32>) {
  // expected-error@+1 {{`inputs` has 4 tokens, `chosen` has 3}}
  %y = seq.skip %c inputs(%x : tensor<4x8xf32>) {
  ^bb0(%r: tensor<?x8xf32>):
    seq.yield %r : tensor<?x8xf32>
  } : tensor<3xi1> -> tensor<4x8xf32>
  return
}

// -----

func.func @skip_outputs(%c: tensor<?xi1>, %x: tensor<?x8xf32>) {
  // expected-error@+1 {{has 2 results for 1 inputs and 0 states}}
  %y, %z = seq.skip %c inputs(%x : tensor<?x8xf32>) {
  ^bb0(%r: tensor<?x8xf32>):
    seq.yield %r, %r : tensor<?x8xf32>, tensor<?x8xf32>
  } : tensor<?xi1> -> tensor<?x8xf32>, tensor<?x8xf32>
  return
}

// -----

func.func @skip_outputs_types(%c: tensor<?xi1>, %x: tensor<?x8xf32>) {
  // expected-error@+1 {{returns the input 'tensor<?x8xf32>' as 'tensor<?x9xf32>'}}
  %y = seq.skip %c inputs(%x : tensor<?x8xf32>) {
  ^bb0(%r: tensor<?x8xf32>):
    seq.yield %r : tensor<?x8xf32>
  } : tensor<?xi1> -> tensor<?x9xf32>
  return
}

// -----

func.func @skip_states(%c: tensor<?xi1>, %x: tensor<?x8xf32>, %h: tensor<8xf32>) {
  // expected-error@+1 {{returns the state 'tensor<8xf32>' as 'tensor<9xf32>'}}
  %y, %n = seq.skip %c inputs(%x : tensor<?x8xf32>) state(%h : tensor<8xf32>) {
  ^bb0(%r: tensor<?x8xf32>, %s: tensor<8xf32>):
    seq.yield %r, %s : tensor<?x8xf32>, tensor<8xf32>
  } : tensor<?xi1> -> tensor<?x8xf32>, tensor<9xf32>
  return
}

// -----

func.func @skip_region(%c: tensor<3xi1>, %x: tensor<3x8xf32>) {
  // expected-error@+1 {{region takes 'tensor<3x8xf32>' as value 0, which is 'tensor<?x8xf32>'}}
  %y = seq.skip %c inputs(%x : tensor<3x8xf32>) {
  ^bb0(%r: tensor<3x8xf32>):
    seq.yield %r : tensor<3x8xf32>
  } : tensor<3xi1> -> tensor<3x8xf32>
  return
}

// -----

func.func @skip_region_yields(%c: tensor<3xi1>, %x: tensor<3x8xf32>) {
  // expected-error@+1 {{region yields 0 values, its rows and states are 1}}
  %y = seq.skip %c inputs(%x : tensor<3x8xf32>) {
  ^bb0(%r: tensor<?x8xf32>):
    seq.yield
  } : tensor<3xi1> -> tensor<3x8xf32>
  return
}
