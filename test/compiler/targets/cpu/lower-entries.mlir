// An entry becomes a function of the runtime's ABI that fills slots and calls parallel_for; kernels stay declared.
// RUN: sennit-opt %s --sennit-cpu-lower-entries --split-input-file | FileCheck %s

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
// CHECK: %[[ITEMS:.*]] = llvm.call @double.items(%[[SLOTS]])
// CHECK: %[[KERNEL:.*]] = llvm.mlir.addressof @double
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
