// The asynchronous stratum of tile: roles that meet in rings, copies and products in flight.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_TILE_TILEASYNCOPS_TD
#define SENNIT_DIALECTS_TILE_TILEASYNCOPS_TD

include "dialects/tile/TileTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

class TileAsyncOp<string mnemonic, list<Trait> traits = []> : Op<TileDialect, mnemonic, traits>;

def RolesOp : TileAsyncOp<"roles", [NoRegionArguments]> {
  let summary = "concurrent regions of one kernel's threads";
  let description = [{
    Each region is run by its role's warps, all at once. Tiles pass from one to
    another through rings only; scalars, views, rings and constants come from
    outside. A region that holds no tile values runs on one thread.

    Constraints:
    - `roles`: one region each, with different names, at least one warp and one copy.
    - `registers`: a multiple of 8 from 24 to 256.
    - `captures`: no tile, slot, value in flight or token comes from outside, constants excepted.
    - `pending`: a value in flight has one use, by `tile.start`, `tile.finish` or a loop that carries it.
    - `token`: a token is finished at most once.

    Example, a copy of tiles of 64 rows through on-chip storage, and a product of each with itself:
    ```mlir
    func.func @gram(%x: memref<?x?xbf16>, %y: memref<?x?xbf16>, %items: index) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      %in = tile.ring : !tile.ring<2 shared : vector<64x64xbf16>>
      %out = tile.ring : !tile.ring<1 shared : vector<64x64xbf16>>
      tile.roles <name = "copy", warps = 4, registers = 24> {
        scf.for %i = %c0 to %items step %c1 {
          %row = arith.muli %i, %c64 : index
          %s = tile.open write %in[%i] : !tile.ring<2 shared : vector<64x64xbf16>> -> !tile.slot<vector<64x64xbf16>>
          tile.copy %x[%row, %c0] into %s 0 : memref<?x?xbf16>, !tile.slot<vector<64x64xbf16>>
          tile.close write %in[%i] : !tile.ring<2 shared : vector<64x64xbf16>>
        }
      }, <name = "compute", warps = 4, registers = 240> {
        scf.for %i = %c0 to %items step %c1 {
          %row = arith.muli %i, %c64 : index
          %a = tile.open read %in[%i] : !tile.ring<2 shared : vector<64x64xbf16>> -> vector<64x64xbf16>
          %p, %t = tile.start {
            %d = tile.mma nt %a, %a : vector<64x64xbf16>, vector<64x64xbf16> -> vector<64x64xf32>
            tile.yield %d : vector<64x64xf32>
          } : !tile.pending<vector<64x64xf32>>
          %g = tile.finish %t (%p : !tile.pending<vector<64x64xf32>>)
          tile.close read %in[%i] after(%t) : !tile.ring<2 shared : vector<64x64xbf16>>
          %h = arith.truncf %g : vector<64x64xf32> to vector<64x64xbf16>
          %s = tile.open write %out[%i] : !tile.ring<1 shared : vector<64x64xbf16>> -> !tile.slot<vector<64x64xbf16>>
          tile.close write %out[%i] with(%h : vector<64x64xbf16>) : !tile.ring<1 shared : vector<64x64xbf16>>
          %o = tile.open read %out[%i] : !tile.ring<1 shared : vector<64x64xbf16>> -> vector<64x64xbf16>
          tile.copy %y[%row, %c0] from %o 0 : memref<?x?xbf16>, vector<64x64xbf16>
          tile.close read %out[%i] : !tile.ring<1 shared : vector<64x64xbf16>>
        }
      }
      return
    }
    ```
  }];
  let arguments = (ins TypedArrayAttrBase<RoleAttr, "roles">:$roles);
  let regions = (region VariadicRegion<SizedRegion<1>>:$bodies);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// Ends a role's body where the text leaves the yield out.
    static void ensureRoleTerminator(::mlir::Region &body, ::mlir::OpBuilder builder, ::mlir::Location location);
  }];
}

def RingOp : TileAsyncOp<"ring"> {
  let summary = "makes a ring of slots, all empty";
  let description = [{
    With `over`, the storage is that of another ring, whose tiles the writing
    role has finished reading whenever it writes here.

    Constraints:
    - `depth`: at least 1; a ring in registers has one slot and one tile.
    - `over`: a ring of the same type.

    Example: see `tile.roles`.
  }];
  let arguments = (ins Optional<RingType>:$over);
  let results = (outs RingType:$ring);
  let assemblyFormat = "(`over` $over^ `:` type($over))? attr-dict `:` type($ring)";
  let hasVerifier = 1;
}

def OpenOp : TileAsyncOp<"open"> {
  let summary = "waits until a slot is full or empty, and uses it";
  let description = [{
    `use` counts the uses of the ring since the kernel began; it is neither a
    slot nor a phase. `read` yields the slot's tiles, `write` the slot.

    Constraints:
    - `results`: the ring's tiles for `read`, one slot of them for `write`.

    Example: see `tile.roles`.
  }];
  let arguments = (ins SlotAccessAttr:$access, RingType:$ring, Index:$use);
  let results = (outs Variadic<AnyType>:$opened);
  let assemblyFormat = "$access $ring `[` $use `]` attr-dict `:` type($ring) `->` type($opened)";
  let hasVerifier = 1;
}

def CloseOp : TileAsyncOp<"close", [AttrSizedOperandSegments]> {
  let summary = "gives a slot up";
  let description = [{
    `write` declares the slot full once its copies have arrived, or fills it
    `with` tiles. `read` declares it empty; `after` lists the groups of products
    that read it.

    Constraints:
    - `with`: the ring's tiles, all or none, for `write` only; a ring in registers is always filled so.
    - `late`: each group of products that read the slot is listed, and finished on every path to here.
    - `operand`: what fills a ring in registers again has passed through the `finish` of the group that read it.

    Example: see `tile.roles`.
  }];
  let arguments = (ins SlotAccessAttr:$access, RingType:$ring, Index:$use, Variadic<TokenType>:$after,
                       Variadic<AnyVectorOfAnyRank>:$tiles);
  let assemblyFormat = [{
    $access $ring `[` $use `]` (`after` `(` $after^ `)`)? (`with` `(` $tiles^ `:` type($tiles) `)`)? attr-dict
    `:` type($ring)
  }];
  let hasVerifier = 1;
}

def CopyOp : TileAsyncOp<"copy"> {
  let summary = "starts a copy between a view and tile `part` of a slot";
  let description = [{
    `into` a slot opened for writing, `from` a tile opened for reading. The tile
    runs along the view's last dimensions, or its rows are those of a `box` of the
    view, the last but one dimension fastest. Outside the view a copy into a slot
    writes zeros, a copy from one writes nothing. The slot's close books the
    copy's completion.

    Constraints:
    - `indices`: one per dimension of the view.
    - `part`: names a tile of the slot; 0 for `from`.
    - `element`: view and tile have the same element type.
    - `box`: one extent a dimension of the view; the last is the tile's columns, the others make its rows.

    Example: see `tile.roles`.
  }];
  let arguments = (ins AnyMemRef:$view, Variadic<Index>:$indices, UnitAttr:$store,
                       AnyTypeOf<[SlotType, AnyVectorOfAnyRank]>:$tile, I64Attr:$part,
                       OptionalAttr<DenseI64ArrayAttr>:$box);
  let assemblyFormat = [{
    $view `[` $indices `]` (`box` $box^)? (`from` $store^):(`into`)? $tile $part attr-dict `:` type($view) `,` type($tile)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The tile's type.
    ::mlir::VectorType getTileType();
    /// Extents of what is moved, one a dimension of the view.
    ::llvm::SmallVector<int64_t> getExtents();
  }];
}

def StartOp : TileAsyncOp<"start"> {
  let summary = "starts a group of products";
  let description = [{
    All products of the region are issued back to back as one group. Its block
    arguments are the accumulators, values in flight or finished ones. Returns
    the yielded products, in flight, and the group's token.

    Constraints:
    - `body`: holds only `tile.mma`, and yields their results.
    - `operands`: come from `tile.open read`; only the first may lie in registers.
    - `accumulator`: not a constant; a product that begins a sum has no `acc`.

    Example: see `tile.roles`.
  }];
  let arguments = (ins Variadic<AnyType>:$accumulators);
  let results = (outs Variadic<PendingType>:$pendings, TokenType:$token);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def FinishOp : TileAsyncOp<"finish", [AttrSizedOperandSegments, InferTypeOpAdaptor]> {
  let summary = "waits for a group of products";
  let description = [{
    Waits until at most `behind` groups younger than the token's are in flight,
    and turns values in flight into tiles. `tie` passes tiles through the wait:
    what is computed from the results is computed after it.

    Constraints:
    - `behind`: no more groups than have been started since.

    Example: see `tile.roles`.
  }];
  let arguments = (ins TokenType:$token, DefaultValuedOptionalAttr<I64Attr, "0">:$behind,
                       Variadic<PendingType>:$pendings, Variadic<AnyVectorOfAnyRank>:$ties);
  let results = (outs Variadic<AnyVectorOfAnyRank>:$results);
  let assemblyFormat = [{
    $token (`behind` $behind^)? (`(` $pendings^ `:` type($pendings) `)`)? (`tie` `(` $ties^ `:` type($ties) `)`)?
    attr-dict
  }];
  let hasVerifier = 1;
}

#endif // SENNIT_DIALECTS_TILE_TILEASYNCOPS_TD
