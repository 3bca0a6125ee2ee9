// Where the algebra, the region or the call does not allow segments, the scan stays as it is, and the remark says why.
// RUN: sennit-opt %s "--sennit-split-scans=segments=4" --remarks-filter=fuse 2> %t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks
// RUN: sennit-opt %s --sennit-split-scans --remarks-filter=fuse 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: sennit-opt %s "--sennit-split-scans=segments=1" --remarks-filter=fuse 2>&1 | FileCheck %s --check-prefix=PINNED

#c = affine_map<(c) -> (c)>

// UNKNOWN-NOT: cut into
// UNKNOWN: the module names no machine, so no time is predicted
// UNKNOWN-NOT: cut into
// UNKNOWN: nothing bounds the tokens of a call, so no time is predicted
// UNKNOWN-NOT: cut into
// PINNED-COUNT-9: one walk is asked for
// PINNED-NOT: cut into

// CHECK-LABEL: func.func @general
func.func @general(%x: tensor<?x8xf32>, %h: tensor<8xf32>) -> tensor<8xf32> {
  // CHECK: seq.scan general
  // CHECK-NOT: seq.scan
  // REMARK: Missed{{.*}}`general` says nothing of its step
  %n = seq.scan general inputs(%x : tensor<?x8xf32>) state(%h : tensor<8xf32>) {
  ^bb0(%a: tensor<8xf32>, %s: tensor<8xf32>):
    seq.yield %s : tensor<8xf32>
  } -> tensor<8xf32>
  return %n : tensor<8xf32>
}

// CHECK-LABEL: func.func @no_states
func.func @no_states(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: seq.scan affine
  // REMARK: Missed{{.*}}it carries nothing from token to token
  %y = seq.scan affine inputs(%x : tensor<?x8xf32>) {
  ^bb0(%a: tensor<8xf32>):
    seq.yield %a : tensor<8xf32>
  } -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @already_in_segments
func.func @already_in_segments(%x: tensor<?x8xf32>, %h: tensor<3x8xf32>) -> tensor<3x8xf32> {
  // CHECK: seq.scan affine {{.*}}segments = 3
  // REMARK: Missed{{.*}}it is in segments already
  %n = seq.scan affine inputs(%x : tensor<?x8xf32>) state(%h : tensor<3x8xf32>) attributes {segments = 3 : i64} {
  ^bb0(%a: tensor<8xf32>, %s: tensor<8xf32>):
    seq.yield %s : tensor<8xf32>
  } -> tensor<3x8xf32>
  return %n : tensor<3x8xf32>
}

// CHECK-LABEL: func.func @few_tokens
func.func @few_tokens(%x: tensor<?x8xf32>, %h: tensor<8xf32>) -> tensor<8xf32> attributes {seq.max_tokens = 7 : i64} {
  // CHECK: seq.scan affine
  // REMARK: Missed{{.*}}a call brings at most 7 tokens, 4 segments want 8
  %n = seq.scan affine inputs(%x : tensor<?x8xf32>) state(%h : tensor<8xf32>) {
  ^bb0(%a: tensor<8xf32>, %s: tensor<8xf32>):
    seq.yield %s : tensor<8xf32>
  } -> tensor<8xf32>
  return %n : tensor<8xf32>
}

// CHECK-LABEL: func.func @states_of_integers
func.func @states_of_integers(%x: tensor<?x8xf32>, %h: tensor<8xi32>) -> tensor<8xi32> {
  // CHECK: seq.scan max_plus
  // REMARK: Missed{{.*}}its states are not floats
  %n = seq.scan max_plus inputs(%x : tensor<?x8xf32>) state(%h : tensor<8xi32>) {
  ^bb0(%a: tensor<8xf32>, %s: tensor<8xi32>):
    seq.yield %s : tensor<8xi32>
  } -> tensor<8xi32>
  return %n : tensor<8xi32>
}

// CHECK-LABEL: func.func @several_states_that_mix
func.func @several_states_that_mix(%x: tensor<?x8xf32>, %h: tensor<8xf32>, %k: tensor<4xf32>) -> tensor<8xf32> {
  // CHECK: seq.scan affine
  // REMARK: Missed{{.*}}it has several states, and not each element by itself
  %n, %m = seq.scan affine inputs(%x : tensor<?x8xf32>) state(%h, %k : tensor<8xf32>, tensor<4xf32>) {
  ^bb0(%a: tensor<8xf32>, %s: tensor<8xf32>, %t: tensor<4xf32>):
    seq.yield %s, %t : tensor<8xf32>, tensor<4xf32>
  } -> tensor<8xf32>, tensor<4xf32>
  return %n : tensor<8xf32>
}

// CHECK-LABEL: func.func @state_too_large
func.func @state_too_large(%x: tensor<?x8xf32>, %h: tensor<17xf32>) -> tensor<17xf32> {
  // CHECK: seq.scan affine
  // REMARK: Missed{{.*}}the map of a state of 17 elements has 289; at most 16 are mapped
  %n = seq.scan affine inputs(%x : tensor<?x8xf32>) state(%h : tensor<17xf32>) {
  ^bb0(%a: tensor<8xf32>, %s: tensor<17xf32>):
    seq.yield %s : tensor<17xf32>
  } -> tensor<17xf32>
  return %n : tensor<17xf32>
}

// CHECK-LABEL: func.func @no_form_for_columns
func.func @no_form_for_columns(%x: tensor<?x4xf32>, %h: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: seq.scan affine
  // REMARK: Missed{{.*}}its region holds `tensor.expand_shape`, which has no form for columns
  %n = seq.scan affine inputs(%x : tensor<?x4xf32>) state(%h : tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>, %s: tensor<4xf32>):
    %square = tensor.expand_shape %s [[0, 1]] output_shape [2, 2] : tensor<4xf32> into tensor<2x2xf32>
    %row = tensor.collapse_shape %square [[0, 1]] : tensor<2x2xf32> into tensor<4xf32>
    seq.yield %row : tensor<4xf32>
  } -> tensor<4xf32>
  return %n : tensor<4xf32>
}

// A path that ends and begins anew joins something to the states of log-sum-exp.
// CHECK-LABEL: func.func @joined
func.func @joined(%x: tensor<?x4xf32>, %h: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: seq.scan log_sum_exp
  // REMARK: Missed{{.*}}what joins the states is not one of them
  %n = seq.scan log_sum_exp inputs(%x : tensor<?x4xf32>) state(%h : tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>, %s: tensor<4xf32>):
    %e = tensor.empty() : tensor<4xf32>
    %next = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
        ins(%a, %s : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %zero = arith.constant 0.0 : f32
      %begins = arith.cmpf ogt, %p, %zero : f32
      %r = arith.select %begins, %p, %q : f32
      linalg.yield %r : f32
    } -> tensor<4xf32>
    seq.yield %next : tensor<4xf32>
  } -> tensor<4xf32>
  return %n : tensor<4xf32>
}
