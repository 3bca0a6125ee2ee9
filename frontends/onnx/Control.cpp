// Graphs inside nodes: branches and loops, unrolled where their number of turns
// is known.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Operators.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::onnx;

/// The only element of a constant of bool or integers.
static std::optional<int64_t> readScalar(NodeReader &node, const Tensor &x) {
  DenseElementsAttr constant = node.owner().requireConstant(x);
  if (!constant || constant.getNumElements() != 1 ||
      !isa<IntegerType>(constant.getElementType()))
    return std::nullopt;
  llvm::APInt value = *constant.getValues<llvm::APInt>().begin();
  return value.getBitWidth() == 1 ? int64_t(value.getZExtValue())
                                  : value.getSExtValue();
}

static void importIf(NodeReader &node) {
  const Graph *branches[] = {node.graph("else_branch"),
                             node.graph("then_branch")};
  Tensor condition = node.input(0);
  if (node.failed())
    return;
  if (!branches[0] || !branches[1])
    return node.fail("a branch is missing");
  if (auto known =
          condition.constant ? readScalar(node, condition) : std::nullopt) {
    SmallVector<Tensor> results =
        node.importSubgraph(*branches[*known != 0], {});
    for (auto [index, result] : llvm::enumerate(results))
      node.set(index, result);
    return;
  }
  // Both are computed; neither has effects.
  SmallVector<Tensor> otherwise = node.importSubgraph(*branches[0], {});
  SmallVector<Tensor> then = node.importSubgraph(*branches[1], {});
  if (node.failed())
    return;
  if (!condition.element().isInteger(1) || then.size() != otherwise.size())
    return node.fail("a condition of another type than bool, or branches of " +
                     Twine(then.size()) + " and " + Twine(otherwise.size()) +
                     " results");
  Tensors &t = node.tensors();
  Tensor flag = t.reshape(condition, {});
  for (auto [index, a, b] : llvm::enumerate(then, otherwise)) {
    if (a.type != b.type)
      return node.failUnsupported("branches whose results differ in shape");
    node.set(index, t.mapOnto(a.shape(), {flag, a, b}, a.element(),
                              [](Scalars &s, ValueRange v) {
                                return s.select(v[0], v[1], v[2]);
                              }));
  }
}

/// One more leading dimension, of one element.
static Tensor asRow(Tensors &t, const Tensor &x) {
  Shape shape(x.shape());
  shape.insert(shape.begin(), 1);
  return t.reshape(x, shape);
}

static void importLoop(NodeReader &node) {
  const Graph *body = node.graph("body");
  if (node.failed() || !body)
    return node.fail("the body is missing");
  std::optional<int64_t> turns;
  if (node.hasInput(0))
    turns = readScalar(node, node.input(0));
  if (!node.failed() && !turns)
    node.failUnsupported("a loop whose number of turns is not known at "
                         "compile time");
  Tensors &t = node.tensors();
  Type i1 = t.builder.getI1Type();
  Tensor condition = node.hasInput(1) ? node.input(1) : t.scalar(i1, 1);
  SmallVector<Tensor> states;
  for (unsigned index = 2; index < node.inputCount(); ++index)
    states.push_back(node.input(index));
  SmallVector<SmallVector<Tensor>> scans;
  for (int64_t turn = 0; !node.failed() && turn < *turns; ++turn) {
    std::optional<int64_t> goes = readScalar(node, condition);
    if (!goes)
      return node.failUnsupported("a loop whose end depends on data");
    if (!*goes)
      break;
    SmallVector<Tensor> inputs = {t.reshape(t.integers(turn), {}), condition};
    llvm::append_range(inputs, states);
    SmallVector<Tensor> results = node.importSubgraph(*body, inputs);
    if (node.failed())
      return;
    if (results.size() < 1 + states.size())
      return node.fail("the body has " + Twine(results.size()) +
                       " results for " + Twine(states.size()) + " states");
    condition = results.front();
    states.assign(results.begin() + 1, results.begin() + 1 + states.size());
    scans.resize(results.size() - 1 - states.size());
    for (auto [list, result] : llvm::zip_equal(
             scans, ArrayRef(results).drop_front(1 + states.size())))
      list.push_back(asRow(t, result));
  }
  if (node.failed())
    return;
  for (auto [index, state] : llvm::enumerate(states))
    node.set(index, state);
  if (scans.empty() && node.outputCount() > states.size())
    return node.failUnsupported("a loop without turns that gives rows");
  for (auto [index, list] : llvm::enumerate(scans))
    node.set(states.size() + index, t.concat(list, 0));
}

//===-- Scan
//----------------------------------------------------------------------===//

namespace {
/// A scan over one sequence: version 9, or one of a batch of version 8.
struct Scan {
  const Graph *body;
  SmallVector<Tensor> states, inputs;
  SmallVector<int64_t> axes, directions; // Of the inputs.
  SmallVector<int64_t> outputAxes,
      outputDirections; // Maybe fewer than outputs.
};
} // namespace

/// Element `index` along `axis`, without that dimension.
static Tensor takeStep(Tensors &t, const Tensor &x, int64_t axis,
                       int64_t index) {
  SmallVector<int64_t> starts(x.rank(), 0), steps(x.rank(), 1);
  Shape shape(x.shape()), rest;
  shape[axis] = 1;
  starts[axis] = index;
  for (int64_t dim = 0; dim < x.rank(); ++dim)
    if (dim != axis)
      rest.push_back(x.extent(dim));
  return t.reshape(t.slice(x, starts, shape, steps), rest);
}

/// Rows, one a step, as a tensor with the steps along `axis`.
static Tensor joinSteps(Tensors &t, ArrayRef<Tensor> rows, int64_t axis) {
  SmallVector<Tensor> parts;
  for (const Tensor &row : rows) {
    Shape shape(row.shape());
    shape.insert(shape.begin() + axis, 1);
    parts.push_back(t.reshape(row, shape));
  }
  return t.concat(parts, axis);
}

/// The last states, then the outputs of all steps joined.
static SmallVector<Tensor> unroll(NodeReader &node, Scan scan) {
  Tensors &t = node.tensors();
  int64_t steps = scan.inputs.front().extent(scan.axes.front());
  for (auto [input, axis] : llvm::zip_equal(scan.inputs, scan.axes))
    if (input.extent(axis) != steps)
      node.fail("sequences of " + Twine(steps) + " and " +
                Twine(input.extent(axis)) + " steps");
  if (steps == 0)
    node.failUnsupported("a scan of no steps");
  SmallVector<SmallVector<Tensor>> rows;
  for (int64_t step = 0; !node.failed() && step < steps; ++step) {
    SmallVector<Tensor> inputs(scan.states);
    for (auto [input, axis, direction] :
         llvm::zip_equal(scan.inputs, scan.axes, scan.directions))
      inputs.push_back(
          takeStep(t, input, axis, direction ? steps - 1 - step : step));
    SmallVector<Tensor> results = node.importSubgraph(*scan.body, inputs);
    if (node.failed())
      break;
    if (results.size() < scan.states.size()) {
      node.fail("the body has " + Twine(results.size()) + " results for " +
                Twine(scan.states.size()) + " states");
      break;
    }
    size_t states = scan.states.size();
    scan.states.assign(results.begin(), results.begin() + states);
    rows.resize(results.size() - states);
    for (auto [list, result] :
         llvm::zip_equal(rows, ArrayRef(results).drop_front(states)))
      list.push_back(result);
  }
  SmallVector<Tensor> results(scan.states);
  for (auto [index, list] : llvm::enumerate(rows)) {
    if (node.failed())
      break;
    if (index < scan.outputDirections.size() && scan.outputDirections[index])
      std::reverse(list.begin(), list.end());
    int64_t axis =
        index < scan.outputAxes.size()
            ? node.axis(scan.outputAxes[index], list.front().rank() + 1)
            : 0;
    if (!node.failed())
      results.push_back(joinSteps(t, list, axis));
  }
  if (node.failed())
    results.clear();
  return results;
}

/// Reads what both versions have; `first` is the first state among the inputs.
static Scan readScan(NodeReader &node, unsigned first) {
  Scan scan;
  scan.body = node.graph("body");
  int64_t count = node.integer("num_scan_inputs", 0);
  int64_t given = int64_t(node.inputCount()) - first;
  if (!scan.body || count < 1 || count > given) {
    node.fail("a scan of " + Twine(count) + " inputs and " + Twine(given) +
              " values, or without a body");
    return scan;
  }
  for (int64_t i = 0; i < given && !node.failed(); ++i)
    (i < given - count ? scan.states : scan.inputs)
        .push_back(node.input(first + i));
  return scan;
}

/// One flag for each sequence, all forward where the list is left out.
static SmallVector<int64_t> readList(NodeReader &node, StringRef name,
                                     size_t count) {
  SmallVector<int64_t> list = node.integers(name);
  if (list.empty())
    list.assign(count, 0);
  if (list.size() != count)
    node.fail("attribute " + quoted(name) + " has " + Twine(list.size()) +
              " elements, expected " + Twine(count));
  return list;
}

/// Version 8: every value has a batch dimension, and sequences a second one of
/// steps.
static void importBatchedScan(NodeReader &node) {
  Scan scan = readScan(node, 1);
  if (node.hasInput(0))
    node.failUnsupported("lengths of sequences");
  if (node.failed())
    return;
  scan.directions = readList(node, "directions", scan.inputs.size());
  scan.axes.assign(scan.inputs.size(), 0);
  for (ArrayRef<Tensor> list : {ArrayRef(scan.states), ArrayRef(scan.inputs)})
    for (const Tensor &x : list)
      if (x.rank() < 1 || x.extent(0) != scan.inputs.front().extent(0))
        node.fail("values of different batches");
  for (const Tensor &x : scan.inputs)
    if (x.rank() < 2)
      node.fail("a sequence of shape " + spell(x.shape()));
  if (node.failed())
    return;
  Tensors &t = node.tensors();
  SmallVector<SmallVector<Tensor>> results;
  int64_t batch = scan.inputs.front().extent(0);
  for (int64_t sequence = 0; sequence < batch && !node.failed(); ++sequence) {
    Scan one = scan;
    for (SmallVector<Tensor> *list : {&one.states, &one.inputs})
      for (Tensor &x : *list)
        x = takeStep(t, x, 0, sequence);
    SmallVector<Tensor> values = unroll(node, one);
    results.resize(values.size());
    for (auto [list, value] : llvm::zip_equal(results, values))
      list.push_back(value);
  }
  for (auto [index, list] : llvm::enumerate(results))
    if (!node.failed())
      node.set(index, joinSteps(t, list, 0));
}

static void importScan(NodeReader &node) {
  if (node.version() < 9)
    return importBatchedScan(node);
  Scan scan = readScan(node, 0);
  if (node.failed())
    return;
  size_t count = scan.inputs.size();
  scan.directions = readList(node, "scan_input_directions", count);
  scan.axes = readList(node, "scan_input_axes", count);
  scan.outputAxes = node.integers("scan_output_axes");
  scan.outputDirections = node.integers("scan_output_directions");
  if (node.failed())
    return;
  for (auto [axis, input] : llvm::zip_equal(scan.axes, scan.inputs))
    axis = node.axis(axis, input.rank());
  if (node.failed())
    return;
  for (auto [index, result] : llvm::enumerate(unroll(node, scan)))
    node.set(index, result);
}

llvm::ArrayRef<Operator> sennit::onnx::controlOperators() {
  static const Operator table[] = {
      {"If", importIf},
      {"Loop", importLoop},
      {"Scan", importScan},
  };
  return table;
}
