// The recurrences: selective scan, linear attention, convolution with a carried window.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQRECURRENCEOPS_TD
#define SENNIT_DIALECTS_SEQ_SEQRECURRENCEOPS_TD

include "dialects/seq/SeqAttentionOps.td"

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

#endif // SENNIT_DIALECTS_SEQ_SEQRECURRENCEOPS_TD
