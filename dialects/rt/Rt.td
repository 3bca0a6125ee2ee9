// The rt dialect: which kernels run on which buffers, in what order.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_RT_RT_TD
#define SENNIT_DIALECTS_RT_RT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def RtDialect : Dialect {
  let name = "rt";
  let cppNamespace = "::sennit::rt";
  let summary = "what the host does: buffers, kernels, entries";
  let description = [{
    Two forms. Before memory is planned, `rt.dispatch` takes and gives tensors and
    says which operands its results overwrite. After, `rt.launch` runs a kernel on
    `rt.buffer`s, each a typed place in one of the runtime's memories, and no tensor
    is left.

    ```
      rt.dispatch (tensors, ties)  --plan memory-->  rt.buffer + rt.launch
    ```
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def Memory : I32EnumAttr<"Memory", "which of the runtime's memories a buffer lies in", [
    I32EnumAttrCase<"Constants", 0, "constants">, I32EnumAttrCase<"Arena", 1, "arena">,
    I32EnumAttrCase<"State", 2, "state">, I32EnumAttrCase<"Input", 3, "input">,
    I32EnumAttrCase<"Output", 4, "output">, I32EnumAttrCase<"Weight", 5, "weight">]> {
  let cppNamespace = "::sennit::rt";
  let genSpecializedAttr = 0;
}
def MemoryAttr : EnumAttr<RtDialect, Memory, "memory">;

class RtOp<string mnemonic, list<Trait> traits = []> : Op<RtDialect, mnemonic, traits>;

def ConstantOp : RtOp<"constant", [Symbol]> {
  let summary = "a tensor computed once, at load";
  let description = [{
    A place for a value that depends on parameters alone: `@initialize` writes
    it, the other entries read it.

    Example:
    ```mlir
    rt.constant @packed : tensor<256x64xf32>
    func.func @initialize(%w: tensor<256x64xf32>) {
      rt.assign @packed, %w : tensor<256x64xf32>
      return
    }
    func.func @use() -> tensor<256x64xf32> {
      %c = rt.read @packed : tensor<256x64xf32>
      return %c : tensor<256x64xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type);
  let assemblyFormat = "$sym_name `:` $type attr-dict";
}

def DataOp : RtOp<"data", [Symbol]> {
  let summary = "numbers that the compiler computed and the artifact carries";
  let description = [{
    A table, such as rotary cosines; `@initialize` reads it like a weight.

    Example:
    ```mlir
    rt.data @data.0 = dense<[1.0, 0.5]> : tensor<2xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, ElementsAttr:$value);
  let assemblyFormat = "$sym_name `=` $value attr-dict";
}

def AssignOp : RtOp<"assign", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "give a constant its value";
  let description = [{
    Constraints:
    - `constant`: the symbol is an `rt.constant` of the value's type.

    Example: see `rt.constant`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$constant, AnyRankedTensor:$value);
  let assemblyFormat = "$constant `,` $value attr-dict `:` type($value)";
}

def ReadOp : RtOp<"read", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a constant";
  let description = [{
    Constraints:
    - `constant`: the symbol is an `rt.constant` of the result's type.

    Example: see `rt.constant`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$constant);
  let results = (outs AnyRankedTensor:$value);
  let assemblyFormat = "$constant attr-dict `:` type($value)";
}

def DispatchOp : RtOp<"dispatch", [AttrSizedOperandSegments,
                                   DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "run a kernel on tensors";
  let description = [{
    The kernel is a function of one view per operand, one per result that is not
    tied, and then the scalars. `ties[i]` is the operand that result i overwrites,
    or -1 for a result with memory of its own. `extents` give the results' dynamic
    dimensions, in order. Two dispatches are never one: what the one gives
    may be overwritten.

    Constraints:
    - `ties`: one per result; the operand has the result's type; no operand is tied twice.
    - `extents`: one per dynamic dimension of the results.
    - `signature`: the kernel is a function without results; it has one view of equal shape and
      elements per operand, then per untied result, then one index per scalar.

    Example:
    ```mlir
    func.func private @copy(memref<?x64xf32>, memref<?x64xf32>, index)
    func.func @run(%x: tensor<?x64xf32>, %t: index) -> tensor<?x64xf32> {
      %y = rt.dispatch @copy(%x : tensor<?x64xf32>) scalars(%t) extents(%t) ties [-1] -> tensor<?x64xf32>
      return %y : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyRankedTensor>:$inputs, Variadic<Index>:$scalars,
                       Variadic<Index>:$extents, DenseI64ArrayAttr:$ties);
  let results = (outs Res<Variadic<AnyRankedTensor>, "memory of its own", [MemAlloc]>:$outputs);
  let assemblyFormat = [{
    $kernel `(` ($inputs^ `:` type($inputs))? `)` (`scalars` `(` $scalars^ `)`)?
    (`extents` `(` $extents^ `)`)? `ties` $ties attr-dict `->` type($outputs)
  }];
  let hasVerifier = 1;
}

def BufferOp : RtOp<"buffer", [Pure]> {
  let summary = "a typed place in one of the runtime's memories";
  let description = [{
    `offset` counts bytes from the start of the memory; inputs, outputs and
    weights are separate memories told apart by `name`.

    Constraints:
    - `offset`: not negative.
    - `name`: present exactly for inputs, outputs and weights.

    Example:
    ```mlir
    func.func @place() -> memref<?x64xf32> {
      %b = rt.buffer arena at 4096 : memref<?x64xf32>
      return %b : memref<?x64xf32>
    }
    ```
  }];
  let arguments = (ins MemoryAttr:$memory, OptionalAttr<StrAttr>:$name, I64Attr:$offset);
  let results = (outs AnyMemRef:$view);
  let assemblyFormat = "$memory ($name^)? `at` $offset attr-dict `:` type($view)";
  let hasVerifier = 1;
}

def LaunchOp : RtOp<"launch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "run a kernel on buffers";
  let description = [{
    Operands are the kernel's arguments, in order.

    Constraints:
    - `signature`: the kernel is a function without results that takes the operands' types.

    Example:
    ```mlir
    func.func private @copy(memref<?x64xf32>, memref<?x64xf32>, index)
    func.func @run(%t: index) {
      %x = rt.buffer arena at 0 : memref<?x64xf32>
      %y = rt.buffer arena at 65536 : memref<?x64xf32>
      rt.launch @copy(%x, %y, %t : memref<?x64xf32>, memref<?x64xf32>, index)
      return
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyType>:$arguments);
  let assemblyFormat = "$kernel `(` ($arguments^ `:` type($arguments))? `)` attr-dict";
}

#endif // SENNIT_DIALECTS_RT_RT_TD
