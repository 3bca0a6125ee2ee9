// The recurrences of one form: selective scan, linear attention, convolution with a carried window.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQRECURRENCEOPS_TD
#define SENNIT_DIALECTS_SEQ_SEQRECURRENCEOPS_TD

include "dialects/seq/SeqAttentionOps.td"

defvar batchDeclarations = [{
    bool isBatched() { return getInput().getType().getRank() == 3; }
    /// The dimension of tokens.
    unsigned getTokenDim() { return isBatched() ? 1 : 0; }
}];

def SelectiveScanOp : SeqMixerOp<"selective_scan", [AllTypesMatch<["input", "output"]>,
                                                    AllTypesMatch<["state", "state_after"]>]> {
  let summary = "Mamba-1: a diagonal state-space recurrence with input-dependent step";
  let description = [{
    Per channel d with states n (Gu and Dao 2023; zero-order hold for A, Euler for B):

    ```
      h_dn <- exp(delta_d A_dn) h_dn + delta_d u_d B_n        y_d = sum_n C_n h_dn
    ```

    `delta` is the step after softplus, `A` is negative; the skip D u and the
    gate are elementwise neighbours. The state is f32. All tensors but A may have
    a leading dimension, the sequences of a batch.

    Constraints:
    - `ranks`: every tensor but A has the batch dimension, or none has.
    - `sequences`: tensors with the batch dimension have the same extent of it.
    - `channels`: input, step, A and the state have the same number of channels.
    - `states`: A, B, C and the state have the same number of states.
    - `tokens`: input, step, B and C have the same extent of tokens.

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
    TensorRankOf<[F32], [2, 3]>:$input,  // [batch, token, channel]
    TensorRankOf<[F32], [2, 3]>:$delta,  // [batch, token, channel]
    2DTensorOf<[F32]>:$transition,       // A: [channel, state]
    TensorRankOf<[F32], [2, 3]>:$write,  // B: [batch, token, state]
    TensorRankOf<[F32], [2, 3]>:$read,   // C: [batch, token, state]
    TensorRankOf<[F32], [2, 3]>:$state); // [batch, channel, state]
  let results = (outs TensorRankOf<[F32], [2, 3]>:$output, TensorRankOf<[F32], [2, 3]>:$state_after);
  let extraClassDeclaration = batchDeclarations;
  let assemblyFormat = [{
    $input `,` $delta `,` $transition `,` $write `,` $read `state` `(` $state `)` attr-dict
    `:` type($input) `,` type($delta) `,` type($transition) `,` type($write) `,` type($read) `,` type($state)
  }];
}

// AllTypesMatch cannot infer past an operand that may be absent, here and in conv.
def LinearAttentionOp : SeqMixerOp<"linear_attention", [AttrSizedOperandSegments,
                                                        AllElementTypesMatch<["query", "key", "value"]>,
                                                        DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "attention without softmax: a matrix state that each token decays, corrects and adds to";
  let description = [{
    Per state head, with rows q, k of K components and v of V, and S in R^{K x V}:

    ```
      linear        S <- S + k^T v
      gated         S <- e^g S + k^T v
      delta         S <- S + beta k^T (v - k S)
      gated_delta   S <- D + beta k^T (v - k D),  D = e^g S
      rank_one      S <- e^g S + b^T (a S) + k^T v
      all           o = scale * q S, after the update
    ```

    g is the log-decay, at most 0: one number a state head, or one a key component
    (e^g then scales the rows of S). `rank_one` reads the state before its decay
    and may go without decay. Of H state heads, head h reads head h / (H / n) of
    a tensor with n of them: key, value and erasing vectors have a divisor of H.
    Query heads are a divisor too, or a multiple, and then H / n is turned
    round: query heads share a state. The output has the larger number. With
    `linear` and `gated`, keys and values may both have R H heads: head h then
    adds the R products of heads h R .. h R + R - 1, in their order. State and output
    are f32. All tensors may have a leading dimension, the sequences of a batch.

    Settings: RetNet, Lightning: `gated`, g the same for every token. SSD (Mamba-2;
    Dao and Gu 2024): `gated`, q = C, k = B, v = delta x, g = delta A. GLA: `gated`,
    g a component. DeltaNet, Gated DeltaNet: `delta`, `gated_delta`. KDA:
    `gated_delta`, g a component. RWKV-7: `rank_one`, a = -kappa, b = eta kappa.
    Mamba-3 of rank R (Lahoti et al. 2026): `gated` with 2 R keys and values a head,
    the R of this token times lambda delta, and those of the token before times
    (1 - lambda) delta e^g, which is the trapezoidal rule; R query heads a head; keys
    and queries rotated by the summed angles, which is the complex transition.
    ONNX `LinearAttention`, token-major.

    `chunk` is a hint: tokens that a fast form takes at once; 1 is serial. Of 16-bit
    queries, keys and values a fast form multiplies what it computes of them
    rounded to their type too; sums and the state are f32.

    Constraints:
    - `ranks`: every tensor has the batch dimension, or none has.
    - `operands`: `decay` for `gated` and `gated_delta`, with `rank_one` as wanted; `beta` for the delta
      rules; `erase` for `rank_one`; otherwise absent.
    - `head_groups`: heads of key, value and erasing vectors divide the state heads; those of the query divide
      them or are a multiple; decay and beta have one column a state head.
    - `writers`: heads of key and value are both the same multiple of the state heads, for `linear` and `gated`.
    - `widths`: query, key, erasing vectors, decay a component and state agree in key width; value and state in
      value width.
    - `tokens`: all but the state have the same extent of tokens.
    - `sequences`: all have the same extent of the batch dimension.
    - `element`: query, key and value have one element type.
    - `chunk`: positive.

    Example:
    ```mlir
    func.func @ssd(%q: tensor<?x1x128xf32>, %k: tensor<?x1x128xf32>, %v: tensor<?x8x64xf32>,
                   %g: tensor<?x8xf32>, %s: tensor<8x128x64xf32>)
        -> (tensor<?x8x64xf32>, tensor<8x128x64xf32>) {
      %o, %sn = seq.linear_attention gated %q, %k, %v decay(%g : tensor<?x8xf32>) state(%s) {scale = 1.000000e+00 : f32}
        : tensor<?x1x128xf32>, tensor<?x1x128xf32>, tensor<?x8x64xf32>, tensor<8x128x64xf32>
      return %o, %sn : tensor<?x8x64xf32>, tensor<8x128x64xf32>
    }
    func.func @kda(%x: tensor<2x?x4x64xf32>, %beta: tensor<2x?x4xf32>, %s: tensor<2x4x64x64xf32>)
        -> (tensor<2x?x4x64xf32>, tensor<2x4x64x64xf32>) {
      %o, %sn = seq.linear_attention gated_delta %x, %x, %x decay(%x : tensor<2x?x4x64xf32>)
        beta(%beta : tensor<2x?x4xf32>) state(%s) {scale = 1.250000e-01 : f32}
        : tensor<2x?x4x64xf32>, tensor<2x?x4x64xf32>, tensor<2x?x4x64xf32>, tensor<2x4x64x64xf32>
      return %o, %sn : tensor<2x?x4x64xf32>, tensor<2x4x64x64xf32>
    }
    ```
  }];
  let arguments = (ins
    UpdateRuleAttr:$update_rule,
    TensorRankOf<[F32, F16, BF16], [3, 4]>:$query,      // [batch, token, query head, key width]
    TensorRankOf<[F32, F16, BF16], [3, 4]>:$key,        // [batch, token, key head, key width]
    TensorRankOf<[F32, F16, BF16], [3, 4]>:$value,      // [batch, token, value head, value width]
    Optional<TensorRankOf<[F32], [2, 3, 4]>>:$decay,    // [batch, token, state head (, key width)], log
    Optional<TensorRankOf<[F32], [2, 3]>>:$beta,        // [batch, token, state head]
    Optional<TensorRankOf<[F32], [3, 4]>>:$erase_read,  // a: [batch, token, head, key width]
    Optional<TensorRankOf<[F32], [3, 4]>>:$erase_write, // b: [batch, token, head, key width]
    TensorRankOf<[F32], [3, 4]>:$state,                 // [batch, state head, key width, value width]
    F32Attr:$scale, OptionalAttr<I64Attr>:$chunk);
  let results = (outs TensorRankOf<[F32], [3, 4]>:$output, TensorRankOf<[F32], [3, 4]>:$state_after);
  let assemblyFormat = [{
    $update_rule $query `,` $key `,` $value (`decay` `(` $decay^ `:` type($decay) `)`)?
    (`beta` `(` $beta^ `:` type($beta) `)`)?
    (`erase` `(` $erase_read^ `,` $erase_write `:` type($erase_read) `,` type($erase_write) `)`)?
    `state` `(` $state `)` attr-dict `:` type($query) `,` type($key) `,` type($value) `,` type($state)
  }];
  let extraClassDeclaration = [{
    bool isBatched() { return getQuery().getType().getRank() == 4; }
    /// The dimensions of tokens and of heads in all tensors but the state.
    unsigned getTokenDim() { return isBatched() ? 1 : 0; }
    unsigned getHeadDim() { return getTokenDim() + 1; }
    int64_t getStateHeads() { return getState().getType().getDimSize(getTokenDim()); }
    int64_t getKeyWidth() { return getQuery().getType().getShape().back(); }
    int64_t getValueWidth() { return getValue().getType().getShape().back(); }
    /// Products that a token adds to each state.
    int64_t getWriters() {
      return std::max<int64_t>(1, getKey().getType().getDimSize(getHeadDim()) / getStateHeads());
    }
    /// Whether each key component has a decay of its own.
    bool hasDecayOfComponents() {
      return getDecay() && getDecay().getType().getRank() == getQuery().getType().getRank();
    }
    /// Whether what a token adds depends on no state, and each state has one
    /// key, value and decay a token and at most one query: chunks are then
    /// plain products of their rows.
    bool isPlain() {
      return !getBeta() && !getEraseRead() && !hasDecayOfComponents() && getWriters() == 1 &&
             getQuery().getType().getDimSize(getHeadDim()) <= getStateHeads();
    }
  }];
}

def ConvOp : SeqMixerOp<"conv", [AttrSizedOperandSegments, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "causal convolution per channel, with a carried window";
  let description = [{
    ```
      y_td = bias_d + sum_{s<K} weight_{f(d),s} x_{t-K+1+s, d}        f(d) = d / (D/F)
    ```

    Tap K-1 multiplies the newest input; D channels share F filters in turn, most
    often one each. Inputs before the call come from the window, oldest first,
    and are zero without one; the next window is the last K-1 inputs of
    [window, x], also when fewer than K-1 tokens arrive. One tap has no window.
    Input, output and window may have a leading dimension, the sequences of a
    batch. An activation is an elementwise neighbour. ONNX `CausalConvWithState`,
    token-major.

    `block` is a hint: rows in the blocks whose spectra a fast form multiplies;
    1 adds up the taps one by one.

    Constraints:
    - `ranks`: input and window have the batch dimension, or neither has.
    - `sequences`: input and window have the same extent of it.
    - `channels`: input, bias and window have the same number of channels, a multiple of the filters.
    - `window`: K-1 rows for K taps, none for one tap.
    - `block`: positive.

    Example:
    ```mlir
    func.func @conv(%x: tensor<?x512xf32>, %w: tensor<512x4xf32>, %b: tensor<512xf32>, %h: tensor<3x512xf32>)
        -> (tensor<?x512xf32>, tensor<3x512xf32>) {
      %y, %hn = seq.conv %x, %w bias(%b : tensor<512xf32>) state(%h : tensor<3x512xf32>)
        : tensor<?x512xf32>, tensor<512x4xf32>
      return %y, %hn : tensor<?x512xf32>, tensor<3x512xf32>
    }
    func.func @from_nothing(%x: tensor<2x?x512xf32>, %w: tensor<16x128xf16>) -> tensor<2x?x512xf32> {
      %y = seq.conv %x, %w : tensor<2x?x512xf32>, tensor<16x128xf16>
      return %y : tensor<2x?x512xf32>
    }
    ```
  }];
  let arguments = (ins
    TensorRankOf<[F32], [2, 3]>:$input,              // [batch, token, channel]
    2DTensorOf<[F32, BF16, F16]>:$weight,            // [filter, tap]
    Optional<1DTensorOf<[F32, BF16, F16]>>:$bias,    // [channel]
    Optional<TensorRankOf<[F32], [2, 3]>>:$window,   // [batch, tap - 1, channel]
    OptionalAttr<I64Attr>:$block);
  let results = (outs TensorRankOf<[F32], [2, 3]>:$output,
                      Optional<TensorRankOf<[F32], [2, 3]>>:$window_after);
  let assemblyFormat = [{
    $input `,` $weight (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`state` `(` $window^ `:` type($window) `)`)? attr-dict `:` type($input) `,` type($weight)
  }];
  let extraClassDeclaration = batchDeclarations # [{
    int64_t getChannels() { return getInput().getType().getShape().back(); }
    int64_t getFilters() { return getWeight().getType().getDimSize(0); }
    int64_t getTaps() { return getWeight().getType().getDimSize(1); }
  }];
}

#endif // SENNIT_DIALECTS_SEQ_SEQRECURRENCEOPS_TD
