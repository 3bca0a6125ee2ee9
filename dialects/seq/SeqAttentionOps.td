// What every op of seq begins with; attention and rotary positions.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQATTENTIONOPS_TD
#define SENNIT_DIALECTS_SEQ_SEQATTENTIONOPS_TD

include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/seq/SeqTypes.td"
include "dialects/seq/SeqInterfaces.td"

class SeqOp<string mnemonic, list<Trait> traits = []> : Op<SeqDialect, mnemonic, traits>;

class SeqMixerOp<string mnemonic, list<Trait> traits = []>
    : SeqOp<mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<DecomposableOpInterface>,
                                   DeclareOpInterfaceMethods<SequenceMixerOpInterface>], traits)> {
  let hasVerifier = 1;
}

def AttentionOp : SeqMixerOp<"attention", [DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "softmax attention with a contiguous key-value cache";
  let description = [{
    Appends the call's keys and values to the cache at rows `past ..`, then lets
    query i of head h attend the rows j of key-value head h / (Hq/Hkv) with
    `max(0, past + i - window + 1) <= j <= past + i`:

    ```
      s_ij = scale * q_i . k_j        p_i = softmax_j(s_i)        o_i = sum_j p_ij v_j
    ```

    `window` counts keys and includes the token itself; absent means unbounded.
    The row maximum is subtracted before the exponential. Method: Milakov and
    Gimelshein 2018; Dao et al. 2022.

    Constraints:
    - `head_groups`: the query heads are a multiple of the key-value heads.
    - `widths`: query, key and key cache have one width; value and value cache another.
    - `tokens`: query, key and value have the same extent of dimension 0.
    - `capacity`: both caches hold the same static number of rows.
    - `window`: positive.

    Example:
    ```mlir
    func.func @attend(%q: tensor<?x4x64xf32>, %k: tensor<?x2x64xf32>, %v: tensor<?x2x64xf32>,
                      %kc: tensor<512x2x64xf32>, %vc: tensor<512x2x64xf32>, %past: index)
        -> (tensor<?x4x64xf32>, tensor<512x2x64xf32>, tensor<512x2x64xf32>) {
      %o, %kn, %vn = seq.attention %q, %k, %v past %past state(%kc, %vc) {scale = 1.250000e-01 : f32}
        : tensor<?x4x64xf32>, tensor<?x2x64xf32>, tensor<?x2x64xf32>, tensor<512x2x64xf32>, tensor<512x2x64xf32>
      return %o, %kn, %vn : tensor<?x4x64xf32>, tensor<512x2x64xf32>, tensor<512x2x64xf32>
    }
    ```
  }];
  let arguments = (ins
    3DTensorOf<[F32]>:$query,       // [token, query head, key width]
    3DTensorOf<[F32]>:$key,         // [token, key-value head, key width]
    3DTensorOf<[F32]>:$value,       // [token, key-value head, value width]
    Index:$past,
    3DTensorOf<[F32]>:$key_cache,   // [capacity, key-value head, key width]
    3DTensorOf<[F32]>:$value_cache, // [capacity, key-value head, value width]
    F32Attr:$scale, OptionalAttr<I64Attr>:$window);
  let results = (outs 3DTensorOf<[F32]>:$output, 3DTensorOf<[F32]>:$key_cache_after,
                      3DTensorOf<[F32]>:$value_cache_after);
  let assemblyFormat = [{
    $query `,` $key `,` $value `past` $past `state` `(` $key_cache `,` $value_cache `)` attr-dict
    `:` type($query) `,` type($key) `,` type($value) `,` type($key_cache) `,` type($value_cache)
  }];
}

def RopeOp : SeqOp<"rope", [Pure, AllTypesMatch<["input", "output"]>,
                            DeclareOpInterfaceMethods<DecomposableOpInterface>]> {
  let summary = "rotary position embedding from tables of cosines and sines";
  let description = [{
    Rotates the first 2R of a head's D components as R planes, the plane of
    component r being (r, r + R), or (2r, 2r + 1) when `interleaved`, by the
    angle whose cosine and sine stand in row `past + t` of the tables:

    ```
      y_a = x_a cos_r - x_b sin_r        y_b = x_b cos_r + x_a sin_r
    ```

    Components past 2R pass through. Tables are data: scaled variants (llama3,
    YaRN) differ only in them. ONNX `RotaryEmbedding`; Su et al. 2021.

    Constraints:
    - `planes`: both tables have the same shape, and 2R is at most D.

    Example:
    ```mlir
    func.func @rotate(%x: tensor<?x4x64xf32>, %cos: tensor<512x32xf32>, %sin: tensor<512x32xf32>, %past: index)
        -> tensor<?x4x64xf32> {
      %y = seq.rope %x past %past tables(%cos, %sin : tensor<512x32xf32>, tensor<512x32xf32>) : tensor<?x4x64xf32>
      return %y : tensor<?x4x64xf32>
    }
    ```
  }];
  let arguments = (ins
    3DTensorOf<[F32]>:$input, // [token, head, width]
    Index:$past,
    2DTensorOf<[F32]>:$cosine, // [position, plane]
    2DTensorOf<[F32]>:$sine,
    UnitAttr:$interleaved);
  let results = (outs 3DTensorOf<[F32]>:$output);
  let assemblyFormat = [{
    $input `past` $past `tables` `(` $cosine `,` $sine `:` type($cosine) `,` type($sine) `)`
    (`interleaved` $interleaved^)? attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

#endif // SENNIT_DIALECTS_SEQ_SEQATTENTIONOPS_TD
