// Equal dispatches stay two, since what one gives may be overwritten; one whose result nobody reads goes.
// RUN: sennit-opt %s --cse --canonicalize | FileCheck %s

func.func private @zeros(memref<8xf32>)
func.func private @count(memref<8xf32>)

// CHECK-LABEL: func.func @states_of_their_own
func.func @states_of_their_own() -> (tensor<8xf32>, tensor<8xf32>) {
  // CHECK: %[[FIRST:.*]] = rt.dispatch @zeros
  // CHECK: %[[SECOND:.*]] = rt.dispatch @zeros
  // CHECK-NOT: rt.dispatch @zeros
  // CHECK: rt.dispatch @count(%[[FIRST]]
  // CHECK: rt.dispatch @count(%[[SECOND]]
  %a = rt.dispatch @zeros() ties [-1] -> tensor<8xf32>
  %b = rt.dispatch @zeros() ties [-1] -> tensor<8xf32>
  %unread = rt.dispatch @zeros() ties [-1] -> tensor<8xf32>
  %c = rt.dispatch @count(%a : tensor<8xf32>) ties [0] -> tensor<8xf32>
  %d = rt.dispatch @count(%b : tensor<8xf32>) ties [0] -> tensor<8xf32>
  return %c, %d : tensor<8xf32>, tensor<8xf32>
}
