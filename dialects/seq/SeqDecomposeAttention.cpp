// The reference meanings of attention and rope.
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
