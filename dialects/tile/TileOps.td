// The program stratum of tile: sixteen ops less place and combine, which no lowering reads yet.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_TILE_TILEOPS_TD
#define SENNIT_DIALECTS_TILE_TILEOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "dialects/tile/TileTypes.td"

class TileOp<string mnemonic, list<Trait> traits = []> : Op<TileDialect, mnemonic, traits>;

def AnyTile : VectorOfAnyRankOf<[AnyFloat, AnySignlessInteger]>;
def AnyIndexLike : AnyTypeOf<[Index, VectorOfRankAndType<[1], [I32]>]>;

def GridOp : TileOp<"grid", [SingleBlockImplicitTerminator<"YieldOp">, AttrSizedOperandSegments,
                             RecursiveMemoryEffects]> {
  let summary = "independent work items; one grid is one kernel";
  let description = [{
    Runs the body once for every point of the box `lower <= i < upper` with
    strides `step`, in any order and at once. `dims` names the dimensions for
    schedules; the last dimension varies fastest.

    Constraints:
    - `rank`: as many lower bounds, upper bounds, steps, names and block arguments.
    - `steps`: positive.

    Example:
    ```mlir
    func.func @double(%x: memref<?x64xf32>, %y: memref<?x64xf32>, %t: index) {
      %c0 = arith.constant 0 : index
      tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
        %a = tile.load %x[%m, %c0] bound [0 : %t] : memref<?x64xf32> -> vector<16x64xf32>
        %b = arith.addf %a, %a : vector<16x64xf32>
        tile.store %b, %y[%m, %c0] bound [0 : %t] : vector<16x64xf32>, memref<?x64xf32>
      }
      return
    }
    ```
  }];
  let arguments = (ins Variadic<Index>:$lower, Variadic<Index>:$upper,
                       DenseI64ArrayAttr:$steps, StrArrayAttr:$dims);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::ValueRange":$lower, "::mlir::ValueRange":$upper,
                                 "::llvm::ArrayRef<int64_t>":$steps, "::llvm::ArrayRef<::llvm::StringRef>":$dims)>];
  let extraClassDeclaration = [{
    ::mlir::Block::BlockArgListType getInductionVars() { return getBody().getArguments(); }
  }];
}

def StreamOp : TileOp<"stream", [RecursiveMemoryEffects]> {
  let summary = "a sequential loop that fetches tiles and folds them into carries";
  let description = [{
    `fetch` yields the tiles of iteration j, from loads and integer arithmetic
    only, so that a copying role can run it ahead; `do` receives j, those tiles
    and the carries, and yields the next carries. Zero iterations return the
    initial carries. Not a loop-like op on purpose: hoisting masks out of it
    would lengthen their lives.

    Constraints:
    - `step`: positive.
    - `fetch`: yields only values that `do` takes, in order; holds only loads, integer arithmetic and
      shape changes.
    - `carries`: `do` takes j, the fetched tiles, the carries; it yields as many carries of the same types.

    Example:
    ```mlir
    func.func @sum(%x: memref<?x64xf32>, %y: memref<64xf32>, %t: index) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      tile.grid (%i) = (%c0) to (%c1) step [1] dims ["i"] {
        %z = arith.constant dense<0.0> : vector<64xf32>
        %s = tile.stream "t" %j = %c0 to %t step 16 carry(%z : vector<64xf32>) fetch {
          %a = tile.load %x[%j, %c0] bound [0 : %t] : memref<?x64xf32> -> vector<16x64xf32>
          tile.yield %a : vector<16x64xf32>
        } do {
        ^bb0(%jj: index, %a: vector<16x64xf32>, %acc: vector<64xf32>):
          %p = tile.reduce add %a dim 0 : vector<16x64xf32> -> vector<64xf32>
          %n = arith.addf %acc, %p : vector<64xf32>
          tile.yield %n : vector<64xf32>
        }
        tile.store %s, %y[%c0] : vector<64xf32>, memref<64xf32>
      }
      return
    }
    ```
  }];
  let arguments = (ins StrAttr:$label, Index:$lower, Index:$upper, I64Attr:$step,
                       Variadic<AnyType>:$inits);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$fetch, SizedRegion<1>:$compute);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::llvm::StringRef":$label, "::mlir::Value":$lower, "::mlir::Value":$upper,
                                 "int64_t":$step, "::mlir::ValueRange":$inits)>];
  let extraClassDeclaration = [{
    /// The block argument of `fetch`: j. Those of `do`: j, fetched tiles, carries.
    ::mlir::Value getFetchInductionVar() { return getFetch().getArgument(0); }
    ::mlir::Value getComputeInductionVar() { return getCompute().getArgument(0); }
    /// Ends `fetch` with a yield of `values` and inserts their arguments into `do`.
    void setFetched(::mlir::OpBuilder &builder, ::mlir::ValueRange values);
    int64_t getNumFetched() { return getCompute().getNumArguments() - 1 - getInits().size(); }
    ::mlir::Block::BlockArgListType getFetchedArguments() {
      return getCompute().getArguments().slice(1, getNumFetched());
    }
    ::mlir::Block::BlockArgListType getCarriedArguments() {
      return getCompute().getArguments().drop_front(1 + getNumFetched());
    }
  }];
}

def YieldOp : TileOp<"yield", [Pure, Terminator, ParentOneOf<["GridOp", "StreamOp", "RolesOp", "StartOp"]>]> {
  let summary = "ends an item, a fetch, an iteration, a role or a group of products";
  let description = [{Example: see `tile.stream`.}];
  let arguments = (ins Variadic<AnyType>:$values);
  let builders = [OpBuilder<(ins), [{ /* nothing */ }]>];
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

class TileMemoryOp<string mnemonic, list<Trait> traits = []>
    : TileOp<mnemonic, !listconcat([AttrSizedOperandSegments], traits)> {
  let hasVerifier = 1;
  let hasCustomAssemblyFormat = 1;
  code memoryDeclarations = [{
    /// The view's dimension along which tile dimension `i` runs.
    int64_t getViewDim(int64_t i) { return getTileDims()[i]; }
    /// The bound of tile dimension `i`, or null when it is known to lie inside.
    ::mlir::Value getBoundOf(int64_t i) {
      for (auto [dim, bound] : ::llvm::zip_equal(getBoundDims(), getBounds()))
        if (dim == i)
          return bound;
      return nullptr;
    }
    /// Whether the index of tile dimension `i` is a vector: a gather or scatter.
    bool isIndexed(int64_t i) {
      return ::llvm::isa<::mlir::VectorType>(getIndices()[getViewDim(i)].getType());
    }
  }];
}

def LoadOp : TileMemoryOp<"load"> {
  let summary = "a tile from a view of memory";
  let description = [{
    Element (i0, i1, ..) is read at the view's indices, where tile dimension d
    walks view dimension `dims[d]` (the trailing dimensions unless given): from
    a scalar index by `index + i_d`, from an index vector (a gather) by
    `index[i_d]`. With `bound [d : n]`, positions at or past n along a walked
    dimension read `pad` (zero unless given), as do negative indices of a
    gather; all other positions are inside the view by the program's word, and
    rows of a blocked view start at a multiple of 16.

    Constraints:
    - `indices`: one per view dimension; vectors only along walked dimensions, of the tile's extent there.
    - `dims`: one per tile dimension, different, inside the view's rank.
    - `element`: tile and view have the same element type.
    - `bound`: dimensions inside the tile's rank, different; not on gathered ones, except by index sign.

    Example: see `tile.grid`.
  }];
  let arguments = (ins Arg<AnyMemRef, "", [MemRead]>:$view, Variadic<AnyIndexLike>:$indices,
                       Variadic<Index>:$bounds, DenseI64ArrayAttr:$bound_dims,
                       DenseI64ArrayAttr:$tile_dims, OptionalAttr<AnyAttr>:$pad);
  let results = (outs AnyTile:$result);
  let extraClassDeclaration = memoryDeclarations;
  let builders = [OpBuilder<(ins "::mlir::VectorType":$type, "::mlir::Value":$view, "::mlir::ValueRange":$indices,
                                 CArg<"::llvm::ArrayRef<int64_t>", "{}">:$tileDims,
                                 CArg<"::llvm::ArrayRef<std::pair<int64_t, ::mlir::Value>>", "{}">:$bounds,
                                 CArg<"::mlir::Attribute", "{}">:$pad)>];
}

def StoreOp : TileMemoryOp<"store"> {
  let summary = "a tile to a view of memory";
  let description = [{
    The reverse of `tile.load`; positions outside `bound`, and negative indices
    of a scatter, are dropped. Stores of different items are disjoint.

    Constraints:
    - as for `tile.load`, without `pad`.

    Example: see `tile.grid`.
  }];
  let arguments = (ins AnyTile:$value, Arg<AnyMemRef, "", [MemWrite]>:$view, Variadic<AnyIndexLike>:$indices,
                       Variadic<Index>:$bounds, DenseI64ArrayAttr:$bound_dims, DenseI64ArrayAttr:$tile_dims);
  let extraClassDeclaration = memoryDeclarations;
  let builders = [OpBuilder<(ins "::mlir::Value":$value, "::mlir::Value":$view, "::mlir::ValueRange":$indices,
                                 CArg<"::llvm::ArrayRef<int64_t>", "{}">:$tileDims,
                                 CArg<"::llvm::ArrayRef<std::pair<int64_t, ::mlir::Value>>", "{}">:$bounds)>];
}

def IotaOp : TileOp<"iota", [Pure]> {
  let summary = "base, base + 1, base + 2, ..";
  let description = [{
    Example:
    ```mlir
    func.func @positions(%base: index) -> vector<16xi32> {
      %i = tile.iota %base : vector<16xi32>
      return %i : vector<16xi32>
    }
    ```
  }];
  let arguments = (ins Index:$base);
  let results = (outs VectorOfRankAndType<[1], [I32]>:$result);
  let assemblyFormat = "$base attr-dict `:` type($result)";
}

def BroadcastOp : TileOp<"broadcast", [Pure]> {
  let summary = "a scalar or tile repeated along further dimensions";
  let description = [{
    Dimension i of the operand becomes result dimension `dims[i]`; the others
    repeat. A scalar operand has no dims.

    Constraints:
    - `dims`: rising, inside the result's rank, with equal extents.

    Example:
    ```mlir
    func.func @row(%r: vector<16xf32>) -> vector<16x64xf32> {
      %b = tile.broadcast %r [0] : vector<16xf32> -> vector<16x64xf32>
      return %b : vector<16x64xf32>
    }
    ```
  }];
  let arguments = (ins AnyTypeOf<[AnyFloat, AnySignlessInteger, AnyTile]>:$value, DenseI64ArrayAttr:$dims);
  let results = (outs AnyTile:$result);
  let assemblyFormat = "$value $dims attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def TransposeOp : TileOp<"transpose", [Pure]> {
  let summary = "a tile with its dimensions permuted";
  let description = [{
    Result dimension i is operand dimension `permutation[i]`.

    Example:
    ```mlir
    func.func @turn(%a: vector<16x64xf32>) -> vector<64x16xf32> {
      %b = tile.transpose %a [1, 0] : vector<16x64xf32> -> vector<64x16xf32>
      return %b : vector<64x16xf32>
    }
    ```
  }];
  let arguments = (ins AnyTile:$value, DenseI64ArrayAttr:$permutation);
  let results = (outs AnyTile:$result);
  let assemblyFormat = "$value $permutation attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def ReshapeOp : TileOp<"reshape", [Pure]> {
  let summary = "row-major split or merge of dimensions";
  let description = [{
    Constraints:
    - `elements`: operand and result have the same number of elements.

    Example:
    ```mlir
    func.func @split(%a: vector<16x64xf32>) -> vector<16x4x16xf32> {
      %b = tile.reshape %a : vector<16x64xf32> -> vector<16x4x16xf32>
      return %b : vector<16x4x16xf32>
    }
    ```
  }];
  let arguments = (ins AnyTile:$value);
  let results = (outs AnyTile:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def SliceOp : TileOp<"slice", [Pure]> {
  let summary = "a part of a tile at static offsets";
  let description = [{
    Constraints:
    - `inside`: offset plus extent lies within the operand in every dimension.

    Example:
    ```mlir
    func.func @part(%a: vector<19x64xf32>) -> vector<16x64xf32> {
      %b = tile.slice %a [3, 0] : vector<19x64xf32> -> vector<16x64xf32>
      return %b : vector<16x64xf32>
    }
    ```
  }];
  let arguments = (ins AnyTile:$value, DenseI64ArrayAttr:$offsets);
  let results = (outs AnyTile:$result);
  let assemblyFormat = "$value $offsets attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def ConcatOp : TileOp<"concat", [Pure]> {
  let summary = "two tiles one after the other along a dimension";
  let description = [{
    Constraints:
    - `extents`: equal in all dimensions but `dim`, where they add.

    Example:
    ```mlir
    func.func @join(%a: vector<3x64xf32>, %b: vector<16x64xf32>) -> vector<19x64xf32> {
      %c = tile.concat %a, %b dim 0 : vector<3x64xf32>, vector<16x64xf32> -> vector<19x64xf32>
      return %c : vector<19x64xf32>
    }
    ```
  }];
  let arguments = (ins AnyTile:$first, AnyTile:$second, I64Attr:$dim);
  let results = (outs AnyTile:$result);
  let assemblyFormat = "$first `,` $second `dim` $dim attr-dict `:` type($first) `,` type($second) `->` type($result)";
  let hasVerifier = 1;
}

def MmaOp : TileOp<"mma", [Pure]> {
  let summary = "matrix product, accumulated in f32";
  let description = [{
    `acc + A B` over the last two dimensions, leading ones are batch. `n` and `t`
    say whether A is stored [M, K] or [K, M], and B [K, N] or [N, K]. Without
    `acc` the sum starts from zero. Operands of 16 bits are widened, products
    accumulate in f32.

    Constraints:
    - `shape`: A, B and the result agree in M, N, K and batch under the form.
    - `accumulator`: the result is f32 and of the accumulator's type.

    Example:
    ```mlir
    func.func @product(%a: vector<16x64xf32>, %b: vector<32x64xbf16>, %c: vector<16x32xf32>) -> vector<16x32xf32> {
      %d = tile.mma nt %a, %b acc %c
        : vector<16x64xf32>, vector<32x64xbf16> acc vector<16x32xf32> -> vector<16x32xf32>
      return %d : vector<16x32xf32>
    }
    ```
  }];
  let arguments = (ins MmaFormAttr:$form, AnyTile:$a, AnyTile:$b, Optional<AnyTile>:$acc);
  let results = (outs AnyTile:$result);
  let assemblyFormat = [{
    $form $a `,` $b (`acc` $acc^)? attr-dict
    `:` type($a) `,` type($b) (`acc` type($acc)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

def ReduceOp : TileOp<"reduce", [Pure]> {
  let summary = "merge the elements along one dimension";
  let description = [{
    `max` and `min` propagate NaN and read integers as signed. The order of merges is the target's.

    Constraints:
    - `shape`: the result is the operand without dimension `dim`; `and` and `or` merge integers.

    Example:
    ```mlir
    func.func @rows(%a: vector<16x64xf32>) -> vector<16xf32> {
      %r = tile.reduce add %a dim 1 : vector<16x64xf32> -> vector<16xf32>
      return %r : vector<16xf32>
    }
    ```
  }];
  let arguments = (ins ReduceKindAttr:$kind, AnyTile:$value, I64Attr:$dim);
  let results = (outs AnyTile:$result);
  let assemblyFormat = "$kind $value `dim` $dim attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def ScanOp : TileOp<"scan", [Pure, AttrSizedOperandSegments]> {
  let summary = "a recurrence along one dimension";
  let description = [{
    Along `dim`, with h_0 the initial value (zero unless given):

    ```
      affine (a, b): h_i = a_i h_{i-1} + b_i        add (b): h_i = h_{i-1} + b_i
    ```

    Returns all h_i, in the shape of the operands, and the last one, in the shape
    without `dim`. With `exclusive`, element i of the first result is h_{i-1}.

    Constraints:
    - `operands`: two for `affine`, one for `add`, all of the first result's type.
    - `initial`: of the second result's type.

    Example:
    ```mlir
    func.func @recur(%a: vector<16x64xf32>, %b: vector<16x64xf32>, %h: vector<64xf32>)
        -> (vector<16x64xf32>, vector<64xf32>) {
      %s, %last = tile.scan affine(%a, %b) init(%h : vector<64xf32>) dim 0
        : vector<16x64xf32>, vector<16x64xf32> -> vector<16x64xf32>, vector<64xf32>
      return %s, %last : vector<16x64xf32>, vector<64xf32>
    }
    ```
  }];
  let arguments = (ins ScanKindAttr:$kind, Variadic<AnyTile>:$inputs, Optional<AnyTile>:$init,
                       I64Attr:$dim, UnitAttr:$exclusive);
  let results = (outs AnyTile:$scanned, AnyTile:$last);
  let assemblyFormat = [{
    $kind `` `(` $inputs `)` (`init` `(` $init^ `:` type($init) `)`)? `dim` $dim (`exclusive` $exclusive^)?
    attr-dict `:` type($inputs) `->` type($scanned) `,` type($last)
  }];
  let hasVerifier = 1;
}

#endif // SENNIT_DIALECTS_TILE_TILEOPS_TD
