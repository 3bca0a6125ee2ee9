// Names the tile dialect and says what belongs in it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_TILE_TILEDIALECT_TD
#define SENNIT_DIALECTS_TILE_TILEDIALECT_TD

include "mlir/IR/OpBase.td"

def TileDialect : Dialect {
  let name = "tile";
  let cppNamespace = "::sennit::tile";
  let summary = "how one core computes a kernel: tiles of values, loops over tiles";
  let description = [{
    A tile value is a built-in `vector` of static shape, without place or layout:
    where it lives and which lanes hold it is each target's decision. `arith` and
    `math` work on tiles unchanged. A program is a function of memory views and
    index scalars that holds one `tile.grid`; its items are independent.

    ```
      func @kernel(views, extents)
        tile.grid  ... items, any order, at once
          tile.load ... tile.stream fetch {loads} do {mma, arith, reduce, scan}
          tile.store
    ```

    Edges: extents need not divide tile sizes. A load or store names, by
    `bound`, the dimensions in which a tile may reach past the data; outside, a
    load reads `pad` and a store writes nothing.

    Where a machine copies and multiplies on its own, a target turns a program
    into roles that meet in rings: the asynchronous stratum (`tile.roles` and the
    ops beside it). Its hazards are types and verifier rules.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = [{
    /// Registers the ops of the asynchronous stratum, which live in their own header.
    void initializeAsync();
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // SENNIT_DIALECTS_TILE_TILEDIALECT_TD
