// Each named constraint of the ops of rt is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

func.func @constant_missing() {
  // expected-error@+1 {{no symbol `packed`}}
  %c = rt.read @packed : tensor<4xf32>
  return
}

// -----

// expected-note@+1 {{declared here}}
func.func private @packed()
func.func @constant_kind() {
  // expected-error@+1 {{`packed` is a `func.func`, not an `rt.constant`}}
  %c = rt.read @packed : tensor<4xf32>
  return
}

// -----

// expected-note@+1 {{declared here}}
rt.constant @packed : tensor<4xf32>
func.func @constant_type(%w: tensor<5xf32>) {
  // expected-error@+1 {{has 'tensor<5xf32>', `packed` is 'tensor<4xf32>'}}
  rt.assign @packed, %w : tensor<5xf32>
  return
}

// -----

func.func @ties_count(%x: tensor<4xf32>) {
  // expected-error@+1 {{has 2 ties for 1 results}}
  %y = rt.dispatch @copy(%x : tensor<4xf32>) ties [-1, -1] -> tensor<4xf32>
  return
}

// -----

func.func @ties_range(%x: tensor<4xf32>) {
  // expected-error@+1 {{ties result 0 to operand 1 of 1}}
  %y = rt.dispatch @copy(%x : tensor<4xf32>) ties [1] -> tensor<4xf32>
  return
}

// -----

func.func @ties_twice(%x: tensor<4xf32>) {
  // expected-error@+1 {{ties operand 0 twice}}
  %y, %z = rt.dispatch @copy(%x : tensor<4xf32>) ties [0, 0] -> tensor<4xf32>, tensor<4xf32>
  return
}

// -----

// expected-note@+1 {{operand 0 is here}}
func.func @ties_type(%x: tensor<4xf32>) {
  // expected-error@+1 {{ties result 0, which is 'tensor<5xf32>', to operand 0, which is 'tensor<4xf32>'}}
  %y = rt.dispatch @copy(%x : tensor<4xf32>) ties [0] -> tensor<5xf32>
  return
}

// -----

func.func @extents(%x: tensor<?xf32>) {
  // expected-error@+1 {{has 0 extents for 1 dynamic dimensions}}
  %y = rt.dispatch @copy(%x : tensor<?xf32>) ties [-1] -> tensor<?xf32>
  return
}

// -----

func.func @signature_missing(%x: tensor<4xf32>) {
  // expected-error@+1 {{no symbol `copy`}}
  %y = rt.dispatch @copy(%x : tensor<4xf32>) ties [-1] -> tensor<4xf32>
  return
}

// -----

// expected-note@+1 {{declared here}}
rt.constant @copy : tensor<4xf32>
func.func @signature_kind() {
  // expected-error@+1 {{`copy` is a `rt.constant`, not a function}}
  rt.launch @copy()
  return
}

// -----

// expected-note@+1 {{declared here}}
func.func private @copy() -> index
func.func @signature_results() {
  // expected-error@+1 {{kernel `copy` returns 1 values, a kernel returns nothing}}
  rt.launch @copy()
  return
}

// -----

// expected-note@+1 {{declared here}}
func.func private @copy(memref<4xf32>)
func.func @signature_count(%x: tensor<4xf32>) {
  // expected-error@+1 {{passes 2 arguments, kernel `copy` takes 1}}
  %y = rt.dispatch @copy(%x : tensor<4xf32>) ties [-1] -> tensor<4xf32>
  return
}

// -----

// expected-note@+1 {{declared here}}
func.func private @copy(memref<4xf32>, memref<5xf32>)
func.func @signature_view(%x: tensor<4xf32>) {
  // expected-error@+1 {{passes 'tensor<4xf32>' as argument 1, kernel `copy` takes 'memref<5xf32>'}}
  %y = rt.dispatch @copy(%x : tensor<4xf32>) ties [-1] -> tensor<4xf32>
  return
}

// -----

// expected-note@+1 {{declared here}}
func.func private @copy(memref<4xf32>, f32)
func.func @signature_scalar(%x: tensor<4xf32>, %t: index) {
  // expected-error@+1 {{passes 'index' as argument 1, kernel `copy` takes 'f32'}}
  %y = rt.dispatch @copy(%x : tensor<4xf32>) scalars(%t) ties [0] -> tensor<4xf32>
  return
}

// -----

// expected-note@+1 {{declared here}}
func.func private @copy(index)
func.func @signature_launch(%x: memref<4xf32>) {
  // expected-error@+1 {{passes 'memref<4xf32>' as argument 0, kernel `copy` takes 'index'}}
  rt.launch @copy(%x : memref<4xf32>)
  return
}

// -----

func.func @buffer_offset() {
  // expected-error@+1 {{starts at byte -64}}
  %b = rt.buffer arena at -64 : memref<4xf32>
  return
}

// -----

func.func @buffer_without_name() {
  // expected-error@+1 {{in `weight` has no name}}
  %b = rt.buffer weight at 0 : memref<4xf32>
  return
}

// -----

func.func @buffer_with_name() {
  // expected-error@+1 {{in `arena` has a name}}
  %b = rt.buffer arena "scores" at 0 : memref<4xf32>
  return
}
