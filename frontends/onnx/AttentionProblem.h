// One softmax attention, as a mixer or step by step.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_ONNX_ATTENTIONPROBLEM_H
#define SENNIT_FRONTENDS_ONNX_ATTENTIONPROBLEM_H

#include "frontends/onnx/Tensors.h"

namespace sennit::onnx {

/// Queries, keys and values as [batch, token, head, width], and what is done to
/// their scores: the cap, then the mask, then what position and length hide.
struct Problem {
  Tensor query, key, value;
  double scale = 1, softcap = 0;
  /// [batch or 1, head or 1, query or 1, key or 1], bool or float; may be
  /// missing.
  Tensor mask;
  /// Keys that count, one integer a sequence; may be missing.
  Tensor lengths;
  /// Query i stands at position `offset` + i; where there are lengths, so that
  /// the last query stands at the last key that counts.
  int64_t offset = 0;
  /// Keys that a query sees before and after its position; -1: all.
  int64_t left = -1, right = -1;

  int64_t queries() const { return query.extent(1); }
  int64_t keys() const { return key.extent(1); }
  int64_t heads() const { return query.extent(2); }
};

/// Whether `attend` computes it: in f32, and on what has elements.
bool canFuse(const Problem &problem);
/// By `seq.attention`: [batch, token, head, width] in f32.
Tensor attend(Tensors &tensors, const Problem &problem);

/// scale q k^T as [batch, head, query, key], in the compute type.
Tensor computeScores(Tensors &tensors, const Problem &problem);
Tensor applySoftcap(Tensors &tensors, const Tensor &scores, double cap);
/// Adds the mask; what is hidden becomes minus infinity.
Tensor applyMask(Tensors &tensors, const Problem &problem,
                 const Tensor &scores);
/// Over the last dimension; a row that sees nothing is all zeros.
Tensor computeSoftmax(Tensors &tensors, const Tensor &scores);
/// Weighs the values: [batch, token, head, width] in the compute type.
Tensor weighValues(Tensors &tensors, const Problem &problem,
                   const Tensor &weights);

} // namespace sennit::onnx

#endif // SENNIT_FRONTENDS_ONNX_ATTENTIONPROBLEM_H
