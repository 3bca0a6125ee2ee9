// The machine dialect: what a target offers, as attributes that schedules read.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_MACHINE_MACHINE_TD
#define SENNIT_DIALECTS_MACHINE_MACHINE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def MachineDialect : Dialect {
  let name = "machine";
  let cppNamespace = "::sennit::machine";
  let summary = "the machine: attributes only";
  let description = [{
    A machine is an input of the compiler, not a set of constants in it. The
    module attribute `machine.target` holds the core that kernels are scheduled
    for; whoever needs a size reads it there, and nowhere else:

    ```mlir
    module attributes {machine.target = #machine.core<
        name = "cpu", isa = "avx512", vector_bits = 512, vector_registers = 32,
        l1_bytes = 49152, l2_bytes = 2097152>} {
    }
    ```
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
}

def CoreAttr : AttrDef<MachineDialect, "Core"> {
  let mnemonic = "core";
  let summary = "what one core offers a kernel";
  let description = [{
    `name` is the target that emits code, `isa` the instruction set it may use.
    Cache sizes are what one core may fill by itself: of a shared cache, its share.
    Where several `threads` compute one item together, they are what one item may
    fill of registers and of the threads' shared memory. With `async_rows` the
    matrix unit multiplies tiles of so many rows and more by itself, from tiles that
    an engine copies out of memory. `description` is the text of the whole machine,
    as `sennit targets show` prints it: what the cost model reads to choose tiles.
    It may be empty where several threads compute an item.

    Constraints:
    - `names`: `name` and `isa` are not empty.
    - `sizes`: positive; `vector_bits` a multiple of 32, `l2_bytes` at least `l1_bytes`; `async_rows` not negative.
  }];
  let parameters = (ins
    StringRefParameter<"target that emits code">:$name,
    StringRefParameter<"instruction set">:$isa,
    "int64_t":$vector_bits,
    "int64_t":$vector_registers,
    "int64_t":$l1_bytes,
    "int64_t":$l2_bytes,
    DefaultValuedParameter<"int64_t", "1", "threads that compute one item together">:$threads,
    DefaultValuedParameter<"int64_t", "0", "rows that the matrix unit multiplies beside the threads">:$async_rows,
    StringRefParameter<"text of the whole machine", "\"\"">:$description);
  let builders = [
    AttrBuilder<(ins "::llvm::StringRef":$name, "::llvm::StringRef":$isa, "int64_t":$vector_bits,
                     "int64_t":$vector_registers, "int64_t":$l1_bytes, "int64_t":$l2_bytes, "int64_t":$threads,
                     "int64_t":$async_rows), [{
      return $_get($_ctxt, name, isa, vector_bits, vector_registers, l1_bytes, l2_bytes, threads, async_rows, "");
    }]>
  ];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Elements of `bits` bits that one vector register holds.
    int64_t getLanes(int64_t bits = 32) const { return getVectorBits() / bits; }
  }];
}

#endif // SENNIT_DIALECTS_MACHINE_MACHINE_TD
