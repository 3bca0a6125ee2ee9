// What every op of seq begins with; attention and rotary positions.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQATTENTIONOPS_TD
#define SENNIT_DIALECTS_SEQ_SEQATTENTIONOPS_TD

include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/seq/SeqTypes.td"
include "dialects/seq/SeqInterfaces.td"

/// One index for every sequence, or one number for each.
def IndexOrSequences : AnyTypeOf<[Index, 1DTensorOf<[I32]>]>;

class SeqOp<string mnemonic, list<Trait> traits = []> : Op<SeqDialect, mnemonic, traits>;

class SeqMixerOp<string mnemonic, list<Trait> traits = []>
    : SeqOp<mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<DecomposableOpInterface>,
                                   DeclareOpInterfaceMethods<SequenceMixerOpInterface>], traits)> {
  let hasVerifier = 1;
}

def AttentionOp : SeqMixerOp<"attention", [AttrSizedOperandSegments, IsolatedFromAbove,
                                           DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "softmax attention over given keys or over a cache of keys and values";
  let description = [{
    Query i of head h attends key j of key-value head h / (Hq/Hkv). With offset
    `past` (0 when absent), query i stands at position past + i and sees

    ```
      max(0, past + i - window_left) <= j <= past + i + window_right,   j < lengths
      s_ij = score(scale q_i . k_j, b, h, i, j)      p_i = softmax_j(s_i)      o_i = sum_j p_ij v_j
    ```

    An absent window side is unbounded; `window_right = 0` is causal. `lengths`
    says how many of the keys are valid. The score region maps a scaled product
    and its place (sequence, query head, query of this call, key) to the score:
    soft-cap, bias, ALiBi, document and arbitrary masks; minus infinity hides
    the key. It reads `captures`, which are its further arguments. A sink adds
    exp(sinks_h) to the softmax's sum. A query that sees no key gives zeros.

    With `state`, the call's keys and values are first written into the caches'
    rows `past ..`, and the keys are the caches' first past + tokens rows.
    Without, they are the rows of `key` and `value`, as many as there are.

    With `pages` the caches are pools [page, row, key-value head, width] that
    sequences share: key j of a sequence lies in row j mod R of the page
    pages[j / R], R rows a page (Kwon et al. 2023). Every page named exists, and pages of one sequence are
    distinct from those that another writes to.

    Without `value` the values are the first `value_width` components of the
    keys, and there is one cache: multi-head latent attention in its absorbed
    form (DeepSeek-AI 2024).

    Elements of 16 bits are widened: products, scores and sums are f32, and the
    output is rounded.

    All tensors may have a leading dimension, the sequences of a batch; `past`
    and `lengths` are then one index for all or one number a sequence. Method:
    Milakov and Gimelshein 2018; Dao et al. 2022; rules of ONNX `Attention`.

    Constraints:
    - `elements`: query, key, value and caches have elements of one type; the output too.
    - `ranks`: every tensor has the batch dimension, or none has; pools have four dimensions.
    - `head_groups`: the query heads are a multiple of the key-value heads.
    - `widths`: query, key and key cache have one width; value and value cache another.
    - `value`: `value` or `value_width`, at most the width of the keys.
    - `tokens`: key and value have the same extent of tokens; with `state`, the query too.
    - `caches`: none, or one of the keys and one of the values, if there are any, with the same static number of
      rows, and `past`.
    - `pages`: come with caches; one row a sequence.
    - `windows`: not negative.
    - `sequences`: `past` and `lengths` are an index or one number a sequence of the batch.
    - `sinks`: one number a query head.
    - `score`: takes f32, four indices, then the captures; yields f32.

    Example:
    ```mlir
    func.func @attend(%q: tensor<?x4x64xf32>, %k: tensor<?x2x64xf32>, %v: tensor<?x2x64xf32>,
                      %kc: tensor<512x2x64xf32>, %vc: tensor<512x2x64xf32>, %past: index)
        -> (tensor<?x4x64xf32>, tensor<512x2x64xf32>, tensor<512x2x64xf32>) {
      %o, %kn, %vn = seq.attention %q, %k, %v past(%past : index)
        state(%kc, %vc : tensor<512x2x64xf32>, tensor<512x2x64xf32>) {scale = 1.250000e-01 : f32, window_right = 0}
        : tensor<?x4x64xf32>, tensor<?x2x64xf32>, tensor<?x2x64xf32>
      return %o, %kn, %vn : tensor<?x4x64xf32>, tensor<512x2x64xf32>, tensor<512x2x64xf32>
    }
    func.func @capped(%x: tensor<3x17x4x64xf32>, %slopes: tensor<4xf32>) -> tensor<3x17x4x64xf32> {
      %o = seq.attention %x, %x, %x captures(%slopes : tensor<4xf32>)
        score {
        ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %captured: tensor<4xf32>):
          %slope = tensor.extract %captured[%h] : tensor<4xf32>
          %y = arith.addf %s, %slope : f32
          seq.yield %y : f32
        } {scale = 1.250000e-01 : f32} : tensor<3x17x4x64xf32>, tensor<3x17x4x64xf32>, tensor<3x17x4x64xf32>
      return %o : tensor<3x17x4x64xf32>
    }
    ```
  }];
  let arguments = (ins
    TensorRankOf<[F32, F16, BF16], [3, 4]>:$query, // [batch, token, query head, key width]
    TensorRankOf<[F32, F16, BF16], [3, 4]>:$key,   // [batch, token, key-value head, key width]
    Optional<TensorRankOf<[F32, F16, BF16], [3, 4]>>:$value, // [batch, token, key-value head, value width]
    Optional<IndexOrSequences>:$past,
    Optional<IndexOrSequences>:$lengths,
    Optional<1DTensorOf<[F32]>>:$sinks, // [query head]
    Variadic<TensorRankOf<[F32, F16, BF16], [3, 4]>>:$caches, // key and value cache: [batch, capacity, key-value head, width]
    Optional<TensorRankOf<[I32], [1, 2]>>:$pages, // [batch, page of the sequence]
    Variadic<AnyType>:$captures,
    F32Attr:$scale, OptionalAttr<I64Attr>:$value_width, OptionalAttr<I64Attr>:$window_left, OptionalAttr<I64Attr>:$window_right);
  let results = (outs TensorRankOf<[F32, F16, BF16], [3, 4]>:$output,
                      Variadic<TensorRankOf<[F32, F16, BF16], [3, 4]>>:$caches_after);
  let regions = (region MaxSizedRegion<1>:$score);
  let assemblyFormat = [{
    $query `,` $key (`,` $value^)? (`past` `(` $past^ `:` type($past) `)`)?
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)? (`sinks` `(` $sinks^ `:` type($sinks) `)`)?
    (`state` `(` $caches^ `:` type($caches) `)`)? (`pages` `(` $pages^ `:` type($pages) `)`)?
    (`captures` `(` $captures^ `:` type($captures) `)`)?
    (`score` $score^)? attr-dict `:` type($query) `,` type($key) (`,` type($value)^)?
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// Whether the tensors have a leading batch dimension.
    bool isBatched() { return ::llvm::cast<::mlir::ShapedType>(getQuery().getType()).getRank() == 4; }
    bool hasState() { return !getCaches().empty(); }
    /// Components of a value head.
    int64_t getValueSize() {
      if (getValue())
        return ::llvm::cast<::mlir::ShapedType>(getValue().getType()).getShape().back();
      return *getValueWidth();
    }
    /// Rows of a page; only with pages.
    int64_t getPageRows() {
      return ::llvm::cast<::mlir::ShapedType>(getCaches().front().getType()).getDimSize(1);
    }
    bool rollsBackByPosition() { return true; }
    /// The dimensions of tokens and of heads in all tensors.
    unsigned getTokenDim() { return isBatched() ? 1 : 0; }
    unsigned getHeadDim() { return getTokenDim() + 1; }
  }];
}

def RopeOp : SeqOp<"rope", [Pure, AttrSizedOperandSegments, AllTypesMatch<["input", "output"]>,
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

    With `positions`, a token has a position on each of several axes, such as time,
    height and width (M-RoPE; Wang et al. 2024), and plane r turns by row
    `positions[t, axes[r]]`. One axis needs no `axes`. Planes of a position that
    the tables do not have become zero.

    Constraints:
    - `place`: either `past` or `positions`.
    - `planes`: both tables have the same shape, and 2R is at most D.
    - `tokens`: positions have as many rows as the input.
    - `axes`: with positions only, and then one a plane, each a column of them; left out for one axis.

    Example:
    ```mlir
    func.func @rotate(%x: tensor<?x4x64xf32>, %cos: tensor<512x32xf32>, %sin: tensor<512x32xf32>, %past: index)
        -> tensor<?x4x64xf32> {
      %y = seq.rope %x past %past tables(%cos, %sin : tensor<512x32xf32>, tensor<512x32xf32>) : tensor<?x4x64xf32>
      return %y : tensor<?x4x64xf32>
    }
    func.func @rotate_on_three_axes(%x: tensor<?x4x8xf32>, %p: tensor<?x3xi32>, %cos: tensor<512x4xf32>,
                                    %sin: tensor<512x4xf32>) -> tensor<?x4x8xf32> {
      %y = seq.rope %x positions(%p : tensor<?x3xi32>) axes [0, 0, 1, 2]
        tables(%cos, %sin : tensor<512x4xf32>, tensor<512x4xf32>) : tensor<?x4x8xf32>
      return %y : tensor<?x4x8xf32>
    }
    ```
  }];
  let arguments = (ins
    3DTensorOf<[F32]>:$input, // [token, head, width]
    Optional<Index>:$past,
    Optional<2DTensorOf<[I32]>>:$positions, // [token, axis]
    2DTensorOf<[F32]>:$cosine, // [position, plane]
    2DTensorOf<[F32]>:$sine,
    UnitAttr:$interleaved, OptionalAttr<DenseI64ArrayAttr>:$axes);
  let results = (outs 3DTensorOf<[F32]>:$output);
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$input, "::mlir::Value":$past,
                                 "::mlir::Value":$cosine, "::mlir::Value":$sine,
                                 CArg<"bool", "false">:$interleaved), [{
    build($_builder, $_state, type, input, past, /*positions=*/nullptr, cosine, sine, interleaved, /*axes=*/nullptr);
  }]>];
  let assemblyFormat = [{
    $input (`past` $past^)? (`positions` `(` $positions^ `:` type($positions) `)`)? (`axes` $axes^)?
    `tables` `(` $cosine `,` $sine `:` type($cosine) `,` type($sine) `)`
    (`interleaved` $interleaved^)? attr-dict `:` type($input)
  }];
  let extraClassDeclaration = [{
    /// The column of `positions` by which a plane turns.
    int64_t getAxisOf(int64_t plane) { return getAxes() ? (*getAxes())[plane] : 0; }
  }];
  let hasVerifier = 1;
}

#endif // SENNIT_DIALECTS_SEQ_SEQATTENTIONOPS_TD
