// Causal attention of 32 query heads on 8 key-value heads of width 64 as a program of tiles, without roles, rings or a
// word of Hopper, and what its PTX holds.
// RUN: sennit-translate --tile-to-ptx %s | FileCheck %s

// Four heads of 32 tokens are one tile of queries; keys are rows of one head of the cache.
// CHECK: // sennit: {"early":1,"kernel":"attention_program","parameters":[{"scalar":4},{"scalar":5},
// CHECK-SAME: {"box":[32,4,64],"element":"bf16","shape":[{"scalars":[4]},32,64],"strides":[2048,64,1],"view":0}
// CHECK-SAME: {"box":[1,128,64],"element":"bf16","shape":[8,{"scalars":[5,4]},64],"strides":[64,512,1],"view":1}
// CHECK-SAME: {"box":[16,4,64],
// CHECK: .entry attention_program(
// CHECK-NOT: .local
// The scores of the first step; those of the next before the sum of the one before, in steps without a mask and in the
// last; the last sum.
// CHECK-COUNT-4: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// CHECK-COUNT-4: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// CHECK-COUNT-8: wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
// CHECK: wgmma.wait_group.sync.aligned 1;
// CHECK: ex2.approx.ftz.f32
// CHECK-COUNT-4: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// CHECK-COUNT-8: wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
// CHECK: wgmma.wait_group.sync.aligned 1;
// CHECK-COUNT-8: wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
// No thread waits alone for what its warp has started.
// CHECK: wgmma.wait_group.sync.aligned 0;
// CHECK-NOT: bra
// CHECK: @%p{{[0-9]+}} bra
// CHECK-NOT: wgmma.mma_async

func.func @attention_program(%arg0: memref<?x32x64xbf16>, %arg1: memref<4096x8x64xbf16>, %arg2: memref<4096x8x64xbf16>, %arg3: memref<?x32x64xbf16>, %arg4: index, %arg5: index) {
  %cst = arith.constant dense<1.000000e+00> : vector<128xf32>
  %cst_0 = arith.constant dense<0.180336878> : vector<128x128xf32>
  %cst_1 = arith.constant dense<0.180336878> : vector<128xf32>
  %cst_2 = arith.constant dense<0xFF800000> : vector<128x128xf32>
  %cst_3 = arith.constant dense<0.000000e+00> : vector<128x64xf32>
  %cst_4 = arith.constant dense<0.000000e+00> : vector<128xf32>
  %cst_5 = arith.constant dense<-3.40282347E+38> : vector<128xf32>
  %c4 = arith.constant 4 : index
  %c32 = arith.constant 32 : index
  %c0 = arith.constant 0 : index
  tile.grid (%arg6, %arg7) = (%c0, %c0) to (%c32, %arg4) step [4, 32] dims ["head", "query"] {
    %0 = arith.divui %arg6, %c4 : index
    %1 = arith.addi %arg5, %arg7 : index
    %2 = arith.addi %arg5, %arg4 : index
    %3 = arith.addi %1, %c32 : index
    %4 = arith.minsi %2, %3 : index
    %5 = arith.maxsi %4, %c0 : index
    %6 = tile.load %arg0[%arg7, %arg6, %c0] bound [0 : %arg4] : memref<?x32x64xbf16> -> vector<32x4x64xbf16>
    %7 = tile.reshape %6 : vector<32x4x64xbf16> -> vector<128x64xbf16>
    %8:3 = tile.stream "kv" %arg8 = %c0 to %5 step 128 carry(%cst_5 : vector<128xf32>, %cst_4 : vector<128xf32>, %cst_3 : vector<128x64xf32>) fetch {
      %16 = tile.load %arg1[%arg8, %0, %c0] dims [0, 2] bound [0 : %2] : memref<4096x8x64xbf16> -> vector<128x64xbf16>
      %17 = tile.load %arg2[%arg8, %0, %c0] dims [0, 2] bound [0 : %2] : memref<4096x8x64xbf16> -> vector<128x64xbf16>
      tile.yield %16, %17 : vector<128x64xbf16>, vector<128x64xbf16>
    } do {
    ^bb0(%arg8: index, %arg9: vector<128x64xbf16>, %arg10: vector<128x64xbf16>, %arg11: vector<128xf32>, %arg12: vector<128xf32>, %arg13: vector<128x64xf32>):
      %16 = tile.mma  nt %7, %arg9 : vector<128x64xbf16>, vector<128x64xbf16> -> vector<128x128xf32>
      %17 = tile.iota %arg8 : vector<128xi32>
      %18 = tile.broadcast %17 [1] : vector<128xi32> -> vector<128x128xi32>
      %19 = tile.iota %1 : vector<32xi32>
      %20 = tile.broadcast %19 [0] : vector<32xi32> -> vector<32x4xi32>
      %21 = tile.reshape %20 : vector<32x4xi32> -> vector<128xi32>
      %22 = tile.broadcast %21 [0] : vector<128xi32> -> vector<128x128xi32>
      %23 = arith.cmpi sle, %18, %22 : vector<128x128xi32>
      %24 = arith.select %23, %16, %cst_2 : vector<128x128xi1>, vector<128x128xf32>
      %25 = tile.reduce  max %24 dim 1 : vector<128x128xf32> -> vector<128xf32>
      %26 = arith.mulf %25, %cst_1 : vector<128xf32>
      %27 = arith.maximumf %arg11, %26 : vector<128xf32>
      %28 = arith.negf %27 : vector<128xf32>
      %29 = tile.broadcast %28 [0] : vector<128xf32> -> vector<128x128xf32>
      %30 = math.fma %24, %cst_0, %29 : vector<128x128xf32>
      %31 = math.exp2 %30 : vector<128x128xf32>
      %32 = arith.subf %arg11, %27 : vector<128xf32>
      %33 = math.exp2 %32 : vector<128xf32>
      %34 = tile.reduce  add %31 dim 1 : vector<128x128xf32> -> vector<128xf32>
      %35 = arith.mulf %arg12, %33 : vector<128xf32>
      %36 = arith.addf %35, %34 : vector<128xf32>
      %37 = tile.broadcast %33 [0] : vector<128xf32> -> vector<128x64xf32>
      %38 = arith.mulf %arg13, %37 : vector<128x64xf32>
      %39 = arith.truncf %31 : vector<128x128xf32> to vector<128x128xbf16>
      %40 = tile.mma  nn %39, %arg10 acc %38 : vector<128x128xbf16>, vector<128x64xbf16> acc vector<128x64xf32> -> vector<128x64xf32>
      tile.yield %27, %36, %40 : vector<128xf32>, vector<128xf32>, vector<128x64xf32>
    }
    %9 = arith.cmpf oeq, %8#1, %cst_4 : vector<128xf32>
    %10 = arith.select %9, %cst, %8#1 : vector<128xi1>, vector<128xf32>
    %11 = arith.divf %cst, %10 : vector<128xf32>
    %12 = tile.broadcast %11 [0] : vector<128xf32> -> vector<128x64xf32>
    %13 = arith.mulf %8#2, %12 : vector<128x64xf32>
    %14 = arith.truncf %13 : vector<128x64xf32> to vector<128x64xbf16>
    %15 = tile.reshape %14 : vector<128x64xbf16> -> vector<32x4x64xbf16>
    tile.store %15, %arg3[%arg7, %arg6, %c0] bound [0 : %arg4] : vector<32x4x64xbf16>, memref<?x32x64xbf16>
  }
  return
}
