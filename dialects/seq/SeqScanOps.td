// The scan: a recurrence whose step is written as a region.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQSCANOPS_TD
#define SENNIT_DIALECTS_SEQ_SEQSCANOPS_TD

include "dialects/seq/SeqAttentionOps.td"

def ScanOp : SeqMixerOp<"scan", [AttrSizedOperandSegments, SingleBlock]> {
  let summary = "a recurrence over tokens whose step is a region";
  let description = [{
    ```
      (y_t .., h ..) <- body(x_t .., h ..)        for every token t, in order
    ```

    The region takes the inputs' slices at one token, then the states; it yields
    one slice for each output, then the next states. Slices are tensors without
    the token dimension. The region may read values from outside. Inputs and
    outputs run from the first token to the last, or the other way round where
    `reverse_inputs` and `reverse_outputs` say so; what is read last is then
    token 0. ONNX `Scan`, tokens first.

    With `segments` N, the T tokens in the order in which they are read are cut
    into N runs of ceil(T/N), the last ones shorter or empty, and each run has
    states of its own: states have N as leading extent, which the region does not
    see. Nothing passes from one run to the next. `sennit-split-scans` makes of a
    scan three of them.

    What is known of the step lets a fast form reorder it. Each next state is

    - `affine`: a sum of terms of degree at most 1 in the states, with factors that do not depend on them;
    - `max_plus`: the same with max for the sum and + for the product;
    - `log_sum_exp`: the same with log(exp(a) + exp(b)) for the sum; a maximum taken off before the
      exponential and added after the logarithm is allowed;
    - `general`: anything. Serial.

    Constraints:
    - `inputs`: at least one; all have the same extent of tokens, and so have the outputs.
    - `region`: its arguments are the slices and the states, it yields slices and states, all of their types.
    - `directions`: one for each input, and for each output.
    - `segments`: positive, and the leading extent of every state.
    - `algebra`: every next state has the declared form, by the structure of the region.

    Example:
    ```mlir
    #row = affine_map<(d) -> (d)>
    func.func @sums(%x: tensor<?x64xf32>, %zero: tensor<64xf32>) -> tensor<?x64xf32> {
      %y, %last = seq.scan affine inputs(%x : tensor<?x64xf32>) state(%zero : tensor<64xf32>) {
      ^bb0(%token: tensor<64xf32>, %sum: tensor<64xf32>):
        %e = tensor.empty() : tensor<64xf32>
        %n = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel"]}
            ins(%token, %sum : tensor<64xf32>, tensor<64xf32>) outs(%e : tensor<64xf32>) {
        ^bb0(%a: f32, %b: f32, %o: f32):
          %c = arith.addf %a, %b : f32
          linalg.yield %c : f32
        } -> tensor<64xf32>
        seq.yield %n, %n : tensor<64xf32>, tensor<64xf32>
      } -> tensor<?x64xf32>, tensor<64xf32>
      return %y : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins
    ScanAlgebraAttr:$algebra,
    Variadic<AnyRankedTensor>:$inputs, // [token, ..]
    Variadic<AnyRankedTensor>:$states, // (segment, ) ..
    OptionalAttr<DenseBoolArrayAttr>:$reverse_inputs,
    OptionalAttr<DenseBoolArrayAttr>:$reverse_outputs,
    OptionalAttr<I64Attr>:$segments);
  let results = (outs Variadic<AnyRankedTensor>:$scanned); // outputs [token, ..], then the states
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $algebra `inputs` `(` $inputs `:` type($inputs) `)` (`state` `(` $states^ `:` type($states) `)`)?
    attr-dict-with-keyword $body `->` type($scanned)
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    unsigned getNumOutputs() { return getNumResults() - getStates().size(); }
    ::mlir::ResultRange getOutputs() { return getScanned().take_front(getNumOutputs()); }
    ::mlir::Block::BlockArgListType getInputArguments() {
      return getBody().getArguments().take_front(getInputs().size());
    }
    ::mlir::Block::BlockArgListType getStateArguments() {
      return getBody().getArguments().drop_front(getInputs().size());
    }
    ::mlir::OperandRange getYieldedOutputs() {
      return getBody().front().getTerminator()->getOperands().take_front(getNumOutputs());
    }
    ::mlir::OperandRange getYieldedStates() {
      return getBody().front().getTerminator()->getOperands().drop_front(getNumOutputs());
    }
    bool isReversedInput(unsigned i) { return getReverseInputs() && (*getReverseInputs())[i]; }
    bool isReversedOutput(unsigned i) { return getReverseOutputs() && (*getReverseOutputs())[i]; }
  }];
}

#endif // SENNIT_DIALECTS_SEQ_SEQSCANOPS_TD
