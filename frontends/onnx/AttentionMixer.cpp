// Softmax attention as one mixer, with cap and mask in its score region.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "frontends/onnx/AttentionProblem.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::onnx;

bool sennit::onnx::canFuse(const Problem &p) {
  Type element = p.query.element();
  bool isNarrow = element.isF32() || element.isF16() || element.isBF16();
  return isNarrow && p.query.type.getNumElements() > 0 &&
         p.value.type.getNumElements() > 0;
}

/// The mask as f32 that is added to the scores.
static Tensor makeBias(Tensors &t, const Tensor &mask) {
  Type f32 = t.builder.getF32Type();
  if (!mask || mask.isFloat())
    return t.cast(mask, f32);
  return t.map(mask, f32, [&](Scalars &s, ValueRange x) {
    return s.select(x[0], s.constant(f32, 0), s.lowest(f32));
  });
}

/// The bias of a place: a dimension of one element is read at its start.
static Value readBias(Scalars &s, Value bias, ValueRange place) {
  SmallVector<Value> indices;
  auto shape = cast<RankedTensorType>(bias.getType()).getShape();
  for (auto [extent, index] : llvm::zip_equal(shape, place))
    indices.push_back(extent == 1 ? s.index(0) : index);
  return tensor::ExtractOp::create(s.builder, bias, indices);
}

/// The region from a scaled product to its score; none where they are the same.
static void buildScore(Tensors &t, const Problem &p, seq::AttentionOp op) {
  if (op.getCaptures().empty() && p.softcap == 0)
    return;
  OpBuilder::InsertionGuard guard(t.builder);
  Type f32 = t.builder.getF32Type(), index = t.builder.getIndexType();
  SmallVector<Type> types = {f32, index, index, index, index};
  llvm::append_range(types, op.getCaptures().getTypes());
  SmallVector<Location> places(types.size(), t.builder.getLoc());
  Block *block = t.builder.createBlock(&op.getScore(), {}, types, places);
  Scalars s(t.builder);
  Value score = block->getArgument(0);
  if (p.softcap != 0) {
    Value cap = s.constant(f32, p.softcap);
    score = s.mul(cap, s.tanh(s.div(score, cap)));
  }
  if (!op.getCaptures().empty()) {
    Value bias =
        readBias(s, block->getArgument(5), block->getArguments().slice(1, 4));
    Value hidden = s.lowest(f32);
    // Hidden whatever the product is, which may be no number.
    score = s.select(s.compare(Compare::Equal, bias, hidden), hidden,
                     s.add(score, bias));
  }
  seq::YieldOp::create(t.builder, score);
}

Tensor sennit::onnx::attend(Tensors &t, const Problem &p) {
  Type f32 = t.builder.getF32Type(), i32 = t.builder.getI32Type();
  Tensor query = t.cast(p.query, f32), key = t.cast(p.key, f32),
         value = t.cast(p.value, f32), bias = makeBias(t, p.mask);
  Value past, lengths;
  if (p.lengths) {
    Tensor counts = t.cast(p.lengths, i32);
    lengths = t.value(counts);
    if (p.left >= 0 || p.right >= 0)
      past = t.value(t.map(counts, i32, [&](Scalars &s, ValueRange x) {
        return s.sub(x[0], s.constant(i32, double(p.queries())));
      }));
  } else if (p.offset != 0 && (p.left >= 0 || p.right >= 0)) {
    past = Scalars(t.builder).index(p.offset);
  }
  if (t.failed())
    return {};
  SmallVector<Value> captures;
  if (bias)
    captures.push_back(t.value(bias));
  Builder &b = t.builder;
  auto side = [&](int64_t keys) {
    return keys < 0 ? IntegerAttr() : b.getI64IntegerAttr(keys);
  };
  auto op = seq::AttentionOp::create(
      t.builder, t.value(query), t.value(key), t.value(value), past, lengths,
      /*sinks=*/Value(), /*caches=*/ValueRange(), /*pages=*/Value(), captures,
      b.getF32FloatAttr(float(p.scale)), /*value_width=*/IntegerAttr(),
      side(p.left), side(p.right));
  buildScore(t, p, op);
  return t.of(op.getOutput());
}
