// Every op of rt is printed as it is written.
// RUN: sennit-opt %s --verify-roundtrip | FileCheck %s

func.func private @copy(memref<?x64xf32>, memref<?x64xf32>, index)
func.func private @update(memref<?x64xf32>, memref<8x64xf32>)

// CHECK: rt.constant @packed : tensor<256x64xf32>
rt.constant @packed : tensor<256x64xf32>

// CHECK: rt.data @angles = dense<[1.000000e+00, 5.000000e-01]> : tensor<2xf32>
rt.data @angles = dense<[1.0, 0.5]> : tensor<2xf32>

// CHECK-LABEL: func.func @initialize
func.func @initialize(%w: tensor<256x64xf32>) {
  // CHECK: rt.assign @packed, %{{.*}} : tensor<256x64xf32>
  rt.assign @packed, %w : tensor<256x64xf32>
  return
}

// CHECK-LABEL: func.func @read
func.func @read() -> tensor<256x64xf32> {
  // CHECK: rt.read @packed : tensor<256x64xf32>
  %c = rt.read @packed : tensor<256x64xf32>
  return %c : tensor<256x64xf32>
}

// CHECK-LABEL: func.func @dispatch_with_memory_of_its_own
func.func @dispatch_with_memory_of_its_own(%x: tensor<?x64xf32>, %t: index) -> tensor<?x64xf32> {
  // CHECK: rt.dispatch @copy(%{{.*}} : tensor<?x64xf32>) scalars(%[[T:.*]]) extents(%[[T]]) ties [-1] -> tensor<?x64xf32>
  %y = rt.dispatch @copy(%x : tensor<?x64xf32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @dispatch_in_place
func.func @dispatch_in_place(%x: tensor<?x64xf32>, %s: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK: rt.dispatch @update(%{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<8x64xf32>) ties [1] -> tensor<8x64xf32>
  %n = rt.dispatch @update(%x, %s : tensor<?x64xf32>, tensor<8x64xf32>) ties [1] -> tensor<8x64xf32>
  return %n : tensor<8x64xf32>
}

// CHECK-LABEL: func.func @launch
func.func @launch(%t: index) {
  // CHECK: rt.buffer input "hidden" at 0 : memref<?x64xf32>
  %x = rt.buffer input "hidden" at 0 : memref<?x64xf32>
  // CHECK: rt.buffer arena at 65536 : memref<?x64xf32>
  %y = rt.buffer arena at 65536 : memref<?x64xf32>
  // CHECK: rt.launch @copy(%{{.*}}, %{{.*}}, %{{.*}} : memref<?x64xf32>, memref<?x64xf32>, index)
  rt.launch @copy(%x, %y, %t : memref<?x64xf32>, memref<?x64xf32>, index)
  return
}
