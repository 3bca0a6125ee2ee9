// After scheduling, entries dispatch and kernels hold grids.
// RUN: sennit-opt %s --sennit-verify-scheduled --split-input-file --verify-diagnostics

func.func private @copy(%x: memref<8xf32>, %y: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  tile.grid (%i) = (%c0) to (%c8) step [8] dims ["i"] {
    %a = tile.load %x[%i] : memref<8xf32> -> vector<8xf32>
    tile.store %a, %y[%i] : vector<8xf32>, memref<8xf32>
  }
  return
}
func.func @dispatches_remain(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = rt.dispatch @copy(%x : tensor<8xf32>) ties [-1] -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @kernel_remains(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @+1 {{not scheduled: `seq.kernel` remains in `kernel_remains`}}
  %y = seq.kernel "rows" -> tensor<8xf32> {
    seq.yield %x : tensor<8xf32>
  }
  return %y : tensor<8xf32>
}

// -----

// expected-error @+1 {{not scheduled: kernel `without_grid` holds no `tile.grid`}}
func.func private @without_grid(%x: memref<8xf32>) {
  return
}
