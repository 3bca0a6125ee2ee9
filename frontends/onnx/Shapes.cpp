// Operators on shapes, and those that only move elements.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Operators.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::onnx;

static void importShape(NodeReader &node) {
  int64_t start = node.integer("start", 0);
  bool hasEnd = node.hasAttribute("end");
  int64_t end = node.integer("end", 0);
  Tensor x = node.input(0);
  if (node.failed())
    return;
  auto wrap = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + x.rank() : at, 0, x.rank());
  };
  int64_t first = wrap(start), last = hasEnd ? wrap(end) : x.rank();
  node.set(0, node.tensors().integers(
                  x.shape().slice(first, std::max<int64_t>(last - first, 0))));
}

static void importSize(NodeReader &node) {
  Tensor x = node.input(0);
  if (!node.failed())
    node.set(0, node.tensors().scalar(node.tensors().builder.getI64Type(),
                                      double(x.type.getNumElements())));
}

static void importReshape(NodeReader &node) {
  bool keepsZero = node.integer("allowzero", 0);
  SmallVector<int64_t> shape = node.integersOf("shape", 1);
  Tensor x = node.input(0);
  if (node.failed())
    return;
  int64_t known = 1, open = -1;
  for (auto [dim, extent] : llvm::enumerate(shape)) {
    if (extent == 0 && !keepsZero) {
      if (int64_t(dim) >= x.rank())
        return node.fail("extent 0 copies a dimension that is not there");
      extent = x.extent(dim);
    }
    if (extent == -1 && open >= 0)
      return node.fail("two extents are -1");
    if (extent < -1 || extent > maxElements)
      return node.fail("an extent of " + Twine(extent));
    if (extent == -1)
      open = dim;
    else if (__builtin_mul_overflow(known, extent, &known))
      return node.fail("shape " + spell(shape) + " has too many elements");
  }
  if (open >= 0)
    shape[open] = known == 0 ? 0 : x.type.getNumElements() / known;
  node.set(0, node.tensors().reshape(x, shape));
}

static void importFlatten(NodeReader &node) {
  int64_t axis = node.integer("axis", 1);
  Tensor x = node.input(0);
  if (node.failed())
    return;
  axis = node.axis(axis, x.rank(), /*last=*/true);
  if (node.failed())
    return;
  int64_t rows = 1, columns = 1;
  for (int64_t dim = 0; dim < x.rank(); ++dim)
    (dim < axis ? rows : columns) *= x.extent(dim);
  node.set(0, node.tensors().reshape(x, {rows, columns}));
}

static void importSqueeze(NodeReader &node) {
  Tensor x = node.input(0);
  if (node.failed())
    return;
  SmallVector<int64_t> axes = node.axes(node.integersOf("axes", 1), x.rank());
  if (node.failed())
    return;
  bool all = axes.empty();
  Shape shape;
  for (int64_t dim = 0; dim < x.rank(); ++dim) {
    bool isNamed = llvm::is_contained(axes, dim);
    if (isNamed && x.extent(dim) != 1)
      return node.fail("dimension " + Twine(dim) + " has " +
                       Twine(x.extent(dim)) + " elements, expected 1");
    if (!isNamed && !(all && x.extent(dim) == 1))
      shape.push_back(x.extent(dim));
  }
  node.set(0, node.tensors().reshape(x, shape));
}

static void importUnsqueeze(NodeReader &node) {
  Tensor x = node.input(0);
  if (node.failed())
    return;
  SmallVector<int64_t> given = node.integersOf("axes", 1);
  int64_t rank = x.rank() + int64_t(given.size());
  SmallVector<int64_t> axes = node.axes(given, rank);
  if (node.failed())
    return;
  Shape shape;
  ArrayRef<int64_t> rest = x.shape();
  for (int64_t dim = 0; dim < rank; ++dim) {
    bool isNew = llvm::is_contained(axes, dim);
    shape.push_back(isNew ? 1 : rest.front());
    if (!isNew)
      rest = rest.drop_front();
  }
  node.set(0, node.tensors().reshape(x, shape));
}

static void importTranspose(NodeReader &node) {
  SmallVector<int64_t> permutation = node.integers("perm");
  Tensor x = node.input(0);
  if (node.failed())
    return;
  if (permutation.empty())
    permutation =
        llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, x.rank())));
  permutation = node.axes(permutation, x.rank());
  if (node.failed())
    return;
  if (int64_t(permutation.size()) != x.rank())
    return node.fail("perm names " + Twine(permutation.size()) + " of " +
                     Twine(x.rank()) + " dimensions");
  node.set(0, node.tensors().transpose(x, permutation));
}

static void importExpand(NodeReader &node) {
  Tensor x = node.input(0);
  SmallVector<int64_t> wanted = node.integersInput(1);
  if (node.failed())
    return;
  Shape shape(x.shape());
  if (node.tensors().broadcast(shape, wanted))
    node.set(0, node.tensors().expand(x, shape));
}

static void importConcat(NodeReader &node) {
  int64_t axis = node.integer("axis", 1);
  SmallVector<Tensor> inputs = node.inputs();
  if (node.failed())
    return;
  if (inputs.empty())
    return node.fail("no inputs");
  axis = node.axis(axis, inputs.front().rank());
  for (const Tensor &input : inputs)
    if (input.element() != inputs.front().element() || input.rank() == 0)
      return node.fail("inputs have different element types, or no dimensions");
  if (!node.failed())
    node.set(0, node.tensors().concat(inputs, axis));
}

static void importSplit(NodeReader &node) {
  int64_t axis = node.integer("axis", 0);
  int64_t parts = node.integer("num_outputs", 0);
  Tensor x = node.input(0);
  SmallVector<int64_t> sizes = node.integersOf("split", 1);
  if (node.failed())
    return;
  axis = node.axis(axis, x.rank());
  if (node.failed())
    return;
  int64_t count = node.outputCount();
  if (sizes.empty()) {
    if (count == 0 || (parts != 0 && parts != count))
      return node.fail(Twine(count) + " outputs for " + Twine(parts) +
                       " parts");
    int64_t size = llvm::divideCeil(x.extent(axis), count);
    sizes.assign(count, size);
    sizes.back() = x.extent(axis) - size * (count - 1);
  }
  int64_t offset = 0;
  SmallVector<int64_t> starts(x.rank(), 0), steps(x.rank(), 1);
  Shape shape(x.shape());
  if (int64_t(sizes.size()) != count)
    return node.fail(Twine(sizes.size()) + " sizes for " + Twine(count) +
                     " outputs");
  for (auto [index, size] : llvm::enumerate(sizes)) {
    if (size < 0 || size > x.extent(axis) - offset)
      return node.fail("parts " + spell(sizes) + " of a dimension of " +
                       Twine(x.extent(axis)));
    starts[axis] = offset;
    shape[axis] = size;
    node.set(index, node.tensors().slice(x, starts, shape, steps));
    offset += size;
  }
  if (offset != x.extent(axis))
    node.fail("parts " + spell(sizes) + " of a dimension of " +
              Twine(x.extent(axis)));
}

static void importSlice(NodeReader &node) {
  Tensor x = node.input(0);
  if (node.failed())
    return;
  SmallVector<int64_t> starts = node.integersOf("starts", 1),
                       ends = node.integersOf("ends", 2),
                       given = node.integersOf("axes", 3), steps;
  if (node.hasInput(4))
    steps = node.integersInput(4);
  if (given.empty())
    given = llvm::to_vector(llvm::seq<int64_t>(0, starts.size()));
  if (steps.empty())
    steps.assign(starts.size(), 1);
  SmallVector<int64_t> axes = node.axes(given, x.rank());
  if (node.failed())
    return;
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      steps.size() != starts.size())
    return node.fail("starts, ends, axes and steps have different lengths");
  SmallVector<int64_t> from(x.rank(), 0), by(x.rank(), 1);
  Shape shape(x.shape());
  for (auto [i, axis] : llvm::enumerate(axes)) {
    int64_t extent = x.extent(axis), step = steps[i];
    if (step == 0 || step == INT64_MIN)
      return node.fail("a step of " + Twine(step));
    if (extent == 0)
      continue;
    auto clamp = [&](int64_t at, int64_t least, int64_t most) {
      return std::clamp(at < 0 ? at + extent : at, least, most);
    };
    int64_t start = step > 0 ? clamp(starts[i], 0, extent)
                             : clamp(starts[i], 0, extent - 1);
    int64_t end =
        step > 0 ? clamp(ends[i], 0, extent) : clamp(ends[i], -1, extent - 1);
    int64_t distance = step > 0 ? end - start : start - end;
    int64_t size = distance <= 0 ? 0 : (distance - 1) / std::abs(step) + 1;
    from[axis] = size == 0 ? 0 : start;
    by[axis] = size == 0 ? 1 : step;
    shape[axis] = size;
  }
  node.set(0, node.tensors().slice(x, from, shape, by));
}

static void importTile(NodeReader &node) {
  Tensor x = node.input(0);
  SmallVector<int64_t> repeats = node.integersInput(1);
  if (node.failed())
    return;
  if (int64_t(repeats.size()) != x.rank())
    return node.fail(Twine(repeats.size()) + " repeats for " + Twine(x.rank()) +
                     " dimensions");
  // [a, b] as [1, a, 1, b] spreads to [r, a, s, b].
  Shape apart, spread, shape;
  for (auto [extent, count] : llvm::zip_equal(x.shape(), repeats)) {
    if (count < 0 || count > maxElements)
      return node.fail("a repeat of " + Twine(count));
    apart.append({1, extent});
    spread.append({count, extent});
    int64_t whole;
    if (__builtin_mul_overflow(count, extent, &whole))
      return node.fail("repeats " + spell(repeats) + " are too many");
    shape.push_back(whole);
  }
  Tensors &t = node.tensors();
  node.set(0, t.reshape(t.expand(t.reshape(x, apart), spread), shape));
}

static void importPad(NodeReader &node) {
  std::string mode = node.text("mode", "constant");
  Tensor x = node.input(0), fill = node.optionalInput(2);
  SmallVector<int64_t> pads = node.integersOf("pads", 1);
  if (node.failed())
    return;
  if (mode != "constant")
    return node.failUnsupported("mode " + quoted(mode));
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, x.rank()));
  if (node.hasInput(3))
    axes = node.axes(node.integersInput(3), x.rank());
  if (node.failed())
    return;
  if (pads.size() != 2 * axes.size())
    return node.fail(Twine(pads.size()) + " pads for " + Twine(axes.size()) +
                     " dimensions");
  Tensors &t = node.tensors();
  if (!fill)
    fill = t.scalar(x.element(), 0);
  if (fill.type.getNumElements() != 1 || fill.element() != x.element())
    return node.fail("the padding is not one element of the input's type");
  fill = t.reshape(fill, {});
  for (auto [i, axis] : llvm::enumerate(axes)) {
    int64_t before = pads[i], after = pads[i + axes.size()];
    if (before < 0 || after < 0 || before > maxElements || after > maxElements)
      return node.failUnsupported("pads " + spell(pads));
    Shape head(x.shape()), tail(x.shape());
    head[axis] = before;
    tail[axis] = after;
    SmallVector<Tensor> parts;
    if (before > 0)
      parts.push_back(t.expand(fill, head));
    parts.push_back(x);
    if (after > 0)
      parts.push_back(t.expand(fill, tail));
    x = t.concat(parts, axis);
    if (node.failed() || t.failed())
      return;
  }
  node.set(0, x);
}

static void importConstant(NodeReader &node) {
  Tensors &t = node.tensors();
  Builder &b = t.builder;
  auto row = [&](Type element, size_t count) {
    return RankedTensorType::get(int64_t(count), element);
  };
  if (auto *found = node.attribute("value", StoredAttribute::Tensor))
    return node.set(0, node.owner().initializer(*found->tensor));
  if (auto *found = node.attribute("value_float", StoredAttribute::Float))
    return node.set(0, t.scalar(b.getF32Type(), found->number));
  if (auto *found = node.attribute("value_int", StoredAttribute::Int))
    return node.set(0, t.reshape(t.integers(found->integer), {}));
  if (auto *found = node.attribute("value_ints", StoredAttribute::Ints))
    return node.set(0, t.integers(found->integers));
  if (auto *found = node.attribute("value_floats", StoredAttribute::Floats))
    return node.set(0, t.constant(DenseElementsAttr::get(
                           row(b.getF32Type(), found->numbers.size()),
                           ArrayRef<float>(found->numbers))));
  node.failUnsupported("the constant is none of numbers");
}

static void importConstantOfShape(NodeReader &node) {
  SmallVector<int64_t> shape = node.integersInput(0);
  auto *found = node.attribute("value", StoredAttribute::Tensor);
  if (node.failed())
    return;
  Tensors &t = node.tensors();
  Tensor one = found ? node.owner().initializer(*found->tensor)
                     : t.scalar(t.builder.getF32Type(), 0);
  if (node.failed())
    return;
  if (one.type.getNumElements() != 1)
    return node.fail("the value has " + Twine(one.type.getNumElements()) +
                     " elements, expected 1");
  node.set(0, t.expand(t.reshape(one, {}), shape));
}

static void importRange(NodeReader &node) {
  SmallVector<int64_t> start = node.integersInput(0),
                       limit = node.integersInput(1),
                       step = node.integersInput(2);
  Tensor like = node.input(0);
  if (node.failed())
    return;
  if (start.size() != 1 || limit.size() != 1 || step.size() != 1 ||
      step[0] == 0 || std::abs(step[0]) > maxElements ||
      std::abs(start[0]) > maxElements || std::abs(limit[0]) > maxElements)
    return node.fail("start, limit or step is no number that makes a range");
  int64_t distance = step[0] > 0 ? limit[0] - start[0] : start[0] - limit[0];
  int64_t count = distance <= 0 ? 0 : (distance - 1) / std::abs(step[0]) + 1;
  node.set(0, node.tensors().generate(
                  count, like.element(), [&](Scalars &s, ValueRange index) {
                    return s.add(s.index(start[0]),
                                 s.mul(index[0], s.index(step[0])));
                  }));
}

llvm::ArrayRef<Operator> sennit::onnx::shapeOperators() {
  static const Operator table[] = {
      {"Shape", importShape},
      {"Size", importSize},
      {"Reshape", importReshape},
      {"Flatten", importFlatten},
      {"Squeeze", importSqueeze},
      {"Unsqueeze", importUnsqueeze},
      {"Transpose", importTranspose},
      {"Expand", importExpand},
      {"Concat", importConcat},
      {"Split", importSplit},
      {"Slice", importSlice},
      {"Tile", importTile},
      {"Pad", importPad},
      {"Constant", importConstant},
      {"ConstantOfShape", importConstantOfShape},
      {"Range", importRange},
  };
  return table;
}
