// The passes that targets share.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_EMIT_PASSES_TD
#define SENNIT_COMPILER_EMIT_PASSES_TD

include "mlir/Pass/PassBase.td"

def ExpandMath : Pass<"sennit-expand-math"> {
  let summary = "compute functions by polynomials instead of calls";
  let description = [{
    ```mlir
    %y = math.exp %x : vector<16xf32>
    // becomes
    %n = math.roundeven(%x * log2(e))
    %r = %x - %n * ln(2)                       // in two parts
    %y = 2^%n * polynomial of degree 6 in %r
    ```

    Expands exp, exp2, expm1, log, log2, log1p, tanh, erf and rsqrt on f32 and
    f64, scalars and vectors; all other functions, powers and remainders compute
    in f64 and round once. Integers of vectors are divided such that lanes
    without elements do not trap. An exp2 with the flag `afn` gets a polynomial
    of degree 4, of error 3e-6. With `lanes`, long vectors are computed in parts,
    so that a part, not the vector, holds registers on the way. Declines when there is an instruction (sqrt, fma,
    floor; with `approximates`, exp, exp2, rsqrt and quotients of f32, which get
    the flag `afn`).
  }];
  let options = [
    Option<"scales", "scales", "bool", "false", "whether vectors of 16 have AVX-512's scaling by powers of two">,
    Option<"approximates", "approximates", "bool", "false", "whether instructions compute exp, exp2, rsqrt and quotients of f32">,
    Option<"lanes", "lanes", "int64_t", "0", "elements of a long vector that are computed at a time; 0 for all">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
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
    as declarations. With `device`, kernels have no functions on the host: they
    are named by number alone, and the last argument is how many slots there are.
    Declines other host arithmetic than constants, sums, products and the lesser
    of two, and with `device` numbers that a kernel wrote.
  }];
  let options = [
    Option<"device", "device", "bool", "false", "whether kernels run on a device">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // SENNIT_COMPILER_EMIT_PASSES_TD
