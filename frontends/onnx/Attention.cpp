// Softmax attention, by the standard's rules and with graphs of its own.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/AttentionProblem.h"
#include "frontends/onnx/Operators.h"

#include <cmath>

using namespace mlir;
using namespace sennit::onnx;

/// [batch, head, token, width], or [batch, token, heads x width], as [batch,
/// token, head, width].
static Tensor readHeads(NodeReader &node, unsigned index, int64_t heads) {
  Tensor x = node.floatInput(index, 3, 4);
  if (node.failed())
    return {};
  Tensors &t = node.tensors();
  if (x.rank() == 4)
    return t.transpose(x, {0, 2, 1, 3});
  if (heads < 1 || x.extent(2) % heads != 0) {
    node.fail("input " + Twine(index) + " has " + Twine(x.extent(2)) +
              " columns for " + Twine(heads) + " heads");
    return {};
  }
  return t.reshape(x, {x.extent(0), x.extent(1), heads, x.extent(2) / heads});
}

static bool checkProblem(NodeReader &node, const Problem &p) {
  if (node.failed())
    return false;
  bool fits = p.query.extent(0) == p.key.extent(0) &&
              p.key.shape().take_front(3) == p.value.shape().take_front(3) &&
              p.query.extent(3) == p.key.extent(3) && p.key.extent(2) > 0 &&
              p.heads() % p.key.extent(2) == 0 &&
              p.query.element() == p.key.element() &&
              p.key.element() == p.value.element();
  if (!fits)
    node.fail("queries " + spell(p.query.shape()) + ", keys " +
              spell(p.key.shape()) + " and values " + spell(p.value.shape()) +
              " (batch, token, head, width) do not fit");
  return fits;
}

//===-- Attention
//-----------------------------------------------------------------===//

/// Joins what is cached, [batch, head, token, width], with new tokens; returns
/// all as [batch, token, head, width], and sets the output to all as cached.
static Tensor appendToCache(NodeReader &node, const Tensor &fresh,
                            unsigned input, unsigned output) {
  Tensors &t = node.tensors();
  Tensor past = node.optionalInput(input);
  if (node.failed() || (!past && !node.wantsOutput(output)))
    return fresh;
  Tensor all = t.transpose(fresh, {0, 2, 1, 3});
  if (past && (past.rank() != 4 || past.element() != fresh.element())) {
    node.fail("input " + Twine(input) + " has shape " + spell(past.shape()));
    return {};
  }
  if (past)
    all = t.concat({past, all}, 2);
  node.set(output, all);
  return past ? t.transpose(all, {0, 2, 1, 3}) : fresh;
}

/// Brings the mask to four dimensions and to all keys; keys that it does not
/// speak of are hidden.
static void readMask(NodeReader &node, Problem &p) {
  Tensor mask = node.optionalInput(3);
  if (node.failed() || !mask)
    return;
  bool isFloat = mask.isFloat();
  if ((!isFloat && !mask.element().isInteger(1)) || mask.rank() < 2 ||
      mask.rank() > 4)
    return node.fail("attn_mask has shape " + spell(mask.shape()) +
                     " or is neither of bool nor of floats");
  Tensors &t = node.tensors();
  Shape shape(mask.shape());
  // Three dimensions are heads, queries and keys.
  shape.insert(shape.begin(), 4 - shape.size(), 1);
  mask = t.reshape(mask, shape);
  if (shape[3] < p.keys() && shape[3] != 1) {
    shape[3] = p.keys() - shape[3];
    Tensor rest = t.filled(shape, mask.element(), isFloat ? -INFINITY : 0);
    mask = t.concat({mask, rest}, 3);
  }
  Shape all = {p.query.extent(0), p.heads(), p.queries(), p.keys()},
        joined = all;
  if (!mask || !t.broadcast(joined, mask.shape()) || joined != all)
    return node.fail("attn_mask of shape " + spell(mask.shape()) +
                     " does not broadcast to " + spell(all));
  p.mask = mask;
}

static void readLengths(NodeReader &node, Problem &p) {
  p.lengths = node.optionalInput(6);
  if (p.lengths && (!isa<IntegerType>(p.lengths.element()) ||
                    p.lengths.shape() != p.query.shape().take_front(1)))
    node.fail("nonpad_kv_seqlen has shape " + spell(p.lengths.shape()) +
              ", expected one integer a sequence");
}

/// Rounds to the inputs' type and turns [batch, token, head, width] into the
/// form in which queries came.
static void setOutput(NodeReader &node, const Tensor &result,
                      const Tensor &query) {
  Tensors &t = node.tensors();
  Tensor y = t.cast(result, query.element());
  if (!y)
    return;
  if (query.rank() == 4)
    return node.set(0, t.transpose(y, {0, 2, 1, 3}));
  node.set(0,
           t.reshape(y, {y.extent(0), y.extent(1), y.extent(2) * y.extent(3)}));
}

static void importAttention(NodeReader &node) {
  Problem p;
  bool isCausal = node.integer("is_causal", 0);
  int64_t queryHeads = node.integer("q_num_heads", 0),
          keyHeads = node.integer("kv_num_heads", 0),
          mode = node.integer("qk_matmul_output_mode", 0);
  // Everything narrower than f32 is computed in f32, as precise as any of the
  // values that this may have asks for.
  node.integer("softmax_precision", 0);
  p.softcap = node.number("softcap", 0);
  p.left = node.integer("left_window_size", -1);
  p.right = node.integer("right_window_size", -1);
  double scale = node.number("scale", 0);
  p.query = readHeads(node, 0, queryHeads);
  Tensor key = readHeads(node, 1, keyHeads),
         value = readHeads(node, 2, keyHeads);
  if (node.failed())
    return;
  p.key = appendToCache(node, key, 4, 1);
  p.value = appendToCache(node, value, 5, 2);
  if (!checkProblem(node, p))
    return;
  p.scale = scale != 0 ? scale : 1 / std::sqrt(double(p.query.extent(3)));
  p.offset = p.keys() - key.extent(1);
  if (isCausal)
    p.right = p.right < 0 ? 0 : std::min<int64_t>(p.right, 0);
  readMask(node, p);
  readLengths(node, p);
  if (mode < 0 || mode > 3)
    node.fail("qk_matmul_output_mode " + Twine(mode));
  if (node.failed())
    return;
  Tensors &t = node.tensors();
  Tensor steps[4];
  bool isFused = canFuse(p);
  if (isFused)
    setOutput(node, attend(t, p), node.input(0));
  if (isFused && !node.wantsOutput(3))
    return;
  // What fusion hides is computed beside it.
  steps[0] = computeScores(t, p);
  steps[1] = applySoftcap(t, steps[0], p.softcap);
  steps[2] = applyMask(t, p, steps[1]);
  steps[3] = computeSoftmax(t, steps[2]);
  if (node.wantsOutput(3))
    node.set(3, t.cast(steps[mode], p.query.element()));
  if (!isFused)
    setOutput(node, weighValues(t, p, steps[3]), node.input(0));
}

/// The standard's preview: graphs change the scores and the weights.
static void importFlexAttention(NodeReader &node) {
  Problem p;
  const Graph *scoreGraph = node.graph("score_mod"),
              *weightGraph = node.graph("prob_mod");
  double scale = node.number("scale", 0);
  node.integer("softmax_precision", 0);
  p.query = readHeads(node, 0, 0);
  p.key = readHeads(node, 1, 0);
  p.value = readHeads(node, 2, 0);
  if (!checkProblem(node, p))
    return;
  p.scale = scale != 0 ? scale : 1 / std::sqrt(double(p.query.extent(3)));
  Tensors &t = node.tensors();
  auto change = [&](const Graph *graph, Tensor x) {
    if (!graph || node.failed() || t.failed())
      return x;
    // Graphs are written for the inputs' type, or for f32.
    Type own = x.element();
    if (!graph->inputs.empty() && graph->inputs[0].isTensor &&
        graph->inputs[0].type != ElementType::Undefined)
      x = t.cast(x, node.owner().elementType(graph->inputs[0].type));
    SmallVector<Tensor> results = node.importSubgraph(*graph, x);
    if (node.failed())
      return Tensor();
    if (results.size() != 1 || results[0].shape() != x.shape()) {
      node.fail("a graph that does not give one tensor of its input's shape");
      return Tensor();
    }
    return t.cast(results[0], own);
  };
  if (!scoreGraph && !weightGraph && canFuse(p))
    return setOutput(node, attend(t, p), node.input(0));
  Tensor weights = computeSoftmax(t, change(scoreGraph, computeScores(t, p)));
  if (!t.failed() && !node.failed())
    setOutput(node, weighValues(t, p, change(weightGraph, weights)),
              node.input(0));
}

llvm::ArrayRef<Operator> sennit::onnx::attentionOperators() {
  static const Operator table[] = {{"Attention", importAttention}};
  return table;
}

llvm::ArrayRef<Operator> sennit::onnx::previewOperators() {
  static const Operator table[] = {{"FlexAttention", importFlexAttention}};
  return table;
}
