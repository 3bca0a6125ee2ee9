// Verifiers, states and costs of the recurrences.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "dialects/seq/SeqVerify.h"

using namespace mlir;
using namespace sennit::seq;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// seq.selective_scan
//===----------------------------------------------------------------------===//

LogicalResult SelectiveScanOp::verify() {
  if (failed(verifyStatic(*this, "input", getInput(), 1)) ||
      failed(verifyStatic(*this, "delta", getDelta(), 1)) ||
      failed(verifyStatic(*this, "transition", getTransition(), 0)) ||
      failed(verifyStatic(*this, "write", getWrite(), 1)) ||
      failed(verifyStatic(*this, "read", getRead(), 1)) ||
      failed(verifyStatic(*this, "state", getState(), 0)))
    return failure();
  Extent channels{"input", getInput(), 1};
  if (failed(
          verifySame(*this, "channels", channels, {"delta", getDelta(), 1})) ||
      failed(verifySame(*this, "channels", channels,
                        {"transition", getTransition(), 0})) ||
      failed(verifySame(*this, "channels", channels, {"state", getState(), 0})))
    return failure();
  Extent states{"transition", getTransition(), 1};
  if (failed(verifySame(*this, "states", states, {"write", getWrite(), 1})) ||
      failed(verifySame(*this, "states", states, {"read", getRead(), 1})) ||
      failed(verifySame(*this, "states", states, {"state", getState(), 1})))
    return failure();
  Extent tokens{"input", getInput(), 0};
  if (failed(verifySame(*this, "tokens", tokens, {"delta", getDelta(), 0})) ||
      failed(verifySame(*this, "tokens", tokens, {"write", getWrite(), 0})) ||
      failed(verifySame(*this, "tokens", tokens, {"read", getRead(), 0})))
    return failure();
  return success();
}

MutableOperandRange SelectiveScanOp::getStatesBeforeMutable() {
  return getStateMutable();
}

ResultRange SelectiveScanOp::getStatesAfter() {
  return getOperation()->getResults().drop_front();
}

double SelectiveScanOp::countFlops(int64_t tokens, int64_t) {
  // delta A; decay h; delta u B; the sum; C h and its sum.
  return 6.0 * tokens * typeOf(getState()).getNumElements();
}

double SelectiveScanOp::countExponentials(int64_t tokens, int64_t) {
  return double(tokens) * typeOf(getState()).getNumElements();
}

//===----------------------------------------------------------------------===//
// seq.linear_attention
//===----------------------------------------------------------------------===//

/// `decay` is there exactly for the gated rule, one column per value head.
static LogicalResult verifyDecay(LinearAttentionOp op) {
  bool gated = op.getUpdateRule() == UpdateRule::Gated;
  if (gated && !op.getDecay())
    return op.emitOpError("update rule `gated` has no `decay` operand");
  if (!gated && op.getDecay())
    return op.emitOpError("update rule `linear` has a `decay` operand");
  if (!gated)
    return success();
  return verifySame(op, "heads", {"value", op.getValue(), 1},
                    {"decay", op.getDecay(), 1});
}

LogicalResult LinearAttentionOp::inferReturnTypes(
    MLIRContext *, std::optional<Location>, ValueRange operands,
    DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
    SmallVectorImpl<Type> &types) {
  LinearAttentionOp::Adaptor adaptor(operands, attributes, properties, regions);
  types.push_back(adaptor.getValue().getType());
  types.push_back(adaptor.getState().getType());
  return success();
}

LogicalResult LinearAttentionOp::verify() {
  if (failed(verifyStatic(*this, "query", getQuery(), 1)) ||
      failed(verifyStatic(*this, "key", getKey(), 1)) ||
      failed(verifyStatic(*this, "value", getValue(), 1)) ||
      failed(verifyStatic(*this, "state", getState(), 0)) ||
      (getDecay() && failed(verifyStatic(*this, "decay", getDecay(), 1))))
    return failure();
  Extent queryHeads{"query", getQuery(), 1}, valueHeads{"value", getValue(), 1};
  if (failed(verifyGroups(*this, queryHeads, valueHeads)) ||
      failed(verifySame(*this, "heads", queryHeads, {"key", getKey(), 1})) ||
      failed(verifySame(*this, "heads", valueHeads, {"state", getState(), 0})))
    return failure();
  Extent keyWidth{"query", getQuery(), 2};
  if (failed(verifySame(*this, "components a head", keyWidth,
                        {"key", getKey(), 2})) ||
      failed(verifySame(*this, "key components", keyWidth,
                        {"state", getState(), 1})) ||
      failed(verifySame(*this, "value components", {"value", getValue(), 2},
                        {"state", getState(), 2})))
    return failure();
  Extent tokens{"query", getQuery(), 0};
  if (failed(verifySame(*this, "tokens", tokens, {"key", getKey(), 0})) ||
      failed(verifySame(*this, "tokens", tokens, {"value", getValue(), 0})) ||
      (getDecay() &&
       failed(verifySame(*this, "tokens", tokens, {"decay", getDecay(), 0}))))
    return failure();
  return verifyDecay(*this);
}

MutableOperandRange LinearAttentionOp::getStatesBeforeMutable() {
  return getStateMutable();
}

ResultRange LinearAttentionOp::getStatesAfter() {
  return getOperation()->getResults().drop_front();
}

double LinearAttentionOp::countFlops(int64_t tokens, int64_t) {
  // k v and its sum; q S and its sum; the decay when there is one.
  double each = getDecay() ? 5 : 4;
  return each * tokens * typeOf(getState()).getNumElements();
}

double LinearAttentionOp::countExponentials(int64_t tokens, int64_t) {
  return getDecay() ? double(tokens) * typeOf(getState()).getDimSize(0) : 0;
}

//===----------------------------------------------------------------------===//
// seq.conv
//===----------------------------------------------------------------------===//

LogicalResult ConvOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                       ValueRange operands,
                                       DictionaryAttr attributes,
                                       OpaqueProperties properties,
                                       RegionRange regions,
                                       SmallVectorImpl<Type> &types) {
  ConvOp::Adaptor adaptor(operands, attributes, properties, regions);
  types.push_back(adaptor.getInput().getType());
  types.push_back(adaptor.getWindow().getType());
  return success();
}

LogicalResult ConvOp::verify() {
  if (failed(verifyStatic(*this, "input", getInput(), 1)) ||
      failed(verifyStatic(*this, "weight", getWeight(), 0)) ||
      failed(verifyStatic(*this, "window", getWindow(), 0)) ||
      (getBias() && failed(verifyStatic(*this, "bias", getBias(), 0))))
    return failure();
  Extent channels{"input", getInput(), 1};
  if (failed(verifySame(*this, "channels", channels,
                        {"weight", getWeight(), 0})) ||
      failed(verifySame(*this, "channels", channels,
                        {"window", getWindow(), 1})) ||
      (getBias() &&
       failed(verifySame(*this, "channels", channels, {"bias", getBias(), 0}))))
    return failure();
  int64_t taps = typeOf(getWeight()).getDimSize(1);
  if (taps < 2)
    return emitOpError() << "`weight` has " << taps
                         << " taps, fewer than 2 carry no window";
  int64_t rows = typeOf(getWindow()).getDimSize(0);
  if (rows == taps - 1)
    return success();
  InFlightDiagnostic diagnostic = emitOpError()
                                  << "`window` has " << rows << " rows, "
                                  << taps << " taps need " << taps - 1;
  diagnostic.attachNote(getWeight().getLoc())
      << "`weight` is " << getWeight().getType();
  return diagnostic;
}

MutableOperandRange ConvOp::getStatesBeforeMutable() {
  return getWindowMutable();
}

ResultRange ConvOp::getStatesAfter() {
  return getOperation()->getResults().drop_front();
}

double ConvOp::countFlops(int64_t tokens, int64_t) {
  return 2.0 * tokens * typeOf(getWeight()).getNumElements();
}

double ConvOp::countExponentials(int64_t, int64_t) { return 0; }
