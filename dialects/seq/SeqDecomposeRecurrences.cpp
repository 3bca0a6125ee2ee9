// The reference meanings of the recurrences.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/SeqBatch.h"
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
  if (isBatched())
    return decomposeBatch(*this, builder,
                          {getTransitionMutable().getOperandNumber()});
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

/// `rows`, [head, ..], once for each of the `heads` state heads that read them.
static Value repeatHeads(MeaningBuilder &b, Value rows, int64_t heads) {
  int64_t own = typeOf(rows).getDimSize(0), rank = typeOf(rows).getRank();
  if (own == heads)
    return rows;
  Extents extents = b.extents(rows);
  extents[0] = b.getIndexAttr(own);
  extents.insert(extents.begin() + 1, b.getIndexAttr(heads / own));
  Value repeated = b.generic(rank == 2 ? "gc->ghc" : "g->gh", rows,
                             b.empty(extents, b.getF32Type()),
                             [](ValueRange a) -> Value { return a[0]; });
  SmallVector<ReassociationIndices> joined{{0, 1}};
  if (rank == 2)
    joined.push_back({2});
  return tensor::CollapseShapeOp::create(b, repeated, joined);
}

/// e^g S, over S, where g is one number a head or one a key component.
static Value decayState(MeaningBuilder &b, Value decay, Value state) {
  StringRef letters = typeOf(decay).getRank() == 1 ? "h->hkv" : "hk->hkv";
  return b.generic(letters, decay, state, [&](ValueRange a) -> Value {
    return arith::MulFOp::create(b, math::ExpOp::create(b, a[0]), a[1]);
  });
}

/// S + k^T v, over S.
static Value addOuterProduct(MeaningBuilder &b, Value key, Value value,
                             Value state) {
  return b.generic("hk,hv->hkv", {key, value}, state,
                   [&](ValueRange a) -> Value {
                     Value outer = arith::MulFOp::create(b, a[0], a[1]);
                     return arith::AddFOp::create(b, a[2], outer);
                   });
}

/// a S, [head, value width].
static Value readState(MeaningBuilder &b, Value row, Value state) {
  Extents extents = b.extents(state);
  extents.erase(extents.begin() + 1);
  return b.contract("hk,hkv->hv", row, state, b.filled(extents, b.f32(0)));
}

/// beta (v - k S).
static Value correctValue(MeaningBuilder &b, Value key, Value value, Value beta,
                          Value state) {
  return b.generic("hv,h->hv", {value, beta}, readState(b, key, state),
                   [&](ValueRange a) -> Value {
                     Value missing = arith::SubFOp::create(b, a[0], a[2]);
                     return arith::MulFOp::create(b, a[1], missing);
                   });
}

/// The heads of one token, in f32.
static Value wideRow(MeaningBuilder &b, Value tensor, Value t) {
  Value row = b.row(tensor, t);
  if (typeOf(row).getElementType().isF32())
    return row;
  return b.generic("hk->hk", row, b.empty(b.extents(row), b.getF32Type()),
                   [&](ValueRange a) -> Value { return b.toF32(a[0]); });
}

/// S + sum_r k_r^T v_r over the writers of each state, in their order.
static Value addWriters(MeaningBuilder &b, LinearAttentionOp op, Value t,
                        Value state) {
  int64_t heads = op.getStateHeads();
  Value keys = b.splitHeads(wideRow(b, op.getKey(), t), heads, 0),
        values = b.splitHeads(wideRow(b, op.getValue(), t), heads, 0);
  auto writerOf = [&](Value all, int64_t writer) {
    OpFoldResult zero = b.getIndexAttr(0);
    Extents sizes = b.extents(all);
    sizes[1] = b.getIndexAttr(1);
    return b.joinHeads(
        b.slice(all, {zero, b.getIndexAttr(writer), zero}, sizes), 0);
  };
  for (int64_t writer = 0; writer != op.getWriters(); ++writer)
    state = addOuterProduct(b, writerOf(keys, writer), writerOf(values, writer),
                            state);
  return state;
}

/// The state after token `t`.
static Value updateState(MeaningBuilder &b, LinearAttentionOp op, Value t,
                         Value state) {
  auto rowOf = [&](Value tensor) {
    return repeatHeads(b, wideRow(b, tensor, t), op.getStateHeads());
  };
  if (op.getWriters() > 1)
    return addWriters(b, op, t,
                      op.getDecay() ? decayState(b, rowOf(op.getDecay()), state)
                                    : state);
  Value key = rowOf(op.getKey()), value = rowOf(op.getValue()), erased;
  if (op.getEraseRead())
    erased = readState(b, rowOf(op.getEraseRead()), state);
  if (op.getDecay())
    state = decayState(b, rowOf(op.getDecay()), state);
  if (erased)
    state = addOuterProduct(b, rowOf(op.getEraseWrite()), erased, state);
  if (op.getBeta())
    value = correctValue(b, key, value, rowOf(op.getBeta()), state);
  return addOuterProduct(b, key, value, state);
}

/// scale q S, [query head or state head, value width], where query heads may
/// share a state.
static Value readOutput(MeaningBuilder &b, LinearAttentionOp op, Value t,
                        Value state) {
  int64_t heads = op.getStateHeads();
  Value query = wideRow(b, op.getQuery(), t);
  int64_t readers = std::max(typeOf(query).getDimSize(0), heads) / heads;
  query = repeatHeads(b, query, heads * readers);
  SmallVector<ReassociationIndices> split{{0, 1}, {2}};
  query = tensor::ExpandShapeOp::create(
      b,
      RankedTensorType::get({heads, readers, op.getKeyWidth()}, b.getF32Type()),
      query, split);
  Extents extents{b.getIndexAttr(heads), b.getIndexAttr(readers),
                  b.getIndexAttr(op.getValueWidth())};
  Value read =
      b.contract("hrk,hkv->hrv", query, state, b.filled(extents, b.f32(0)));
  Value scale = b.f32(op.getScale().convertToFloat());
  read = b.generic("->hrv", {}, read, [&](ValueRange a) -> Value {
    return arith::MulFOp::create(b, scale, a[0]);
  });
  return tensor::CollapseShapeOp::create(b, read, split);
}

SmallVector<Value> LinearAttentionOp::decompose(OpBuilder &builder) {
  if (isBatched())
    return decomposeBatch(*this, builder);
  MeaningBuilder b(builder, *this);
  OpFoldResult tokens = b.extent(getQuery(), 0);
  Extents extents{tokens};
  for (int64_t extent : getOutput().getType().getShape().drop_front())
    extents.push_back(b.getIndexAttr(extent));
  auto step = [&](Value t, ValueRange carried) -> SmallVector<Value> {
    Value state = updateState(b, *this, t, carried[1]);
    Value read = readOutput(b, *this, t, state);
    return {b.insertRow(read, carried[0], t), state};
  };
  Value output = b.empty(extents, b.getF32Type());
  return b.asResults(
      b.loop(b.index(0), b.toValue(tokens), {output, getState()}, step));
}

//===----------------------------------------------------------------------===//
// seq.conv
//===----------------------------------------------------------------------===//

/// The inputs from those before the call on: row t is what tap 0 of token t
/// reads.
static Value joinWindow(MeaningBuilder &b, ConvOp op) {
  OpFoldResult zero = b.getIndexAttr(0),
               before = b.getIndexAttr(op.getTaps() - 1);
  Extents extents{b.sum(before, b.extent(op.getInput(), 0)),
                  b.getIndexAttr(op.getChannels())};
  Value joined =
      op.getWindow()
          ? b.insertSlice(op.getWindow(), b.empty(extents, b.getF32Type()),
                          {zero, zero})
          : b.filled(extents, b.f32(0));
  return b.insertSlice(op.getInput(), joined, {before, zero});
}

SmallVector<Value> ConvOp::decompose(OpBuilder &builder) {
  if (isBatched()) {
    SmallVector<unsigned> shared{getWeightMutable().getOperandNumber()};
    if (getBias())
      shared.push_back(shared.front() + 1);
    return decomposeBatch(*this, builder, shared);
  }
  MeaningBuilder b(builder, *this);
  Value joined = joinWindow(b, *this);
  Value start = b.filled(b.extents(getInput()), b.f32(0));
  if (getBias())
    start = b.generic("d->td", getBias(), start,
                      [&](ValueRange a) -> Value { return b.toF32(a[0]); });
  SmallVector<Value> results;
  if (getFilters() == getChannels())
    results.push_back(b.contract("ds,t+sd->td", getWeight(), joined, start));
  else
    results.push_back(b.joinHeads(b.contract(
        "fs,t+sfg->tfg", getWeight(), b.splitHeads(joined, getFilters()),
        b.splitHeads(start, getFilters()))));
  if (getWindow())
    results.push_back(b.slice(joined,
                              {b.extent(getInput(), 0), b.getIndexAttr(0)},
                              b.extents(getWindow())));
  return b.asResults(results);
}
