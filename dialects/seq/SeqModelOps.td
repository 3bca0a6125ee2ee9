// The model's parameters, its vocabulary's table, and the region that becomes one kernel.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQMODELOPS_TD
#define SENNIT_DIALECTS_SEQ_SEQMODELOPS_TD

include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "dialects/seq/SeqQuantizationOps.td"

def ParameterOp : SeqOp<"parameter", [Symbol]> {
  let summary = "a tensor that lies in a file";
  let description = [{
    Names the tensor's bytes at `offset` of `file` (a path, relative to the working
    directory of the compiler unless absolute), in C order and little endian.
    The data never enters the IR.

    Constraints:
    - `bytes`: the offset is not negative and the elements are whole bytes.

    Example:
    ```mlir
    seq.parameter @model.norm.weight : tensor<64xbf16> from "model.safetensors" at 1024
    func.func @norm_weight() -> tensor<64xbf16> {
      %w = seq.weight @model.norm.weight : tensor<64xbf16>
      return %w : tensor<64xbf16>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyStaticShapeTensor>:$type,
                       StrAttr:$file, I64Attr:$offset);
  let assemblyFormat = "$sym_name `:` $type `from` $file `at` $offset attr-dict";
  let hasVerifier = 1;
}

def WeightOp : SeqOp<"weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a parameter";
  let description = [{
    Constraints:
    - `parameter`: the symbol is a `seq.parameter` of the same type.

    Example: see `seq.parameter`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$parameter);
  let results = (outs AnyStaticShapeTensor:$output);
  let assemblyFormat = "$parameter attr-dict `:` type($output)";
}

def PackOp : SeqOp<"pack", [Pure]> {
  let summary = "weights in the order in which the matrix unit reads them";
  let description = [{
    The same values in another memory layout, named by the result type's
    encoding (`#tile.blocked`). Several operands are stacked along a new leading
    dimension. Always a function of parameters alone, so it runs once, at load.

    Constraints:
    - `stack`: one operand of the result's shape, or n operands of its shape without the leading n.

    Example:
    ```mlir
    func.func @pack(%w: tensor<256x64xbf16>) -> tensor<256x64xbf16, #tile.blocked<32>> {
      %p = seq.pack %w : tensor<256x64xbf16> -> tensor<256x64xbf16, #tile.blocked<32>>
      return %p : tensor<256x64xbf16, #tile.blocked<32>>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyStaticShapeTensor>:$inputs);
  let results = (outs AnyStaticShapeTensor:$output);
  let assemblyFormat = "$inputs attr-dict `:` type($inputs) `->` type($output)";
  let hasVerifier = 1;
}

def EmbedOp : SeqRoutingOp<"embed"> {
  let summary = "look up a row of a table for each token";
  let description = [{
    ```
      y_t = table[tokens_t]
    ```

    A token outside the table gives zeros: the runtime refuses such tokens
    before they reach here, and memory is not read at their place in any case.

    Constraints:
    - `tokens`: tokens and output have the same extent of dimension 0.
    - `widths`: table and output have the same width.

    Example:
    ```mlir
    func.func @embed(%t: tensor<?xi32>, %e: tensor<256x64xbf16>) -> tensor<?x64xf32> {
      %y = seq.embed %t, %e : tensor<?xi32>, tensor<256x64xbf16> -> tensor<?x64xf32>
      return %y : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins 1DTensorOf<[I32]>:$tokens, 2DTensorOf<[F32, BF16, F16]>:$table);
  let results = (outs 2DTensorOf<[F32]>:$output);
  let assemblyFormat = "$tokens `,` $table attr-dict `:` type($tokens) `,` type($table) `->` type($output)";
}

def KernelOp : SeqOp<"kernel", [SingleBlockImplicitTerminator<"YieldOp">, RecursiveMemoryEffects,
                                DeclareOpInterfaceMethods<RegionBranchOpInterface>]> {
  let summary = "ops that become one kernel";
  let description = [{
    A region that the schedule turns into one tile program. Values from outside
    are its inputs; the yielded values are its outputs. `root` in the name says
    which op decides the loops; everything else in it is computed at that op's
    loads (prologues) or stores (epilogues).

    Example:
    ```mlir
    func.func @fused(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
      %y = seq.kernel "rows" -> tensor<?x64xf32> {
        seq.yield %x : tensor<?x64xf32>
      }
      return %y : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$kind);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$kind (`->` type($outputs)^)? $body attr-dict";
}

def YieldOp : SeqOp<"yield", [Pure, Terminator, ReturnLike, ParentOneOf<["KernelOp", "AttentionOp", "ScanOp", "SkipOp"]>]> {
  let summary = "the outputs of a region";
  let description = [{Example: see `seq.kernel`, `seq.attention`, `seq.scan` and `seq.skip`.}];
  let arguments = (ins Variadic<AnyType>:$values);
  let builders = [OpBuilder<(ins), [{ /* no outputs */ }]>];
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif // SENNIT_DIALECTS_SEQ_SEQMODELOPS_TD
