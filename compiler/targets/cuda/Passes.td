// The passes that only the CUDA target runs, in their order.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_PASSES_TD
#define SENNIT_COMPILER_TARGETS_CUDA_PASSES_TD

include "mlir/Pass/PassBase.td"

def CudaLowerItems : Pass<"sennit-cuda-lower-items", "::mlir::ModuleOp"> {
  let summary = "let the threads of a block walk the items of a grid";
  let description = [{
    ```mlir
    func.func @k(%x: memref<?x64xf32>, %t: index) { tile.grid .. }
    // becomes
    llvm.func @k(%x: !llvm.ptr, %t: i64) attributes {nvvm.kernel, cuda.launch = {..}} {
      scf.for %item = %block to %items step %blocks { .. nvvm.barrier .. }
    }
    ```

    Every program has this lowering, of any size and op: a tile is computed
    where it is used, or stands in shared memory, whose elements the block's
    threads share. Scratch that is larger than shared memory is a part of a
    workspace in global memory.

    Declines, with the reason, what `emit::Plan` declines.
  }];
  let options = [
    Option<"level", "level", "std::string", "\"sm_90a\"", "sm_80, sm_89 or sm_90a">
  ];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect", "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::math::MathDialect"];
}

def CudaAssignRoles : Pass<"sennit-cuda-assign-roles"> {
  let summary = "turn programs that stream and multiply into a role that copies and one that computes";
  let description = [{
    ```mlir
    tile.grid (%i, %j) = .. {
      %sum = tile.stream "k" %d = .. fetch { %x = tile.load ..; %y = tile.load .. } do { tile.mma nt %x, %y .. }
      tile.store ..
    }
    // becomes
    tile.roles <name = "copy", ..> {
      scf.for %wave = 0 to %waves { scf.for .. { tile.open write; tile.copy; tile.copy } }
    }, <name = "compute", .., copies = 2> {
      scf.for %wave = 0 to %waves { .. tile.start .. tile.finish behind 1 .. tile.copy from .. }
    }
    ```

    Blocks walk over the items in waves, `group` of the second last dimension
    beside each other, so that what a wave reads is as little as it can be. The sums' first step is peeled; a slot is given up one group late; the
    epilogue runs in parts of the columns, which leave through a ring, or from the
    threads that hold them where the copy engine cannot move them.

    An iteration of two products, the second of what became of the first, is
    attention's: the scores of a step are in flight beside the sum of the step
    before, and copies, one for every 64 rows, take turns. Its items may differ:
    the largest come first, and every block gets as much to do.

    Any other item of one stream that multiplies loses its tiles' dimensions of
    one element and keeps its order: products start where they stand and are
    waited for where their results are read; operands that are computed pass
    through rings of the role's own; two blocks share a processor where they fit.

    Views whose extents are scalars of the kernel are stated by
    `memref.reinterpret_cast`. Each decision is a remark. Declines, with the
    reason, items of other streams and stores, and views that the copy engine
    cannot walk.
  }];
  let options = [
    Option<"copies", "copies", "int64_t", "2", "most warpgroups that compute a product">,
    Option<"group", "group", "int64_t", "0", "rows of tiles beside each other; 0: as many as make a wave square">
  ];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect"];
}

def CudaTakeTurns : Pass<"sennit-cuda-take-turns"> {
  let summary = "let the copies of a role start their products one after the other";
  let description = [{
    ```mlir
    tile.roles <name = "compute", warps = 4, registers = 240, copies = 2, turns = true> {
      %p, %t = tile.start {..}
    }
    // becomes
      nvvm.barrier.arrive id = %next            // the last copy only: copy 0 begins
      nvvm.barrier id = %mine                   // until the copy before has started its products
      %p, %t = tile.start {..}
      nvvm.barrier.arrive id = %next
      nvvm.barrier id = %mine                   // copy 0 only: takes the last arrival
    ```

    A turn spans neighbouring groups of a block, from the first `tile.start` to
    the last before a `tile.finish` or a loop. Declines, with the reason, roles
    of one copy.
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect", "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect"];
}

def CudaDistributeTiles : Pass<"sennit-cuda-distribute-tiles"> {
  let summary = "give each thread of a role its part of the tiles in registers";
  let description = [{
    ```mlir
    %m = tile.reduce max %s dim 1 : vector<128x176xf32> -> vector<128xf32>
    // becomes
    %m = .. : vector<88xf32> -> vector<2xf32>   // 2 copies of 4 warps; shuffles among four lanes
    ```

    The layout is that of a wgmma accumulator, which is that of an operand in
    registers too. Groups of products and rings keep whole tiles, between casts
    that the later passes take back. What is loaded or stored by threads goes in
    pairs of columns; powers of two, roots and quotients are the special-function
    unit's. Declines, with the reason, ops that have no rule for this layout.
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect", "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect"];
}

def CudaLowerTileRings : Pass<"sennit-cuda-lower-tile-rings", "::mlir::ModuleOp"> {
  let summary = "turn rings into shared memory and barriers, copies into TMA";
  let description = [{
    ```mlir
    %s = tile.open write %ring[%n] : !tile.ring<4 shared : vector<128x64xbf16>> -> ..
    tile.copy %x[%m, %k] into %s 0 : memref<?x?xbf16>, ..
    // becomes
    nvvm.mbarrier.try_wait.parity %empty, %parity
    nvvm.mbarrier.arrive.expect_tx %full, %bytes
    nvvm.cp.async.bulk.tensor.shared.cluster.global %slot, %map, %full, box[%k, %m]
    ```

    Slot and parity come from the use's number. Each view that is copied becomes
    a tensor map argument of the kernel. A ring that one role both writes and
    reads needs no barrier but its own; one in registers becomes a stack slot
    that LLVM promotes. Declines, with the reason, tiles whose rows TMA cannot
    swizzle and rings that no copy and no single role fills.
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect", "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect"];
}

def CudaLowerTileMatrix : Pass<"sennit-cuda-lower-tile-matrix"> {
  let summary = "turn groups of products into wgmma";
  let description = [{
    ```mlir
    %p, %t = tile.start {
      %d = tile.mma nt %a, %b : ..
      tile.yield %d : vector<128x256xf32>
    } : !tile.pending<vector<128x256xf32>>
    %c = tile.finish %t behind 1 (%p : ..)
    // becomes
    wgmma.fence; wgmma.mma_async x k/16; wgmma.commit_group
    wgmma.wait_group 1 with %p tied to it
    ```

    Declines, with the reason, products whose sizes wgmma does not have.
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect", "::mlir::LLVM::LLVMDialect"];
}

def CudaLowerTileRoles : Pass<"sennit-cuda-lower-tile-roles", "::mlir::ModuleOp"> {
  let summary = "branch the warps of a block to their roles, and make the kernel";
  let description = [{
    ```mlir
    func.func @k(%x: memref<?x?xbf16>, %n: index) { tile.roles <..> {..}, <..> {..} }
    // becomes
    llvm.func @k(%n: i32, %map: !llvm.ptr) attributes {nvvm.kernel, cuda.launch = {..}} {
      scf.if %first { nvvm.setmaxregister decrease 40 .. } else { nvvm.setmaxregister increase 232 .. }
    }
    ```

    A role without tiles in registers or products runs on one elected thread.
    Declines, with the reason, roles that ask for more registers than a block has.
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect", "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect"];
}

#endif // SENNIT_COMPILER_TARGETS_CUDA_PASSES_TD
