// Attention of every setting that needs no more than numbers of rows and columns goes by roles on sm_90a.
// RUN: split-file %s %t
// RUN: sennit compile %t/softcap.mlir --target cuda:sm_90a -o %t/a.snt --explain-fusion 2>&1 | FileCheck %s
// RUN: sennit compile %t/alibi.mlir --target cuda:sm_90a -o %t/a.snt --explain-fusion 2>&1 | FileCheck %s
// RUN: sennit compile %t/documents.mlir --target cuda:sm_90a -o %t/a.snt --explain-fusion 2>&1 | FileCheck %s
// RUN: sennit compile %t/sinks.mlir --target cuda:sm_90a -o %t/a.snt --explain-fusion 2>&1 | FileCheck %s --check-prefix=WIDE
// RUN: sennit compile %t/lengths.mlir --target cuda:sm_90a -o %t/a.snt --explain-fusion 2>&1 | FileCheck %s --check-prefix=WIDE
// RUN: sennit compile %t/bias.mlir --target cuda:sm_90a -o %t/a.snt --explain-fusion 2>&1 | FileCheck %s --check-prefix=BIAS

// CHECK-NOT: ptxas
// CHECK: assign-roles 2 copies of 240 registers that take turns
// CHECK-NOT: ptxas
// WIDE: assign-roles 3 copies of 160 registers that take turns
// BIAS: assign-roles {{.*}} an iteration fetches other than keys, values and numbers of rows or columns

//--- softcap.mlir
func.func @run(%q: tensor<2x512x16x128xbf16> {seq.name = "q"}, %k: tensor<2x512x4x128xbf16> {seq.name = "k"}, %v: tensor<2x512x4x128xbf16> {seq.name = "v"})
    -> (tensor<2x512x16x128xbf16> {seq.name = "o"}) {
  %o = seq.attention %q, %k, %v score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %cap = arith.constant 5.0e+01 : f32
    %x = arith.divf %s, %cap : f32
    %t = math.tanh %x : f32
    %y = arith.mulf %t, %cap : f32
    seq.yield %y : f32
  } {scale = 0.0884 : f32, window_right = 0 : i64} : tensor<2x512x16x128xbf16>, tensor<2x512x4x128xbf16>, tensor<2x512x4x128xbf16>
  return %o : tensor<2x512x16x128xbf16>
}

//--- alibi.mlir
func.func @run(%q: tensor<2x512x16x128xbf16> {seq.name = "q"}, %k: tensor<2x512x4x128xbf16> {seq.name = "k"}, %v: tensor<2x512x4x128xbf16> {seq.name = "v"}, %slopes: tensor<16xf32> {seq.name = "s"})
    -> (tensor<2x512x16x128xbf16> {seq.name = "o"}) {
  %o = seq.attention %q, %k, %v captures(%slopes : tensor<16xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %slope: tensor<16xf32>):
    %m = tensor.extract %slope[%h] : tensor<16xf32>
    %d = arith.subi %j, %i : index
    %n = arith.index_cast %d : index to i32
    %f = arith.sitofp %n : i32 to f32
    %x = arith.mulf %f, %m : f32
    %y = arith.addf %s, %x : f32
    seq.yield %y : f32
  } {scale = 0.0884 : f32, window_right = 0 : i64} : tensor<2x512x16x128xbf16>, tensor<2x512x4x128xbf16>, tensor<2x512x4x128xbf16>
  return %o : tensor<2x512x16x128xbf16>
}

//--- documents.mlir
func.func @run(%q: tensor<2x512x16x128xbf16> {seq.name = "q"}, %k: tensor<2x512x16x128xbf16> {seq.name = "k"}, %v: tensor<2x512x16x128xbf16> {seq.name = "v"}, %d: tensor<512xi32> {seq.name = "d"})
    -> (tensor<2x512x16x128xbf16> {seq.name = "o"}) {
  %o = seq.attention %q, %k, %v captures(%d : tensor<512xi32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %doc: tensor<512xi32>):
    %m = tensor.extract %doc[%i] : tensor<512xi32>
    %n = tensor.extract %doc[%j] : tensor<512xi32>
    %x = arith.cmpi eq, %n, %m : i32
    %none = arith.constant 0xFF800000 : f32
    %y = arith.select %x, %s, %none : f32
    seq.yield %y : f32
  } {scale = 0.0884 : f32, window_right = 0 : i64} : tensor<2x512x16x128xbf16>, tensor<2x512x16x128xbf16>, tensor<2x512x16x128xbf16>
  return %o : tensor<2x512x16x128xbf16>
}

//--- sinks.mlir
func.func @run(%q: tensor<2x512x16x64xbf16> {seq.name = "q"}, %k: tensor<2x512x4x64xbf16> {seq.name = "k"}, %v: tensor<2x512x4x64xbf16> {seq.name = "v"}, %s: tensor<16xf32> {seq.name = "s"})
    -> (tensor<2x512x16x64xbf16> {seq.name = "o"}) {
  %o = seq.attention %q, %k, %v sinks(%s : tensor<16xf32>) {scale = 0.125 : f32, window_right = 0 : i64, window_left = 127 : i64} : tensor<2x512x16x64xbf16>, tensor<2x512x4x64xbf16>, tensor<2x512x4x64xbf16>
  return %o : tensor<2x512x16x64xbf16>
}

//--- lengths.mlir
func.func @run(%q: tensor<2x512x16x64xbf16> {seq.name = "q"}, %k: tensor<2x512x4x64xbf16> {seq.name = "k"}, %v: tensor<2x512x4x64xbf16> {seq.name = "v"}, %l: tensor<2xi32> {seq.name = "l"})
    -> (tensor<2x512x16x64xbf16> {seq.name = "o"}) {
  %o = seq.attention %q, %k, %v lengths(%l : tensor<2xi32>) {scale = 0.125 : f32, window_right = 0 : i64} : tensor<2x512x16x64xbf16>, tensor<2x512x4x64xbf16>, tensor<2x512x4x64xbf16>
  return %o : tensor<2x512x16x64xbf16>
}

//--- bias.mlir
func.func @run(%q: tensor<512x4x64xbf16> {seq.name = "q"}, %k: tensor<512x4x64xbf16> {seq.name = "k"}, %v: tensor<512x4x64xbf16> {seq.name = "v"}, %x: tensor<4x512xf32> {seq.name = "x"})
    -> (tensor<512x4x64xbf16> {seq.name = "o"}) {
  %o = seq.attention %q, %k, %v captures(%x : tensor<4x512xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %bias: tensor<4x512xf32>):
    %m = tensor.extract %bias[%h, %j] : tensor<4x512xf32>
    %y = arith.addf %s, %m : f32
    seq.yield %y : f32
  } {scale = 0.125 : f32} : tensor<512x4x64xbf16>, tensor<512x4x64xbf16>, tensor<512x4x64xbf16>
  return %o : tensor<512x4x64xbf16>
}
