// Each named constraint of #machine.core, and its place, is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{`isa` is empty}}
module attributes {machine.target = #machine.core<
    name = "cpu", isa = "", vector_bits = 512, vector_registers = 32, l1_bytes = 49152, l2_bytes = 2097152>} {
}

// -----

// expected-error@+1 {{`vector_registers` is 0, not a positive size}}
module attributes {machine.target = #machine.core<
    name = "cpu", isa = "avx512", vector_bits = 512, vector_registers = 0, l1_bytes = 49152, l2_bytes = 2097152>} {
}

// -----

// expected-error@+1 {{`vector_bits` is 500, not a multiple of 32}}
module attributes {machine.target = #machine.core<
    name = "cpu", isa = "avx512", vector_bits = 500, vector_registers = 32, l1_bytes = 49152, l2_bytes = 2097152>} {
}

// -----

// expected-error@+1 {{`l2_bytes` is 4096, less than the 49152 of `l1_bytes`}}
module attributes {machine.target = #machine.core<
    name = "cpu", isa = "avx512", vector_bits = 512, vector_registers = 32, l1_bytes = 49152, l2_bytes = 4096>} {
}

// -----

// expected-error@+1 {{`machine.target` stands on `func.func`, it belongs on a module}}
func.func private @place() attributes {machine.target = 1}

// -----

// expected-error@+1 {{`machine.target` is "avx512", not a `#machine.core`}}
module attributes {machine.target = "avx512"} {
}

// -----

// expected-error@+1 {{`machine.core` is not an attribute of `machine`, whose one attribute on ops is `machine.target`}}
module attributes {machine.core = 1} {
}
