// The passes that bring whatever entered into one form, in the order in which they run.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_NORMALIZE_PASSES_TD
#define SENNIT_PASSES_NORMALIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

def InlineSkips : Pass<"sennit-inline-skips", "::mlir::ModuleOp"> {
  let summary = "run the region of a skip on the rows of its tokens alone";
  let description = [{
    ```mlir
    %y = seq.skip %chosen inputs(%x) { ^bb0(%rows): .. seq.yield %z }
    // becomes
    %pairs, %places, %offsets = seq.dispatch %experts   // 0: chosen, 1: not
    %m = tensor.extract %offsets[1]
    %rows = seq.embed %pairs[0, %m), %x   ..   %y = seq.combine %z, .. where chosen, else %x
    ```

    The number of rows is an index that the host reads: kernels of the region walk
    as many rows as there are, and none where no token is chosen. Declines nothing.
  }];
  let dependentDialects = ["::sennit::seq::SeqDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::arith::ArithDialect"];
}

def GeneralizeOps : Pass<"sennit-generalize-ops", "::mlir::ModuleOp"> {
  let summary = "bring every op on tensors to the forms that later stages know";
  let description = [{
    ```mlir
    %y = linalg.batch_matmul ins(%a, %b) outs(%z)      %p = tensor.pad %x low[1] high[2] { .. }
    // becomes
    %y = linalg.generic {..} ins(%a, %b) outs(%z)      %p = tensor.insert_slice %x into %filled[1] ..
    ```

    Named ops of linalg, elementwise ops on tensors, splats and lists of elements
    become `linalg.generic`; maps run their loops in the order of their result;
    what a scalar takes from a tensor is computed in the body that reads it.
    Declines products of rows and a matrix and fills with constants, which have
    programs of their own, pads whose value depends on the position, and pads of
    dynamic or negative extent.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def HoistParameters : Pass<"sennit-hoist-parameters", "::mlir::ModuleOp"> {
  let summary = "compute what depends on parameters alone once, at load";
  let description = [{
    ```mlir
    func.func @body(..) { %l = seq.weight @A_log   %a = linalg.generic ins(%l) { -exp(l) } .. use %a }
    // becomes
    rt.constant @constant.0 : tensor<..>
    func.func @initialize() { %l = seq.weight @A_log  %a = linalg.generic ..  rt.assign @constant.0, %a }
    func.func @body(..) { %a = rt.read @constant.0 .. use %a }
    ```

    Tables given as dense constants move too. Declines scalars and splats, which
    cost nothing where they stand.
  }];
  let dependentDialects = ["::sennit::rt::RtDialect", "::mlir::func::FuncDialect"];
}

def QuantizeWeights : Pass<"sennit-quantize-weights", "::mlir::ModuleOp"> {
  let summary = "quantise the matrices of products where the module asks for it";
  let description = [{
    ```mlir
    %y = linalg.matmul ins(%x, %w) ..                   // seq.weight_bits = 4, seq.weight_group = 128
    // becomes
    %q, %s = seq.quantize %w bits 4 group 128
    %m = seq.dequantize %q, %s bits 4 group 128         // the product reads it word by word
    %y = linalg.matmul ins(%x, %m) ..
    ```

    `seq.quantize` runs once, at load. Declines matrices of experts, of routers, of
    the head and of what is no parameter, and all where the module asks for nothing.
  }];
  let dependentDialects = ["::sennit::seq::SeqDialect"];
}

def RoundOperands : Pass<"sennit-round-operands", "::mlir::ModuleOp"> {
  let summary = "round what is multiplied to the type of the matrices";
  let description = [{
    ```mlir
    module attributes {seq.rounds_operands} {
      %n = linalg.generic { normalise } -> tensor<?xKxf32>
      %y = linalg.matmul ins(%n, %w : tensor<?xKxf32>, tensor<NxKxbf16>) -> tensor<?xNxf32>
      // becomes
      %n = linalg.generic { normalise; arith.truncf } -> tensor<?xKxbf16>
      %y = linalg.matmul ins(%n, %w : tensor<?xKxbf16>, tensor<NxKxbf16>) -> tensor<?xNxf32>
    ```

    Matrix units multiply 16-bit numbers; where the matrix has 16 bits, so have
    its activations then, and queries, keys, values and their caches, and those
    of linear attention whose state no rule corrects. Sums, norms, residuals and
    states of recurrences stay f32. A map that nothing else reads rounds its own
    result. Runs where the module says `seq.rounds_operands`. Declines matrices
    of f32, experts, delta rules, and caches that are no states of the model.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect"];
}

def DeriveEntryPoints : Pass<"sennit-derive-entry-points", "::mlir::ModuleOp"> {
  let summary = "make prefill, decode, score and sample out of the model's two functions";
  let description = [{
    ```mlir
    func.func @body(%tokens, %past, %states..)    func.func @head(%hidden)
    // becomes
    func.func @prefill(%tokens, %past, %states..) attributes {seq.max_tokens = 256}  // head of the last row
    func.func @decode (%tokens, %past, %states..) attributes {seq.max_tokens = 1}
    func.func @score  (%tokens, %past, %states..) attributes {seq.max_tokens = 256}  // head of every row
    func.func @verify (%tokens, %past, %states..) attributes {seq.max_tokens = 8}    // the same, of few tokens
    func.func @sample (%logits, %uniform, %temperature, %top_k, %top_p)              // a token of one row
    ```

    One definition, every form: what differs between the entries follows from
    `seq.max_tokens`, the most tokens that a call may bring. `@verify` is made when
    `seq.model` says how many tokens it takes. States whose mixers all say so are
    marked `seq.roll_back = "position"`. Declines a module
    without `@body` and `@head`, which it leaves as it is.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
}

def RaiseAttention : Pass<"sennit-raise-attention", "::mlir::ModuleOp"> {
  let summary = "recognise softmax attention in plain linalg";
  let description = [{
    ```mlir
    %s = linalg.generic { q k }   %m = linalg.generic { max over the keys }
    %l = linalg.generic { sum of exp(s - m) }   %p = linalg.generic { exp(s - m) / l }
    %o = linalg.generic { p v }
    // becomes
    %o = seq.attention %q, %k, %v
    ```

    Whatever stands elementwise between the product and the softmax (scale,
    mask, bias, cap) becomes the score region. The three reductions merge
    because each has a correction: when the maximum moves from m to m', sums of
    exp(s - m) change by exp(m - m'), and the division waits for the end.
    Operands are f32, or f16 or bf16 with scores and weights rounded as often as
    an exporter likes, which the op does not; tokens of one sequence may be
    counted at run time. Declines, with a remark, where the shift is not the
    maximum of the same scores, where the divisor is not the sum of the same
    exponentials, where something else reads the weights, where scores of f32 are
    rounded, and where a result of more bits than the operands is read.
  }];
  let dependentDialects = ["::sennit::seq::SeqDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::arith::ArithDialect"];
}

def MergeReductions : Pass<"sennit-merge-reductions", "::mlir::ModuleOp"> {
  let summary = "run cascades of reductions over long rows as one loop";
  let description = [{
    ```mlir
    %m = linalg.generic { max of x }    %l = linalg.generic { sum of exp(x - m) }
    // becomes
    %m, %l = linalg.generic {seq.corrected} {
      m' = max(m, x)    l' = l * exp(m - m') + exp(x - m')
    }
    ```

    Reductions that read the result of another over the same rows join its loop
    where what they add is a sum of products of functions of the element or of
    the statistic alone. The sums are then corrected whenever the statistic moves
    (about a maximum or a mean), or scaled behind the loop where they do not
    depend on it. The mark says that a block of elements may be merged like one.
    Declines, with a remark, what has no correction, and rows that stay in the
    nearest cache between two passes. docs/rationale/reductions.md has the
    conditions.
  }];
  let options = [
    Option<"cacheBytes", "cache-bytes", "int64_t", "-1",
           "bytes of a row that stay in reach between two passes; -1: the nearest cache of the machine">];
  let dependentDialects = ["::sennit::seq::SeqDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def SplitScans : Pass<"sennit-split-scans", "::mlir::ModuleOp"> {
  let summary = "cut scans into segments that run beside each other";
  let description = [{
    ```mlir
    %y, %h1 = seq.scan affine inputs(%x) state(%h) { .. }
    // becomes
    %m, %b = seq.scan general inputs(%x) state(%identity, %zero) attributes {segments = 8} { .. }
    %e, %h1 = seq.scan general inputs(%m, %b) state(%h) { yield before, m * before + b }
    %y, %u = seq.scan affine inputs(%x) state(%e) attributes {segments = 8} { .. }
    ```

    In its declared algebra a token takes the states h to M h + b, and maps compose.
    The first scan composes the maps of each segment: its region is the scan's own
    on the columns of M, without what it adds that depends on no state, and the
    scan's own on b. The second walks the segments, the third the tokens of all
    segments at once. What is -inf for want of a path may be taken off before an
    exponential: 0 is taken off instead.

    A state costs three steps a token for one, and where a step mixes its K elements
    K + 2; decays above 1 may leave the range of the floats in M that h would not
    reach. Whether to cut, and into how many segments, is the cost model's choice
    (`compiler/cost/Scans.h`) for the most tokens of a call on the machine that
    `machine.target` describes; `segments`, or `seq.scan_segments` of the module, pins
    it, 1 to a walk. Declines, with a remark, where one walk takes no longer, where
    no number of tokens or no machine is known, at `general`, without states
    or with states that are not floats, for calls of fewer tokens than two a segment,
    where elements of several states mix, a state that mixes has more than
    `most-states` elements, or the region holds what has no form for columns.
  }];
  let options = [
    Option<"segments", "segments", "int64_t", "-1",
           "segments of a scan, 1 for a walk; -1: what the module says, or of least time">,
    Option<"mostStates", "most-states", "int64_t", "16",
           "largest state, in elements, whose map is carried as a matrix">];
  let dependentDialects = ["::sennit::seq::SeqDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def VerifyNormalized : Pass<"sennit-verify-normalized", "::mlir::ModuleOp"> {
  let summary = "check the one form that fusion starts from";
  let description = [{
    Functions hold one block of `seq`, `linalg`, `tensor`, `arith` and `rt` ops;
    every `linalg` op is a product of rows and a matrix, a fill, or a
    `linalg.generic` that can be computed part by part; only `@initialize` reads
    parameters:

    ```mlir
    linalg.conv_2d ...   // error: not normalized: `linalg.conv_2d` is none of the forms that fusion knows
    ```

    Changes nothing, hence declines nothing.
  }];
}

#endif // SENNIT_PASSES_NORMALIZE_PASSES_TD
