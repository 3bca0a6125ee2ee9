// The passes that turn Sennit's ops into upstream ones.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_LOWER_PASSES_TD
#define SENNIT_PASSES_LOWER_PASSES_TD

include "mlir/Pass/PassBase.td"

def Decompose : Pass<"sennit-decompose"> {
  let summary = "replace the ops of seq by their reference meaning";
  let description = [{
    ```mlir
    %y, %hn = seq.selective_scan %u, %delta, %a, %b, %c state(%h) : ..
    ```

    becomes

    ```mlir
    %y, %hn = scf.for %t = %c0 to %tokens step %c1 iter_args(%yt = %empty, %ht = %h) {
      .. linalg.generic .. exp(delta a) h + delta u b ..   linalg.generic .. c h ..
    }
    ```

    Replaces every op with `DecomposableOpInterface`, by the meaning that the op
    itself gives, and dissolves `seq.kernel` into the ops that it holds. The
    result is plain and serial: the truth that fast forms are tested against,
    not a form to run.

    Declines `seq.parameter`, `seq.weight` and `seq.pack`: what they say, where
    bytes lie, has no meaning in values. They stay as they are.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

def LowerEntries : Pass<"sennit-lower-entries", "::mlir::ModuleOp"> {
  let summary = "turn entries into functions that the runtime calls";
  let description = [{
    ```mlir
    func.func @decode(%tokens: index, %past: index) { rt.launch @k(%x, %y, %tokens : ..) }
    // becomes
    llvm.func @sennit_decode(%invocation: !llvm.ptr) -> i32 attributes {rt.bindings = [..]} {
      // fill slots, n = k.items(slots), invocation->parallel_for(invocation, id, k, slots, n)
    }
    ```

    Follows `sennit/abi.h`: one address a binding, one 8-byte slot a kernel
    argument. `rt.bindings` names what the runtime must bind, in order;
    `rt.kernels` of the module names the kernels by their numbers. Kernels stay
    as declarations. Declines nothing.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // SENNIT_PASSES_LOWER_PASSES_TD
