// Operators that choose elements: look-ups, updates, orders, running sums.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "frontends/onnx/Operators.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::onnx;

/// An index into a dimension of `extent` elements; negative ones count from its
/// end.
static Value wrapIndex(Scalars &s, Value index, int64_t extent) {
  Value at = s.convert(index, s.builder.getIndexType());
  Value isNegative = s.compare(Compare::Less, at, s.index(0));
  return s.select(isNegative, s.add(at, s.index(extent)), at);
}

static bool checkIndices(NodeReader &node, const Tensor &indices) {
  if (!node.failed() && !isa<IntegerType>(indices.element()))
    node.fail("the indices are no integers");
  return !node.failed();
}

static void importGather(NodeReader &node) {
  int64_t axis = node.integer("axis", 0);
  Tensor x = node.input(0), indices = node.input(1);
  if (!checkIndices(node, indices))
    return;
  axis = node.axis(axis, x.rank());
  if (node.failed())
    return;
  Shape shape(x.shape().take_front(axis));
  llvm::append_range(shape, indices.shape());
  llvm::append_range(shape, x.shape().drop_front(axis + 1));
  Tensors &t = node.tensors();
  node.set(0, t.generate(shape, x.element(), [&](Scalars &s, ValueRange at) {
    SmallVector<Value> from(at.take_front(axis));
    Value index = t.at(s, indices, at.slice(axis, indices.rank()));
    from.push_back(wrapIndex(s, index, x.extent(axis)));
    llvm::append_range(from, at.drop_front(axis + indices.rank()));
    return t.at(s, x, from);
  }));
}

static void importGatherElements(NodeReader &node) {
  int64_t axis = node.integer("axis", 0);
  Tensor x = node.input(0), indices = node.input(1);
  if (!checkIndices(node, indices))
    return;
  axis = node.axis(axis, x.rank());
  if (node.failed())
    return;
  bool fits = indices.rank() == x.rank();
  for (int64_t dim = 0; fits && dim < x.rank(); ++dim)
    fits = dim == axis || indices.extent(dim) <= x.extent(dim);
  if (!fits)
    return node.fail("indices of shape " + spell(indices.shape()) +
                     " into shape " + spell(x.shape()));
  Tensors &t = node.tensors();
  node.set(
      0,
      t.generate(indices.shape(), x.element(), [&](Scalars &s, ValueRange at) {
        SmallVector<Value> from(at);
        from[axis] = wrapIndex(s, t.at(s, indices, at), x.extent(axis));
        return t.at(s, x, from);
      }));
}

/// Rows of the update stand in the cache from `write_indices` of their batch
/// on.
static void importTensorScatter(NodeReader &node) {
  int64_t axis = node.integer("axis", -2);
  std::string mode = node.text("mode", "linear");
  Tensor cache = node.input(0), update = node.input(1),
         starts = node.optionalInput(2);
  if (node.failed())
    return;
  if (mode != "linear" && mode != "circular")
    return node.failUnsupported("mode " + quoted(mode));
  axis = node.axis(axis, cache.rank());
  bool fits = cache.rank() == update.rank() && axis > 0 &&
              cache.element() == update.element();
  for (int64_t dim = 0; fits && dim < cache.rank(); ++dim)
    fits = dim == axis ? update.extent(dim) <= cache.extent(dim)
                       : update.extent(dim) == cache.extent(dim);
  if (!fits)
    return node.fail("an update of shape " + spell(update.shape()) +
                     " into shape " + spell(cache.shape()));
  if (starts && (starts.shape() != cache.shape().take_front(1) ||
                 !checkIndices(node, starts)))
    return node.fail("write_indices have shape " + spell(starts.shape()) +
                     ", expected one integer a batch");
  Tensors &t = node.tensors();
  auto body = [&](Scalars &s, ValueRange at) {
    Value offset = at[axis];
    if (starts)
      offset = s.sub(
          offset, s.convert(t.at(s, starts, at[0]), s.builder.getIndexType()));
    if (mode == "circular") {
      Value behind = s.compare(Compare::Less, offset, s.index(0));
      Value around = s.add(offset, s.index(cache.extent(axis)));
      offset = s.select(behind, around, offset);
    }
    Value last = s.index(update.extent(axis) - 1), first = s.index(0);
    Value isNew = s.both(s.compare(Compare::GreaterOrEqual, offset, first),
                         s.compare(Compare::LessOrEqual, offset, last));
    SmallVector<Value> from(at);
    from[axis] = s.min(s.max(offset, first), last);
    return s.select(isNew, t.at(s, update, from), t.at(s, cache, at));
  };
  if (update.extent(axis) == 0)
    return node.set(0, cache);
  node.set(0, t.generate(cache.shape(), cache.element(), body));
}

/// The number of elements of its row that come before each element: its place
/// in the order, since no two compare equal with their indices.
static Tensor computePlaces(Tensors &t, const Tensor &rows, bool largest) {
  int64_t count = rows.extent(0), width = rows.extent(1);
  Type i64 = t.builder.getI64Type();
  Tensor one = t.reshape(rows, {count, width, 1});
  Tensor other = t.reshape(rows, {count, 1, width});
  Tensor before = t.mapOnto(
      {count, width, width}, {one, other}, i64, [&](Scalars &s, ValueRange x) {
        Compare how = largest ? Compare::Greater : Compare::Less;
        Value isEarlier =
            s.compare(Compare::Less, t.place(s, 2), t.place(s, 1));
        Value isTie = s.both(s.compare(Compare::Equal, x[1], x[0]), isEarlier);
        return s.either(s.compare(how, x[1], x[0]), isTie);
      });
  return t.reduce(before, 2, /*keep=*/false, Reduction::Sum);
}

/// By the op that has a kernel, which takes f32.
static std::pair<Tensor, Tensor> orderFloats(Tensors &t, const Tensor &rows,
                                             int64_t k, bool largest) {
  Type f32 = t.builder.getF32Type(), i32 = t.builder.getI32Type();
  Value wide = t.value(t.cast(rows, f32));
  RankedTensorType values = t.type({rows.extent(0), k}, f32);
  auto op =
      seq::TopKOp::create(t.builder, values, values.clone(i32), wide, !largest);
  return {t.cast(t.of(op.getValues()), rows.element()),
          t.cast(t.of(op.getIndices()), t.builder.getI64Type())};
}

/// The `k` first of each row in falling order, or in rising order of the
/// smallest, and where they stand; of equal ones the first comes first.
static std::pair<Tensor, Tensor> orderRows(Tensors &t, const Tensor &rows,
                                           int64_t k, bool largest) {
  if (t.failed() || !rows)
    return {};
  int64_t count = rows.extent(0), width = rows.extent(1);
  Type i64 = t.builder.getI64Type();
  // Of narrower floats f32 keeps the order.
  if (t.computeType(rows.element()).isF32() && count > 0)
    return orderFloats(t, rows, k, largest);
  Tensor places = t.reshape(computePlaces(t, rows, largest), {count, 1, width});
  Tensor chosen =
      t.mapOnto({count, k, width}, places, i64, [&](Scalars &s, ValueRange x) {
        Value rank = s.convert(t.place(s, 1), i64);
        Value index = s.convert(t.place(s, 2), i64);
        return s.select(s.compare(Compare::Equal, x[0], rank), index,
                        s.constant(i64, 0));
      });
  Tensor indices = t.reduce(chosen, 2, /*keep=*/false, Reduction::Sum);
  Tensor values =
      t.generate({count, k}, rows.element(), [&](Scalars &s, ValueRange at) {
        Value index = s.convert(t.at(s, indices, at), s.builder.getIndexType());
        return t.at(s, rows, {at[0], index});
      });
  return {values, indices};
}

static void importTopK(NodeReader &node) {
  int64_t axis = node.integer("axis", -1);
  bool largest = node.integer("largest", 1);
  // Unsorted results may come in any order, hence in this one.
  node.integer("sorted", 1);
  Tensor x = node.input(0);
  SmallVector<int64_t> count = node.integersInput(1);
  if (node.failed())
    return;
  axis = node.axis(axis, x.rank());
  if (node.failed())
    return;
  int64_t width = x.extent(axis);
  if (count.size() != 1 || count[0] < 1 || count[0] > width)
    return node.fail("k is " + spell(count) + ", expected 1 to " +
                     Twine(width));
  // The axis goes last, and its rows below each other.
  Tensors &t = node.tensors();
  SmallVector<int64_t> order;
  for (int64_t dim = 0; dim < x.rank(); ++dim)
    if (dim != axis)
      order.push_back(dim);
  order.push_back(axis);
  Tensor moved = t.transpose(x, order);
  int64_t rows = width == 0 ? 0 : x.type.getNumElements() / width;
  auto [values, indices] =
      orderRows(t, t.reshape(moved, {rows, width}), count[0], largest);
  Shape shape(moved.shape());
  shape.back() = count[0];
  SmallVector<int64_t> back(x.rank());
  for (auto [to, from] : llvm::enumerate(order))
    back[from] = to;
  node.set(0, t.transpose(t.reshape(values, shape), back));
  node.set(1, t.transpose(t.reshape(indices, shape), back));
}

static void importCumulation(NodeReader &node, Reduction kind) {
  bool exclusive = node.integer("exclusive", 0);
  bool reverse = node.integer("reverse", 0);
  Tensor x = node.input(0);
  SmallVector<int64_t> axis = node.integersInput(1);
  if (node.failed())
    return;
  if (axis.size() != 1)
    return node.fail("the axis has " + Twine(axis.size()) +
                     " elements, expected 1");
  int64_t along = node.axis(axis[0], x.rank());
  if (!node.failed())
    node.set(0, node.tensors().cumulate(x, along, exclusive, reverse, kind));
}

/// Keeps the triangle above or below a diagonal of the last two dimensions.
static void importTrilu(NodeReader &node) {
  bool upper = node.integer("upper", 1);
  Tensor x = node.input(0);
  SmallVector<int64_t> diagonal = {0};
  if (node.hasInput(1))
    diagonal = node.integersInput(1);
  if (node.failed())
    return;
  if (x.rank() < 2 || diagonal.size() != 1)
    return node.fail("expected a matrix and one diagonal");
  Tensors &t = node.tensors();
  node.set(0, t.map(x, x.element(), [&](Scalars &s, ValueRange v) {
    Value distance = s.sub(t.place(s, x.rank() - 1), t.place(s, x.rank() - 2));
    Value isKept =
        s.compare(upper ? Compare::GreaterOrEqual : Compare::LessOrEqual,
                  distance, s.index(diagonal[0]));
    return s.select(isKept, v[0], s.constant(v[0].getType(), 0));
  }));
}

llvm::ArrayRef<Operator> sennit::onnx::indexOperators() {
  static const Operator table[] = {
      {"Gather", importGather},
      {"GatherElements", importGatherElements},
      {"TensorScatter", importTensorScatter},
      {"TopK", importTopK},
      {"CumSum",
       [](NodeReader &node) { importCumulation(node, Reduction::Sum); }},
      {"CumProd",
       [](NodeReader &node) { importCumulation(node, Reduction::Product); }},
      {"Trilu", importTrilu},
  };
  return table;
}
