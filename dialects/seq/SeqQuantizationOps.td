// Quantised matrices: narrow integers in words, a scale for each group of the depth.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQQUANTIZATIONOPS_TD
#define SENNIT_DIALECTS_SEQ_SEQQUANTIZATIONOPS_TD

include "dialects/seq/SeqSelectionOps.td"

class SeqQuantizationOp<string mnemonic>
    : SeqOp<mnemonic, [Pure, DeclareOpInterfaceMethods<DecomposableOpInterface>]> {
  let hasVerifier = 1;
  code numbers = [{
    /// Numbers in a word.
    int64_t getCount() { return 32 / getBits(); }
  }];
}

def QuantizeOp : SeqQuantizationOp<"quantize"> {
  let summary = "round a matrix to narrow integers, by groups of its depth";
  let description = [{
    With m the largest magnitude in a group of `group` neighbours in a row, and
    r = 2^(bits - 1) - 1, a group has the scale and the integers

    ```
      scale = m / r      q = round(w r / m)
    ```

    ties to even, zeros where m is 0. A word of 32 bits holds the next 32 / `bits`
    integers of a row, in two's complement from its lowest bits on: first those of
    even number in it, then those of odd number, so that its halves are pairs of
    neighbours. Past the depth stand zeros.

    Constraints:
    - `bits`: 4 or 8.
    - `group`: a positive multiple of 32.
    - `words`, `scales`: a row of the matrix each, of as many words and groups as hold it.

    Example:
    ```mlir
    func.func @quantize(%w: tensor<64x256xbf16>) -> (tensor<64x32xi32>, tensor<64x2xf32>) {
      %q, %s = seq.quantize %w bits 4 group 128 : tensor<64x256xbf16> -> tensor<64x32xi32>, tensor<64x2xf32>
      return %q, %s : tensor<64x32xi32>, tensor<64x2xf32>
    }
    ```
  }];
  let arguments = (ins 2DTensorOf<[F32, BF16, F16]>:$matrix, I64Attr:$bits, I64Attr:$group);
  let results = (outs 2DTensorOf<[I32]>:$words, 2DTensorOf<[F32]>:$scales);
  let assemblyFormat = [{
    $matrix `bits` $bits `group` $group attr-dict `:` type($matrix) `->` type($words) `,` type($scales)
  }];
  let extraClassDeclaration = numbers;
}

def DequantizeOp : SeqQuantizationOp<"dequantize"> {
  let summary = "the matrix that quantised words stand for";
  let description = [{
    ```
      w[n, k] = scale[n, k / group] q[n, k]
    ```

    The words are those of `seq.quantize`. A product whose matrix it is reads the
    words and multiplies by the scales behind its sums, or before, rounded to the
    type of the result. Zeros of another place than 0 are the importer's to refuse.

    Constraints:
    - `bits`: 4 or 8.
    - `group`: a positive multiple of 32.
    - `words`, `scales`: a row of the result each, of as many words and groups as hold it.

    Example:
    ```mlir
    func.func @dequantize(%q: tensor<64x32xi32>, %s: tensor<64x2xf32>) -> tensor<64x256xbf16> {
      %w = seq.dequantize %q, %s bits 4 group 128 : tensor<64x32xi32>, tensor<64x2xf32> -> tensor<64x256xbf16>
      return %w : tensor<64x256xbf16>
    }
    ```
  }];
  let arguments = (ins 2DTensorOf<[I32]>:$words, 2DTensorOf<[F32, BF16, F16]>:$scales, I64Attr:$bits,
                       I64Attr:$group);
  let results = (outs 2DTensorOf<[F32, BF16, F16]>:$matrix);
  let assemblyFormat = [{
    $words `,` $scales `bits` $bits `group` $group attr-dict
    `:` type($words) `,` type($scales) `->` type($matrix)
  }];
  let extraClassDeclaration = numbers;
}

#endif // SENNIT_DIALECTS_SEQ_SEQQUANTIZATIONOPS_TD
