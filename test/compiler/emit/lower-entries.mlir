// An entry becomes a function of the runtime's ABI that fills slots and calls parallel_for; kernels stay declared.
// RUN: sennit-opt %s --sennit-lower-entries --split-input-file | FileCheck %s

// One launch: version check, slots, items, parallel_for.

// CHECK: rt.kernels = ["double"]
// CHECK-DAG: llvm.func @double(!llvm.ptr, i64, i64, !llvm.ptr)
// CHECK-DAG: llvm.func @double.items(!llvm.ptr) -> i64
// CHECK-LABEL: llvm.func @sennit_decode
// CHECK-SAME: rt.bindings = [{kind = "arena", name = ""}, {kind = "output", name = "logits"}]
// CHECK-SAME: seq.max_tokens = 1
// CHECK: %[[SLOTS:.*]] = llvm.alloca
// CHECK: %[[SAME:.*]] = llvm.icmp "eq"
// CHECK: llvm.cond_br %[[SAME]], ^[[GO:.*]], ^[[REFUSE:.*]]
// CHECK: ^[[REFUSE]]:
// CHECK: %[[ONE:.*]] = llvm.mlir.constant(1 : i32)
// CHECK: llvm.return %[[ONE]]
// CHECK: ^[[GO]]:
// CHECK-COUNT-3: llvm.store
// CHECK: %[[KERNEL:.*]] = llvm.mlir.addressof @double
// CHECK: %[[ITEMS:.*]] = llvm.call @double.items(%[[SLOTS]])
// CHECK: llvm.call %{{.*}}(%{{.*}}, %{{.*}}, %[[KERNEL]], %[[SLOTS]], %[[ITEMS]])
// CHECK: llvm.return
func.func private @double(memref<?x64xf32>, memref<?x64xf32>, index)
func.func @decode(%tokens: index, %past: index) attributes {seq.max_tokens = 1 : i64} {
  %x = rt.buffer arena at 64 : memref<?x64xf32>
  %y = rt.buffer output "logits" at 0 : memref<?x64xf32>
  rt.launch @double(%x, %y, %tokens : memref<?x64xf32>, memref<?x64xf32>, index)
  return
}

// -----

// An entry without launches still answers.

// CHECK-LABEL: llvm.func @sennit_initialize
// CHECK-SAME: rt.bindings = []
// CHECK-NOT: llvm.call
// CHECK: llvm.return
func.func @initialize() {
  return
}

// -----

// The host reads a number that a kernel wrote, at most so much, and gives it to the next kernel as an extent.

// CHECK-LABEL: llvm.func @sennit_decode
// CHECK: llvm.call @count.items
// CHECK: %[[BASE:.*]] = llvm.inttoptr
// CHECK: %[[PLACE:.*]] = llvm.getelementptr %[[BASE]][%{{.*}}] : (!llvm.ptr, i64) -> !llvm.ptr, i32
// CHECK: %[[NUMBER:.*]] = llvm.load %[[PLACE]] : !llvm.ptr -> i32
// CHECK: %[[ROWS:.*]] = llvm.sext %[[NUMBER]] : i32 to i64
// CHECK: %[[FEW:.*]] = llvm.intr.smin(%[[ROWS]], %{{.*}})
// CHECK: llvm.store %[[FEW]]
// CHECK: llvm.call @walk.items
func.func private @count(memref<3xi32>)
func.func private @walk(memref<?x64xf32>, index)
func.func @decode(%tokens: index, %past: index) attributes {seq.max_tokens = 8 : i64} {
  %c1 = arith.constant 1 : index
  %offsets = rt.buffer arena at 0 : memref<3xi32>
  %x = rt.buffer arena at 64 : memref<?x64xf32>
  rt.launch @count(%offsets : memref<3xi32>)
  %read = memref.load %offsets[%c1] : memref<3xi32>
  %number = arith.index_cast %read : i32 to index
  %rows = arith.minsi %number, %tokens : index
  rt.launch @walk(%x, %rows : memref<?x64xf32>, index)
  return
}
