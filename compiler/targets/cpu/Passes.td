// The passes that only the CPU target runs.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CPU_PASSES_TD
#define SENNIT_COMPILER_TARGETS_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def CpuLowerTiles : Pass<"sennit-cpu-lower-tiles", "::mlir::ModuleOp"> {
  let summary = "turn kernels of tiles into loops over vectors of 16 lanes";
  let description = [{
    Each `func.func` that holds a `tile.grid` becomes two functions:

    ```mlir
    func.func @k(%x: memref<?x64xf32>, %t: index) { tile.grid .. }
    // becomes
    llvm.func @k.items(%arguments: !llvm.ptr) -> i64
    llvm.func @k(%arguments: !llvm.ptr, %begin: i64, %end: i64, %scratch: !llvm.ptr)
        attributes {sennit.scratch = 4096 : i64}
    ```

    A tile value is either computed where it is used, vector by vector, or it
    stands in the thread's scratch memory; the results of products, reductions
    and scans, carries, and what is costly and used twice stand in scratch.

    Declines, with the reason, what the target has no loops for: views without
    static strides, tile ops outside the grid, gathers along lanes of values
    that are not loads.
  }];
  let options = [
    Option<"level", "level", "std::string", "\"host\"", "avx2, avx512, amx or host">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}

def CpuExpandMath : Pass<"sennit-cpu-expand-math"> {
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
    without elements do not trap. Declines when there is an instruction (sqrt,
    fma, floor).
  }];
  let options = [
    Option<"level", "level", "std::string", "\"host\"", "avx2, avx512, amx or host">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect"];
}

def CpuLowerEntries : Pass<"sennit-cpu-lower-entries", "::mlir::ModuleOp"> {
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

#endif // SENNIT_COMPILER_TARGETS_CPU_PASSES_TD
