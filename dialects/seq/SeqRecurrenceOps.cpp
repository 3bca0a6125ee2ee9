// Verifiers, states and costs of the recurrences of one form.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "dialects/seq/SeqVerify.h"

using namespace mlir;
using namespace sennit::seq;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Elements of `value`, one sequence where their number is not known.
static double countElements(Value value) {
  double count = 1;
  for (int64_t extent : typeOf(value).getShape())
    count *= ShapedType::isDynamic(extent) ? 1 : extent;
  return count;
}

namespace {
/// A tensor of an op: [batch, token, ..], or [batch, ..] for what does not
/// change from token to token.
struct Part {
  StringRef name;
  Value value;  // may be absent
  int64_t rank; // without the batch dimension
  bool hasTokens;
};
} // namespace

/// `ranks`, then extents that must be static, `sequences` and `tokens`, of all
/// parts beside the first.
static LogicalResult verifyParts(Operation *op, bool isBatched,
                                 ArrayRef<Part> parts) {
  const Part &first = parts.front();
  for (const Part &part : parts) {
    if (!part.value)
      continue;
    int64_t rank = typeOf(part.value).getRank();
    if (rank != part.rank + isBatched)
      return op->emitOpError()
             << "`" << part.name << "` has " << rank << " dimensions, `"
             << first.name << "` is " << first.value.getType()
             << ", which asks for " << part.rank + isBatched;
    if (failed(verifyStatic(op, part.name, part.value,
                            part.hasTokens + isBatched)))
      return failure();
    if (isBatched &&
        failed(verifySame(op, "sequences", {first.name, first.value, 0},
                          {part.name, part.value, 0})))
      return failure();
    unsigned tokens = isBatched;
    if (part.hasTokens &&
        failed(verifySame(op, "tokens", {first.name, first.value, tokens},
                          {part.name, part.value, tokens})))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// seq.selective_scan
//===----------------------------------------------------------------------===//

LogicalResult SelectiveScanOp::verify() {
  unsigned batch = isBatched();
  if (failed(verifyParts(*this, batch,
                         {{"input", getInput(), 2, true},
                          {"delta", getDelta(), 2, true},
                          {"write", getWrite(), 2, true},
                          {"read", getRead(), 2, true},
                          {"state", getState(), 2, false}})) ||
      failed(verifyStatic(*this, "transition", getTransition(), 0)))
    return failure();
  Extent channels{"input", getInput(), batch + 1};
  if (failed(verifySame(*this, "channels", channels,
                        {"delta", getDelta(), batch + 1})) ||
      failed(verifySame(*this, "channels", channels,
                        {"transition", getTransition(), 0})) ||
      failed(verifySame(*this, "channels", channels,
                        {"state", getState(), batch})))
    return failure();
  Extent states{"transition", getTransition(), 1};
  if (failed(verifySame(*this, "states", states,
                        {"write", getWrite(), batch + 1})) ||
      failed(
          verifySame(*this, "states", states, {"read", getRead(), batch + 1})))
    return failure();
  return verifySame(*this, "states", states, {"state", getState(), batch + 1});
}

MutableOperandRange SelectiveScanOp::getStatesBeforeMutable() {
  return getStateMutable();
}

ResultRange SelectiveScanOp::getStatesAfter() {
  return getOperation()->getResults().drop_front();
}

double SelectiveScanOp::countFlops(int64_t tokens, int64_t) {
  // delta A; decay h; delta u B; the sum; C h and its sum.
  return 6.0 * tokens * countElements(getState());
}

double SelectiveScanOp::countExponentials(int64_t tokens, int64_t) {
  return tokens * countElements(getState());
}

//===----------------------------------------------------------------------===//
// seq.linear_attention
//===----------------------------------------------------------------------===//

static bool isDelta(UpdateRule rule) {
  return rule == UpdateRule::Delta || rule == UpdateRule::GatedDelta;
}

/// `operands`: each rule has the operands that it uses.
static LogicalResult verifyOperandsOfRule(LinearAttentionOp op) {
  UpdateRule rule = op.getUpdateRule();
  auto check = [&](StringRef name, Value value, bool isUsed) -> LogicalResult {
    if (isUsed == bool(value))
      return success();
    return op.emitOpError("update rule `")
           << stringifyUpdateRule(rule) << "` has " << (value ? "a" : "no")
           << " `" << name << "` operand";
  };
  bool isGated = rule == UpdateRule::Gated || rule == UpdateRule::GatedDelta;
  if (rule != UpdateRule::RankOne &&
      failed(check("decay", op.getDecay(), isGated)))
    return failure();
  if (failed(check("beta", op.getBeta(), isDelta(rule))))
    return failure();
  return check("erase", op.getEraseRead(), rule == UpdateRule::RankOne);
}

/// `writers`: keys and values of the same multiple of the state heads.
static LogicalResult verifyWriters(LinearAttentionOp op, Extent state) {
  UpdateRule rule = op.getUpdateRule();
  Extent key{"key", op.getKey(), op.getHeadDim()},
      value{"value", op.getValue(), op.getHeadDim()};
  if (rule != UpdateRule::Linear && rule != UpdateRule::Gated)
    return op.emitOpError()
           << "update rule `" << stringifyUpdateRule(rule) << "` writes "
           << key.get() << " keys into " << state.get() << " states";
  if (failed(verifyGroups(op, state, key)))
    return failure();
  return verifySame(op, "heads", key, value);
}

static LogicalResult verifyHeads(LinearAttentionOp op) {
  unsigned dim = op.getHeadDim();
  Extent state{"state", op.getState(), op.getTokenDim()};
  Extent query{"query", op.getQuery(), dim};
  bool isShared = query.get() > state.get();
  if (failed(
          verifyGroups(op, isShared ? state : query, isShared ? query : state)))
    return failure();
  bool hasWriters = op.getWriters() > 1;
  if (hasWriters && failed(verifyWriters(op, state)))
    return failure();
  for (auto [name, value] : {std::pair<StringRef, Value>("key", op.getKey()),
                             {"value", op.getValue()},
                             {"erase_read", op.getEraseRead()},
                             {"erase_write", op.getEraseWrite()}})
    if (value && !hasWriters &&
        failed(verifyGroups(op, {name, value, dim}, state)))
      return failure();
  for (auto [name, value] :
       {std::pair<StringRef, Value>("decay", op.getDecay()),
        {"beta", op.getBeta()}})
    if (value && failed(verifySame(op, "heads", state, {name, value, dim})))
      return failure();
  return success();
}

static LogicalResult verifyWidths(LinearAttentionOp op) {
  unsigned last = op.getHeadDim() + 1;
  Extent width{"query", op.getQuery(), last};
  for (auto [name, value] : {std::pair<StringRef, Value>("key", op.getKey()),
                             {"erase_read", op.getEraseRead()},
                             {"erase_write", op.getEraseWrite()}})
    if (value &&
        failed(verifySame(op, "components a head", width, {name, value, last})))
      return failure();
  if (op.hasDecayOfComponents() &&
      failed(verifySame(op, "components a head", width,
                        {"decay", op.getDecay(), last})))
    return failure();
  if (failed(verifySame(op, "key components", width,
                        {"state", op.getState(), last - 1})))
    return failure();
  return verifySame(op, "value components", {"value", op.getValue(), last},
                    {"state", op.getState(), last});
}

LogicalResult LinearAttentionOp::inferReturnTypes(
    MLIRContext *, std::optional<Location>, ValueRange operands,
    DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
    SmallVectorImpl<Type> &types) {
  LinearAttentionOp::Adaptor adaptor(operands, attributes, properties, regions);
  auto state = typeOf(adaptor.getState());
  SmallVector<int64_t> shape(typeOf(adaptor.getQuery()).getShape());
  // Ranks that do not fit are the verifier's to report.
  int64_t rank = shape.size(), heads = rank - 2;
  if (state.getRank() == rank)
    shape[heads] = std::max(shape[heads], state.getDimSize(rank - 3));
  shape.back() = typeOf(adaptor.getValue()).getShape().back();
  types.push_back(RankedTensorType::get(shape, state.getElementType()));
  types.push_back(state);
  return success();
}

LogicalResult LinearAttentionOp::verify() {
  bool hasComponents = hasDecayOfComponents();
  if (failed(verifyParts(*this, isBatched(),
                         {{"query", getQuery(), 3, true},
                          {"key", getKey(), 3, true},
                          {"value", getValue(), 3, true},
                          {"decay", getDecay(), hasComponents ? 3 : 2, true},
                          {"beta", getBeta(), 2, true},
                          {"erase_read", getEraseRead(), 3, true},
                          {"erase_write", getEraseWrite(), 3, true},
                          {"state", getState(), 3, false}})) ||
      failed(verifyOperandsOfRule(*this)) || failed(verifyHeads(*this)) ||
      failed(verifyWidths(*this)))
    return failure();
  if (getChunk() && *getChunk() < 1)
    return emitOpError() << "`chunk` is " << *getChunk() << ", fewer than 1";
  return success();
}

MutableOperandRange LinearAttentionOp::getStatesBeforeMutable() {
  return getStateMutable();
}

ResultRange LinearAttentionOp::getStatesAfter() {
  return getOperation()->getResults().drop_front();
}

double LinearAttentionOp::countFlops(int64_t tokens, int64_t) {
  int64_t queryHeads = getQuery().getType().getDimSize(getHeadDim());
  double readers = std::max<double>(1, double(queryHeads) / getStateHeads());
  // k v and its sum; q S and its sum; the decay; what is read to be erased, and
  // its own sum, which delta rules share with that of k v.
  double each = 2 * getWriters() + 2 * readers + (getDecay() ? 1 : 0);
  each += isDelta(getUpdateRule()) ? 2 : getEraseRead() ? 4 : 0;
  return each * tokens * countElements(getState());
}

double LinearAttentionOp::countExponentials(int64_t tokens, int64_t) {
  if (!getDecay())
    return 0;
  int64_t given = getDecay().getType().getDimSize(getTokenDim());
  return tokens * countElements(getDecay()) /
         (ShapedType::isDynamic(given) ? 1 : given);
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
  if (adaptor.getWindow())
    types.push_back(adaptor.getWindow().getType());
  return success();
}

/// `window`: K-1 rows for K taps, none for one tap.
static LogicalResult verifyWindow(ConvOp op) {
  if (!op.getWindow())
    return success();
  if (op.getTaps() == 1)
    return op.emitOpError("has a `window`, one tap needs none");
  int64_t rows = typeOf(op.getWindow()).getDimSize(op.getTokenDim());
  if (rows == op.getTaps() - 1)
    return success();
  InFlightDiagnostic diagnostic =
      op.emitOpError() << "`window` has " << rows << " rows, " << op.getTaps()
                       << " taps need " << op.getTaps() - 1;
  diagnostic.attachNote(op.getWeight().getLoc())
      << "`weight` is " << op.getWeight().getType();
  return diagnostic;
}

LogicalResult ConvOp::verify() {
  unsigned batch = isBatched();
  if (failed(verifyParts(*this, batch,
                         {{"input", getInput(), 2, true},
                          {"window", getWindow(), 2, false}})) ||
      failed(verifyStatic(*this, "weight", getWeight(), 0)) ||
      (getBias() && failed(verifyStatic(*this, "bias", getBias(), 0))))
    return failure();
  Extent channels{"input", getInput(), batch + 1};
  if ((getWindow() && failed(verifySame(*this, "channels", channels,
                                        {"window", getWindow(), batch + 1}))) ||
      (getBias() &&
       failed(verifySame(*this, "channels", channels, {"bias", getBias(), 0}))))
    return failure();
  if (getFilters() == 0 || getChannels() % getFilters() != 0)
    return emitOpError() << "`input` has " << getChannels()
                         << " channels, not a multiple of the " << getFilters()
                         << " filters of `weight`";
  if (getTaps() < 1)
    return emitOpError() << "`weight` has no taps";
  if (getBlock() && *getBlock() < 1)
    return emitOpError() << "`block` is " << *getBlock() << ", fewer than 1";
  return verifyWindow(*this);
}

MutableOperandRange ConvOp::getStatesBeforeMutable() {
  return getWindowMutable();
}

ResultRange ConvOp::getStatesAfter() {
  return getOperation()->getResults().drop_front();
}

double ConvOp::countFlops(int64_t tokens, int64_t) {
  int64_t batch = isBatched() ? getInput().getType().getDimSize(0) : 1;
  return 2.0 * tokens * getChannels() * getTaps() *
         (ShapedType::isDynamic(batch) ? 1 : batch);
}

double ConvOp::countExponentials(int64_t, int64_t) { return 0; }
