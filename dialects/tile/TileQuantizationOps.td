// Quantised matrices as tiles.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_TILE_TILEQUANTIZATIONOPS_TD
#define SENNIT_DIALECTS_TILE_TILEQUANTIZATIONOPS_TD

include "dialects/tile/TileOps.td"

def DequantizeOp : TileOp<"dequantize", [Pure]> {
  let summary = "the matrix that quantised words stand for";
  let description = [{
    As `seq.dequantize`, of a tile whose depth begins where a group does. Only a
    product reads it, as its B stored [N, K].

    Constraints:
    - `bits`: 4 or 8.
    - `group`: a positive multiple of 32.
    - `shape`: as many rows each, and as many words and groups as hold the result's depth.

    Example:
    ```mlir
    func.func @widen(%q: vector<32x32xi32>, %s: vector<32x2xf32>) -> vector<32x256xf32> {
      %w = tile.dequantize %q, %s bits 4 group 128 : vector<32x32xi32>, vector<32x2xf32> -> vector<32x256xf32>
      return %w : vector<32x256xf32>
    }
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[2], [I32]>:$words, VectorOfRankAndType<[2], [F32, BF16, F16]>:$scales,
                       I64Attr:$bits, I64Attr:$group);
  let results = (outs VectorOfRankAndType<[2], [F32]>:$result);
  let assemblyFormat = [{
    $words `,` $scales `bits` $bits `group` $group attr-dict
    `:` type($words) `,` type($scales) `->` type($result)
  }];
  let hasVerifier = 1;
}

#endif // SENNIT_DIALECTS_TILE_TILEQUANTIZATIONOPS_TD
