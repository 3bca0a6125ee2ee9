// The passes that join ops into kernels, in the order in which they run.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_FUSE_PASSES_TD
#define SENNIT_PASSES_FUSE_PASSES_TD

include "mlir/Pass/PassBase.td"

def FormKernels : Pass<"sennit-form-kernels", "::mlir::func::FuncOp"> {
  let summary = "give every op that decides loops a kernel of its own";
  let description = [{
    ```mlir
    %y = linalg.matmul ins(%x, %w) outs(%zero)
    // becomes
    %y = seq.kernel "matmul" -> tensor<?xNxf32> {
      %0 = linalg.matmul ins(%x, %w) outs(%zero)
      seq.yield %0
    }
    ```

    The later passes draw neighbours into these kernels. Declines ops that are
    not roots: elementwise maps, norms and views stay outside.
  }];
  let dependentDialects = ["::sennit::seq::SeqDialect"];
}

def FuseGatePair : Pass<"sennit-fuse-gate-pair", "::mlir::func::FuncOp"> {
  let summary = "compute the two products of a gated unit in one kernel";
  let description = [{
    ```mlir
    %g = seq.kernel "matmul" { x Wg }    %u = seq.kernel "matmul" { x Wu }
    %y = linalg.generic ins(%g, %u) { silu(g) * u }
    // becomes
    %g, %u = seq.kernel "gate_pair" { x Wg; x Wu }
    %y = linalg.generic ins(%g, %u) { silu(g) * u }
    ```

    The activations are then read once. Declines when the products read
    different activations, when the matrices differ in shape, or when something
    between the two reads the first.
  }];
}

def FuseNormMatmul : Pass<"sennit-fuse-norm-matmul", "::mlir::func::FuncOp"> {
  let summary = "normalise rows where a product reads them";
  let description = [{
    ```mlir
    %s = linalg.generic { sum of x * x }
    %n = linalg.generic ins(%x, %s, %w) { x * rsqrt(s / D + eps) * w }
    %y = seq.kernel "matmul" { %n W }
    // becomes
    %y = seq.kernel "norm_matmul" { sum of squares; normalise; multiply }
    ```

    The normalised rows never reach memory; each kernel repeats the row
    statistic, at one multiply-add an element against a whole column tile. A norm
    in several maps moves with all of them.
    Declines when something other than a product reads the normalised rows
    (they are stored anyway), when a product gathers its rows, and when an
    engine copies them to the matrix unit from memory.
  }];
}

def FuseMixerPrologue : Pass<"sennit-fuse-mixer-prologue", "::mlir::func::FuncOp"> {
  let summary = "compute a mixer's operands where it reads them";
  let description = [{
    ```mlir
    %r = seq.rope %q ...
    %o = seq.kernel "attention" { seq.attention %r, .. }
    // becomes
    %o = seq.kernel "attention" { seq.rope; seq.attention }
    ```

    Takes in elementwise maps, rotary positions and row norms without a second
    reader, then the whole kernel of a short convolution as wide as the mixer's
    output; its next window gets a program of its own behind the mixer's.
    Declines a producer that something outside the kernel reads (its result is
    stored anyway), a convolution that every head of a group would repeat, and
    rows that an engine copies to the matrix unit from memory.
  }];
}

def FuseEpilogue : Pass<"sennit-fuse-epilogue", "::mlir::func::FuncOp"> {
  let summary = "apply elementwise maps to results before they are stored";
  let description = [{
    ```mlir
    %y = seq.kernel "matmul" { x W }
    %z = linalg.generic ins(%y, %h) { y + h }
    // becomes
    %z = seq.kernel "matmul_map" { x W; y + h }
    ```

    Bias, activation, gate and residual are such maps. A row reduction follows
    too when a whole row fits one tile. Declines when the map walks other
    dimensions than the kernel's result, when an operand comes later than the
    kernel and cannot move, and when another user of the kernel stands between.
  }];
  let options = [Option<"rowLimit", "row-limit", "int64_t", "128",
                        "longest row, in elements, that is reduced in an epilogue">];
}

def FuseRows : Pass<"sennit-fuse-rows", "::mlir::func::FuncOp"> {
  let summary = "join the maps and row reductions that no kernel took";
  let description = [{
    ```mlir
    %s = linalg.generic { sum of x * x }
    %n = linalg.generic ins(%x, %s, %w) { normalise }
    // becomes
    %n = seq.kernel "rows" { sum of squares; normalise }
    ```

    Walks in order; an op joins the kernel of rows that computes one of its
    operands when both walk the same rows, else it opens a new one. Declines to
    join when another user of that kernel stands between.
  }];
  let dependentDialects = ["::sennit::seq::SeqDialect"];
}

def VerifyFused : Pass<"sennit-verify-fused", "::mlir::func::FuncOp"> {
  let summary = "check that every computation has a kernel";
  let description = [{
    After this stage only kernels, views, parameters and index arithmetic stand
    in a function; the error names what remains:

    ```mlir
    %y = linalg.generic ...   // error: not fused: `linalg.generic` stands outside every kernel
    ```

    Changes nothing, hence declines nothing.
  }];
}

#endif // SENNIT_PASSES_FUSE_PASSES_TD
