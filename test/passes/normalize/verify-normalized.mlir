// Before fusion a function is one block of forms that the fusing passes know, and only @initialize reads parameters.
// RUN: sennit-opt %s --sennit-verify-normalized --split-input-file --verify-diagnostics

seq.parameter @weight : tensor<8xf32> from "model.safetensors" at 0
rt.constant @packed : tensor<8xf32>
func.func @initialize() {
  %w = seq.weight @weight : tensor<8xf32>
  rt.assign @packed, %w : tensor<8xf32>
  return
}
func.func @mixers_and_extents_remain(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %h: tensor<3x8xf32>) -> index {
  %c0 = arith.constant 0 : index
  %y, %next = seq.conv %x, %w state(%h : tensor<3x8xf32>) : tensor<?x8xf32>, tensor<8x4xf32>
  %t = tensor.dim %y, %c0 : tensor<?x8xf32>
  return %t : index
}

// -----

func.func @unknown_form(%x: tensor<?x8x8xf32>, %w: tensor<?x8x8xf32>, %start: tensor<?x8x8xf32>) -> tensor<?x8x8xf32> {
  // expected-error @+1 {{not normalized: `linalg.batch_matmul` is none of the forms that fusion knows}}
  %y = linalg.batch_matmul ins(%x, %w : tensor<?x8x8xf32>, tensor<?x8x8xf32>) outs(%start : tensor<?x8x8xf32>) -> tensor<?x8x8xf32>
  return %y : tensor<?x8x8xf32>
}

// -----

// The matrix is read by rows, y = x W^T; the other order has no kernel.
func.func @product_of_the_other_order(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>, %start: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error @+1 {{not normalized: `linalg.matmul` is none of the forms that fusion knows}}
  %y = linalg.matmul ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%start : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

seq.parameter @weight : tensor<8xf32> from "model.safetensors" at 0
func.func @decode() -> tensor<8xf32> {
  // expected-error @+1 {{not normalized: `decode` reads a parameter; only `initialize` may}}
  %w = seq.weight @weight : tensor<8xf32>
  return %w : tensor<8xf32>
}

// -----

// expected-error @+1 {{not normalized: control flow splits `branches` into several blocks}}
func.func @branches(%x: tensor<8xf32>) -> tensor<8xf32> {
  cf.br ^next
^next:
  return %x : tensor<8xf32>
}

// -----

func.func @moves_of_static_shapes_remain(%x: tensor<2x8xf32>) -> tensor<4x8xf32> {
  %y = tensor.concat dim(0) %x, %x : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

func.func @moves_of_rows_remain(%x: tensor<?x8xf32>) -> tensor<?x16xf32> {
  %y = tensor.concat dim(1) %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

func.func @moves_of_other_shapes(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{not normalized: `tensor.concat` makes 'tensor<?x8xf32>', and parts are moved between static shapes only, but for rows that a `tensor.concat` of another dimension keeps}}
  %y = tensor.concat dim(0) %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

#id = affine_map<(i) -> (i)>
func.func @body_with_branches(%x: tensor<8xf32>, %e: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @+1 {{not normalized: this `linalg.generic` cannot be computed part by part: `scf.if` in its body does not apply element by element}}
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf olt, %a, %zero : f32
    %r = scf.if %c -> f32 {
      scf.yield %zero : f32
    } else {
      scf.yield %a : f32
    }
    linalg.yield %r : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @scalar_of_the_host(%x: tensor<8xf32>, %s: f32, %e: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @+1 {{not normalized: this `linalg.generic` cannot be computed part by part: it reads a scalar of f32 that is no constant}}
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.mulf %a, %s : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

#pair = affine_map<(i, j) -> (i, j)>
func.func @one_position_of_many(%x: tensor<8x8xf32>, %e: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // expected-error @+1 {{not normalized: this `linalg.generic` cannot be computed part by part: it writes one position of a dimension of 4}}
  %y = linalg.generic {indexing_maps = [#pair, affine_map<(i, j) -> (i, 0)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

func.func @elements_of_a_type_without_lanes(%x: tensor<8xcomplex<f32>>, %e: tensor<8xcomplex<f32>>) -> tensor<8xcomplex<f32>> {
  // expected-error @+1 {{not normalized: this `linalg.generic` cannot be computed part by part: it reads or writes elements of complex<f32>}}
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<8xcomplex<f32>>) outs(%e : tensor<8xcomplex<f32>>) {
  ^bb0(%a: complex<f32>, %o: complex<f32>):
    linalg.yield %a : complex<f32>
  } -> tensor<8xcomplex<f32>>
  return %y : tensor<8xcomplex<f32>>
}
