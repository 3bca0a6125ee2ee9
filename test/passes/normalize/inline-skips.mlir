// The region of a skip runs on the rows of the chosen tokens, whose number the host reads when it is known.
// RUN: sennit-opt %s --sennit-inline-skips | FileCheck %s

#t = affine_map<(t, d) -> (t, d)>

// CHECK-LABEL: func.func @rows_of_chosen_tokens
// CHECK-SAME: (%[[CHOSEN:.*]]: tensor<?xi1>, %[[X:.*]]: tensor<?x8xf32>, %[[STATE:.*]]: tensor<3x8xf32>
func.func @rows_of_chosen_tokens(%c: tensor<?xi1>, %x: tensor<?x8xf32>, %h: tensor<3x8xf32>, %w: tensor<8x4xf32>)
    -> (tensor<?x8xf32>, tensor<3x8xf32>) {
  // To go through is expert 0, to be skipped expert 1.
  // CHECK: %[[EXPERTS:.*]] = linalg.generic {{.*}} ins(%[[CHOSEN]]
  // CHECK: %[[PAIRS:.*]], %[[PLACES:.*]], %[[OFFSETS:.*]] = seq.dispatch %[[EXPERTS]]
  // CHECK: %[[FIRST:.*]] = tensor.extract %[[OFFSETS]][%c1
  // CHECK: %[[READ:.*]] = arith.index_cast %[[FIRST]]
  // CHECK: %[[COUNT:.*]] = arith.minsi %[[READ]]
  // CHECK: %[[ORDER:.*]] = tensor.extract_slice %[[PAIRS]][0] [%[[COUNT]]] [1]
  // CHECK: %[[ROWS:.*]] = seq.embed %[[ORDER]], %[[X]] : tensor<?xi32>, tensor<?x8xf32>
  // CHECK: %[[MIXED:.*]], %[[NEXT:.*]] = seq.conv %[[ROWS]], %{{.*}} state(%[[STATE]]
  // CHECK: %[[KEPT:.*]] = linalg.generic {{.*}} ins(%[[CHOSEN]], %[[PLACES]]
  // CHECK: %[[BACK:.*]] = seq.combine %[[MIXED]], %{{.*}}, %[[KEPT]]
  // CHECK: %[[RESULT:.*]] = linalg.generic {{.*}} ins(%[[CHOSEN]], %[[BACK]], %[[X]]
  // CHECK: return %[[RESULT]], %[[NEXT]]
  %y, %n = seq.skip %c inputs(%x : tensor<?x8xf32>) state(%h : tensor<3x8xf32>) {
  ^bb0(%rows: tensor<?x8xf32>, %window: tensor<3x8xf32>):
    %z, %next = seq.conv %rows, %w state(%window : tensor<3x8xf32>) : tensor<?x8xf32>, tensor<8x4xf32>
    seq.yield %z, %next : tensor<?x8xf32>, tensor<3x8xf32>
  } : tensor<?xi1> -> tensor<?x8xf32>, tensor<3x8xf32>
  return %y, %n : tensor<?x8xf32>, tensor<3x8xf32>
}

// What stands in the region as the number of its rows is the number that was read.
// CHECK-LABEL: func.func @number_of_rows
func.func @number_of_rows(%c: tensor<5xi1>, %x: tensor<5x8xf32>) -> tensor<5x8xf32> {
  // CHECK: %[[COUNT:.*]] = arith.minsi
  // CHECK: tensor.empty(%[[COUNT]]) : tensor<?x8xf32>
  // CHECK: seq.combine {{.*}} -> tensor<5x8xf32>
  %y = seq.skip %c inputs(%x : tensor<5x8xf32>) {
  ^bb0(%rows: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %m = tensor.dim %rows, %c0 : tensor<?x8xf32>
    %e = tensor.empty(%m) : tensor<?x8xf32>
    %d = linalg.generic {indexing_maps = [#t, #t], iterator_types = ["parallel", "parallel"]}
        ins(%rows : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.addf %a, %a : f32
      linalg.yield %s : f32
    } -> tensor<?x8xf32>
    seq.yield %d : tensor<?x8xf32>
  } : tensor<5xi1> -> tensor<5x8xf32>
  return %y : tensor<5x8xf32>
}

// A skip inside a skip chooses of the rows that are left.
// CHECK-LABEL: func.func @skip_in_a_skip
func.func @skip_in_a_skip(%c: tensor<?xi1>, %x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[ROWS:.*]] = seq.embed
  // CHECK: %[[GOES:.*]] = linalg.generic {{.*}} ins(%[[ROWS]]
  // CHECK: linalg.generic {{.*}} ins(%[[GOES]]
  // CHECK: seq.dispatch
  // CHECK: seq.embed %{{.*}}, %[[ROWS]]
  // CHECK-NOT: seq.skip
  %y = seq.skip %c inputs(%x : tensor<?x8xf32>) {
  ^bb0(%rows: tensor<?x8xf32>):
    %c0 = arith.constant 0 : index
    %m = tensor.dim %rows, %c0 : tensor<?x8xf32>
    %e = tensor.empty(%m) : tensor<?xi1>
    %goes = linalg.generic {
        indexing_maps = [affine_map<(t) -> (t, 0)>, affine_map<(t) -> (t)>], iterator_types = ["parallel"]}
        ins(%rows : tensor<?x8xf32>) outs(%e : tensor<?xi1>) {
    ^bb0(%a: f32, %o: i1):
      %zero = arith.constant 0.0 : f32
      %r = arith.cmpf olt, %a, %zero : f32
      linalg.yield %r : i1
    } -> tensor<?xi1>
    %deeper = seq.skip %goes inputs(%rows : tensor<?x8xf32>) {
    ^bb0(%fewer: tensor<?x8xf32>):
      seq.yield %fewer : tensor<?x8xf32>
    } : tensor<?xi1> -> tensor<?x8xf32>
    seq.yield %deeper : tensor<?x8xf32>
  } : tensor<?xi1> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
