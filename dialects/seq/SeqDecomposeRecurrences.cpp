// The reference meanings of the recurrences.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/SeqDecompose.h"

using namespace mlir;
using namespace sennit::seq;

using Extents = MeaningBuilder::Extents;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// seq.selective_scan
//===----------------------------------------------------------------------===//

SmallVector<Value> SelectiveScanOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  Value tokens = b.toValue(b.extent(getInput(), 0));
  Value output = b.empty(b.extents(getInput()), b.getF32Type());
  auto step = [&](Value t, ValueRange carried) -> SmallVector<Value> {
    Value input = b.row(getInput(), t), delta = b.row(getDelta(), t);
    Value state = b.generic(
        "d,d,dn,n->dn", {input, delta, getTransition(), b.row(getWrite(), t)},
        carried[1], [&](ValueRange a) -> Value {
          Value u = a[0], step = a[1], transition = a[2], write = a[3];
          Value decay = math::ExpOp::create(
              b, arith::MulFOp::create(b, step, transition));
          Value kept = arith::MulFOp::create(b, decay, a[4]);
          Value driven = arith::MulFOp::create(
              b, arith::MulFOp::create(b, step, u), write);
          return arith::AddFOp::create(b, kept, driven);
        });
    Extents channels{b.extent(getState(), 0)};
    Value read = b.contract("dn,n->d", state, b.row(getRead(), t),
                            b.filled(channels, b.f32(0)));
    return {b.insertRow(read, carried[0], t), state};
  };
  return b.asResults(b.loop(b.index(0), tokens, {output, getState()}, step));
}

//===----------------------------------------------------------------------===//
// seq.linear_attention
//===----------------------------------------------------------------------===//

/// exp(g), [group, head of it], of token `t`.
static Value buildDecay(MeaningBuilder &b, Value decay, Value t) {
  Value logarithm = b.row(decay, t);
  return b.generic(
      "gh->gh", logarithm, b.empty(b.extents(logarithm), b.getF32Type()),
      [&](ValueRange a) -> Value { return math::ExpOp::create(b, a[0]); });
}

/// exp(g) S + k v, written over S, [group, head, key width, value width].
static Value buildUpdate(MeaningBuilder &b, Value key, Value value, Value decay,
                         Value state) {
  SmallVector<Value> inputs{key, value};
  if (decay)
    inputs.push_back(decay);
  return b.generic(decay ? "gk,ghv,gh->ghkv" : "gk,ghv->ghkv", inputs, state,
                   [&](ValueRange a) -> Value {
                     Value kept = a.back();
                     if (decay)
                       kept = arith::MulFOp::create(b, a[2], kept);
                     Value outer = arith::MulFOp::create(b, a[0], a[1]);
                     return arith::AddFOp::create(b, kept, outer);
                   });
}

SmallVector<Value> LinearAttentionOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  int64_t groups = typeOf(getQuery()).getDimSize(1);
  int64_t heads = typeOf(getState()).getDimSize(0);
  Value tokens = b.toValue(b.extent(getQuery(), 0));
  Value value = b.splitHeads(getValue(), groups);
  Value decay = getDecay() ? b.splitHeads(getDecay(), groups) : Value();
  Value scale = b.f32(getScale().convertToFloat());

  SmallVector<int64_t> shape(typeOf(getState()).getShape());
  shape.front() = groups;
  shape.insert(shape.begin() + 1, heads / groups);
  SmallVector<ReassociationIndices> split{{0, 1}, {2}, {3}};
  Value state = tensor::ExpandShapeOp::create(
      b, RankedTensorType::get(shape, b.getF32Type()), getState(), split);

  auto step = [&](Value t, ValueRange carried) -> SmallVector<Value> {
    Value update =
        buildUpdate(b, b.row(getKey(), t), b.row(value, t),
                    decay ? buildDecay(b, decay, t) : Value(), carried[1]);
    Extents extents = b.extents(update);
    extents.erase(extents.begin() + 2);
    Value read = b.contract("gk,ghkv->ghv", b.row(getQuery(), t), update,
                            b.filled(extents, b.f32(0)));
    Value scaled = b.generic("->ghv", {}, read, [&](ValueRange a) -> Value {
      return arith::MulFOp::create(b, scale, a[0]);
    });
    return {b.insertRow(scaled, carried[0], t), update};
  };
  Value output = b.empty(b.extents(value), b.getF32Type());
  ValueRange results = b.loop(b.index(0), tokens, {output, state}, step);
  Value last = tensor::CollapseShapeOp::create(b, results[1], split);
  return b.asResults({b.joinHeads(results[0]), last});
}

//===----------------------------------------------------------------------===//
// seq.conv
//===----------------------------------------------------------------------===//

SmallVector<Value> ConvOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  OpFoldResult zero = b.getIndexAttr(0), tokens = b.extent(getInput(), 0);
  OpFoldResult before = b.extent(getWindow(), 0);
  // The inputs from the window's first on: row t is what tap 0 of token t
  // reads.
  Extents extents{b.sum(before, tokens), b.extent(getInput(), 1)};
  Value joined = b.insertSlice(getWindow(), b.empty(extents, b.getF32Type()),
                               {zero, zero});
  joined = b.insertSlice(getInput(), joined, {before, zero});

  Value start = b.filled(b.extents(getInput()), b.f32(0));
  if (getBias())
    start = b.generic("d->td", getBias(), start,
                      [&](ValueRange a) -> Value { return b.toF32(a[0]); });
  Value output = b.contract("ds,t+sd->td", getWeight(), joined, start);
  Value window = b.slice(joined, {tokens, zero}, b.extents(getWindow()));
  return b.asResults({output, window});
}
