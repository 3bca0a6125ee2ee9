// Softmax attention as it stands in plain linalg.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_NORMALIZE_ATTENTIONTERMS_H
#define SENNIT_PASSES_NORMALIZE_ATTENTIONTERMS_H

#include "passes/normalize/Terms.h"

namespace sennit::normalize {

/// A tensor, and the loop along which each of its dimensions runs.
struct Operand {
  mlir::Value tensor;
  mlir::AffineMap map;
};

/// o = sum_j exp(s - max_j s) / sum_j exp(s - max_j s) * v, where s is a
/// function of q k^T. Where q, k and v have 16 bits, scores and weights may be
/// rounded to as many, which the op does not do. The loops are those of the
/// product with v, and one more for the depth of q k^T.
struct SoftmaxAttention {
  mlir::Value output;
  mlir::AffineMap outputMap;
  /// Where the output is wider than queries, keys and values: the maps that
  /// round it to their type. Whatever else reads it leads to such a map through
  /// views alone.
  llvm::SmallVector<mlir::linalg::GenericOp> roundings;
  Operand queries, keys, values;
  /// The score, and in it the product of query and key.
  TermPtr score;
  const Term *product;
  /// Whether the loop of sequences has one, whose tokens are counted at run
  /// time.
  bool isOneSequence = false;
  /// Whether queries see no later keys.
  bool isCausal = false;
  /// A factor of the product that needs no region.
  float scale = 1;
  /// At most one loop of sequences, of key-value heads, of query heads in a
  /// group.
  llvm::SmallVector<unsigned> sequences, heads, groups;
  unsigned query, key, column, depth;

  /// Matches the product with v. Where the computation is close to attention
  /// but differs, says in what in `reason`.
  static std::optional<SoftmaxAttention> match(mlir::linalg::GenericOp product,
                                               std::string &reason);
};

} // namespace sennit::normalize

#endif // SENNIT_PASSES_NORMALIZE_ATTENTIONTERMS_H
