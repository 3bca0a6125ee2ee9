// Tensors get places: inputs and outputs by name, states in one table, the rest in the arena, reused when dead.
// RUN: sennit-opt %s --sennit-plan-memory --split-input-file --verify-diagnostics | FileCheck %s

// Three tensors of 16 rows and 64 columns in a row need two places: the third lies where the first was.
// CHECK: rt.memory = {arena = 8192 : i64, constants = 0 : i64, state = 0 : i64}
func.func private @map(memref<?x64xf32>, memref<?x64xf32>, index)
func.func private @look_up(memref<?xi32>, memref<?x64xf32>, index)
// CHECK-LABEL: func.func @dead_places_are_reused(
// CHECK-SAME: %[[TOKENS:[^:]*]]: index, %{{[^:]*}}: index)
// CHECK-SAME: rt.inputs = [{name = "tokens", type = tensor<?xi32>}], rt.outputs = [{name = "logits", type = tensor<?x64xf32>}]
func.func @dead_places_are_reused(%tokens: tensor<?xi32> {seq.name = "tokens"}, %past: index)
    -> (tensor<?x64xf32> {seq.name = "logits"}) attributes {seq.max_tokens = 16 : i64} {
  %c0 = arith.constant 0 : index
  %t = tensor.dim %tokens, %c0 : tensor<?xi32>
  // CHECK-DAG: %[[IN:.*]] = rt.buffer input "tokens" at 0 : memref<?xi32>
  // CHECK-DAG: %[[A:.*]] = rt.buffer arena at 0 : memref<?x64xf32>
  // CHECK: rt.launch @look_up(%[[IN]], %[[A]], %[[TOKENS]] :
  %a = rt.dispatch @look_up(%tokens : tensor<?xi32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x64xf32>
  // CHECK: rt.buffer arena at 4096
  %b = rt.dispatch @map(%a : tensor<?x64xf32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x64xf32>
  // CHECK: rt.buffer arena at 4096
  // CHECK: rt.buffer arena at 0
  %c = rt.dispatch @map(%b : tensor<?x64xf32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x64xf32>
  // CHECK: %[[OUT:.*]] = rt.buffer output "logits" at 0
  // CHECK: rt.launch @map(%{{.*}}, %[[OUT]],
  // CHECK: return{{$}}
  %d = rt.dispatch @map(%c : tensor<?x64xf32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x64xf32>
  return %d : tensor<?x64xf32>
}

// -----

// Two programs write one output: the first has its place already.
func.func private @first_part(memref<4xf32>, memref<8xf32>)
func.func private @second_part(memref<4xf32>, memref<8xf32>)
// CHECK-LABEL: func.func @parts_of_an_output
func.func @parts_of_an_output(%x: tensor<4xf32>) -> (tensor<2x4xf32> {seq.name = "joined"}) {
  // CHECK-NOT: rt.buffer arena
  // CHECK: %[[OUT:.*]] = rt.buffer output "joined" at 0 : memref<8xf32>
  // CHECK: rt.launch @first_part(%{{.*}}, %[[OUT]] :
  // CHECK: rt.launch @second_part(%{{.*}}, %{{.*}} :
  %a = rt.dispatch @first_part(%x : tensor<4xf32>) ties [-1] -> tensor<8xf32>
  %b = rt.dispatch @second_part(%x, %a : tensor<4xf32>, tensor<8xf32>) ties [1] -> tensor<8xf32>
  %y = tensor.expand_shape %b [[0, 1]] output_shape [2, 4] : tensor<8xf32> into tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// CHECK: rt.memory = {arena = 0 : i64, constants = 0 : i64, state = 128 : i64}
// CHECK-SAME: rt.state = [{name = "window", offset = 0 : i64, roll_back = "copy", type = tensor<3x8xf32>}]
func.func private @step(memref<?xi32>, memref<3x8xf32>, memref<?x8xf32>, index)
// CHECK-LABEL: func.func @state_is_overwritten_in_place
func.func @state_is_overwritten_in_place(%tokens: tensor<?xi32>, %past: index, %window: tensor<3x8xf32> {seq.state = "window"})
    -> (tensor<?x8xf32>, tensor<3x8xf32>) attributes {seq.max_tokens = 16 : i64} {
  %c0 = arith.constant 0 : index
  %t = tensor.dim %tokens, %c0 : tensor<?xi32>
  // CHECK: %[[STATE:.*]] = rt.buffer state at 0 : memref<3x8xf32>
  // CHECK: rt.launch @step(%{{.*}}, %[[STATE]], %{{.*}} :
  %y, %next = rt.dispatch @step(%tokens, %window : tensor<?xi32>, tensor<3x8xf32>) scalars(%t) extents(%t) ties [-1, 1]
    -> tensor<?x8xf32>, tensor<3x8xf32>
  return %y, %next : tensor<?x8xf32>, tensor<3x8xf32>
}

// -----

// CHECK: rt.memory = {arena = 0 : i64, constants = 256 : i64, state = 0 : i64}
rt.constant @first : tensor<8xf32>
rt.constant @second : tensor<48xf32>
seq.parameter @weight : tensor<8xf32> from "model.safetensors" at 0
func.func private @copy(memref<8xf32>, memref<8xf32>)
func.func private @widen(memref<8xf32>, memref<48xf32>)
// CHECK-LABEL: func.func @constants_are_64_bytes_apart
func.func @constants_are_64_bytes_apart() {
  // CHECK-DAG: rt.buffer weight "weight" at 0 : memref<8xf32>
  // CHECK-DAG: rt.buffer constants at 0 : memref<8xf32>
  // CHECK-DAG: rt.buffer constants at 64 : memref<48xf32>
  %w = seq.weight @weight : tensor<8xf32>
  %a = rt.dispatch @copy(%w : tensor<8xf32>) ties [-1] -> tensor<8xf32>
  rt.assign @first, %a : tensor<8xf32>
  %b = rt.dispatch @widen(%w : tensor<8xf32>) ties [-1] -> tensor<48xf32>
  rt.assign @second, %b : tensor<48xf32>
  return
}

// -----

func.func private @step(memref<?xi32>, memref<3x8xf32>, memref<?x8xf32>, memref<3x8xf32>, index)
func.func @state_in_other_memory(%tokens: tensor<?xi32>, %past: index, %window: tensor<3x8xf32> {seq.state = "window"})
    -> (tensor<?x8xf32>, tensor<3x8xf32>) attributes {seq.max_tokens = 16 : i64} {
  %c0 = arith.constant 0 : index
  %t = tensor.dim %tokens, %c0 : tensor<?xi32>
  %y, %next = rt.dispatch @step(%tokens, %window : tensor<?xi32>, tensor<3x8xf32>) scalars(%t) extents(%t) ties [-1, -1]
    -> tensor<?x8xf32>, tensor<3x8xf32>
  // expected-error @+1 {{state `window` is returned from other memory than its own}}
  return %y, %next : tensor<?x8xf32>, tensor<3x8xf32>
}

// -----

// A function of any inputs and outputs: each has its name or a number, nothing counts tokens.
func.func private @split(memref<4x8xf16>, memref<4xi64>, memref<4x8xf16>)
// CHECK-LABEL: func.func @any_function()
// CHECK-SAME: rt.inputs = [{name = "X", type = tensor<4x8xf16>}, {name = "input1", type = tensor<3xi1>}]
// CHECK-SAME: rt.outputs = [{name = "output0", type = tensor<4xi64>}, {name = "Y", type = tensor<4x8xf16>}]
func.func @any_function(%x: tensor<4x8xf16> {seq.name = "X"}, %unread: tensor<3xi1>)
    -> (tensor<4xi64>, tensor<4x8xf16> {seq.name = "Y"}) {
  // CHECK-DAG: %[[X:.*]] = rt.buffer input "X" at 0 : memref<4x8xf16>
  // CHECK-DAG: %[[A:.*]] = rt.buffer output "output0" at 0 : memref<4xi64>
  // CHECK-DAG: %[[Y:.*]] = rt.buffer output "Y" at 0 : memref<4x8xf16>
  // CHECK: rt.launch @split(%[[X]], %[[A]], %[[Y]] :
  %a, %y = rt.dispatch @split(%x : tensor<4x8xf16>) ties [-1, -1] -> tensor<4xi64>, tensor<4x8xf16>
  return %a, %y : tensor<4xi64>, tensor<4x8xf16>
}

// -----

// What the host reads stays in its place until then and no longer; its rows take as much memory as they can ever be.
// CHECK: rt.memory = {arena = 4096 : i64
func.func private @count(memref<?xi32>, memref<3xi32>, index)
func.func private @walk(memref<?x64xf32>, index)
func.func private @end(memref<?x64xf32>, memref<?x64xf32>, index)
// CHECK-LABEL: func.func @rows_that_a_kernel_counts
func.func @rows_that_a_kernel_counts(%tokens: tensor<?xi32> {seq.name = "tokens"}) -> (tensor<?x64xf32> {seq.name = "y"})
    attributes {seq.max_tokens = 16 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %t = tensor.dim %tokens, %c0 : tensor<?xi32>
  // CHECK: %[[OFFSETS:.*]] = rt.buffer arena at [[PLACE:.*]] : memref<3xi32>
  // CHECK: rt.launch @count(%{{.*}}, %[[OFFSETS]],
  %offsets = rt.dispatch @count(%tokens : tensor<?xi32>) scalars(%t) ties [-1] -> tensor<3xi32>
  // CHECK: %[[SAME:.*]] = rt.buffer arena at [[PLACE]] : memref<3xi32>
  // CHECK: %[[READ:.*]] = memref.load %[[SAME]][%c1
  %read = tensor.extract %offsets[%c1] : tensor<3xi32>
  // CHECK: %[[NUMBER:.*]] = arith.index_cast %[[READ]]
  // CHECK: %[[ROWS:.*]] = arith.minsi %[[NUMBER]]
  %number = arith.index_cast %read : i32 to index
  %rows = arith.minsi %number, %t : index
  // CHECK: rt.launch @walk(%{{.*}}, %[[ROWS]] :
  %x = rt.dispatch @walk() scalars(%rows) extents(%rows) ties [-1] -> tensor<?x64xf32>
  %y = rt.dispatch @end(%x : tensor<?x64xf32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
