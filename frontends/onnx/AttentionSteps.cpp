// Softmax attention step by step: scores, cap, mask, softmax, values.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/AttentionProblem.h"

using namespace mlir;
using namespace sennit::onnx;

Tensor sennit::onnx::computeScores(Tensors &t, const Problem &p) {
  Type compute = t.computeType(p.query.element());
  int64_t groups = p.key.extent(2), batch = p.query.extent(0);
  Tensor q = t.reshape(
      t.cast(p.query, compute),
      {batch, p.queries(), groups, p.heads() / groups, p.query.extent(3)});
  enum { b, s, g, m, d, k };
  Tensor product =
      t.contract({{q, {b, s, g, m, d}}, {t.cast(p.key, compute), {b, k, g, d}}},
                 {b, g, m, s, k});
  product = t.reshape(product, {batch, p.heads(), p.queries(), p.keys()});
  return t.map(product, compute, [&](Scalars &scalars, ValueRange x) {
    return scalars.mul(x[0], scalars.constant(compute, p.scale));
  });
}

Tensor sennit::onnx::applySoftcap(Tensors &t, const Tensor &scores,
                                  double cap) {
  if (cap == 0)
    return scores;
  return t.map(scores, scores.element(), [&](Scalars &s, ValueRange x) {
    Value limit = s.constant(x[0].getType(), cap);
    return s.mul(limit, s.tanh(s.div(x[0], limit)));
  });
}

/// Whether query `i` of sequence `b` sees key `j`, by position and length; null
/// where it sees them all.
static Value computeVisible(Tensors &t, Scalars &s, const Problem &p, Value b,
                            Value i, Value j) {
  Value position = s.add(i, s.index(p.offset)), visible;
  auto also = [&](Value condition) {
    visible = visible ? s.both(visible, condition) : condition;
  };
  if (p.lengths) {
    Value length = s.convert(t.at(s, p.lengths, b), s.builder.getIndexType());
    also(s.compare(Compare::Less, j, length));
    position = s.add(i, s.sub(length, s.index(p.queries())));
  }
  if (p.right >= 0)
    also(s.compare(Compare::LessOrEqual, j, s.add(position, s.index(p.right))));
  if (p.left >= 0)
    also(s.compare(Compare::GreaterOrEqual, j,
                   s.sub(position, s.index(p.left))));
  return visible;
}

Tensor sennit::onnx::applyMask(Tensors &t, const Problem &p,
                               const Tensor &scores) {
  SmallVector<Tensor> inputs = {scores};
  if (p.mask)
    inputs.push_back(p.mask);
  else if (!p.lengths && p.left < 0 && p.right < 0)
    return scores;
  Type compute = scores.element();
  return t.mapOnto(scores.shape(), inputs, compute,
                   [&](Scalars &s, ValueRange x) {
                     Value score = x[0], hidden = s.lowest(compute);
                     if (p.mask)
                       score = x[1].getType().isInteger(1)
                                   ? s.select(x[1], score, hidden)
                                   : s.add(score, s.convert(x[1], compute));
                     Value visible = computeVisible(
                         t, s, p, t.place(s, 0), t.place(s, 2), t.place(s, 3));
                     return visible ? s.select(visible, score, hidden) : score;
                   });
}

Tensor sennit::onnx::computeSoftmax(Tensors &t, const Tensor &scores) {
  Type compute = scores.element();
  int64_t last = scores.rank() - 1;
  Tensor most = t.reduce(scores, last, /*keep=*/true, Reduction::Max);
  Tensor exp = t.map({scores, most}, compute, [&](Scalars &s, ValueRange x) {
    Value isNothing = s.compare(Compare::Equal, x[1], s.lowest(compute));
    Value base = s.select(isNothing, s.constant(compute, 0), x[1]);
    return s.exp(s.sub(x[0], base));
  });
  Tensor sum = t.reduce(exp, last, /*keep=*/true, Reduction::Sum);
  return t.map({exp, sum}, compute, [&](Scalars &s, ValueRange x) {
    Value zero = s.constant(compute, 0);
    Value divisor = s.select(s.compare(Compare::Equal, x[1], zero),
                             s.constant(compute, 1), x[1]);
    return s.div(x[0], divisor);
  });
}

Tensor sennit::onnx::weighValues(Tensors &t, const Problem &p,
                                 const Tensor &weights) {
  int64_t groups = p.key.extent(2), batch = p.query.extent(0);
  enum { b, s, g, m, d, k };
  Tensor w = t.reshape(
      weights, {batch, groups, p.heads() / groups, p.queries(), p.keys()});
  Tensor sums = t.contract(
      {{w, {b, g, m, s, k}}, {t.cast(p.value, w.element()), {b, k, g, d}}},
      {b, s, g, m, d});
  return t.reshape(sums, {batch, p.queries(), p.heads(), p.value.extent(3)});
}
