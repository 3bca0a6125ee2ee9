// Facts of the families of kernels from their shapes: the equations of the cost
// model, for kernels that nobody has written yet.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_COST_FAMILIES_H
#define SENNIT_COMPILER_COST_FAMILIES_H

#include "compiler/cost/Facts.h"

namespace sennit::cost {

/// Rows, columns and depth of one step's tile, and how many steps are in
/// flight.
struct Tile {
  double m = 64, n = 64, k = 64, stages = 2;
};

/// C[m, n] = A[m, k] B[k, n].
struct Matmul {
  double m = 1, n = 1, k = 1;
  Element a = Element::bf16, b = Element::bf16, c = Element::f32;
};
/// Columns outside, rows inside; C written once.
KernelFacts getMatmulFacts(const Matmul &problem, const Tile &tile);

/// Attention of `queries` tokens after `past` others. Keys and queries have
/// `width` elements a head, values `valueWidth`.
struct Attention {
  double batch = 1, heads = 1, keyHeads = 1, queries = 1, past = 0, width = 64,
         valueWidth = 64;
  Element element = Element::bf16;
  bool isCausal = true;
};
/// Online softmax over tiles of m queries and n keys (FlashAttention).
KernelFacts getPrefillFacts(const Attention &problem, const Tile &tile);
/// The queries of a group of heads side by side, keys in `splits` parts whose
/// results a second kernel joins (flash decoding).
KernelFacts getDecodeFacts(const Attention &problem, const Tile &tile,
                           double splits);

/// Tokens of each of `experts` experts when `tokens` tokens take `chosen` each:
/// even for `skew` 0, else in the proportions i^-skew (Zipf).
std::vector<double> routeTokens(double tokens, double experts, double chosen,
                                double skew);
/// Experts of whom at least one of `tokens` tokens, which take `chosen` evenly,
/// asks: E (1 - (1 - k / E)^T).
double countActiveExperts(double tokens, double experts, double chosen);
/// A product for each expert, [tokens, k] by [k, n]; weights of experts
/// without tokens are not read.
KernelFacts getExpertsFacts(const std::vector<double> &tokens,
                            const Matmul &problem, const Tile &tile);

/// `rows` rows of `width` elements, read `reads` times and written once; work
/// of an element.
struct Rows {
  double rows = 1, width = 1, reads = 1, operations = 1, specials = 0;
  Element element = Element::f32;
};
KernelFacts getRowsFacts(const Rows &problem, double rowsPerItem);

} // namespace sennit::cost

#endif // SENNIT_COMPILER_COST_FAMILIES_H
