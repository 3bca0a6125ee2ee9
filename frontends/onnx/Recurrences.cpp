// Mixers that carry state: rotations by position, convolutions, linear
// attention.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Operators.h"

using namespace mlir;
using namespace sennit::onnx;

//===-- Rotary embedding
//-----------------------------------------------------------===//

/// Cosines or sines by batch and token, [batch or 1, token, plane]: rows of the
/// cache that the positions name, or the cache itself.
static Tensor lookUp(Tensors &t, const Tensor &cache, const Tensor &positions) {
  if (!positions)
    return cache;
  Shape shape(positions.shape());
  shape.push_back(cache.extent(1));
  return t.generate(shape, cache.element(), [&](Scalars &s, ValueRange at) {
    Value row =
        s.convert(t.at(s, positions, {at[0], at[1]}), s.builder.getIndexType());
    return t.at(s, cache, {row, at[2]});
  });
}

/// Su et al., 2021. Component r of the first 2R turns with r + R, or of
/// neighbours with each other; the rest passes through.
static void importRotaryEmbedding(NodeReader &node) {
  bool interleaved = node.integer("interleaved", 0);
  int64_t heads = node.integer("num_heads", 0);
  int64_t turned = node.integer("rotary_embedding_dim", 0);
  Tensor x = node.floatInput(0, 3, 4), cosine = node.floatInput(1, 2, 3),
         sine = node.floatInput(2, 2, 3), positions = node.optionalInput(3);
  if (node.failed())
    return;
  Tensors &t = node.tensors();
  // To [batch, token, head, width].
  bool isFlat = x.rank() == 3;
  Shape flat(x.shape());
  if (isFlat) {
    if (heads < 1 || x.extent(2) % heads != 0)
      return node.fail(Twine(x.extent(2)) + " columns in " + Twine(heads) +
                       " heads");
    x = t.reshape(x, {flat[0], flat[1], heads, flat[2] / heads});
  } else {
    x = t.transpose(x, {0, 2, 1, 3});
  }
  int64_t width = x.extent(3);
  if (turned == 0)
    turned = width;
  Shape table = {positions ? 1 : x.extent(0), x.extent(1), turned / 2};
  bool fits = turned % 2 == 0 && turned <= width && turned > 0 &&
              cosine.shape() == sine.shape() &&
              cosine.rank() == (positions ? 2 : 3) &&
              cosine.shape().back() == turned / 2 &&
              (!positions ? cosine.shape() == ArrayRef<int64_t>(table)
                          : positions.shape() == x.shape().take_front(2));
  if (!fits)
    return node.fail("tables of shape " + spell(cosine.shape()) + " for " +
                     Twine(turned) + " of " + Twine(width) + " components");
  Tensor cos = lookUp(t, cosine, positions), sin = lookUp(t, sine, positions);
  int64_t half = turned / 2;
  Type compute = t.computeType(x.element());
  Tensor y = t.generate(x.shape(), x.element(), [&](Scalars &s, ValueRange at) {
    Value component = at[3];
    Value two = s.index(2), planes = s.index(half);
    Value plane, isFirst, partner;
    if (interleaved) {
      plane = s.div(component, two);
      isFirst = s.compare(Compare::Equal, s.mul(plane, two), component);
      partner = s.select(isFirst, s.add(component, s.index(1)),
                         s.sub(component, s.index(1)));
    } else {
      isFirst = s.compare(Compare::Less, component, planes);
      plane = s.select(isFirst, component, s.sub(component, planes));
      partner = s.select(isFirst, s.add(component, planes), plane);
    }
    // Of components that pass through nothing outside is read.
    plane = s.min(plane, s.index(half - 1));
    partner = s.min(partner, s.index(width - 1));
    Value own = s.convert(t.at(s, x, at), compute);
    Value other =
        s.convert(t.at(s, x, {at[0], at[1], at[2], partner}), compute);
    Value c = s.convert(t.at(s, cos, {at[0], at[1], plane}), compute);
    Value d = s.convert(t.at(s, sin, {at[0], at[1], plane}), compute);
    Value first = s.sub(s.mul(own, c), s.mul(other, d));
    Value second = s.add(s.mul(own, c), s.mul(other, d));
    Value rotated = s.select(isFirst, first, second);
    return s.select(s.compare(Compare::Less, component, s.index(turned)),
                    rotated, own);
  });
  node.set(0, isFlat ? t.reshape(y, flat) : t.transpose(y, {0, 2, 1, 3}));
}

llvm::ArrayRef<Operator> sennit::onnx::recurrenceOperators() {
  static const Operator table[] = {
      {"RotaryEmbedding", importRotaryEmbedding},
  };
  return table;
}
