// The attribute of a machine is printed as it is written, on the module that it belongs to.
// RUN: sennit-opt %s --verify-roundtrip | FileCheck %s

// CHECK: module attributes {machine.target = #machine.core<name = "cpu", isa = "avx512", vector_bits = 512,
// CHECK-SAME: vector_registers = 32, l1_bytes = 49152, l2_bytes = 2097152>}
module attributes {machine.target = #machine.core<
    name = "cpu", isa = "avx512", vector_bits = 512, vector_registers = 32, l1_bytes = 49152, l2_bytes = 2097152>} {
}
