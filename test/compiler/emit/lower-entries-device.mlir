// On a device a kernel is its number, and the host reads nothing that kernels write.
// RUN: sennit-opt %s --sennit-lower-entries=device --split-input-file --verify-diagnostics | FileCheck %s

// CHECK: rt.kernels = ["double"]
// CHECK-NOT: llvm.func @double
// CHECK: llvm.func @sennit_decode
// CHECK-COUNT-3: llvm.store
// CHECK: %[[NONE:.*]] = llvm.mlir.zero : !llvm.ptr
// CHECK: %[[SLOTS:.*]] = llvm.mlir.constant(3 : i64)
// CHECK: llvm.call %{{.*}}(%{{.*}}, %{{.*}}, %[[NONE]], %{{.*}}, %[[SLOTS]])
func.func private @double(memref<?x64xf32>, memref<?x64xf32>, index)
func.func @decode(%tokens: index, %past: index) attributes {seq.max_tokens = 1 : i64} {
  %x = rt.buffer arena at 64 : memref<?x64xf32>
  %y = rt.buffer output "logits" at 0 : memref<?x64xf32>
  rt.launch @double(%x, %y, %tokens : memref<?x64xf32>, memref<?x64xf32>, index)
  return
}

// -----

func.func private @count(memref<3xi32>)
func.func @decode(%tokens: index, %past: index) attributes {seq.max_tokens = 8 : i64} {
  %c1 = arith.constant 1 : index
  %offsets = rt.buffer arena at 0 : memref<3xi32>
  rt.launch @count(%offsets : memref<3xi32>)
  // expected-error@+1 {{reads on the host what a kernel has counted, which no target does whose kernels run on a device}}
  %read = memref.load %offsets[%c1] : memref<3xi32>
  return
}

// -----

func.func private @walk(index)
func.func @decode(%tokens: index, %past: index) attributes {seq.max_tokens = 8 : i64} {
  // expected-error@+1 {{host arithmetic has no lowering for `arith.shli`}}
  %twice = arith.shli %tokens, %tokens : index
  rt.launch @walk(%twice : index)
  return
}
