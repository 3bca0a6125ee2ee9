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

#endif // SENNIT_PASSES_LOWER_PASSES_TD
