// Each kernel becomes a tile program, which the host dispatches; kernels without a program are named.
// RUN: sennit-opt %s --sennit-build-tile-programs --split-input-file --verify-diagnostics | FileCheck %s

#row = affine_map<(m, k) -> (m, k)>
module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}}}}}">} {
  // CHECK-LABEL: func.func private @rows
  // CHECK-SAME: %[[X:[^:]*]]: memref<?x64xf32>, %[[Y:[^:]*]]: memref<?x64xf32>, %[[ROWS:[^:]*]]: index
  // CHECK: tile.grid
  // CHECK: %[[TILE:.*]] = tile.load %[[X]][{{.*}}] bound [0 : %[[ROWS]]] : memref<?x64xf32> -> vector<[[SHAPE:.*]]>
  // CHECK: %[[NEGATED:.*]] = arith.negf %[[TILE]] : vector<[[SHAPE]]>
  // CHECK: tile.store %[[NEGATED]], %[[Y]]

  // CHECK-LABEL: func.func @map_is_dispatched
  // CHECK-SAME: %[[X:[^:]*]]: tensor<?x64xf32>
  func.func @map_is_dispatched(%x: tensor<?x64xf32>, %past: index) -> tensor<?x64xf32> attributes {seq.max_tokens = 8 : i64} {
    // CHECK: %[[ROWS:.*]] = tensor.dim %[[X]]
    // CHECK: %[[Y:.*]] = rt.dispatch @rows(%[[X]] : tensor<?x64xf32>) scalars(%[[ROWS]]) extents(%[[ROWS]]) ties [-1]
    // CHECK: return %[[Y]]
    %y = seq.kernel "rows" -> tensor<?x64xf32> {
      %0 = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
          ins(%x : tensor<?x64xf32>) outs(%x : tensor<?x64xf32>) {
      ^bb0(%a: f32, %old: f32):
        %negated = arith.negf %a : f32
        linalg.yield %negated : f32
      } -> tensor<?x64xf32>
      seq.yield %0 : tensor<?x64xf32>
    }
    return %y : tensor<?x64xf32>
  }
}

// -----

#row = affine_map<(m, k) -> (m, k)>
module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}}}}}">} {
  // CHECK: func.func private @[[PROGRAM:rows[_0-9]*]](
  // CHECK-NOT: func.func private
  // CHECK-LABEL: func.func @equal_kernels_are_one_program
  // CHECK-COUNT-2: rt.dispatch @[[PROGRAM]](
  func.func @equal_kernels_are_one_program(%x: tensor<8x64xf32>, %past: index) -> tensor<8x64xf32> attributes {seq.max_tokens = 8 : i64} {
    %y = seq.kernel "rows" -> tensor<8x64xf32> {
      %0 = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
          ins(%x : tensor<8x64xf32>) outs(%x : tensor<8x64xf32>) {
      ^bb0(%a: f32, %old: f32):
        %e = math.exp %a : f32
        linalg.yield %e : f32
      } -> tensor<8x64xf32>
      seq.yield %0 : tensor<8x64xf32>
    }
    %z = seq.kernel "rows" -> tensor<8x64xf32> {
      %0 = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
          ins(%y : tensor<8x64xf32>) outs(%x : tensor<8x64xf32>) {
      ^bb0(%a: f32, %old: f32):
        %e = math.exp %a : f32
        linalg.yield %e : f32
      } -> tensor<8x64xf32>
      seq.yield %0 : tensor<8x64xf32>
    }
    return %z : tensor<8x64xf32>
  }
}

// -----

module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}}}}}">} {
  // CHECK-LABEL: func.func @state_of_the_model_is_overwritten
  // CHECK-SAME: %[[X:[^:]*]]: tensor<4x8xf32>, %[[W:[^:]*]]: tensor<8x3xf32>, %[[H:[^:]*]]: tensor<2x8xf32>
  func.func @state_of_the_model_is_overwritten(%x: tensor<4x8xf32>, %w: tensor<8x3xf32>,
                                               %h: tensor<2x8xf32> {seq.state = "h"}) -> tensor<2x8xf32> {
    // CHECK-NEXT: %{{.*}} = rt.dispatch @conv{{.*}}(%[[H]], %[[X]], %[[W]] : {{.*}} ties [0, -1]
    %y, %n = seq.kernel "conv" -> tensor<4x8xf32>, tensor<2x8xf32> {
      %0, %1 = seq.conv %x, %w state(%h : tensor<2x8xf32>) : tensor<4x8xf32>, tensor<8x3xf32>
      seq.yield %0, %1 : tensor<4x8xf32>, tensor<2x8xf32>
    }
    return %n : tensor<2x8xf32>
  }

  // CHECK-LABEL: func.func @state_from_elsewhere_is_copied
  // CHECK-SAME: %[[X:[^:]*]]: tensor<4x8xf32>, %[[W:[^:]*]]: tensor<8x3xf32>, %[[H:[^:]*]]: tensor<2x8xf32>
  func.func @state_from_elsewhere_is_copied(%x: tensor<4x8xf32>, %w: tensor<8x3xf32>, %h: tensor<2x8xf32>)
      -> tensor<2x8xf32> {
    // CHECK-NEXT: %[[OWN:.*]] = rt.dispatch @copy{{.*}}(%[[H]] : tensor<2x8xf32>) ties [-1]
    // CHECK-NEXT: %{{.*}} = rt.dispatch @conv{{.*}}(%[[OWN]], %[[X]], %[[W]] :
    %y, %n = seq.kernel "conv" -> tensor<4x8xf32>, tensor<2x8xf32> {
      %0, %1 = seq.conv %x, %w state(%h : tensor<2x8xf32>) : tensor<4x8xf32>, tensor<8x3xf32>
      seq.yield %0, %1 : tensor<4x8xf32>, tensor<2x8xf32>
    }
    return %n : tensor<2x8xf32>
  }
}

// -----

module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}}}}}">} {
  func.func @root_without_a_program(%x: tensor<8x64xf32>, %past: index) -> tensor<8x64xf32> attributes {seq.max_tokens = 8 : i64} {
    %y = seq.kernel "transpose" -> tensor<8x64xf32> {
      // expected-error @+1 {{has no tile program}}
      %0 = linalg.copy ins(%x : tensor<8x64xf32>) outs(%x : tensor<8x64xf32>) -> tensor<8x64xf32>
      seq.yield %0 : tensor<8x64xf32>
    }
    return %y : tensor<8x64xf32>
  }
}

// -----

module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}}}}}">} {
  func.func @scan_of_scalars(%x: tensor<8xf32>) -> tensor<8xf32> {
    %y = seq.kernel "scan" -> tensor<8xf32> {
      // expected-error @+1 {{has a slice or a state without dimensions}}
      %0 = seq.scan general inputs(%x : tensor<8xf32>) {
      ^bb0(%a: tensor<f32>):
        seq.yield %a : tensor<f32>
      } -> tensor<8xf32>
      seq.yield %0 : tensor<8xf32>
    }
    return %y : tensor<8xf32>
  }
}

// -----

// A diagonal is read at computed places, which only memory has.
#ii = affine_map<(i) -> (i, i)>
#i = affine_map<(i) -> (i)>
#ij = affine_map<(i, j) -> (i, j)>
module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}}}}}">} {
  func.func @diagonal_of_what_has_no_memory(%x: tensor<8x8xf32>, %e: tensor<8xf32>) -> tensor<8xf32> {
    %y = seq.kernel "generic" -> tensor<8xf32> {
      %0 = linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
          ins(%x : tensor<8x8xf32>) outs(%x : tensor<8x8xf32>) {
      ^bb0(%a: f32, %old: f32):
        %negated = arith.negf %a : f32
        linalg.yield %negated : f32
      } -> tensor<8x8xf32>
      // expected-error @+1 {{reads its operand at computed places, but the kernel keeps that operand in no memory}}
      %1 = linalg.generic {indexing_maps = [#ii, #i], iterator_types = ["parallel"]}
          ins(%0 : tensor<8x8xf32>) outs(%e : tensor<8xf32>) {
      ^bb0(%a: f32, %old: f32):
        linalg.yield %a : f32
      } -> tensor<8xf32>
      seq.yield %1 : tensor<8xf32>
    }
    return %y : tensor<8xf32>
  }
}

// -----

#id = affine_map<(i) -> (i)>
module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}}}}}">} {
  func.func @strides_of_what_has_no_memory(%x: tensor<8xf32>) -> tensor<4xf32> {
    %y = seq.kernel "rows" -> tensor<4xf32> {
      %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
          ins(%x : tensor<8xf32>) outs(%x : tensor<8xf32>) {
      ^bb0(%a: f32, %old: f32):
        %negated = arith.negf %a : f32
        linalg.yield %negated : f32
      } -> tensor<8xf32>
      // expected-error @+1 {{takes strided elements of a value that the kernel keeps in no memory}}
      %1 = tensor.extract_slice %0[0] [4] [2] : tensor<8xf32> to tensor<4xf32>
      seq.yield %1 : tensor<4xf32>
    }
    return %y : tensor<4xf32>
  }
}

// -----

#x = affine_map<(i, j) -> (i, j)>
#r = affine_map<(i, j) -> (i)>
module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}}}}}">} {
  // A step of a corrected loop merges its elements first, and corrects the sum of those before once.
  // CHECK: tile.grid {{.*}} step [8]
  // CHECK: tile.stream {{.*}} step 512 carry({{.*}} : vector<8xf32>, {{.*}} : vector<8xf32>)
  // CHECK: ^bb0({{.*}}, %[[TILE:.*]]: vector<8x512xf32>, %[[M:.*]]: vector<8xf32>, %[[L:.*]]: vector<8xf32>):
  // CHECK: %[[MOST:.*]] = tile.reduce max %[[TILE]]
  // CHECK: %[[NEW:.*]] = arith.maximumf %[[M]], %[[MOST]] : vector<8xf32>
  // CHECK: %[[D:.*]] = arith.subf %[[M]], %[[NEW]] : vector<8xf32>
  // CHECK: %[[FACTOR:.*]] = math.exp %[[D]] : vector<8xf32>
  // CHECK: %[[ACTED:.*]] = arith.mulf %[[L]], %[[FACTOR]] : vector<8xf32>
  // CHECK: math.exp %{{.*}} : vector<8x512xf32>
  // CHECK: %[[SUM:.*]] = tile.reduce add
  // CHECK: arith.addf %[[ACTED]], %[[SUM]] : vector<8xf32>
  // CHECK-LABEL: func.func @corrected_loops_step_by_blocks
  func.func @corrected_loops_step_by_blocks(%x: tensor<8x131072xf32>, %m0: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
    %y:2 = seq.kernel "rows" -> tensor<8xf32>, tensor<8xf32> {
      %0:2 = linalg.generic {indexing_maps = [#x, #r, #r], iterator_types = ["parallel", "reduction"]}
          ins(%x : tensor<8x131072xf32>) outs(%m0, %m0 : tensor<8xf32>, tensor<8xf32>) attrs = {seq.corrected} {
      ^bb0(%a: f32, %m: f32, %l: f32):
        %n = arith.maximumf %m, %a : f32
        %d = arith.subf %m, %n : f32
        %f = math.exp %d : f32
        %acted = arith.mulf %l, %f : f32
        %u = arith.subf %a, %n : f32
        %p = math.exp %u : f32
        %s = arith.addf %acted, %p : f32
        linalg.yield %n, %s : f32, f32
      } -> (tensor<8xf32>, tensor<8xf32>)
      seq.yield %0#0, %0#1 : tensor<8xf32>, tensor<8xf32>
    }
    return %y#0, %y#1 : tensor<8xf32>, tensor<8xf32>
  }
}

// -----

// expected-error @+1 {{module names no `machine.target` to schedule for}}
module {
}

// -----

// expected-error@+1 {{`machine.target` has no `description`, by which tiles are chosen}}
module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288>} {
}

// -----

// expected-error@+1 {{the `description` of `machine.target` is no machine: machine.target:1: `levles` is unknown; is `levels` meant?}}
module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288, description = "{sennit_machine: 1, name: small, levles: {}}">} {
}
