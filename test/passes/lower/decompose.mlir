// Ops of seq are replaced by formulas and serial loops; numbers are compared by sennit-decompose-tests.
// RUN: sennit-opt %s --sennit-decompose --canonicalize --verify-roundtrip | FileCheck %s

// The cache is written first, then all of it that is past or new is read.
// CHECK-LABEL: func.func @attention_reads_the_cache_after_writing_it
// CHECK-SAME: %[[Q:[^:]*]]: tensor<?x4x8xf32>, %[[K:[^:]*]]: tensor<?x2x8xf32>, %{{[^:]*}}: tensor<?x2x6xf32>,
// CHECK-SAME: %[[CACHE:[^:]*]]: tensor<64x2x8xf32>, %{{[^:]*}}: tensor<64x2x6xf32>, %[[PAST:[^:]*]]: index
func.func @attention_reads_the_cache_after_writing_it(
    %q: tensor<?x4x8xf32>, %k: tensor<?x2x8xf32>, %v: tensor<?x2x6xf32>, %kc: tensor<64x2x8xf32>,
    %vc: tensor<64x2x6xf32>, %past: index) -> (tensor<?x4x6xf32>, tensor<64x2x8xf32>, tensor<64x2x6xf32>) {
  // CHECK: %[[ROWS:.*]] = tensor.expand_shape %[[K]] {{\[\[}}0, 1], [2], [3]]
  // CHECK: %[[BEFORE:.*]] = tensor.expand_shape %[[CACHE]]
  // CHECK: %[[WRITTEN:.*]] = tensor.insert_slice %[[ROWS]] into %[[BEFORE]][0, %[[PAST]], 0, 0]
  // CHECK: %[[AFTER:.*]] = tensor.collapse_shape %[[WRITTEN]]
  // CHECK: %[[COUNT:.*]] = arith.addi %[[PAST]], %{{.*}} : index
  // CHECK: tensor.extract_slice %[[WRITTEN]][0, 0, 0, 0] [1, %[[COUNT]], 2, 8]
  // CHECK: tensor.expand_shape %[[Q]] {{\[\[}}0, 1], [2, 3], [4]]
  // CHECK: linalg.generic
  // CHECK: math.exp
  // CHECK-NOT: seq.attention
  %o, %kn, %vn = seq.attention %q, %k, %v past(%past : index) state(%kc, %vc : tensor<64x2x8xf32>, tensor<64x2x6xf32>) {scale = 1.0 : f32, window_right = 0}
    : tensor<?x4x8xf32>, tensor<?x2x8xf32>, tensor<?x2x6xf32>
  // CHECK: return %{{.*}}, %[[AFTER]], %{{.*}}
  return %o, %kn, %vn : tensor<?x4x6xf32>, tensor<64x2x8xf32>, tensor<64x2x6xf32>
}

// Only a window compares with a first key.
// CHECK-LABEL: func.func @attention_without_window
func.func @attention_without_window(%q: tensor<1x1x8xf32>, %c: tensor<64x1x8xf32>, %past: index) -> tensor<1x1x8xf32> {
  // CHECK: arith.cmpi sle
  // CHECK-NOT: arith.cmpi sge
  %o, %kn, %vn = seq.attention %q, %q, %q past(%past : index) state(%c, %c : tensor<64x1x8xf32>, tensor<64x1x8xf32>) {scale = 1.0 : f32, window_right = 0}
    : tensor<1x1x8xf32>, tensor<1x1x8xf32>, tensor<1x1x8xf32>
  return %o : tensor<1x1x8xf32>
}

// CHECK-LABEL: func.func @attention_with_window
func.func @attention_with_window(%q: tensor<1x1x8xf32>, %c: tensor<64x1x8xf32>, %past: index) -> tensor<1x1x8xf32> {
  // CHECK: arith.cmpi sle
  // CHECK: arith.cmpi sge
  %o, %kn, %vn = seq.attention %q, %q, %q past(%past : index) state(%c, %c : tensor<64x1x8xf32>, tensor<64x1x8xf32>) {scale = 1.0 : f32, window_left = 15, window_right = 0}
    : tensor<1x1x8xf32>, tensor<1x1x8xf32>, tensor<1x1x8xf32>
  return %o : tensor<1x1x8xf32>
}

// CHECK-LABEL: func.func @scan_is_a_loop_over_tokens
// CHECK-SAME: %[[U:[^:]*]]: tensor<?x8xf32>, %{{.*}}: tensor<8x4xf32>, %{{.*}}: tensor<?x4xf32>, %[[H:.*]]: tensor<8x4xf32>
func.func @scan_is_a_loop_over_tokens(%u: tensor<?x8xf32>, %a: tensor<8x4xf32>, %b: tensor<?x4xf32>, %h: tensor<8x4xf32>)
    -> (tensor<?x8xf32>, tensor<8x4xf32>) {
  // CHECK: %[[TOKENS:.*]] = tensor.dim %[[U]]
  // CHECK: %[[LOOP:.*]]:2 = scf.for %[[T:.*]] = %{{.*}} to %[[TOKENS]] {{.*}} iter_args(%{{.*}} = %{{.*}}, %[[STATE:.*]] = %[[H]])
  // CHECK: linalg.generic {{.*}} outs(%[[STATE]] : tensor<8x4xf32>)
  // CHECK: scf.yield
  %y, %n = seq.selective_scan %u, %u, %a, %b, %b state(%h)
    : tensor<?x8xf32>, tensor<?x8xf32>, tensor<8x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<8x4xf32>
  // CHECK: return %[[LOOP]]#0, %[[LOOP]]#1
  return %y, %n : tensor<?x8xf32>, tensor<8x4xf32>
}

// CHECK-LABEL: func.func @linear_attention_decays_when_gated
func.func @linear_attention_decays_when_gated(%q: tensor<?x1x8xf32>, %v: tensor<?x2x4xf32>, %g: tensor<?x2xf32>,
                                              %s: tensor<2x8x4xf32>) -> tensor<?x2x4xf32> {
  // CHECK: scf.for
  // CHECK: math.exp
  %o, %n = seq.linear_attention gated %q, %q, %v decay(%g : tensor<?x2xf32>) state(%s) {scale = 1.0 : f32}
    : tensor<?x1x8xf32>, tensor<?x1x8xf32>, tensor<?x2x4xf32>, tensor<2x8x4xf32>
  return %o : tensor<?x2x4xf32>
}

// CHECK-LABEL: func.func @linear_attention_keeps_all_otherwise
func.func @linear_attention_keeps_all_otherwise(%q: tensor<?x1x8xf32>, %v: tensor<?x2x4xf32>, %s: tensor<2x8x4xf32>)
    -> tensor<?x2x4xf32> {
  // CHECK: scf.for
  // CHECK-NOT: math.exp
  // CHECK: return
  %o, %n = seq.linear_attention linear %q, %q, %v state(%s) {scale = 1.0 : f32}
    : tensor<?x1x8xf32>, tensor<?x1x8xf32>, tensor<?x2x4xf32>, tensor<2x8x4xf32>
  return %o : tensor<?x2x4xf32>
}

// CHECK-LABEL: func.func @conv_slides_over_window_and_input
// CHECK-SAME: %[[X:[^:]*]]: tensor<1x8xf32>, %{{.*}}: tensor<8x4xbf16>, %[[H:[^:]*]]: tensor<3x8xf32>
func.func @conv_slides_over_window_and_input(%x: tensor<1x8xf32>, %w: tensor<8x4xbf16>, %h: tensor<3x8xf32>)
    -> (tensor<1x8xf32>, tensor<3x8xf32>) {
  // CHECK: %[[OLD:.*]] = tensor.insert_slice %[[H]] into %{{.*}}[0, 0] [3, 8] [1, 1]
  // CHECK: %[[ALL:.*]] = tensor.insert_slice %[[X]] into %[[OLD]][3, 0] [1, 8] [1, 1]
  // CHECK: linalg.generic {{.*}}%[[ALL]]
  // CHECK: arith.extf
  // CHECK: tensor.extract_slice %[[ALL]][1, 0] [3, 8] [1, 1]
  %y, %n = seq.conv %x, %w state(%h : tensor<3x8xf32>) : tensor<1x8xf32>, tensor<8x4xbf16>
  return %y, %n : tensor<1x8xf32>, tensor<3x8xf32>
}

// CHECK-LABEL: func.func @rope_halves
func.func @rope_halves(%x: tensor<?x4x64xf32>, %t: tensor<512x32xf32>, %past: index) -> tensor<?x4x64xf32> {
  // CHECK: tensor.extract_slice %{{.*}}[0, 0, 32] [%{{.*}}, 4, 32] [1, 1, 1]
  %y = seq.rope %x past %past tables(%t, %t : tensor<512x32xf32>, tensor<512x32xf32>) : tensor<?x4x64xf32>
  return %y : tensor<?x4x64xf32>
}

// CHECK-LABEL: func.func @rope_pairs
func.func @rope_pairs(%x: tensor<?x4x64xf32>, %t: tensor<512x32xf32>, %past: index) -> tensor<?x4x64xf32> {
  // CHECK: tensor.extract_slice %{{.*}}[0, 0, 1] [%{{.*}}, 4, 32] [1, 1, 2]
  %y = seq.rope %x past %past tables(%t, %t : tensor<512x32xf32>, tensor<512x32xf32>) interleaved : tensor<?x4x64xf32>
  return %y : tensor<?x4x64xf32>
}

// An extent that the op gives as unknown stays unknown to its users.
// CHECK-LABEL: func.func @embed_casts_to_the_result
func.func @embed_casts_to_the_result(%t: tensor<3xi32>, %e: tensor<256x64xbf16>) -> tensor<?x64xf32> {
  // CHECK: tensor.extract %{{.*}} : tensor<256x64xbf16>
  // CHECK: tensor.cast %{{.*}} : tensor<3x64xf32> to tensor<?x64xf32>
  %y = seq.embed %t, %e : tensor<3xi32>, tensor<256x64xbf16> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @routing_leaves_no_seq
func.func @routing_leaves_no_seq(%l: tensor<?x8xf32>, %x: tensor<?x64xf32>, %w: tensor<8x64x64xbf16>) -> tensor<?x64xf32> {
  // CHECK-NOT: seq.
  // CHECK: return
  %s, %e = seq.route softmax %l renormalize : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  %f, %p, %o = seq.dispatch %e : tensor<?x2xi32> -> tensor<?xi32>, tensor<?x2xi32>, tensor<9xi32>
  %h = seq.experts %x, %w offsets(%o) gather(%f : tensor<?xi32>) top_k 2
    : tensor<?x64xf32>, tensor<8x64x64xbf16>, tensor<9xi32> -> tensor<?x64xf32>
  %y = seq.combine %h, %s, %p : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// A layout is no part of the meaning.
// CHECK-LABEL: func.func @packed_experts
func.func @packed_experts(%x: tensor<?x8xf32>, %w: tensor<4x6x8xbf16, #tile.blocked<32>>, %o: tensor<5xi32>)
    -> tensor<?x6xf32> {
  // CHECK: tensor.extract_slice {{.*}} : tensor<4x6x8xbf16, #tile.blocked<32>> to tensor<6x8xbf16>
  %y = seq.experts %x, %w offsets(%o)
    : tensor<?x8xf32>, tensor<4x6x8xbf16, #tile.blocked<32>>, tensor<5xi32> -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @kernel_dissolves
func.func @kernel_dissolves(%t: tensor<?xi32>, %e: tensor<256x64xbf16>) -> tensor<?x64xf32> {
  // CHECK-NOT: seq.
  // CHECK: %[[Y:.*]] = linalg.generic
  %y = seq.kernel "embed" -> tensor<?x64xf32> {
    %i = seq.embed %t, %e : tensor<?xi32>, tensor<256x64xbf16> -> tensor<?x64xf32>
    seq.yield %i : tensor<?x64xf32>
  }
  // CHECK: return %[[Y]]
  return %y : tensor<?x64xf32>
}

// Where bytes lie has no meaning in values: these stay.
// CHECK: seq.parameter @table
seq.parameter @table : tensor<256x64xbf16> from "model.safetensors" at 0

// CHECK-LABEL: func.func @parameters_stay
func.func @parameters_stay() -> tensor<256x64xbf16, #tile.blocked<32>> {
  // CHECK: seq.weight @table
  %w = seq.weight @table : tensor<256x64xbf16>
  // CHECK: seq.pack
  %p = seq.pack %w : tensor<256x64xbf16> -> tensor<256x64xbf16, #tile.blocked<32>>
  return %p : tensor<256x64xbf16, #tile.blocked<32>>
}
