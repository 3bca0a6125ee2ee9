// The mixers: attention, selective scan, linear attention, short convolution, and rotary positions.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQMIXEROPS_TD
#define SENNIT_DIALECTS_SEQ_SEQMIXEROPS_TD

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

def SelectiveScanOp : SeqMixerOp<"selective_scan", [AllTypesMatch<["input", "output"]>,
                                                    AllTypesMatch<["state", "state_after"]>]> {
  let summary = "Mamba-1: a diagonal state-space recurrence with input-dependent step";
  let description = [{
    Per channel d with states n (Gu and Dao 2023; zero-order hold for A, Euler for B):

    ```
      h_dn <- exp(delta_d A_dn) h_dn + delta_d u_d B_n        y_d = sum_n C_n h_dn
    ```

    `delta` is the step after softplus, `A` is negative; the skip D u and the
    gate are elementwise neighbours. The state is f32.

    Constraints:
    - `channels`: input, step, A and the state have the same number of channels.
    - `states`: A, B, C and the state have the same number of states.
    - `tokens`: input, step, B and C have the same extent of dimension 0.

    Example:
    ```mlir
    func.func @scan(%u: tensor<?x512xf32>, %delta: tensor<?x512xf32>, %a: tensor<512x16xf32>,
                    %b: tensor<?x16xf32>, %c: tensor<?x16xf32>, %h: tensor<512x16xf32>)
        -> (tensor<?x512xf32>, tensor<512x16xf32>) {
      %y, %hn = seq.selective_scan %u, %delta, %a, %b, %c state(%h)
        : tensor<?x512xf32>, tensor<?x512xf32>, tensor<512x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<512x16xf32>
      return %y, %hn : tensor<?x512xf32>, tensor<512x16xf32>
    }
    ```
  }];
  let arguments = (ins
    2DTensorOf<[F32]>:$input,      // [token, channel]
    2DTensorOf<[F32]>:$delta,      // [token, channel]
    2DTensorOf<[F32]>:$transition, // [channel, state]
    2DTensorOf<[F32]>:$write,      // B: [token, state]
    2DTensorOf<[F32]>:$read,       // C: [token, state]
    2DTensorOf<[F32]>:$state);     // [channel, state]
  let results = (outs 2DTensorOf<[F32]>:$output, 2DTensorOf<[F32]>:$state_after);
  let assemblyFormat = [{
    $input `,` $delta `,` $transition `,` $write `,` $read `state` `(` $state `)` attr-dict
    `:` type($input) `,` type($delta) `,` type($transition) `,` type($write) `,` type($read) `,` type($state)
  }];
}

// AllTypesMatch cannot infer past an operand that may be absent, here and in conv.
def LinearAttentionOp : SeqMixerOp<"linear_attention", [DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "attention without softmax: a matrix state with scalar decay per head";
  let description = [{
    Per state head h, which reads query and key head h / (H/G):

    ```
      S <- exp(g_h) S + k^T v        o = scale * q S        S in R^{key width x value width}
    ```

    `gated` takes the log-decay g (at most 0) as operand, `linear` has none.
    SSD (Mamba-2; Dao and Gu 2024) is `gated` with q = C, k = B, v = delta x,
    g = delta A. The state is f32.

    Constraints:
    - `head_groups`: the value heads are a multiple of the query heads; query and key heads agree.
    - `widths`: query, key and state agree in key width; value and state in value width.
    - `tokens`: query, key, value and decay have the same extent of dimension 0.
    - `decay`: present exactly for `gated`, one column per value head.

    Example:
    ```mlir
    func.func @ssd(%q: tensor<?x1x128xf32>, %k: tensor<?x1x128xf32>, %v: tensor<?x8x64xf32>,
                   %g: tensor<?x8xf32>, %s: tensor<8x128x64xf32>)
        -> (tensor<?x8x64xf32>, tensor<8x128x64xf32>) {
      %o, %sn = seq.linear_attention gated %q, %k, %v decay(%g : tensor<?x8xf32>) state(%s) {scale = 1.000000e+00 : f32}
        : tensor<?x1x128xf32>, tensor<?x1x128xf32>, tensor<?x8x64xf32>, tensor<8x128x64xf32>
      return %o, %sn : tensor<?x8x64xf32>, tensor<8x128x64xf32>
    }
    ```
  }];
  let arguments = (ins
    UpdateRuleAttr:$update_rule,
    3DTensorOf<[F32]>:$query,           // [token, query head, key width]
    3DTensorOf<[F32]>:$key,             // [token, query head, key width]
    3DTensorOf<[F32]>:$value,           // [token, state head, value width]
    Optional<2DTensorOf<[F32]>>:$decay, // [token, state head], log
    3DTensorOf<[F32]>:$state,           // [state head, key width, value width]
    F32Attr:$scale);
  let results = (outs 3DTensorOf<[F32]>:$output, 3DTensorOf<[F32]>:$state_after);
  let assemblyFormat = [{
    $update_rule $query `,` $key `,` $value (`decay` `(` $decay^ `:` type($decay) `)`)?
    `state` `(` $state `)` attr-dict `:` type($query) `,` type($key) `,` type($value) `,` type($state)
  }];
}

def ConvOp : SeqMixerOp<"conv", [DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "short causal convolution per channel with a carried window";
  let description = [{
    ```
      y_td = bias_d + sum_{s<K} weight_{d,s} x_{t-K+1+s, d}
    ```

    Tap K-1 multiplies the newest input. Inputs before the call come from the
    window, oldest first; the next window is the last K-1 inputs of
    [window, x], also when fewer than K-1 tokens arrive. ONNX
    `CausalConvWithState`, token-major.

    Constraints:
    - `channels`: input, weight, bias and window have the same number of channels.
    - `window`: K-1 rows for K taps, K at least 2.

    Example:
    ```mlir
    func.func @conv(%x: tensor<?x512xf32>, %w: tensor<512x4xf32>, %b: tensor<512xf32>, %h: tensor<3x512xf32>)
        -> (tensor<?x512xf32>, tensor<3x512xf32>) {
      %y, %hn = seq.conv %x, %w bias(%b : tensor<512xf32>) state(%h)
        : tensor<?x512xf32>, tensor<512x4xf32>, tensor<3x512xf32>
      return %y, %hn : tensor<?x512xf32>, tensor<3x512xf32>
    }
    ```
  }];
  let arguments = (ins
    2DTensorOf<[F32]>:$input,          // [token, channel]
    2DTensorOf<[F32, BF16]>:$weight,   // [channel, tap]
    Optional<1DTensorOf<[F32, BF16]>>:$bias,
    2DTensorOf<[F32]>:$window);        // [tap - 1, channel]
  let results = (outs 2DTensorOf<[F32]>:$output, 2DTensorOf<[F32]>:$window_after);
  let assemblyFormat = [{
    $input `,` $weight (`bias` `(` $bias^ `:` type($bias) `)`)? `state` `(` $window `)` attr-dict
    `:` type($input) `,` type($weight) `,` type($window)
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

#endif // SENNIT_DIALECTS_SEQ_SEQMIXEROPS_TD
