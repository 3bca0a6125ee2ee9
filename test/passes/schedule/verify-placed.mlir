// After placement nothing works on tensors.
// RUN: sennit-opt %s --sennit-verify-placed --split-input-file --verify-diagnostics

func.func private @copy(memref<8xf32>, memref<8xf32>)
func.func @launches_remain(%tokens: index, %past: index) {
  %x = rt.buffer arena at 0 : memref<8xf32>
  %y = rt.buffer arena at 64 : memref<8xf32>
  rt.launch @copy(%x, %y : memref<8xf32>, memref<8xf32>)
  return
}

// -----

func.func private @copy(memref<8xf32>, memref<8xf32>)
func.func @dispatch_remains(%x: tensor<8xf32>) {
  // expected-error @+1 {{not placed: `rt.dispatch` still works on tensors}}
  %y = rt.dispatch @copy(%x : tensor<8xf32>) ties [-1] -> tensor<8xf32>
  return
}
