// Operators that reduce, and those made of reductions: softmax, cumulation.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Operators.h"

using namespace mlir;
using namespace sennit::onnx;

/// The axes of a reduction: an attribute, or since 13 or 18 an input.
static SmallVector<int64_t> reductionAxes(NodeReader &node, const Tensor &x) {
  bool isNoop = node.integer("noop_with_empty_axes", 0);
  SmallVector<int64_t> axes = node.axes(node.integersOf("axes", 1), x.rank());
  if (axes.empty() && !isNoop)
    axes = llvm::to_vector(llvm::seq<int64_t>(0, x.rank()));
  return axes;
}

static Value same(Scalars &, ValueRange x) { return x[0]; }

/// `before` each element, `after` each result; both compute in f32 where the
/// elements are narrower, and only the end is rounded.
static void importReduction(NodeReader &node, Reduction kind,
                            Body before = same, Body after = same) {
  bool keep = node.integer("keepdims", 1);
  Tensor x = node.input(0);
  if (node.failed())
    return;
  SmallVector<int64_t> axes = reductionAxes(node, x);
  if (node.failed())
    return;
  Tensors &t = node.tensors();
  Type compute = t.computeType(x.element());
  Tensor all = t.reduce(t.map(x, compute, before), axes, keep, kind);
  node.set(0, t.map(all, x.element(), after));
}

static void importMean(NodeReader &node) {
  bool keep = node.integer("keepdims", 1);
  Tensor x = node.floatInput(0);
  if (node.failed())
    return;
  SmallVector<int64_t> axes = reductionAxes(node, x);
  if (node.failed())
    return;
  Tensors &t = node.tensors();
  int64_t count = 1;
  for (int64_t axis : axes)
    count *= x.extent(axis);
  Tensor sum = t.reduce(t.cast(x, t.computeType(x.element())), axes, keep,
                        Reduction::Sum);
  node.set(0, t.map(sum, x.element(), [&](Scalars &s, ValueRange v) {
    return s.div(v[0], s.constant(v[0].getType(), double(count)));
  }));
}

static Value square(Scalars &s, ValueRange x) { return s.mul(x[0], x[0]); }

/// The maximum is subtracted before the exponential.
static void importSoftmaxes(NodeReader &node, bool isLog) {
  Tensor x = node.floatInput(0, 1);
  if (node.failed())
    return;
  // Until version 13 all dimensions from the axis on were one.
  bool isFlat = node.version() < 13;
  int64_t axis = node.axis(node.integer("axis", isFlat ? 1 : -1), x.rank());
  if (node.failed())
    return;
  SmallVector<int64_t> axes = {axis};
  if (isFlat)
    axes = llvm::to_vector(llvm::seq<int64_t>(axis, x.rank()));
  Tensors &t = node.tensors();
  Tensor wide = t.cast(x, t.computeType(x.element()));
  Tensor most = t.reduce(wide, axes, /*keep=*/true, Reduction::Max);
  auto shifted = [](Scalars &s, ValueRange v) { return s.sub(v[0], v[1]); };
  Tensor exp =
      t.map({wide, most}, wide.element(),
            [&](Scalars &s, ValueRange v) { return s.exp(shifted(s, v)); });
  Tensor sum = t.reduce(exp, axes, /*keep=*/true, Reduction::Sum);
  if (isLog)
    node.set(
        0, t.map({wide, most, sum}, x.element(), [&](Scalars &s, ValueRange v) {
          return s.sub(shifted(s, v), s.log(v[2]));
        }));
  else
    node.set(0, t.map({exp, sum}, x.element(), [](Scalars &s, ValueRange v) {
      return s.div(v[0], v[1]);
    }));
}

static void importArg(NodeReader &node, Compare beats) {
  int64_t axis = node.integer("axis", 0);
  bool keep = node.integer("keepdims", 1),
       last = node.integer("select_last_index", 0);
  Tensor x = node.input(0);
  if (node.failed())
    return;
  axis = node.axis(axis, x.rank());
  if (node.failed())
    return;
  Tensors &t = node.tensors();
  Type i64 = t.builder.getI64Type();
  Tensor best =
      t.reduce(x, axis, /*keep=*/true,
               beats == Compare::Greater ? Reduction::Max : Reduction::Min);
  // The place of each element that is the best; of others one that loses.
  int64_t none = last ? -1 : x.extent(axis);
  Shape line(x.rank(), 1);
  line[axis] = x.extent(axis);
  Tensor places = t.generate(
      line, i64, [&](Scalars &, ValueRange indices) { return indices[axis]; });
  Tensor found = t.map({x, best, places}, i64, [&](Scalars &s, ValueRange v) {
    return s.select(s.compare(Compare::Equal, v[0], v[1]), v[2],
                    s.constant(i64, double(none)));
  });
  node.set(0,
           t.reduce(found, axis, keep, last ? Reduction::Max : Reduction::Min));
}

#define SENNIT_REDUCTION(name, ...)                                            \
  {name, [](NodeReader &node) { importReduction(node, __VA_ARGS__); }}

llvm::ArrayRef<Operator> sennit::onnx::reductionOperators() {
  static const Operator table[] = {
      SENNIT_REDUCTION("ReduceSum", Reduction::Sum),
      SENNIT_REDUCTION("ReduceProd", Reduction::Product),
      SENNIT_REDUCTION("ReduceMax", Reduction::Max),
      SENNIT_REDUCTION("ReduceMin", Reduction::Min),
      SENNIT_REDUCTION("ReduceSumSquare", Reduction::Sum, square),
      SENNIT_REDUCTION(
          "ReduceL1", Reduction::Sum,
          [](Scalars &s, ValueRange x) { return s.absolute(x[0]); }),
      SENNIT_REDUCTION("ReduceL2", Reduction::Sum, square,
                       [](Scalars &s, ValueRange x) { return s.sqrt(x[0]); }),
      SENNIT_REDUCTION("ReduceLogSum", Reduction::Sum, same,
                       [](Scalars &s, ValueRange x) { return s.log(x[0]); }),
      {"ReduceMean", importMean},
      {"Softmax", [](NodeReader &node) { importSoftmaxes(node, false); }},
      {"LogSoftmax", [](NodeReader &node) { importSoftmaxes(node, true); }},
      {"ArgMax", [](NodeReader &node) { importArg(node, Compare::Greater); }},
      {"ArgMin", [](NodeReader &node) { importArg(node, Compare::Less); }},
  };
  return table;
}
