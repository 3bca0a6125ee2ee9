// What a mixer reads is computed in its kernel, unless something else reads it too.
// RUN: sennit-opt %s --sennit-form-kernels --sennit-fuse-mixer-prologue | FileCheck %s
// RUN: sennit-opt %s --sennit-form-kernels --sennit-fuse-mixer-prologue --remarks-filter=fuse -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REMARK

!q = tensor<?x2x8xf32>
!cache = tensor<64x2x8xf32>
!table = tensor<64x4xf32>
#row = affine_map<(t, c) -> (t, c)>

// CHECK-LABEL: func.func @queries_are_rotated_at_their_load
func.func @queries_are_rotated_at_their_load(%q: !q, %k: !q, %kc: !cache, %cos: !table, %sin: !table, %past: index) -> !q {
  // CHECK-NOT: seq.rope
  // CHECK: seq.kernel "attention"
  // CHECK: %[[ROTATED:.*]] = seq.rope
  // CHECK: seq.attention %[[ROTATED]],
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] FuseMixerPrologue {{.*}}into seq.attention
  %r = seq.rope %q past %past tables(%cos, %sin : !table, !table) : !q
  %o, %kn, %vn = seq.attention %r, %k, %k past(%past : index) state(%kc, %kc : !cache, !cache) {scale = 1.0 : f32, window_right = 0} : !q, !q, !q
  return %o : !q
}

// CHECK-LABEL: func.func @chain_through_a_view_moves_whole
func.func @chain_through_a_view_moves_whole(%x: tensor<?x16xf32>, %k: !q, %kc: !cache, %old: tensor<?x16xf32>,
                                            %past: index, %t: index) -> !q {
  // CHECK-NOT: linalg.generic
  // CHECK: seq.kernel "attention"
  // CHECK: linalg.generic
  // CHECK: tensor.expand_shape
  // CHECK: seq.attention
  // REMARK-DAG: [[@LINE+1]]:{{.*}}[Passed] FuseMixerPrologue {{.*}}into seq.attention
  %biased = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x16xf32>) outs(%old : tensor<?x16xf32>) {
  ^bb0(%a: f32, %unused: f32):
    %b = arith.addf %a, %a : f32
    linalg.yield %b : f32
  } -> tensor<?x16xf32>
  // REMARK-DAG: [[@LINE+1]]:{{.*}}[Passed] FuseMixerPrologue {{.*}}into seq.attention
  %q = tensor.expand_shape %biased [[0], [1, 2]] output_shape [%t, 2, 8] : tensor<?x16xf32> into !q
  %o, %kn, %vn = seq.attention %q, %k, %k past(%past : index) state(%kc, %kc : !cache, !cache) {scale = 1.0 : f32, window_right = 0} : !q, !q, !q
  return %o : !q
}

// CHECK-LABEL: func.func @stored_queries_stay_outside
func.func @stored_queries_stay_outside(%q: !q, %k: !q, %kc: !cache, %cos: !table, %sin: !table, %past: index) -> (!q, !q) {
  // CHECK: %[[ROTATED:.*]] = seq.rope
  // CHECK: seq.kernel "attention"
  // CHECK: seq.attention %[[ROTATED]],
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseMixerPrologue {{.*}}something outside the mixer reads it too, so it is stored anyway
  %r = seq.rope %q past %past tables(%cos, %sin : !table, !table) : !q
  %o, %kn, %vn = seq.attention %r, %k, %k past(%past : index) state(%kc, %kc : !cache, !cache) {scale = 1.0 : f32, window_right = 0} : !q, !q, !q
  return %o, %r : !q, !q
}

!heads = tensor<?x2x8xf32>
!state = tensor<2x4x8xf32>

// A convolution as wide as the mixer's output joins; its window stays an output.

// CHECK-LABEL: func.func @convolution_of_the_values_joins
func.func @convolution_of_the_values_joins(%x: tensor<?x16xf32>, %w: tensor<16x4xf32>, %h: tensor<3x16xf32>,
                                           %q: tensor<?x2x4xf32>, %s: !state, %t: index) -> (!heads, tensor<3x16xf32>) {
  // CHECK-NOT: seq.kernel "conv"
  // CHECK: seq.kernel "conv_linear_attention"
  // CHECK: %[[CONVOLVED:.*]], %[[WINDOW:.*]] = seq.conv
  // CHECK: %[[VALUES:.*]] = tensor.expand_shape %[[CONVOLVED]]
  // CHECK: seq.linear_attention {{.*}}, %[[VALUES]]
  // REMARK: [[@LINE+1]]:{{.*}}[Passed] FuseMixerPrologue {{.*}}into seq.linear_attention
  %u, %hn = seq.conv %x, %w state(%h : tensor<3x16xf32>) : tensor<?x16xf32>, tensor<16x4xf32>
  %v = tensor.expand_shape %u [[0], [1, 2]] output_shape [%t, 2, 8] : tensor<?x16xf32> into !heads
  %o, %sn = seq.linear_attention linear %q, %q, %v state(%s) {scale = 1.0 : f32}
    : tensor<?x2x4xf32>, tensor<?x2x4xf32>, !heads, !state
  return %o, %hn : !heads, tensor<3x16xf32>
}

// Keys that two heads share would be convolved twice.

// CHECK-LABEL: func.func @convolution_of_shared_keys_stays
func.func @convolution_of_shared_keys_stays(%x: tensor<?x4xf32>, %w: tensor<4x4xf32>, %h: tensor<3x4xf32>,
                                            %q: tensor<?x1x4xf32>, %v: !heads, %s: !state, %t: index) -> !heads {
  // CHECK: seq.kernel "conv"
  // CHECK: seq.kernel "linear_attention"
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseMixerPrologue {{.*}}the mixer reads the convolution once a head
  %u, %hn = seq.conv %x, %w state(%h : tensor<3x4xf32>) : tensor<?x4xf32>, tensor<4x4xf32>
  %k = tensor.expand_shape %u [[0], [1, 2]] output_shape [%t, 1, 4] : tensor<?x4xf32> into tensor<?x1x4xf32>
  %o, %sn = seq.linear_attention linear %q, %k, %v state(%s) {scale = 1.0 : f32}
    : tensor<?x1x4xf32>, tensor<?x1x4xf32>, !heads, !state
  return %o : !heads
}

// Many taps may be faster by spectra, for which the convolution's own kernel has a choice.

// CHECK-LABEL: func.func @long_convolution_stays
func.func @long_convolution_stays(%x: tensor<?x16xf32>, %w: tensor<16x17xf32>, %q: tensor<?x2x4xf32>, %s: !state, %t: index) -> !heads {
  // CHECK: seq.kernel "conv"
  // CHECK: seq.kernel "linear_attention"
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] FuseMixerPrologue {{.*}}inside of the mixer its 17 taps would be added up one by one
  %u = seq.conv %x, %w : tensor<?x16xf32>, tensor<16x17xf32>
  %v = tensor.expand_shape %u [[0], [1, 2]] output_shape [%t, 2, 8] : tensor<?x16xf32> into !heads
  %o, %sn = seq.linear_attention linear %q, %q, %v state(%s) {scale = 1.0 : f32}
    : tensor<?x2x4xf32>, tensor<?x2x4xf32>, !heads, !state
  return %o : !heads
}

// CHECK-LABEL: func.func @state_is_computed_outside
func.func @state_is_computed_outside(%q: tensor<?x1x4xf32>, %h: tensor<4x4xf32>) -> tensor<?x1x4xf32> {
  // CHECK: linalg.generic
  // CHECK: seq.kernel "linear_attention"
  // CHECK-NOT: linalg.generic
  // CHECK: return
  %negated = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%h : tensor<4x4xf32>) outs(%h : tensor<4x4xf32>) {
  ^bb0(%a: f32, %old: f32):
    %b = arith.negf %a : f32
    linalg.yield %b : f32
  } -> tensor<4x4xf32>
  %s = tensor.expand_shape %negated [[0, 1], [2]] output_shape [1, 4, 4] : tensor<4x4xf32> into tensor<1x4x4xf32>
  %o, %sn = seq.linear_attention linear %q, %q, %q state(%s) {scale = 1.0 : f32}
    : tensor<?x1x4xf32>, tensor<?x1x4xf32>, tensor<?x1x4xf32>, tensor<1x4x4xf32>
  return %o : tensor<?x1x4xf32>
}

// A program reads lengths one by one, to know how far its keys reach.
// CHECK-LABEL: func.func @lengths_are_computed_outside
func.func @lengths_are_computed_outside(%q: tensor<2x5x1x4xf32>, %n: tensor<2xi32>) -> tensor<2x5x1x4xf32> {
  // CHECK: linalg.generic
  // CHECK: seq.kernel "attention"
  // CHECK-NOT: linalg.generic
  // CHECK: return
  %doubled = linalg.generic {indexing_maps = [affine_map<(b) -> (b)>, affine_map<(b) -> (b)>],
                             iterator_types = ["parallel"]} ins(%n : tensor<2xi32>) outs(%n : tensor<2xi32>) {
  ^bb0(%a: i32, %old: i32):
    %b = arith.addi %a, %a : i32
    linalg.yield %b : i32
  } -> tensor<2xi32>
  %o = seq.attention %q, %q, %q lengths(%doubled : tensor<2xi32>) {scale = 1.0 : f32}
    : tensor<2x5x1x4xf32>, tensor<2x5x1x4xf32>, tensor<2x5x1x4xf32>
  return %o : tensor<2x5x1x4xf32>
}
