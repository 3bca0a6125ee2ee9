// A convolution with many taps says in which form it goes: by the machine, by its hint, and where threads share an item.
// RUN: sennit-opt %s --sennit-build-tile-programs --split-input-file | FileCheck %s
// RUN: sennit-opt %s --sennit-build-tile-programs --split-input-file --remarks-filter=schedule -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REMARK

module attributes {machine.target = #machine.core<name = "cpu", isa = "avx2", vector_bits = 256, vector_registers = 16,
    l1_bytes = 32768, l2_bytes = 524288,
    description = "{sennit_machine: 1, name: small, summary: small, clock: {max: 1 GHz}, levels: {core: {count: 1, exec: {start: 100 ns}, memories: {l2: {kind: cache, capacity: 512 KiB, bandwidth: 32 B/clk}, l1: {kind: cache, capacity: 32 KiB, bandwidth: 64 B/clk}}, units: {fma: {kind: vector, rate: {f32: 32 flop/clk}}}}}}">} {
  // CHECK-LABEL: func.func @few_tokens_go_by_taps
  func.func @few_tokens_go_by_taps(%x: tensor<16x8xf32>, %w: tensor<8x20xf32>) -> tensor<16x8xf32> {
    // CHECK: rt.dispatch @conv
    // CHECK-NOT: rt.dispatch
    %y = seq.kernel "conv" -> tensor<16x8xf32> {
      // REMARK: [[@LINE+1]]:{{.*}}[Analysis] ConvForm {{.*}}taps are added up one by one
      %0 = seq.conv %x, %w : tensor<16x8xf32>, tensor<8x20xf32>
      seq.yield %0 : tensor<16x8xf32>
    }
    return %y : tensor<16x8xf32>
  }

  // CHECK-LABEL: func.func @many_go_by_spectra
  func.func @many_go_by_spectra(%x: tensor<65536x8xf32>, %w: tensor<8x65536xf32>) -> tensor<65536x8xf32> {
    // CHECK: %[[ANGLES:.*]] = rt.dispatch @conv_angles{{.*}}
    // CHECK-NEXT: %[[TAPS:.*]] = rt.dispatch @conv_filters{{.*}}(%{{.*}}, %[[ANGLES]] :
    // CHECK-NEXT: %[[ROWS:.*]] = rt.dispatch @conv_rows{{.*}}(%{{.*}}, %[[ANGLES]] :
    // CHECK-NEXT: %[[SUMS:.*]] = rt.dispatch @conv_products{{.*}}(%[[ROWS]], %[[TAPS]] : {{.*}} ties [0]
    // CHECK-NEXT: %{{.*}}:2 = rt.dispatch @conv{{.*}}(%[[SUMS]], %[[ANGLES]] : {{.*}} ties [0, -1]
    %y = seq.kernel "conv" -> tensor<65536x8xf32> {
      // REMARK: [[@LINE+1]]:{{.*}}[Passed] ConvForm {{.*}}products of spectra of blocks of {{[0-9]+}} rows
      %0 = seq.conv %x, %w : tensor<65536x8xf32>, tensor<8x65536xf32>
      seq.yield %0 : tensor<65536x8xf32>
    }
    return %y : tensor<65536x8xf32>
  }

  // CHECK-LABEL: func.func @a_hint_pins_the_block
  func.func @a_hint_pins_the_block(%x: tensor<65536x8xf32>, %w: tensor<8x65536xf32>) -> tensor<65536x8xf32> {
    // CHECK: %[[ANGLES:.*]] = rt.dispatch @conv_angles{{.*}}
    // CHECK-NEXT: %[[TAPS:.*]] = rt.dispatch @conv_filters{{.*}}(%{{.*}}, %[[ANGLES]] :
    // CHECK-NEXT: %[[ROWS:.*]] = rt.dispatch @conv_rows{{.*}}(%{{.*}}, %[[ANGLES]] :
    // CHECK-NEXT: %[[SUMS:.*]] = rt.dispatch @conv_products{{.*}}(%[[ROWS]], %[[TAPS]] : {{.*}} ties [0]
    // CHECK-NEXT: %{{.*}}:2 = rt.dispatch @conv{{.*}}(%[[SUMS]], %[[ANGLES]] : {{.*}} ties [0, -1]
    %y = seq.kernel "conv" -> tensor<65536x8xf32> {
      // REMARK: [[@LINE+1]]:{{.*}}[Passed] ConvForm {{.*}}products of spectra of blocks of 64 rows
      %0 = seq.conv %x, %w {block = 100 : i64} : tensor<65536x8xf32>, tensor<8x65536xf32>
      seq.yield %0 : tensor<65536x8xf32>
    }
    return %y : tensor<65536x8xf32>
  }

  // CHECK-LABEL: func.func @a_hint_of_one_pins_taps
  func.func @a_hint_of_one_pins_taps(%x: tensor<512x8xf32>, %w: tensor<8x512xf32>) -> tensor<512x8xf32> {
    // CHECK: rt.dispatch @conv
    // CHECK-NOT: rt.dispatch
    %y = seq.kernel "conv" -> tensor<512x8xf32> {
      // REMARK: [[@LINE+1]]:{{.*}}[Analysis] ConvForm {{.*}}taps are added up one by one
      %0 = seq.conv %x, %w {block = 1 : i64} : tensor<512x8xf32>, tensor<8x512xf32>
      seq.yield %0 : tensor<512x8xf32>
    }
    return %y : tensor<512x8xf32>
  }

  // CHECK-LABEL: func.func @counted_rows_go_by_taps
  func.func @counted_rows_go_by_taps(%y: tensor<?x8xf32>, %w: tensor<8x64xf32>, %c: i32) -> tensor<?x8xf32> {
    // CHECK: rt.dispatch @conv
    // CHECK-NOT: rt.dispatch
    %n = arith.index_cast %c : i32 to index
    %x = tensor.extract_slice %y[0, 0] [%n, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
    %z = seq.kernel "conv" -> tensor<?x8xf32> {
      // REMARK: [[@LINE+1]]:{{.*}}[Missed] ConvForm {{.*}}a kernel counts the rows, and spectra need memory for the most of them, so taps are added up one by one
      %0 = seq.conv %x, %w {block = 32 : i64} : tensor<?x8xf32>, tensor<8x64xf32>
      seq.yield %0 : tensor<?x8xf32>
    }
    return %z : tensor<?x8xf32>
  }
}

// -----

module attributes {machine.target = #machine.core<name = "cuda", isa = "sm_90a", vector_bits = 32, vector_registers = 255,
    l1_bytes = 65536, l2_bytes = 52428800, threads = 128>} {
  // CHECK-LABEL: func.func @threads_go_by_taps
  func.func @threads_go_by_taps(%x: tensor<65536x8xf32>, %w: tensor<8x65536xf32>) -> tensor<65536x8xf32> {
    // CHECK: rt.dispatch @conv
    // CHECK-NOT: rt.dispatch
    %y = seq.kernel "conv" -> tensor<65536x8xf32> {
      // REMARK: [[@LINE+1]]:{{.*}}[Missed] ConvForm {{.*}}passes over spectra are written for the vectors of one thread; where threads share an item, taps are added up one by one
      %0 = seq.conv %x, %w {block = 1024 : i64} : tensor<65536x8xf32>, tensor<8x65536xf32>
      seq.yield %0 : tensor<65536x8xf32>
    }
    return %y : tensor<65536x8xf32>
  }
}
