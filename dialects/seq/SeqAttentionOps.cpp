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
AttentionOp::inferReturnTypes(MLIRContext *, std::optional<Location> location,
                              ValueRange operands, DictionaryAttr attributes,
                              OpaqueProperties properties, RegionRange regions,
                              SmallVectorImpl<Type> &types) {
  AttentionOp::Adaptor adaptor(operands, attributes, properties, regions);
  auto query = dyn_cast<RankedTensorType>(adaptor.getQuery().getType());
  if (!query || query.getRank() == 0)
    return failure();
  // While an op is parsed, its attributes are not yet among its properties.
  IntegerAttr width = adaptor.getValueWidthAttr();
  if (!width && attributes)
    width = attributes.getAs<IntegerAttr>(AttentionOp::getValueWidthAttrName(
        OperationName(AttentionOp::getOperationName(), query.getContext())));
  SmallVector<int64_t> shape(query.getShape());
  if (adaptor.getValue())
    shape.back() =
        cast<RankedTensorType>(adaptor.getValue().getType()).getShape().back();
  else if (width)
    shape.back() = width.getInt();
  else
    return emitOptionalError(location, "has neither `value` nor `value_width`");
  types.push_back(RankedTensorType::get(shape, query.getElementType()));
  llvm::append_range(types, adaptor.getCaches().getTypes());
  return success();
}

namespace {
/// One tensor of attention, under its name in the op's definition.
struct Named {
  StringRef name;
  Value value;
};
} // namespace

/// The call's rows: query, key, and value where it is not part of the keys.
static SmallVector<Named> getRows(AttentionOp op) {
  SmallVector<Named> rows{{"query", op.getQuery()}, {"key", op.getKey()}};
  if (op.getValue())
    rows.push_back({"value", op.getValue()});
  return rows;
}

/// The caches of key and value, as far as there are any.
static SmallVector<Named> getNamedCaches(AttentionOp op) {
  SmallVector<Named> caches;
  for (auto [name, cache] : llvm::zip(
           ArrayRef<StringRef>{"key_cache", "value_cache"}, op.getCaches()))
    caches.push_back({name, cache});
  return caches;
}

static LogicalResult verifyValue(AttentionOp op) {
  if (static_cast<bool>(op.getValue()) == op.getValueWidth().has_value())
    return op.emitOpError("has both `value` and `value_width`, or neither");
  int64_t width = typeOf(op.getKey()).getShape().back(),
          size = op.getValueSize();
  if (!op.getValue() && (size < 1 || size > width))
    return op.emitOpError() << "`value_width` is " << size << ", the keys have "
                            << width << " components";
  return success();
}

static LogicalResult verifyCaches(AttentionOp op) {
  size_t count = op.getCaches().size(), wanted = op.getValue() ? 2 : 1;
  if (count != 0 && count != wanted)
    return op.emitOpError() << "has " << count << " states, expected "
                            << (wanted == 2 ? "key cache and value cache"
                                            : "the cache of the keys, of which "
                                              "the values are a part");
  if (count != 0 && !op.getPast())
    return op.emitOpError("has a state but no `past`, the row to write to");
  if (count == 0 && op.getPages())
    return op.emitOpError("has `pages` but no state that they are pages of");
  return success();
}

static LogicalResult verifyElements(AttentionOp op) {
  Type element = typeOf(op.getQuery()).getElementType();
  SmallVector<Named> tensors = getRows(op);
  llvm::append_range(tensors, getNamedCaches(op));
  for (auto [name, value] : tensors)
    if (typeOf(value).getElementType() != element)
      return op.emitOpError() << "`" << name << "` is " << value.getType()
                              << ", `query` has elements " << element;
  return success();
}

static LogicalResult verifyRanks(AttentionOp op) {
  int64_t rank = typeOf(op.getQuery()).getRank();
  for (auto [name, value] : getRows(op))
    if (typeOf(value).getRank() != rank)
      return op.emitOpError() << "`" << name << "` is " << value.getType()
                              << ", `query` has rank " << rank;
  int64_t wanted = op.getPages() ? 4 : rank;
  for (auto [name, value] : getNamedCaches(op))
    if (typeOf(value).getRank() != wanted)
      return op.emitOpError() << "`" << name << "` is " << value.getType()
                              << ", expected rank " << wanted;
  if (!op.getPages())
    return success();
  if (typeOf(op.getPages()).getRank() != rank - 2)
    return op.emitOpError() << "`pages` is " << op.getPages().getType()
                            << ", expected one row a sequence";
  return verifyStatic(op, "pages", op.getPages(), op.isBatched() ? 1 : 0);
}

/// Everything but the batch and the call's tokens is static.
static LogicalResult verifyExtents(AttentionOp op) {
  for (auto [name, value] : getRows(op))
    if (failed(verifyStatic(op, name, value, op.getHeadDim())))
      return failure();
  bool mayVary = op.isBatched() && !op.getPages();
  for (auto [name, value] : getNamedCaches(op))
    if (failed(verifyStatic(op, name, value, mayVary ? 1 : 0)))
      return failure();
  return success();
}

/// The caches against the call's rows.
static LogicalResult verifyCacheShapes(AttentionOp op) {
  SmallVector<Named> rows = getRows(op), caches = getNamedCaches(op);
  if (caches.empty())
    return success();
  auto fromLast = [](Named tensor, int64_t back) {
    return Extent{tensor.name, tensor.value,
                  static_cast<unsigned>(typeOf(tensor.value).getRank() - back)};
  };
  for (auto [row, cache] : llvm::zip(llvm::drop_begin(rows), caches))
    if (failed(verifySame(op, "heads", fromLast(rows[1], 2),
                          fromLast(cache, 2))) ||
        failed(verifySame(op, "components a head", fromLast(row, 1),
                          fromLast(cache, 1))) ||
        failed(
            verifySame(op, "rows", fromLast(caches[0], 3), fromLast(cache, 3))))
      return failure();
  if (op.isBatched() && !op.getPages())
    for (Named cache : caches)
      if (failed(verifySame(op, "sequences", {"query", op.getQuery(), 0},
                            {cache.name, cache.value, 0})))
        return failure();
  return verifySame(op, "tokens", fromLast(rows[0], 3), fromLast(rows[1], 3));
}

/// Heads in groups, widths by pairs, tokens and batches alike.
static LogicalResult verifyShapes(AttentionOp op) {
  unsigned token = op.getTokenDim(), head = op.getHeadDim(), width = head + 1;
  Extent keyHeads{"key", op.getKey(), head};
  if (failed(verifyGroups(op, keyHeads, {"query", op.getQuery(), head})))
    return failure();
  for (auto [name, value] : llvm::drop_begin(getRows(op)))
    if (failed(verifySame(op, "heads", keyHeads, {name, value, head})) ||
        (op.isBatched() &&
         failed(verifySame(op, "sequences", {"query", op.getQuery(), 0},
                           {name, value, 0}))))
      return failure();
  if (failed(verifySame(op, "components a head",
                        {"query", op.getQuery(), width},
                        {"key", op.getKey(), width})) ||
      failed(verifyCacheShapes(op)))
    return failure();
  if (!op.getValue())
    return success();
  return verifySame(op, "tokens", {"key", op.getKey(), token},
                    {"value", op.getValue(), token});
}

/// One number a sequence, for `past` and `lengths`.
static LogicalResult verifySequences(AttentionOp op, StringRef name,
                                     Value value) {
  if (!value || value.getType().isIndex())
    return success();
  if (op.isBatched())
    return verifySame(op, "sequences", {"query", op.getQuery(), 0},
                      {name, value, 0});
  if (typeOf(value).getDimSize(0) == 1)
    return success();
  return op.emitOpError() << "`" << name << "` is " << value.getType()
                          << ", but there is one sequence";
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyValue(*this)) || failed(verifyCaches(*this)) ||
      failed(verifyElements(*this)) || failed(verifyRanks(*this)) ||
      failed(verifyExtents(*this)) || failed(verifyShapes(*this)) ||
      failed(verifySequences(*this, "past", getPast())) ||
      failed(verifySequences(*this, "lengths", getLengths())))
    return failure();
  for (auto [name, window] : {std::pair("window_left", getWindowLeft()),
                              std::pair("window_right", getWindowRight())})
    if (window && static_cast<int64_t>(*window) < 0)
      return emitOpError() << "`" << name << "` is "
                           << static_cast<int64_t>(*window)
                           << ", it counts keys and is not negative";
  if (getSinks())
    return verifySame(*this, "heads", {"query", getQuery(), getHeadDim()},
                      {"sinks", getSinks(), 0});
  return success();
}

LogicalResult AttentionOp::verifyRegions() {
  if (getScore().empty()) {
    if (getCaptures().empty())
      return success();
    return emitOpError("has captures but no score region that reads them");
  }
  Block &block = getScore().front();
  SmallVector<Type> types(5, IndexType::get(getContext()));
  types.front() = Float32Type::get(getContext());
  llvm::append_range(types, getCaptures().getTypes());
  if (block.getArgumentTypes() != TypeRange(types))
    return emitOpError() << "score region takes " << block.getArgumentTypes()
                         << ", expected " << types;
  auto yield = dyn_cast_or_null<YieldOp>(
      block.mightHaveTerminator() ? block.getTerminator() : nullptr);
  if (!yield || yield.getNumOperands() != 1 ||
      !yield.getOperand(0).getType().isF32())
    return emitOpError("score region yields something else than one f32");
  return success();
}

MutableOperandRange AttentionOp::getStatesBeforeMutable() {
  return getCachesMutable();
}

ResultRange AttentionOp::getStatesAfter() { return getCachesAfter(); }

/// Query-key pairs of one head over all sequences: query i sees the keys
/// past + i - window_left .. past + i + window_right that exist.
static double countPairs(AttentionOp op, int64_t tokens, int64_t past) {
  RankedTensorType key = typeOf(op.getKey());
  int64_t keys = past + tokens;
  if (!op.hasState() && !key.isDynamicDim(op.getTokenDim()))
    keys = key.getDimSize(op.getTokenDim());
  double pairs = 0;
  for (int64_t i = 0; i != tokens; ++i) {
    int64_t first = 0, last = keys - 1;
    if (op.getWindowLeft())
      first = std::max<int64_t>(first, past + i - *op.getWindowLeft());
    if (op.getWindowRight())
      last = std::min<int64_t>(last, past + i + *op.getWindowRight());
    pairs += std::max<int64_t>(0, last - first + 1);
  }
  RankedTensorType query = typeOf(op.getQuery());
  bool known = op.isBatched() && !query.isDynamicDim(0);
  return known ? pairs * query.getDimSize(0) : pairs;
}

double AttentionOp::countFlops(int64_t tokens, int64_t past) {
  double width = typeOf(getQuery()).getShape().back() + getValueSize();
  return 2 * width * typeOf(getQuery()).getDimSize(getHeadDim()) *
         countPairs(*this, tokens, past);
}

double AttentionOp::countExponentials(int64_t tokens, int64_t past) {
  return typeOf(getQuery()).getDimSize(getHeadDim()) *
         countPairs(*this, tokens, past);
}

//===----------------------------------------------------------------------===//
// seq.rope
//===----------------------------------------------------------------------===//

/// `place`, `tokens`, `axes`.
static LogicalResult verifyPositions(RopeOp op) {
  if (bool(op.getPast()) == bool(op.getPositions()))
    return op.emitOpError()
           << "has " << (op.getPast() ? "both" : "neither")
           << " `past` and `positions`; one of them says where tokens are";
  if (!op.getPositions()) {
    if (op.getAxes())
      return op.emitOpError("has `axes`, but no `positions` to take them from");
    return success();
  }
  if (failed(verifyStatic(op, "positions", op.getPositions(), 1)) ||
      failed(verifySame(op, "tokens", {"input", op.getInput(), 0},
                        {"positions", op.getPositions(), 0})))
    return failure();
  int64_t columns = typeOf(op.getPositions()).getDimSize(1),
          planes = typeOf(op.getCosine()).getDimSize(1);
  if (!op.getAxes()) {
    if (columns == 1)
      return success();
    return op.emitOpError() << "`positions` has " << columns
                            << " columns, and no `axes` say which plane "
                               "turns by which";
  }
  if (int64_t count = op.getAxes()->size(); count != planes)
    return op.emitOpError() << "`axes` names " << count << " axes, tables have "
                            << planes << " planes";
  ArrayRef<int64_t> axes = *op.getAxes();
  for (int64_t axis : axes)
    if (axis < 0 || axis >= columns)
      return op.emitOpError() << "`axes` names axis " << axis
                              << ", `positions` has " << columns << " columns";
  return success();
}

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
    return verifyPositions(*this);
  InFlightDiagnostic diagnostic =
      emitOpError() << "tables have " << planes.get() << " planes, `input` has "
                    << width << " components a head, fewer than two a plane";
  diagnostic.attachNote(getInput().getLoc())
      << "`input` is " << getInput().getType();
  return diagnostic;
}
