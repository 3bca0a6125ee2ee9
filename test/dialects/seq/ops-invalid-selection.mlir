// Each named constraint of the selection ops is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

// expected-note@+1 {{`input` is 'tensor<3x8xf32>'}}
func.func @top_k_rows(%x: tensor<3x8xf32>) {
  // expected-error@+1 {{`values` has 2 rows, `input` has 3}}
  %v, %i = seq.top_k %x : tensor<3x8xf32> -> tensor<2x2xf32>, tensor<3x2xi32>
  return
}

// -----

func.func @top_k_rows_are_static(%x: tensor<?x?xf32>) {
  // expected-error@+1 {{dimension 1 of `input` is dynamic in 'tensor<?x?xf32>'}}
  %v, %i = seq.top_k %x : tensor<?x?xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @top_k_choices(%x: tensor<?x8xf32>) {
  // expected-error@+2 {{`indices` has 3 choices, `values` has 2}}
  // expected-note@+1 {{`values` is 'tensor<?x2xf32>'}}
  %v, %i = seq.top_k %x : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x3xi32>
  return
}

// -----

func.func @top_k_choices_of_elements(%x: tensor<?x8xf32>) {
  // expected-error@+1 {{chooses 9 of 8 elements}}
  %v, %i = seq.top_k %x : tensor<?x8xf32> -> tensor<?x9xf32>, tensor<?x9xi32>
  return
}

// -----

// expected-note@+1 {{`logits` is 'tensor<2x8xf32>'}}
func.func @sample_rows(%l: tensor<2x8xf32>, %u: tensor<2xf64>, %f: tensor<2xf32>, %k: tensor<3xi32>) {
  // expected-error@+1 {{`top_k` has 3 rows, `logits` has 2}}
  %t = seq.sample %l uniform(%u) temperature(%f) top_k(%k) top_p(%f)
    : (tensor<2x8xf32>, tensor<2xf64>, tensor<2xf32>, tensor<3xi32>, tensor<2xf32>) -> tensor<2xi32>
  return
}

// -----

func.func @sample_rows_without_logits(%l: tensor<2x0xf32>, %u: tensor<2xf64>, %f: tensor<2xf32>, %k: tensor<2xi32>) {
  // expected-error@+1 {{draws from rows without logits}}
  %t = seq.sample %l uniform(%u) temperature(%f) top_k(%k) top_p(%f)
    : (tensor<2x0xf32>, tensor<2xf64>, tensor<2xf32>, tensor<2xi32>, tensor<2xf32>) -> tensor<2xi32>
  return
}
