// Every op of seq is printed as it is written, and its results' types follow from its operands'.
// RUN: sennit-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<?x4x64xf32>, %k: tensor<?x2x64xf32>, %v: tensor<?x2x32xf32>,
                     %kc: tensor<512x2x64xf32>, %vc: tensor<512x2x32xf32>, %past: index) -> tensor<?x4x32xf32> {
  // CHECK: seq.attention %{{.*}}, %{{.*}}, %{{.*}} past(%{{.*}} : index) state(%{{.*}}, %{{.*}} : {{.*}})
  // CHECK-SAME: {scale = 1.250000e-01 : f32, window_left = 127 : i64, window_right = 0 : i64}
  // CHECK-SAME: : tensor<?x4x64xf32>, tensor<?x2x64xf32>, tensor<?x2x32xf32>
  %o, %kn, %vn = seq.attention %q, %k, %v past(%past : index) state(%kc, %vc : tensor<512x2x64xf32>, tensor<512x2x32xf32>) {scale = 1.250000e-01 : f32, window_left = 127, window_right = 0}
    : tensor<?x4x64xf32>, tensor<?x2x64xf32>, tensor<?x2x32xf32>
  return %o : tensor<?x4x32xf32>
}

// CHECK-LABEL: func.func @attention_takes_its_tokens_from_the_query
func.func @attention_takes_its_tokens_from_the_query(
    %q: tensor<1x4x64xf32>, %k: tensor<?x2x64xf32>, %kc: tensor<512x2x64xf32>, %past: index) -> tensor<1x4x64xf32> {
  %o, %kn, %vn = seq.attention %q, %k, %k past(%past : index) state(%kc, %kc : tensor<512x2x64xf32>, tensor<512x2x64xf32>) {scale = 1.250000e-01 : f32, window_right = 0}
    : tensor<1x4x64xf32>, tensor<?x2x64xf32>, tensor<?x2x64xf32>
  // CHECK: return %{{.*}} : tensor<1x4x64xf32>
  return %o : tensor<1x4x64xf32>
}

// CHECK-LABEL: func.func @selective_scan
func.func @selective_scan(%u: tensor<?x512xf32>, %a: tensor<512x16xf32>, %b: tensor<?x16xf32>)
    -> (tensor<?x512xf32>, tensor<512x16xf32>) {
  // CHECK: seq.selective_scan %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} state(%{{.*}}) : tensor<?x512xf32>,
  %y, %h = seq.selective_scan %u, %u, %a, %b, %b state(%a)
    : tensor<?x512xf32>, tensor<?x512xf32>, tensor<512x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<512x16xf32>
  return %y, %h : tensor<?x512xf32>, tensor<512x16xf32>
}

// CHECK-LABEL: func.func @linear_attention
func.func @linear_attention(%q: tensor<?x2x32xf32>, %v: tensor<?x8x64xf32>, %g: tensor<?x8xf32>,
                            %s: tensor<8x32x64xf32>) -> (tensor<?x8x64xf32>, tensor<8x32x64xf32>) {
  // CHECK: seq.linear_attention gated %{{.*}}, %{{.*}}, %{{.*}} decay(%{{.*}} : tensor<?x8xf32>) state(%{{.*}})
  %o, %s1 = seq.linear_attention gated %q, %q, %v decay(%g : tensor<?x8xf32>) state(%s) {scale = 1.0 : f32}
    : tensor<?x2x32xf32>, tensor<?x2x32xf32>, tensor<?x8x64xf32>, tensor<8x32x64xf32>
  // CHECK: seq.linear_attention linear %{{.*}}, %{{.*}}, %{{.*}} state(%{{.*}})
  %p, %s2 = seq.linear_attention linear %q, %q, %o state(%s1) {scale = 1.0 : f32}
    : tensor<?x2x32xf32>, tensor<?x2x32xf32>, tensor<?x8x64xf32>, tensor<8x32x64xf32>
  return %p, %s2 : tensor<?x8x64xf32>, tensor<8x32x64xf32>
}

// CHECK-LABEL: func.func @conv
func.func @conv(%x: tensor<?x512xf32>, %w: tensor<512x4xbf16>, %b: tensor<512xbf16>, %h: tensor<3x512xf32>)
    -> (tensor<?x512xf32>, tensor<3x512xf32>) {
  // CHECK: seq.conv %{{.*}}, %{{.*}} bias(%{{.*}} : tensor<512xbf16>) state(%{{.*}} : tensor<3x512xf32>) : tensor<?x512xf32>,
  %y, %h1 = seq.conv %x, %w bias(%b : tensor<512xbf16>) state(%h : tensor<3x512xf32>) : tensor<?x512xf32>, tensor<512x4xbf16>
  // CHECK: seq.conv %{{.*}}, %{{.*}} state(%{{.*}} : tensor<3x512xf32>) : tensor<?x512xf32>,
  %z, %h2 = seq.conv %y, %w state(%h1 : tensor<3x512xf32>) : tensor<?x512xf32>, tensor<512x4xbf16>
  return %z, %h2 : tensor<?x512xf32>, tensor<3x512xf32>
}

// CHECK-LABEL: func.func @conv_in_blocks
func.func @conv_in_blocks(%x: tensor<?x512xf32>, %w: tensor<512x4096xf32>) -> tensor<?x512xf32> {
  // CHECK: seq.conv %{{.*}}, %{{.*}} {block = 1024 : i64} : tensor<?x512xf32>, tensor<512x4096xf32>
  %y = seq.conv %x, %w {block = 1024 : i64} : tensor<?x512xf32>, tensor<512x4096xf32>
  return %y : tensor<?x512xf32>
}

// CHECK-LABEL: func.func @rope
func.func @rope(%x: tensor<?x4x64xf32>, %t: tensor<512x16xf32>, %past: index) -> tensor<?x4x64xf32> {
  // CHECK: seq.rope %{{.*}} past %{{.*}} tables(%{{.*}}, %{{.*}} : {{.*}}) : tensor<?x4x64xf32>
  %y = seq.rope %x past %past tables(%t, %t : tensor<512x16xf32>, tensor<512x16xf32>) : tensor<?x4x64xf32>
  // CHECK: seq.rope %{{.*}} past %{{.*}} tables(%{{.*}}, %{{.*}} : {{.*}}) interleaved : tensor<?x4x64xf32>
  %z = seq.rope %y past %past tables(%t, %t : tensor<512x16xf32>, tensor<512x16xf32>) interleaved
    : tensor<?x4x64xf32>
  return %z : tensor<?x4x64xf32>
}

// CHECK-LABEL: func.func @rope_on_axes
func.func @rope_on_axes(%x: tensor<?x4x8xf32>, %t: tensor<512x4xf32>, %p: tensor<?x3xi32>, %q: tensor<?x1xi32>)
    -> tensor<?x4x8xf32> {
  // CHECK: seq.rope %{{.*}} positions(%{{.*}} : tensor<?x3xi32>) axes [0, 0, 1, 2] tables(%{{.*}}, %{{.*}} : {{.*}})
  %y = seq.rope %x positions(%p : tensor<?x3xi32>) axes [0, 0, 1, 2]
    tables(%t, %t : tensor<512x4xf32>, tensor<512x4xf32>) : tensor<?x4x8xf32>
  // CHECK: seq.rope %{{.*}} positions(%{{.*}} : tensor<?x1xi32>) tables(%{{.*}}, %{{.*}} : {{.*}}) interleaved
  %z = seq.rope %y positions(%q : tensor<?x1xi32>) tables(%t, %t : tensor<512x4xf32>, tensor<512x4xf32>) interleaved
    : tensor<?x4x8xf32>
  return %z : tensor<?x4x8xf32>
}

// CHECK-LABEL: func.func @selection
func.func @selection(%x: tensor<?x8xf32>, %u: tensor<?xf64>, %f: tensor<?xf32>, %k: tensor<?xi32>) -> tensor<?xi32> {
  // CHECK: seq.top_k %{{.*}} smallest : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  %v, %i = seq.top_k %x smallest : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  // CHECK: seq.top_k %{{.*}} : tensor<?x8xf32> -> tensor<?x8xf32>, tensor<?x8xi32>
  %w, %j = seq.top_k %x : tensor<?x8xf32> -> tensor<?x8xf32>, tensor<?x8xi32>
  // CHECK: seq.sample %{{.*}} uniform(%{{.*}}) temperature(%{{.*}}) top_k(%{{.*}}) top_p(%{{.*}}) :
  %t = seq.sample %x uniform(%u) temperature(%f) top_k(%k) top_p(%f)
    : (tensor<?x8xf32>, tensor<?xf64>, tensor<?xf32>, tensor<?xi32>, tensor<?xf32>) -> tensor<?xi32>
  return %t : tensor<?xi32>
}

// CHECK-LABEL: func.func @routing
func.func @routing(%l: tensor<?x8xf32>, %b: tensor<8xf32>, %x: tensor<?x64xf32>, %w: tensor<8x64x64xbf16>) -> tensor<?x64xf32> {
  // CHECK: seq.route softmax %{{.*}} renormalize : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  %s, %e = seq.route softmax %l renormalize : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
  // CHECK: seq.route sigmoid %{{.*}} : tensor<?x8xf32> -> tensor<?x1xf32>, tensor<?x1xi32>
  %s1, %e1 = seq.route sigmoid %l : tensor<?x8xf32> -> tensor<?x1xf32>, tensor<?x1xi32>
  // CHECK: seq.route sigmoid %{{.*}} bias(%{{.*}} : tensor<8xf32>) groups 4 top_groups 2 by best_two renormalize scaling 2.500000e+00 : tensor<?x8xf32>
  %s2, %e2 = seq.route sigmoid %l bias(%b : tensor<8xf32>) groups 4 top_groups 2 by best_two renormalize scaling 2.5
    : tensor<?x8xf32> -> tensor<?x1xf32>, tensor<?x1xi32>
  // CHECK: seq.route softmax %{{.*}} groups 2 top_groups 1 by best : tensor<?x8xf32>
  %s3, %e3 = seq.route softmax %l groups 2 top_groups 1 by best : tensor<?x8xf32> -> tensor<?x1xf32>, tensor<?x1xi32>
  // CHECK: seq.dispatch %{{.*}} capacity 7 : tensor<?x1xi32>
  %f1, %p1, %o1 = seq.dispatch %e1 capacity 7 : tensor<?x1xi32> -> tensor<?xi32>, tensor<?x1xi32>, tensor<9xi32>
  // CHECK: seq.dispatch %{{.*}} : tensor<?x2xi32> -> tensor<?xi32>, tensor<?x2xi32>, tensor<9xi32>
  %f, %p, %o = seq.dispatch %e : tensor<?x2xi32> -> tensor<?xi32>, tensor<?x2xi32>, tensor<9xi32>
  // CHECK: seq.experts %{{.*}}, %{{.*}} offsets(%{{.*}}) gather(%{{.*}} : tensor<?xi32>) top_k 2 : tensor<?x64xf32>,
  %h = seq.experts %x, %w offsets(%o) gather(%f : tensor<?xi32>) top_k 2
    : tensor<?x64xf32>, tensor<8x64x64xbf16>, tensor<9xi32> -> tensor<?x64xf32>
  // CHECK: seq.experts %{{.*}}, %{{.*}} offsets(%{{.*}}) : tensor<?x64xf32>,
  %r = seq.experts %h, %w offsets(%o) : tensor<?x64xf32>, tensor<8x64x64xbf16>, tensor<9xi32> -> tensor<?x64xf32>
  // CHECK: seq.combine %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> ->
  %y = seq.combine %r, %s, %p : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK: seq.parameter @embedding : tensor<256x64xbf16> from "model.safetensors" at 1024
seq.parameter @embedding : tensor<256x64xbf16> from "model.safetensors" at 1024

// CHECK-LABEL: func.func @parameters
func.func @parameters(%t: tensor<?xi32>) -> (tensor<?x64xf32>, tensor<256x64xbf16, #tile.blocked<32>>) {
  // CHECK: seq.weight @embedding : tensor<256x64xbf16>
  %e = seq.weight @embedding : tensor<256x64xbf16>
  // CHECK: seq.embed %{{.*}}, %{{.*}} : tensor<?xi32>, tensor<256x64xbf16> -> tensor<?x64xf32>
  %x = seq.embed %t, %e : tensor<?xi32>, tensor<256x64xbf16> -> tensor<?x64xf32>
  // CHECK: seq.pack %{{.*}} : tensor<256x64xbf16> -> tensor<256x64xbf16, #tile.blocked<32>>
  %p = seq.pack %e : tensor<256x64xbf16> -> tensor<256x64xbf16, #tile.blocked<32>>
  return %x, %p : tensor<?x64xf32>, tensor<256x64xbf16, #tile.blocked<32>>
}

// CHECK-LABEL: func.func @pack_stacks
func.func @pack_stacks(%a: tensor<256x64xbf16>) -> tensor<2x256x64xbf16, #tile.blocked<32>> {
  // CHECK: seq.pack %{{.*}}, %{{.*}} : tensor<256x64xbf16>, tensor<256x64xbf16> -> tensor<2x256x64xbf16, #tile.blocked<32>>
  %p = seq.pack %a, %a
    : tensor<256x64xbf16>, tensor<256x64xbf16> -> tensor<2x256x64xbf16, #tile.blocked<32>>
  return %p : tensor<2x256x64xbf16, #tile.blocked<32>>
}

// CHECK-LABEL: func.func @kernel
func.func @kernel(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: seq.kernel "rows" -> tensor<?x64xf32> {
  // CHECK-NEXT: seq.yield %{{.*}} : tensor<?x64xf32>
  %y = seq.kernel "rows" -> tensor<?x64xf32> {
    seq.yield %x : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @quantize
func.func @quantize(%w: tensor<64x250xbf16>) -> tensor<64x250xbf16> {
  // CHECK: seq.quantize %{{.*}} bits 4 group 128 : tensor<64x250xbf16> -> tensor<64x32xi32>, tensor<64x2xf32>
  %q, %s = seq.quantize %w bits 4 group 128 : tensor<64x250xbf16> -> tensor<64x32xi32>, tensor<64x2xf32>
  // CHECK: seq.dequantize %{{.*}}, %{{.*}} bits 4 group 128 : tensor<64x32xi32>, tensor<64x2xf32> -> tensor<64x250xbf16>
  %m = seq.dequantize %q, %s bits 4 group 128 : tensor<64x32xi32>, tensor<64x2xf32> -> tensor<64x250xbf16>
  return %m : tensor<64x250xbf16>
}
