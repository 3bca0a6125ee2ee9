// Functions become polynomials on the same shape; what has an instruction stays.
// RUN: sennit-opt %s --sennit-cpu-expand-math=level=avx2 | FileCheck %s

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

// CHECK-LABEL: func.func @declines_instructions_and_f64
func.func @declines_instructions_and_f64(%x: vector<16xf32>, %y: f64) -> (vector<16xf32>, f64) {
  // CHECK: math.sqrt %{{.*}} : vector<16xf32>
  %0 = math.sqrt %x : vector<16xf32>
  // CHECK: math.exp %{{.*}} : f64
  %1 = math.exp %y : f64
  return %0, %1 : vector<16xf32>, f64
}
