// Functions become polynomials on the same shape; what has an instruction stays.
// RUN: sennit-opt %s --sennit-expand-math | FileCheck %s
// RUN: sennit-opt %s --sennit-expand-math=approximates | FileCheck %s --check-prefix=DEVICE
// RUN: sennit-opt %s --sennit-expand-math=lanes=8 | FileCheck %s --check-prefix=PARTS

// CHECK-LABEL: func.func @functions_of_vectors
func.func @functions_of_vectors(%x: vector<16xf32>) -> vector<16xf32> {
  // CHECK-NOT: math.{{exp|log|tanh|erf|rsqrt}}
  // CHECK: math.fma {{.*}} : vector<16xf32>
  %0 = math.exp %x : vector<16xf32>
  %1 = math.exp2 %0 : vector<16xf32>
  %2 = math.log %1 : vector<16xf32>
  %3 = math.log1p %2 : vector<16xf32>
  %4 = math.tanh %3 : vector<16xf32>
  %5 = math.erf %4 : vector<16xf32>
  %6 = math.rsqrt %5 : vector<16xf32>
  %7 = math.expm1 %6 : vector<16xf32>
  return %7 : vector<16xf32>
}

// CHECK-LABEL: func.func @functions_of_scalars
func.func @functions_of_scalars(%x: f32) -> f32 {
  // CHECK-NOT: math.exp
  // CHECK: math.fma {{.*}} : f32
  %0 = math.exp %x : f32
  return %0 : f32
}

// CHECK-LABEL: func.func @functions_of_doubles
func.func @functions_of_doubles(%x: vector<16xf64>) -> vector<16xf64> {
  // CHECK-NOT: math.{{exp|log|erf|tanh}}
  // CHECK: math.fma {{.*}} : vector<16xf64>
  %0 = math.exp %x : vector<16xf64>
  %1 = math.log %0 : vector<16xf64>
  %2 = math.erf %1 : vector<16xf64>
  %3 = math.tanh %2 : vector<16xf64>
  return %3 : vector<16xf64>
}

// CHECK-LABEL: func.func @functions_that_compute_in_doubles
func.func @functions_that_compute_in_doubles(%x: vector<16xf32>, %y: vector<16xf32>) -> vector<16xf32> {
  // CHECK-NOT: math.{{sin|powf|atan}}
  // CHECK: arith.extf %{{.*}} : vector<16xf32> to vector<16xf64>
  // CHECK: arith.truncf %{{.*}} : vector<16xf64> to vector<16xf32>
  %0 = math.sin %x : vector<16xf32>
  %1 = math.powf %0, %y : vector<16xf32>
  %2 = arith.remf %1, %y : vector<16xf32>
  %3 = math.atan %2 : vector<16xf32>
  return %3 : vector<16xf32>
}

// CHECK-LABEL: func.func @divisions_do_not_trap
func.func @divisions_do_not_trap(%a: vector<16xi32>, %b: vector<16xi32>, %c: vector<16xi64>, %d: vector<16xi64>) -> (vector<16xi32>, vector<16xi64>) {
  // CHECK-NOT: arith.divsi {{.*}} : vector<16xi32>
  // CHECK: arith.divf {{.*}} : vector<16xf64>
  %0 = arith.divsi %a, %b : vector<16xi32>
  // CHECK: %[[DIVISOR:.*]] = arith.select {{.*}} : vector<16xi1>, vector<16xi64>
  // CHECK: arith.divsi %{{.*}}, %[[DIVISOR]] : vector<16xi64>
  %1 = arith.divsi %c, %d : vector<16xi64>
  return %0, %1 : vector<16xi32>, vector<16xi64>
}

// CHECK-LABEL: func.func @declines_instructions
func.func @declines_instructions(%x: vector<16xf32>, %y: vector<16xi64>) -> (vector<16xf32>, vector<16xi64>) {
  // CHECK: math.sqrt %{{.*}} : vector<16xf32>
  %0 = math.sqrt %x : vector<16xf32>
  // CHECK: arith.divsi %{{.*}}, %{{.*}} : vector<16xi64>
  %three = arith.constant dense<3> : vector<16xi64>
  %1 = arith.divsi %y, %three : vector<16xi64>
  return %0, %1 : vector<16xf32>, vector<16xi64>
}

// A power that may be approximate is a shorter polynomial, or an instruction.
// CHECK-LABEL: func.func @approximate_power
// DEVICE-LABEL: func.func @approximate_power
func.func @approximate_power(%x: f32) -> f32 {
  // CHECK-COUNT-4: math.fma
  // CHECK-NOT: math.
  // CHECK: return
  // DEVICE-NEXT: math.exp2 %{{.*}} fastmath<afn> : f32
  %0 = math.exp2 %x fastmath<afn> : f32
  return %0 : f32
}

// DEVICE-LABEL: func.func @instructions
func.func @instructions(%x: f32, %y: f32) -> (f32, f32, f32) {
  // DEVICE: %[[POWER:.*]] = arith.mulf %{{.*}} : f32
  // DEVICE-NEXT: math.exp2 %[[POWER]] fastmath<afn> : f32
  // DEVICE-NEXT: math.rsqrt %{{.*}} fastmath<afn> : f32
  // DEVICE-NEXT: arith.divf %{{.*}}, %{{.*}} fastmath<afn> : f32
  %0 = math.exp %x : f32
  %1 = math.rsqrt %x : f32
  %2 = arith.divf %x, %y : f32
  return %0, %1, %2 : f32, f32, f32
}

// PARTS-LABEL: func.func @long_vector
func.func @long_vector(%x: vector<32xf32>) -> vector<32xf32> {
  // PARTS-NOT: math.fma {{.*}} : vector<32xf32>
  // PARTS: vector.extract_strided_slice %{{.*}} {offsets = [8], sizes = [8], strides = [1]}
  // PARTS: math.fma {{.*}} : vector<8xf32>
  // PARTS: vector.insert_strided_slice %{{.*}} {offsets = [8], strides = [1]}
  %0 = math.log %x : vector<32xf32>
  return %0 : vector<32xf32>
}
