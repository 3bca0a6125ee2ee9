// Layer and root-mean-square norms, with the statistics that the standard gives
// out.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Operators.h"

using namespace mlir;
using namespace sennit::onnx;

namespace {
/// What both norms begin with: the input as f32 or f64, the axes it runs over.
struct Rows {
  Tensor x, wide;
  SmallVector<int64_t> axes;
  double count = 1, epsilon = 0;
};
} // namespace

static Rows readRows(NodeReader &node) {
  Rows rows;
  int64_t first = node.integer("axis", -1);
  rows.epsilon = node.number("epsilon", 1e-5f);
  // The standard computes the statistics in f32 by default, as is done here for
  // narrower types anyway; f64 keeps its precision.
  int64_t stash = node.integer("stash_type", 1);
  rows.x = node.floatInput(0, 1);
  if (node.failed())
    return rows;
  if (stash != 1 && stash != int64_t(ElementType::F64)) {
    node.failUnsupported("stash_type " + Twine(stash));
    return rows;
  }
  first = node.axis(first, rows.x.rank());
  if (node.failed())
    return rows;
  for (int64_t axis = first; axis < rows.x.rank(); ++axis) {
    rows.axes.push_back(axis);
    rows.count *= double(rows.x.extent(axis));
  }
  Tensors &t = node.tensors();
  rows.wide = t.cast(rows.x, t.computeType(rows.x.element()));
  return rows;
}

/// 1 / sqrt(mean of squares + epsilon), over the rows.
static Tensor inverseDeviation(Tensors &t, const Rows &rows,
                               const Tensor &centred) {
  Tensor squares =
      t.map(centred, centred.element(),
            [](Scalars &s, ValueRange v) { return s.mul(v[0], v[0]); });
  Tensor sum = t.reduce(squares, rows.axes, /*keep=*/true, Reduction::Sum);
  return t.map(sum, sum.element(), [&](Scalars &s, ValueRange v) {
    Type type = v[0].getType();
    Value mean = s.div(v[0], s.constant(type, rows.count));
    return s.div(s.constant(type, 1),
                 s.sqrt(s.add(mean, s.constant(type, rows.epsilon))));
  });
}

/// Ba et al., 2016.
static void importLayerNorm(NodeReader &node) {
  Rows rows = readRows(node);
  Tensor scale = node.floatInput(1), bias = node.optionalInput(2);
  if (node.failed())
    return;
  Tensors &t = node.tensors();
  Type wide = rows.wide.element();
  Tensor sum = t.reduce(rows.wide, rows.axes, /*keep=*/true, Reduction::Sum);
  Tensor mean = t.map(sum, wide, [&](Scalars &s, ValueRange v) {
    return s.div(v[0], s.constant(v[0].getType(), rows.count));
  });
  Tensor centred = t.map({rows.wide, mean}, wide, [](Scalars &s, ValueRange v) {
    return s.sub(v[0], v[1]);
  });
  Tensor inverse = inverseDeviation(t, rows, centred);
  SmallVector<Tensor> operands = {centred, inverse, scale};
  if (bias)
    operands.push_back(bias);
  node.set(0, t.map(operands, rows.x.element(), [&](Scalars &s, ValueRange v) {
    Value y = s.mul(s.mul(v[0], v[1]), v[2]);
    return bias ? s.add(y, v[3]) : y;
  }));
  // The statistics are of the type in which the standard computes them.
  Type f32 = t.builder.getF32Type();
  node.set(1, t.cast(mean, f32));
  node.set(2, t.cast(inverse, f32));
}

/// Zhang and Sennrich, 2019.
static void importRmsNorm(NodeReader &node) {
  Rows rows = readRows(node);
  Tensor scale = node.floatInput(1);
  if (node.failed())
    return;
  Tensors &t = node.tensors();
  Tensor inverse = inverseDeviation(t, rows, rows.wide);
  node.set(0, t.map({rows.wide, inverse, scale}, rows.x.element(),
                    [](Scalars &s, ValueRange v) {
                      return s.mul(s.mul(v[0], v[1]), v[2]);
                    }));
}

llvm::ArrayRef<Operator> sennit::onnx::normOperators() {
  static const Operator table[] = {
      {"LayerNormalization", importLayerNorm},
      {"RMSNormalization", importRmsNorm},
  };
  return table;
}
