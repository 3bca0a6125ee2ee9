// What kernels make of constants alone is made once, at load; what is overwritten, returned or of a call's numbers is not.
// RUN: sennit-opt %s --sennit-hoist-dispatches --split-input-file --remarks-filter=schedule 2> %t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks

// Constants that nothing but hoisted kernels reads are not kept.
// CHECK-NOT: rt.constant
// CHECK: rt.constant @filters.1 : tensor<8xf32>
// CHECK-NOT: rt.constant
rt.constant @w : tensor<8xf32>
func.func private @angles(memref<4xf32>)
func.func private @filters(memref<8xf32>, memref<4xf32>, memref<8xf32>, index)
func.func private @rows(memref<8xf32>, memref<8xf32>, memref<8xf32>)

// CHECK-LABEL: func.func @initialize
// CHECK-SAME: %[[W:.*]]: tensor<8xf32>
func.func @initialize(%w: tensor<8xf32>) {
  // CHECK: %[[ANGLES:.*]] = rt.dispatch @angles()
  // CHECK: %[[FILTERS:.*]] = rt.dispatch @filters(%[[W]], %[[ANGLES]] : tensor<8xf32>, tensor<4xf32>) scalars(%{{.*}}) ties [-1]
  // CHECK-NEXT: rt.assign @filters.1, %[[FILTERS]]
  // CHECK-NEXT: return
  rt.assign @w, %w : tensor<8xf32>
  return
}

// CHECK-LABEL: func.func @prefill
// CHECK-SAME: %[[X:.*]]: tensor<8xf32>
func.func @prefill(%x: tensor<8xf32>) -> tensor<8xf32> {
  // CHECK-NOT: rt.dispatch @filters
  // CHECK: %[[KNOWN:.*]] = rt.read @filters.1
  // CHECK: rt.dispatch @rows(%[[KNOWN]], %[[X]] :
  %c3 = arith.constant 3 : index
  %w = rt.read @w : tensor<8xf32>
  %a = rt.dispatch @angles() ties [-1] -> tensor<4xf32>
  %f = rt.dispatch @filters(%w, %a : tensor<8xf32>, tensor<4xf32>) scalars(%c3) ties [-1] -> tensor<8xf32>
  %y = rt.dispatch @rows(%f, %x : tensor<8xf32>, tensor<8xf32>) ties [-1] -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// CHECK-LABEL: func.func @an_equal_dispatch_is_shared
func.func @an_equal_dispatch_is_shared(%x: tensor<8xf32>) -> tensor<8xf32> {
  // CHECK: rt.read @filters.1
  // CHECK: rt.dispatch @rows
  %c3 = arith.constant 3 : index
  %w = rt.read @w : tensor<8xf32>
  %a = rt.dispatch @angles() ties [-1] -> tensor<4xf32>
  %f = rt.dispatch @filters(%w, %a : tensor<8xf32>, tensor<4xf32>) scalars(%c3) ties [-1] -> tensor<8xf32>
  %y = rt.dispatch @rows(%f, %x : tensor<8xf32>, tensor<8xf32>) ties [-1] -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

// CHECK: rt.constant @w : tensor<8xf32>
rt.constant @w : tensor<8xf32>
func.func private @fill(memref<8xf32>, memref<8xf32>)
func.func private @add(memref<8xf32>)
func.func private @part(memref<8xf32>, memref<8xf32>, index)

func.func @initialize(%w: tensor<8xf32>) {
  rt.assign @w, %w : tensor<8xf32>
  return
}

// CHECK-LABEL: func.func @overwritten
func.func @overwritten() -> tensor<8xf32> {
  // CHECK: rt.dispatch @fill
  // CHECK: rt.dispatch @add
  // REMARK: Missed{{.*}}HoistDispatches{{.*}}what the kernel makes of constants is overwritten or returned
  %w = rt.read @w : tensor<8xf32>
  %f = rt.dispatch @fill(%w : tensor<8xf32>) ties [-1] -> tensor<8xf32>
  %y = rt.dispatch @add(%f : tensor<8xf32>) ties [0] -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// CHECK-LABEL: func.func @returned
func.func @returned() -> tensor<8xf32> {
  // CHECK: rt.dispatch @fill
  // REMARK: Missed{{.*}}HoistDispatches{{.*}}what the kernel makes of constants is overwritten or returned
  %w = rt.read @w : tensor<8xf32>
  %f = rt.dispatch @fill(%w : tensor<8xf32>) ties [-1] -> tensor<8xf32>
  return %f : tensor<8xf32>
}

// CHECK-LABEL: func.func @of_the_calls_numbers
func.func @of_the_calls_numbers(%past: index) -> tensor<8xf32> {
  // CHECK: rt.dispatch @part
  // REMARK-NOT: HoistDispatches
  %w = rt.read @w : tensor<8xf32>
  %f = rt.dispatch @part(%w : tensor<8xf32>) scalars(%past) ties [-1] -> tensor<8xf32>
  %y = rt.dispatch @fill(%f : tensor<8xf32>) ties [-1] -> tensor<8xf32>
  return %y : tensor<8xf32>
}
