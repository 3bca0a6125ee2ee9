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
    Option<"level", "level", "std::string", "\"host\"", "avx2, avx512, avx512bf16, amx or host">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}

#endif // SENNIT_COMPILER_TARGETS_CPU_PASSES_TD
