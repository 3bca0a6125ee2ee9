// Selection: the first of a row in falling order, and one token drawn from its logits.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQSELECTIONOPS_TD
#define SENNIT_DIALECTS_SEQ_SEQSELECTIONOPS_TD

include "dialects/seq/SeqRoutingOps.td"

def TopKOp : SeqRoutingOp<"top_k"> {
  let summary = "the k largest or smallest numbers of each row, and where they stand";
  let description = [{
    In falling order, or in rising order of the `smallest`; k is the results'
    second dimension. Of equal numbers the one of the lowest index comes first;
    zeros of both signs are equal. An element that is not a number is never
    chosen; where fewer than k numbers stand in the row, the rest are NaN at
    index 0, so that indices exist whatever the values.

    Constraints:
    - `rows`: input, values and indices have the same extent of dimension 0.
    - `choices`: values and indices have the same second dimension, between 1 and the input's.

    Example:
    ```mlir
    func.func @top_k(%x: tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>) {
      %v, %i = seq.top_k %x smallest : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
      return %v, %i : tensor<?x2xf32>, tensor<?x2xi32>
    }
    ```
  }];
  let arguments = (ins 2DTensorOf<[F32]>:$input, // [row, element]
                       UnitAttr:$smallest);
  let results = (outs 2DTensorOf<[F32]>:$values,  // [row, k]
                      2DTensorOf<[I32]>:$indices); // [row, k]
  let assemblyFormat = [{
    $input (`smallest` $smallest^)? attr-dict `:` type($input) `->` type($values) `,` type($indices)
  }];
}

def SampleOp : SeqRoutingOp<"sample"> {
  let summary = "draw a token from each row of logits";
  let description = [{
    At temperature 0 the largest logit wins, ties to the lowest index. Else token
    i has the weight exp((logits[i] - largest) / temperature), and of the tokens
    in the order of falling logits, then rising indices, there remain

    - the first `top_k`, or all where `top_k` is 0 or less;
    - of those (Holtzman et al., 2019) the fewest first ones whose weights sum to
      `top_p` times the sum of all or more, at least one; all where `top_p` is
      not between 0 and 1.

    With s_i the sum of what remains up to index i, in the order of indices, the
    result is the first i with s_i > uniform * s_last. `uniform` is in [0, 1). A
    weight of zero is never chosen, hence no logit of -infinity. The result is -1
    for a row that is no distribution: one that holds NaN or +infinity, or
    nothing but -infinity.

    Constraints:
    - `rows`: all operands and the result have the same extent of dimension 0.

    Example:
    ```mlir
    func.func @sample(%l: tensor<1x256xf32>, %u: tensor<1xf64>, %t: tensor<1xf32>, %k: tensor<1xi32>,
                      %p: tensor<1xf32>) -> tensor<1xi32> {
      %token = seq.sample %l uniform(%u) temperature(%t) top_k(%k) top_p(%p)
        : (tensor<1x256xf32>, tensor<1xf64>, tensor<1xf32>, tensor<1xi32>, tensor<1xf32>) -> tensor<1xi32>
      return %token : tensor<1xi32>
    }
    ```
  }];
  let arguments = (ins 2DTensorOf<[F32]>:$logits,     // [row, vocabulary]
                       1DTensorOf<[F64]>:$uniform,     // [row]
                       1DTensorOf<[F32]>:$temperature, // [row]
                       1DTensorOf<[I32]>:$top_k,       // [row]
                       1DTensorOf<[F32]>:$top_p);      // [row]
  let results = (outs 1DTensorOf<[I32]>:$tokens);      // [row]
  let assemblyFormat = [{
    $logits `uniform` `(` $uniform `)` `temperature` `(` $temperature `)` `top_k` `(` $top_k `)`
    `top_p` `(` $top_p `)` attr-dict `:` functional-type(operands, results)
  }];
}

#endif // SENNIT_DIALECTS_SEQ_SEQSELECTIONOPS_TD
