// The passes that turn kernels into tile programs and the host into dispatches.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_PASSES_TD
#define SENNIT_PASSES_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def PackWeights : Pass<"sennit-pack-weights", "::mlir::ModuleOp"> {
  let summary = "lay out matrices in the order in which products read them";
  let description = [{
    ```mlir
    rt.constant @w : tensor<256x64xbf16>
    rt.assign @w, %w : tensor<256x64xbf16>
    // becomes
    rt.constant @w : tensor<256x64xbf16, #tile.blocked<32>>
    %p = seq.kernel "pack" { seq.pack %w }
    rt.assign @w, %p : tensor<256x64xbf16, #tile.blocked<32>>
    ```

    Panels are two vectors wide. Declines a constant that something other than a
    product reads, such as an embedding table that is the head's matrix as well:
    the product then reads a packed copy of its own.
  }];
  let dependentDialects = ["::sennit::seq::SeqDialect", "::sennit::tile::TileDialect"];
}

def BuildTilePrograms : Pass<"sennit-build-tile-programs", "::mlir::ModuleOp"> {
  let summary = "build a tile program for each kernel and dispatch it";
  let description = [{
    ```mlir
    %y = seq.kernel "matmul_map" { linalg.matmul; linalg.generic }
    // becomes
    func.func private @matmul_map(%x: memref<..>, .., %t: index) { tile.grid { tile.load; tile.mma; tile.store } }
    %y = rt.dispatch @matmul_map(%x, ..) scalars(%t) ..
    ```

    The kernel's root writes the loops; producers are computed at its loads and
    consumers at its stores. Equal programs are kept once. Declines a kernel
    whose root has no tile program, or that holds an op which cannot be computed
    tile by tile: an error that names the op and the reason.
  }];
  let dependentDialects = [
    "::sennit::tile::TileDialect", "::sennit::rt::RtDialect", "::mlir::memref::MemRefDialect",
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::func::FuncDialect"
  ];
}

def HoistDispatches : Pass<"sennit-hoist-dispatches", "::mlir::ModuleOp"> {
  let summary = "run kernels that read constants alone once, at load";
  let description = [{
    ```mlir
    %w = rt.read @w : tensor<8x64xf32>
    %v = rt.dispatch @conv_filters(%w : tensor<8x64xf32>) ties [-1] -> tensor<1x1x1x2x64x16xf32>
    // becomes
    %v = rt.read @conv_filters.0 : tensor<1x1x1x2x64x16xf32>
    ```

    The dispatch stands in `@initialize`, which assigns the constant. Equal
    dispatches of several entries share a constant, and constants that nobody
    reads any more are dropped. Declines results that a later kernel overwrites
    or that a function returns, and dispatches of scalars or extents that a call
    brings.
  }];
  let dependentDialects = ["::sennit::rt::RtDialect"];
}

def JoinDispatches : Pass<"sennit-join-dispatches", "::mlir::ModuleOp"> {
  let summary = "let small dispatches that need nothing of each other be one";
  let description = [{
    ```mlir
    %q = rt.dispatch @q(%x, %wq) ..
    %k = rt.dispatch @k(%x, %wk) ..
    // becomes
    func.func private @q_and_k(..) { tile.grid { .. } tile.grid { .. } }
    %q, %k = rt.dispatch @q_and_k(%x, %wq, %x, %wk) ..
    ```

    The items of all grids are handed out as one kernel's. A dispatch goes to the
    first that it may run beside: behind all whose results it reads, and behind
    all that read what it overwrites. Declines dispatches with more than 256 KB of
    results, which would live longer, kernels with products that an asynchronous
    matrix unit computes, and entries that read numbers on the host.
  }];
  let dependentDialects = ["::sennit::rt::RtDialect", "::sennit::tile::TileDialect"];
}

def VerifyScheduled : Pass<"sennit-verify-scheduled", "::mlir::ModuleOp"> {
  let summary = "check that entries dispatch and kernels are tile programs";
  let description = [{
    Entries hold dispatches, constants, views and index arithmetic; kernels are
    private functions of views and extents with grids:

    ```mlir
    seq.kernel "rows" ...   // error: not scheduled: `seq.kernel` remains
    ```

    Changes nothing, hence declines nothing.
  }];
}

def PlanMemory : Pass<"sennit-plan-memory", "::mlir::ModuleOp"> {
  let summary = "give every tensor a place in one of the runtime's memories";
  let description = [{
    ```mlir
    %y = rt.dispatch @k(%x : tensor<?x64xf32>) scalars(%t) extents(%t) ties [-1]
    // becomes
    %x = rt.buffer arena at 0 : memref<?x64xf32>   %y = rt.buffer arena at 65536 : memref<?x64xf32>
    rt.launch @k(%x, %y, %t : ..)
    ```

    Arena places are reused when their tensor is dead: intervals in program
    order, largest first, lowest free offset. Sizes use the most tokens that an
    entry takes. The plan stands in `rt.memory` attributes. Declines nothing; a state
    that a function returns from elsewhere than its own argument is an error.
  }];
  let dependentDialects = ["::sennit::rt::RtDialect", "::mlir::memref::MemRefDialect"];
}

def MarkConstants : Pass<"sennit-mark-constants", "::mlir::ModuleOp"> {
  let summary = "say of a kernel's views which hold constants in every launch";
  let description = [{
    ```mlir
    %w = rt.buffer constants at 0 : memref<64x64xf32>
    rt.launch @k(%x, %w, %y : ..)
    // becomes
    func.func private @k(%x: .., %w: memref<64x64xf32> {rt.constant}, %y: ..)
    ```

    A device may read such a view before the kernels ahead of this one have ended. Declines, silently, a view
    that some launch takes from another memory, and all launches of `@initialize`, which writes constants.
  }];
  let dependentDialects = ["::sennit::rt::RtDialect"];
}

def VerifyPlaced : Pass<"sennit-verify-placed", "::mlir::ModuleOp"> {
  let summary = "check that no tensor is left";
  let description = [{
    Entries hold buffers, launches and index arithmetic:

    ```mlir
    rt.dispatch ...   // error: not placed: `rt.dispatch` still works on tensors
    ```

    Changes nothing, hence declines nothing.
  }];
}

#endif // SENNIT_PASSES_SCHEDULE_PASSES_TD
