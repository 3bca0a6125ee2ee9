// Verifiers, states and costs of attention and rotary positions.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "dialects/seq/SeqVerify.h"

#include <algorithm>

using namespace mlir;
using namespace sennit::seq;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// seq.attention
//===----------------------------------------------------------------------===//

LogicalResult
AttentionOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                              ValueRange operands, DictionaryAttr attributes,
                              OpaqueProperties properties, RegionRange regions,
                              SmallVectorImpl<Type> &types) {
  AttentionOp::Adaptor adaptor(operands, attributes, properties, regions);
  auto query = dyn_cast<RankedTensorType>(adaptor.getQuery().getType());
  auto value = dyn_cast<RankedTensorType>(adaptor.getValue().getType());
  if (!query || !value || query.getRank() != 3 || value.getRank() != 3)
    return failure();
  types.push_back(RankedTensorType::get(
      {query.getDimSize(0), query.getDimSize(1), value.getDimSize(2)},
      query.getElementType()));
  types.push_back(adaptor.getKeyCache().getType());
  types.push_back(adaptor.getValueCache().getType());
  return success();
}

LogicalResult AttentionOp::verify() {
  auto dim = [](StringRef name, Value value, unsigned dim) {
    return Extent{name, value, dim};
  };
  if (failed(verifyStatic(*this, "query", getQuery(), 1)) ||
      failed(verifyStatic(*this, "key", getKey(), 1)) ||
      failed(verifyStatic(*this, "value", getValue(), 1)) ||
      failed(verifyStatic(*this, "key_cache", getKeyCache(), 0)) ||
      failed(verifyStatic(*this, "value_cache", getValueCache(), 0)))
    return failure();
  Extent keyHeads = dim("key", getKey(), 1);
  if (failed(verifyGroups(*this, keyHeads, dim("query", getQuery(), 1))) ||
      failed(
          verifySame(*this, "heads", keyHeads, dim("value", getValue(), 1))) ||
      failed(verifySame(*this, "heads", keyHeads,
                        dim("key_cache", getKeyCache(), 1))) ||
      failed(verifySame(*this, "heads", keyHeads,
                        dim("value_cache", getValueCache(), 1))))
    return failure();
  Extent queryWidth = dim("query", getQuery(), 2);
  if (failed(verifySame(*this, "components a head", queryWidth,
                        dim("key", getKey(), 2))) ||
      failed(verifySame(*this, "components a head", queryWidth,
                        dim("key_cache", getKeyCache(), 2))) ||
      failed(verifySame(*this, "components a head", dim("value", getValue(), 2),
                        dim("value_cache", getValueCache(), 2))))
    return failure();
  Extent tokens = dim("query", getQuery(), 0);
  if (failed(verifySame(*this, "tokens", tokens, dim("key", getKey(), 0))) ||
      failed(verifySame(*this, "tokens", tokens, dim("value", getValue(), 0))))
    return failure();
  if (failed(verifySame(*this, "rows", dim("key_cache", getKeyCache(), 0),
                        dim("value_cache", getValueCache(), 0))))
    return failure();
  if (getWindow() && *getWindow() <= 0)
    return emitOpError() << "`window` is " << *getWindow()
                         << ", it counts the token itself and is positive";
  return success();
}

MutableOperandRange AttentionOp::getStatesBeforeMutable() {
  return MutableOperandRange(*this, getKeyCacheMutable().getOperandNumber(), 2);
}

ResultRange AttentionOp::getStatesAfter() {
  return getOperation()->getResults().drop_front();
}

/// Query-key pairs of one head: query i sees min(past + i + 1, window) keys.
static double countPairs(AttentionOp op, int64_t tokens, int64_t past) {
  double n = tokens, p = past;
  double all = n * p + n * (n + 1) / 2;
  if (!op.getWindow())
    return all;
  // Queries from `full` on see a whole window.
  int64_t window = *op.getWindow();
  double full = std::clamp<int64_t>(window - past, 0, tokens);
  return full * p + full * (full + 1) / 2 + (n - full) * double(window);
}

double AttentionOp::countFlops(int64_t tokens, int64_t past) {
  double width =
      typeOf(getQuery()).getDimSize(2) + typeOf(getValue()).getDimSize(2);
  return 2 * width * typeOf(getQuery()).getDimSize(1) *
         countPairs(*this, tokens, past);
}

double AttentionOp::countExponentials(int64_t tokens, int64_t past) {
  return typeOf(getQuery()).getDimSize(1) * countPairs(*this, tokens, past);
}

//===----------------------------------------------------------------------===//
// seq.rope
//===----------------------------------------------------------------------===//

LogicalResult RopeOp::verify() {
  if (failed(verifyStatic(*this, "input", getInput(), 1)) ||
      failed(verifyStatic(*this, "cosine", getCosine(), 0)) ||
      failed(verifyStatic(*this, "sine", getSine(), 0)))
    return failure();
  Extent planes{"cosine", getCosine(), 1};
  if (failed(verifySame(*this, "positions", {"cosine", getCosine(), 0},
                        {"sine", getSine(), 0})) ||
      failed(verifySame(*this, "planes", planes, {"sine", getSine(), 1})))
    return failure();
  int64_t width = typeOf(getInput()).getDimSize(2);
  if (2 * planes.get() <= width)
    return success();
  InFlightDiagnostic diagnostic =
      emitOpError() << "tables have " << planes.get() << " planes, `input` has "
                    << width << " components a head, fewer than two a plane";
  diagnostic.attachNote(getInput().getLoc())
      << "`input` is " << getInput().getType();
  return diagnostic;
}
