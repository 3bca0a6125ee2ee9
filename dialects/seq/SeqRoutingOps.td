// Routing: choose experts, order token-expert pairs, apply experts, bring the results home.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQROUTINGOPS_TD
#define SENNIT_DIALECTS_SEQ_SEQROUTINGOPS_TD

include "dialects/seq/SeqRecurrenceOps.td"

class SeqRoutingOp<string mnemonic, list<Trait> traits = []>
    : SeqOp<mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<DecomposableOpInterface>], traits)> {
  let hasVerifier = 1;
}

def RouteOp : SeqRoutingOp<"route"> {
  let summary = "choose the top-k experts of each token";
  let description = [{
    A token's rank r chooses, its scores s weigh. With logits l over E experts

    ```
      s = softmax(l) or sigmoid(l)      r = l; s + bias with a bias or by `best_two`
      e = indices of seq.top_k(r)       w_j = scaling s[e_j],  over sum_i s[e_i] + 1e-20 with `renormalize`
    ```

    The order of l is that of s without its rounding. A bias balances the load
    without being learned through the weights (DeepSeek-AI 2024). With `groups`
    G, expert i is of group i / (E/G), which is worth its `best` r or the sum of
    its `best_two`; only experts of the first `top_groups` groups in the order
    of `seq.top_k` are chosen.

    What is not a number wins nothing, neither r nor a group's worth; where
    nothing else is left, expert 0 is named, with the weight NaN.

    Constraints:
    - `tokens`: logits, weights and experts have the same extent of dimension 0.
    - `top_k`: between 1 and the number of experts in the groups kept, and the results' second dimension.
    - `bias`: one number an expert.
    - `groups`: comes with `top_groups`, at most as many, and `by`; divides the experts; `best_two` needs two in a group.

    Example:
    ```mlir
    func.func @route(%l: tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>) {
      %w, %e = seq.route softmax %l renormalize : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
      return %w, %e : tensor<?x2xf32>, tensor<?x2xi32>
    }
    func.func @grouped(%l: tensor<?x8xf32>, %b: tensor<8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>) {
      %w, %e = seq.route sigmoid %l bias(%b : tensor<8xf32>) groups 4 top_groups 2 by best_two renormalize
        scaling 2.500000e+00 : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
      return %w, %e : tensor<?x2xf32>, tensor<?x2xi32>
    }
    ```
  }];
  let arguments = (ins ScoreFunctionAttr:$scores, 2DTensorOf<[F32]>:$logits, // [token, expert]
                       Optional<1DTensorOf<[F32]>>:$bias,                    // [expert]
                       OptionalAttr<I64Attr>:$groups, OptionalAttr<I64Attr>:$top_groups,
                       OptionalAttr<GroupValueAttr>:$group_value, UnitAttr:$renormalize,
                       OptionalAttr<F32Attr>:$scaling);
  let results = (outs 2DTensorOf<[F32]>:$weights,  // [token, k]
                      2DTensorOf<[I32]>:$experts); // [token, k]
  let assemblyFormat = [{
    $scores $logits (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`groups` $groups^ `top_groups` $top_groups `by` $group_value)? (`renormalize` $renormalize^)?
    (`scaling` $scaling^)? attr-dict `:` type($logits) `->` type($weights) `,` type($experts)
  }];
  let extraClassDeclaration = [{
    /// Whether scores are ranked, and not the logits.
    bool ranksScores() { return getBias() || getGroupValue() == GroupValue::BestTwo; }
  }];
}

def DispatchOp : SeqRoutingOp<"dispatch"> {
  let summary = "order token-expert pairs by expert";
  let description = [{
    Pair f = t k + j is token t's j-th choice. A stable counting sort by expert
    gives every pair its place: `pairs[positions[t, j]] = f`, and expert e owns
    the places `offsets[e] .. offsets[e + 1]`. Dropless: counts are known only
    at run time, and nothing is padded.

    With `capacity` an expert takes only so many pairs of a call, the first in
    the order of f; a pair beyond them is dropped: its position is -1, and
    `pairs` holds -1 from `offsets` of the last on. What is dropped depends on
    all tokens of the call (Lepikhin et al. 2021).

    Constraints:
    - `pairs`: one place per pair; dynamic if the token count is.
    - `positions`: the shape of experts.
    - `offsets`: one more than the number of experts, which is at least 1.
    - `capacity`: positive.

    Example:
    ```mlir
    func.func @dispatch(%e: tensor<?x2xi32>) -> (tensor<?xi32>, tensor<?x2xi32>, tensor<9xi32>) {
      %pairs, %positions, %offsets = seq.dispatch %e : tensor<?x2xi32> -> tensor<?xi32>, tensor<?x2xi32>, tensor<9xi32>
      return %pairs, %positions, %offsets : tensor<?xi32>, tensor<?x2xi32>, tensor<9xi32>
    }
    func.func @capped(%e: tensor<?x2xi32>) -> (tensor<?xi32>, tensor<?x2xi32>, tensor<9xi32>) {
      %pairs, %positions, %offsets = seq.dispatch %e capacity 16
        : tensor<?x2xi32> -> tensor<?xi32>, tensor<?x2xi32>, tensor<9xi32>
      return %pairs, %positions, %offsets : tensor<?xi32>, tensor<?x2xi32>, tensor<9xi32>
    }
    ```
  }];
  let arguments = (ins 2DTensorOf<[I32]>:$experts,   // [token, k]
                       OptionalAttr<I64Attr>:$capacity);
  let results = (outs 1DTensorOf<[I32]>:$pairs,      // [token * k]
                      2DTensorOf<[I32]>:$positions,  // [token, k]
                      1DTensorOf<[I32]>:$offsets);   // [experts + 1]
  let assemblyFormat = [{
    $experts (`capacity` $capacity^)? attr-dict
    `:` type($experts) `->` type($pairs) `,` type($positions) `,` type($offsets)
  }];
}

def ExpertsOp : SeqRoutingOp<"experts"> {
  let summary = "multiply each pair's row by its own expert's matrix";
  let description = [{
    ```
      out[p] = weight[e] x[s(p)],  offsets[e] <= p < offsets[e + 1]
    ```

    With `pairs`, the row comes from the token of the pair, s(p) = pairs[p] / k
    (a gather that is never written to memory); without, rows are already in
    order, s(p) = p. Rows from the last offset on are nobody's, and unspecified:
    a pair that `capacity` dropped has no position, so that `seq.combine` reads none
    of them.

    Constraints:
    - `widths`: input and weight agree in the input width, weight and output in the output width.
    - `offsets`: one more than the number of experts.
    - `gather`: `pairs` and a positive `top_k` come together.
    - `rows`: the output has one row per pair, or per row of the input without `pairs`.

    Example:
    ```mlir
    func.func @experts(%x: tensor<?x64xf32>, %w: tensor<8x128x64xbf16>, %o: tensor<9xi32>, %p: tensor<?xi32>)
        -> tensor<?x128xf32> {
      %y = seq.experts %x, %w offsets(%o) gather(%p : tensor<?xi32>) top_k 2
        : tensor<?x64xf32>, tensor<8x128x64xbf16>, tensor<9xi32> -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    ```
  }];
  let arguments = (ins 2DTensorOf<[F32, BF16]>:$input,       // [token or pair, input width]
                       3DTensorOf<[F32, BF16, F16]>:$weight, // [expert, output width, input width]
                       1DTensorOf<[I32]>:$offsets,           // [experts + 1]
                       Optional<1DTensorOf<[I32]>>:$pairs,   // [pair]
                       OptionalAttr<I64Attr>:$top_k);
  let results = (outs 2DTensorOf<[F32]>:$output);            // [pair, output width]
  let assemblyFormat = [{
    $input `,` $weight `offsets` `(` $offsets `)` (`gather` `(` $pairs^ `:` type($pairs) `)`)?
    (`top_k` $top_k^)? attr-dict `:` type($input) `,` type($weight) `,` type($offsets) `->` type($output)
  }];
}

def CombineOp : SeqRoutingOp<"combine"> {
  let summary = "sum each token's expert rows by their weights";
  let description = [{
    ```
      y_t = sum_j weights[t, j] rows[positions[t, j]]
    ```

    in the order of j, without atomics, hence deterministic. A dropped pair, at
    position -1, adds nothing.

    Constraints:
    - `choices`: weights and positions have the same shape, and rows one row per choice.
    - `tokens`: weights and output have the same extent of dimension 0.
    - `widths`: rows and output have the same width.

    Example:
    ```mlir
    func.func @combine(%r: tensor<?x64xf32>, %w: tensor<?x2xf32>, %p: tensor<?x2xi32>) -> tensor<?x64xf32> {
      %y = seq.combine %r, %w, %p : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> -> tensor<?x64xf32>
      return %y : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins 2DTensorOf<[F32]>:$rows,       // [pair, width]
                       2DTensorOf<[F32]>:$weights,    // [token, k]
                       2DTensorOf<[I32]>:$positions); // [token, k]
  let results = (outs 2DTensorOf<[F32]>:$output);     // [token, width]
  let assemblyFormat = [{
    $rows `,` $weights `,` $positions attr-dict
    `:` type($rows) `,` type($weights) `,` type($positions) `->` type($output)
  }];
}

def SkipOp : SeqRoutingOp<"skip", [AttrSizedOperandSegments, SingleBlock]> {
  let summary = "let chosen tokens through a region, and the others past it";
  let description = [{
    ```
      (z .., s ..) <- body(x[t_0], x[t_1], .. x[t_M-1] .., s ..)     t_m: the tokens with chosen[t], in order
      y_t = z_m where t = t_m,  x_t elsewhere
    ```

    The region sees the rows of the M chosen tokens alone, as tensors of M rows,
    and costs what M rows cost: M is known only at run time and may be 0. It
    yields as many rows for the first inputs, one tensor for each output; a
    token that is not chosen keeps its row of that input. States pass through
    the region as they are. The region may read values from outside.

    Mixture of depths (Raposo et al. 2024): `chosen` comes of a router that sees the
    token alone, since the best m of a sequence are not known in a step; the
    router's weight and the residual stand in the region. Early exit: `chosen` of
    each layer is that of the layer before and a test of the rows. A mixer in the
    region mixes the chosen tokens only, and a state of it counts them only.

    Constraints:
    - `inputs`: at least one; all have the same extent of tokens as `chosen`.
    - `outputs`: at most one for each input, of its type.
    - `states`: results have the types of the operands.
    - `region`: takes the inputs with `?` rows, then the states; yields rows of the outputs, then states.

    Example:
    ```mlir
    #row = affine_map<(t, d) -> (t, d)>
    func.func @twice(%chosen: tensor<?xi1>, %x: tensor<?x64xf32>) -> tensor<?x64xf32> {
      %y = seq.skip %chosen inputs(%x : tensor<?x64xf32>) {
      ^bb0(%rows: tensor<?x64xf32>):
        %d = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
            ins(%rows : tensor<?x64xf32>) outs(%rows : tensor<?x64xf32>) {
        ^bb0(%a: f32, %o: f32):
          %s = arith.addf %a, %a : f32
          linalg.yield %s : f32
        } -> tensor<?x64xf32>
        seq.yield %d : tensor<?x64xf32>
      } : tensor<?xi1> -> tensor<?x64xf32>
      return %y : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins 1DTensorOf<[I1]>:$chosen,              // [token]
                       Variadic<2DTensorOf<[F32]>>:$inputs,   // [token, width]
                       Variadic<AnyRankedTensor>:$states);
  let results = (outs Variadic<AnyRankedTensor>:$routed);    // outputs [token, width], then the states
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $chosen `inputs` `(` $inputs `:` type($inputs) `)` (`state` `(` $states^ `:` type($states) `)`)?
    attr-dict-with-keyword $body `:` type($chosen) `->` type($routed)
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    unsigned getNumOutputs() { return getNumResults() - getStates().size(); }
    ::mlir::ResultRange getOutputs() { return getResults().take_front(getNumOutputs()); }
    ::mlir::ResultRange getStatesAfter() { return getResults().drop_front(getNumOutputs()); }
    ::mlir::Operation *getYield() { return getBody().front().getTerminator(); }
  }];
}

#endif // SENNIT_DIALECTS_SEQ_SEQROUTINGOPS_TD
