// Linear attention and short convolutions, which carry state between calls.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "frontends/onnx/Operators.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace sennit;
using namespace sennit::onnx;

/// [batch, token, heads x width] as [batch, token, head, width].
static Tensor splitHeads(NodeReader &node, unsigned index, int64_t heads) {
  Tensor x = node.floatInput(index, 3, 3);
  if (node.failed())
    return {};
  if (heads < 1 || x.extent(2) % heads != 0) {
    node.fail("input " + Twine(index) + " has " + Twine(x.extent(2)) +
              " columns for " + Twine(heads) + " heads");
    return {};
  }
  return node.tensors().reshape(
      x, {x.extent(0), x.extent(1), heads, x.extent(2) / heads});
}

namespace {
struct Recurrence {
  seq::UpdateRule rule = seq::UpdateRule::GatedDelta;
  bool isGated = true, isDelta = true;
  Tensor query, key, value, state, decay, beta;
};
} // namespace

static void readRule(NodeReader &node, Recurrence &r) {
  std::string name = node.text("update_rule", "gated_delta");
  std::optional<seq::UpdateRule> rule = seq::symbolizeUpdateRule(name);
  r.isGated = name == "gated" || name == "gated_delta";
  r.isDelta = name == "delta" || name == "gated_delta";
  if (!rule || (!r.isGated && !r.isDelta && name != "linear"))
    return node.failUnsupported("update_rule " + quoted(name));
  r.rule = *rule;
}

/// A decay of each key component has their dimension; one of each head has not.
static void readGates(NodeReader &node, Recurrence &r, int64_t heads) {
  Tensors &t = node.tensors();
  int64_t batch = r.key.extent(0), tokens = r.key.extent(1);
  if (r.isGated) {
    Tensor decay = node.floatInput(4, 3, 3);
    if (node.failed())
      return;
    bool isHead = decay.extent(2) == heads;
    Shape each = {batch, tokens, heads};
    if (!isHead)
      each.push_back(r.key.extent(3));
    r.decay = t.reshape(decay, each);
  }
  if (r.isDelta) {
    Tensor beta = node.floatInput(5, 3, 3);
    Shape each = {batch, tokens, heads}, joined = each;
    if (node.failed() || !t.broadcast(joined, beta.shape()))
      return;
    if (joined != each)
      return node.fail("beta has shape " + spell(beta.shape()) + ", expected " +
                       spell(each));
    r.beta = t.expand(beta, each);
  }
}

static bool checkRecurrence(NodeReader &node, const Recurrence &r) {
  if (node.failed() || node.tensors().failed())
    return false;
  Shape state = {r.key.extent(0), r.key.extent(2), r.key.extent(3),
                 r.value.extent(3)};
  bool fits = r.key.shape().take_front(3) == r.value.shape().take_front(3) &&
              r.query.shape().take_front(2) == r.key.shape().take_front(2) &&
              r.query.extent(3) == r.key.extent(3) &&
              r.query.extent(2) % r.key.extent(2) == 0 &&
              (!r.state || r.state.shape() == ArrayRef<int64_t>(state));
  if (!fits)
    node.fail("queries " + spell(r.query.shape()) + ", keys " +
              spell(r.key.shape()) + ", values " + spell(r.value.shape()) +
              " (batch, token, head, width) and states " +
              spell(r.state.shape()) + " do not fit");
  return fits;
}

static void importLinearAttention(NodeReader &node) {
  Recurrence r;
  int64_t queryHeads = node.integer("q_num_heads", 0),
          heads = node.integer("kv_num_heads", 0);
  double scale = node.number("scale", 0);
  // Tokens that a kernel should take at once; it is the scheduler's to know.
  node.integer("chunk_size", 64);
  readRule(node, r);
  r.query = splitHeads(node, 0, queryHeads);
  r.key = splitHeads(node, 1, heads);
  r.value = splitHeads(node, 2, heads);
  r.state = node.optionalInput(3);
  if (!checkRecurrence(node, r))
    return;
  readGates(node, r, heads);
  if (node.failed() || node.tensors().failed())
    return;
  Tensors &t = node.tensors();
  Type f32 = t.builder.getF32Type();
  Type element = r.query.element(),
       stateElement = r.state ? r.state.element() : element;
  if (!t.computeType(element).isF32())
    return node.failUnsupported("elements of double");
  if (scale == 0)
    scale = 1 / std::sqrt(double(r.key.extent(3)));
  if (!r.state)
    r.state = t.filled(
        {r.key.extent(0), heads, r.key.extent(3), r.value.extent(3)}, f32, 0);
  auto wide = [&](const Tensor &x) {
    return x ? t.value(t.cast(x, f32)) : Value();
  };
  auto op = seq::LinearAttentionOp::create(
      t.builder, r.rule, wide(r.query), wide(r.key), wide(r.value),
      wide(r.decay), wide(r.beta), /*erase_read=*/Value(),
      /*erase_write=*/Value(), wide(r.state), llvm::APFloat(float(scale)),
      /*chunk=*/IntegerAttr());
  Tensor y = t.cast(t.of(op.getOutput()), element);
  node.set(0,
           t.reshape(y, {y.extent(0), y.extent(1), y.extent(2) * y.extent(3)}));
  node.set(1, t.cast(t.of(op.getStateAfter()), stateElement));
}

/// [batch, channel, token] to [batch, token, channel] and back.
static Tensor turn(Tensors &t, const Tensor &x) {
  return t.transpose(x, {0, 2, 1});
}

static void importCausalConv(NodeReader &node) {
  std::string activation = node.text("activation", "none");
  Tensor x = node.floatInput(0, 3, 3), weight = node.floatInput(1, 3, 3),
         bias = node.optionalInput(2), past = node.optionalInput(3);
  if (node.failed())
    return;
  if (activation != "none" && activation != "silu" && activation != "swish")
    return node.failUnsupported("activation " + quoted(activation));
  int64_t channels = x.extent(1), taps = weight.extent(2);
  Shape window = {x.extent(0), channels, taps - 1};
  bool fits = weight.extent(0) == channels && weight.extent(1) == 1 &&
              taps > 0 && (!bias || bias.shape() == x.shape().slice(1, 1)) &&
              (!past || past.shape() == ArrayRef<int64_t>(window));
  if (!fits)
    return node.fail("weights " + spell(weight.shape()) + " and states " +
                     spell(past.shape()) + " for an input of " +
                     spell(x.shape()));
  Tensors &t = node.tensors();
  Type f32 = t.builder.getF32Type(), element = x.element();
  if (!t.computeType(element).isF32())
    return node.failUnsupported("elements of double");
  auto wide = [&](const Tensor &tensor) {
    return tensor ? t.value(t.cast(tensor, f32)) : Value();
  };
  Value state;
  if (taps > 1)
    state = past ? wide(turn(t, past))
                 : t.value(t.filled({window[0], window[2], channels}, f32, 0));
  auto op = seq::ConvOp::create(
      t.builder, wide(turn(t, x)),
      t.value(t.cast(t.reshape(weight, {channels, taps}), f32)), wide(bias),
      state, /*block=*/IntegerAttr());
  Tensor y = turn(t, t.of(op.getOutput()));
  node.set(0, t.map(y, element, [&](Scalars &s, ValueRange v) {
    return activation == "none" ? v[0] : s.mul(v[0], s.sigmoid(v[0]));
  }));
  if (taps > 1)
    node.set(1, t.cast(turn(t, t.of(op.getWindowAfter())), element));
  else
    node.set(1, t.of(tensor::EmptyOp::create(t.builder, window, element)));
}

llvm::ArrayRef<Operator> sennit::onnx::carriedOperators() {
  static const Operator table[] = {
      {"LinearAttention", importLinearAttention},
      {"CausalConvWithState", importCausalConv},
  };
  return table;
}
