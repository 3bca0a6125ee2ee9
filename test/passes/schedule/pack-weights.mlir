// Matrices of products are laid out in panels once, at load; a matrix that something else reads is kept twice.
// RUN: sennit-opt %s --sennit-pack-weights --split-input-file --verify-diagnostics | FileCheck %s
// RUN: sennit-opt %s --sennit-pack-weights --split-input-file --remarks-filter=schedule -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REMARK

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}}}}}">} {
  // CHECK-LABEL: rt.constant @product : tensor<32x64xbf16, #tile.blocked<32>>
  rt.constant @product : tensor<32x64xbf16>
  // CHECK-LABEL: func.func @initialize
  func.func @initialize(%w: tensor<32x64xbf16>) {
    // CHECK: %[[PACKED:.*]] = seq.kernel "pack"
    // CHECK: seq.pack %{{.*}} : tensor<32x64xbf16> -> tensor<32x64xbf16, #tile.blocked<32>>
    // CHECK: rt.assign @product, %[[PACKED]]
    rt.assign @product, %w : tensor<32x64xbf16>
    return
  }
  // CHECK-LABEL: func.func @product_reads_panels
  func.func @product_reads_panels(%x: tensor<?x64xf32>, %start: tensor<?x32xf32>) -> tensor<?x32xf32> {
    // CHECK: rt.read @product : tensor<32x64xbf16, #tile.blocked<32>>
    %w = rt.read @product : tensor<32x64xbf16>
    %y = linalg.matmul indexing_maps = [#x, #w, #y]
        ins(%x, %w : tensor<?x64xf32>, tensor<32x64xbf16>) outs(%start : tensor<?x32xf32>) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}}}}}">} {
  // CHECK-LABEL: rt.constant @table.packed : tensor<32x64xbf16, #tile.blocked<32>>
  // CHECK: rt.constant @table : tensor<32x64xbf16>
  rt.constant @table : tensor<32x64xbf16>
  func.func @initialize(%w: tensor<32x64xbf16>) {
    // REMARK: [[@LINE+1]]:{{.*}}[Missed] PackWeights {{.*}}something other than a product reads the matrix, so it is kept twice
    rt.assign @table, %w : tensor<32x64xbf16>
    return
  }
  // CHECK-LABEL: func.func @head_is_the_embedding_table
  func.func @head_is_the_embedding_table(%tokens: tensor<?xi32>, %start: tensor<?x32xf32>) -> tensor<?x32xf32> {
    // CHECK-DAG: %[[TABLE:.*]] = rt.read @table : tensor<32x64xbf16>
    // CHECK-DAG: %[[PANELS:.*]] = rt.read @table.packed
    // CHECK-DAG: seq.embed %{{.*}}, %[[TABLE]]
    // CHECK-DAG: linalg.matmul {{.*}} ins(%{{.*}}, %[[PANELS]] :
    %w = rt.read @table : tensor<32x64xbf16>
    %x = seq.embed %tokens, %w : tensor<?xi32>, tensor<32x64xbf16> -> tensor<?x64xf32>
    %y = linalg.matmul indexing_maps = [#x, #w, #y]
        ins(%x, %w : tensor<?x64xf32>, tensor<32x64xbf16>) outs(%start : tensor<?x32xf32>) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}

// -----

module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}}}}}">} {
  // CHECK-LABEL: rt.constant @only_looked_up : tensor<32x64xbf16>
  rt.constant @only_looked_up : tensor<32x64xbf16>
  // CHECK: func.func @initialize
  // CHECK-NOT: seq.pack
  func.func @initialize(%w: tensor<32x64xbf16>) {
    rt.assign @only_looked_up, %w : tensor<32x64xbf16>
    return
  }
  func.func @look_up(%tokens: tensor<?xi32>) -> tensor<?x64xf32> {
    %w = rt.read @only_looked_up : tensor<32x64xbf16>
    %x = seq.embed %tokens, %w : tensor<?xi32>, tensor<32x64xbf16> -> tensor<?x64xf32>
    return %x : tensor<?x64xf32>
  }
}

// -----

// A core with a matrix unit takes bf16 in groups of two, whatever the depth.
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
module attributes {machine.target = #machine.core<name = "cpu", isa = "amx", vector_bits = 512, vector_registers = 32,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}, amx: {kind: matrix, rate: {bf16: 1024 flop/clk}, fragment: {m: 16, n: 16, k: {bf16: 32}}, split: {f32: 2}, group: 2}}}}}">} {
  // CHECK-LABEL: rt.constant @whole : tensor<32x64xbf16, #tile.blocked<32, group = 2>>
  rt.constant @whole : tensor<32x64xbf16>
  // CHECK: rt.constant @rest : tensor<32x72xbf16, #tile.blocked<32, group = 2>>
  rt.constant @rest : tensor<32x72xbf16>
  // CHECK: rt.constant @wide : tensor<32x64xf32, #tile.blocked<32>>
  rt.constant @wide : tensor<32x64xf32>
  func.func @initialize(%a: tensor<32x64xbf16>, %b: tensor<32x72xbf16>, %c: tensor<32x64xf32>) {
    rt.assign @whole, %a : tensor<32x64xbf16>
    rt.assign @rest, %b : tensor<32x72xbf16>
    rt.assign @wide, %c : tensor<32x64xf32>
    return
  }
  func.func @products(%x: tensor<?x64xf32>, %z: tensor<?x72xf32>, %start: tensor<?x32xf32>)
      -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
    %a = rt.read @whole : tensor<32x64xbf16>
    %b = rt.read @rest : tensor<32x72xbf16>
    %c = rt.read @wide : tensor<32x64xf32>
    %0 = linalg.matmul indexing_maps = [#x, #w, #y]
        ins(%x, %a : tensor<?x64xf32>, tensor<32x64xbf16>) outs(%start : tensor<?x32xf32>) -> tensor<?x32xf32>
    %1 = linalg.matmul indexing_maps = [#x, #w, #y]
        ins(%z, %b : tensor<?x72xf32>, tensor<32x72xbf16>) outs(%start : tensor<?x32xf32>) -> tensor<?x32xf32>
    %2 = linalg.matmul indexing_maps = [#x, #w, #y]
        ins(%x, %c : tensor<?x64xf32>, tensor<32x64xf32>) outs(%start : tensor<?x32xf32>) -> tensor<?x32xf32>
    return %0, %1, %2 : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  }
}
