// The reference meanings of the mixers and of rope.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/SeqDecompose.h"

#include <limits>

using namespace mlir;
using namespace sennit::seq;

using Extents = MeaningBuilder::Extents;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// seq.attention
//===----------------------------------------------------------------------===//

/// Scores [token, key-value head, group, key], scaled, and minus infinity
/// where the key lies after the token or outside the window.
static Value buildScores(MeaningBuilder &b, AttentionOp op, Value query,
                         Value keys) {
  Extents extents = b.extents(query);
  extents.back() = b.extent(keys, 0);
  Value products =
      b.contract("thgd,jhd->thgj", query, keys, b.filled(extents, b.f32(0)));
  Value scale = b.f32(op.getScale().convertToFloat());
  Value outside = b.f32(-std::numeric_limits<float>::infinity());
  return b.generic("->thgj", {}, products, [&](ValueRange a) -> Value {
    Value key = b.loopIndex(3);
    Value last = arith::AddIOp::create(b, op.getPast(), b.loopIndex(0));
    Value seen = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, key, last);
    if (op.getWindow()) {
      Value first =
          arith::SubIOp::create(b, last, b.index(*op.getWindow() - 1));
      Value inside =
          arith::CmpIOp::create(b, arith::CmpIPredicate::sge, key, first);
      seen = arith::AndIOp::create(b, seen, inside);
    }
    Value scaled = arith::MulFOp::create(b, a[0], scale);
    return arith::SelectOp::create(b, seen, scaled, outside);
  });
}

/// Softmax over the last of four dimensions; a row of minus infinities gives
/// zeros: its maximum counts as 0 and its sum as 1.
static Value buildSoftmax(MeaningBuilder &b, Value scores) {
  Extents rows = b.extents(scores);
  rows.pop_back();
  Value infinity = b.f32(-std::numeric_limits<float>::infinity());
  Value zero = b.f32(0), one = b.f32(1);
  Value maximum = b.generic("thgj->thg", scores, b.filled(rows, infinity),
                            [&](ValueRange a) -> Value {
                              return arith::MaximumFOp::create(b, a[0], a[1]);
                            });
  Value exponentials = b.generic(
      "thgj,thg->thgj", {scores, maximum},
      b.empty(b.extents(scores), b.getF32Type()), [&](ValueRange a) -> Value {
        Value none =
            arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, a[1], infinity);
        Value finite = arith::SelectOp::create(b, none, zero, a[1]);
        return math::ExpOp::create(b, arith::SubFOp::create(b, a[0], finite));
      });
  Value sum = b.generic("thgj->thg", exponentials, b.filled(rows, zero),
                        [&](ValueRange a) -> Value {
                          return arith::AddFOp::create(b, a[1], a[0]);
                        });
  return b.generic("thg->thgj", sum, exponentials, [&](ValueRange a) -> Value {
    Value none =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, a[0], zero);
    Value divisor = arith::SelectOp::create(b, none, one, a[0]);
    return arith::DivFOp::create(b, a[1], divisor);
  });
}

SmallVector<Value> AttentionOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  OpFoldResult zero = b.getIndexAttr(0);
  Extents start{getPast(), zero, zero}, origin(3, zero);
  Value keyCache = b.insertSlice(getKey(), getKeyCache(), start);
  Value valueCache = b.insertSlice(getValue(), getValueCache(), start);

  auto firstRows = [&](Value cache) {
    Extents sizes = b.extents(cache);
    sizes[0] = b.sum(getPast(), b.extent(getQuery(), 0));
    return b.slice(cache, origin, sizes);
  };
  int64_t groups = typeOf(getKeyCache()).getDimSize(1);
  Value query = b.splitHeads(getQuery(), groups);
  Value scores = buildScores(b, *this, query, firstRows(keyCache));
  Value weights = buildSoftmax(b, scores);

  Extents extents = b.extents(query);
  extents.back() = b.extent(valueCache, 2);
  Value output = b.contract("thgj,jhv->thgv", weights, firstRows(valueCache),
                            b.filled(extents, b.f32(0)));
  return b.asResults({b.joinHeads(output), keyCache, valueCache});
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

//===----------------------------------------------------------------------===//
// seq.rope
//===----------------------------------------------------------------------===//

SmallVector<Value> RopeOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  OpFoldResult zero = b.getIndexAttr(0);
  int64_t planes = typeOf(getCosine()).getDimSize(1);
  int64_t stride = getInterleaved() ? 2 : 1;
  Extents parts = b.extents(getInput());
  parts.back() = b.getIndexAttr(planes);
  Extents firsts(3, zero), seconds(3, zero);
  seconds.back() = b.getIndexAttr(getInterleaved() ? 1 : planes);

  Extents angles{b.extent(getInput(), 0), b.getIndexAttr(planes)};
  Value cosine = b.slice(getCosine(), {getPast(), zero}, angles);
  Value sine = b.slice(getSine(), {getPast(), zero}, angles);
  Value first = b.slice(getInput(), firsts, parts, stride);
  Value second = b.slice(getInput(), seconds, parts, stride);
  auto rotate = [&](Value along, Value across, bool adds) {
    return b.generic("thr,thr,tr,tr->thr", {along, across, cosine, sine},
                     b.empty(parts, b.getF32Type()),
                     [&](ValueRange a) -> Value {
                       Value kept = arith::MulFOp::create(b, a[0], a[2]);
                       Value turned = arith::MulFOp::create(b, a[1], a[3]);
                       if (adds)
                         return arith::AddFOp::create(b, kept, turned);
                       return arith::SubFOp::create(b, kept, turned);
                     });
  };
  Value output =
      b.insertSlice(rotate(first, second, false), getInput(), firsts, stride);
  output = b.insertSlice(rotate(second, first, true), output, seconds, stride);
  return b.asResults(output);
}
