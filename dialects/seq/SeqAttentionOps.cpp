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
  if (!query || !value || query.getRank() != value.getRank())
    return failure();
  SmallVector<int64_t> shape(query.getShape());
  shape.back() = value.getShape().back();
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

/// query, key, value, and the caches when there are any.
static SmallVector<Named> getTensors(AttentionOp op) {
  SmallVector<Named> tensors{
      {"query", op.getQuery()}, {"key", op.getKey()}, {"value", op.getValue()}};
  for (auto [name, cache] : llvm::zip(
           ArrayRef<StringRef>{"key_cache", "value_cache"}, op.getCaches()))
    tensors.push_back({name, cache});
  return tensors;
}

static LogicalResult verifyCaches(AttentionOp op) {
  size_t count = op.getCaches().size();
  if (count != 0 && count != 2)
    return op.emitOpError()
           << "has " << count << " states, they are key cache and value cache";
  if (count != 0 && !op.getPast())
    return op.emitOpError("has a state but no `past`, the row to write to");
  int64_t rank = typeOf(op.getQuery()).getRank();
  for (auto [name, value] : getTensors(op))
    if (typeOf(value).getRank() != rank)
      return op.emitOpError() << "`" << name << "` is " << value.getType()
                              << ", `query` has rank " << rank;
  return success();
}

/// Everything but the batch and the call's tokens is static.
static LogicalResult verifyExtents(AttentionOp op) {
  int64_t leading = op.getHeadDim();
  for (auto [index, tensor] : llvm::enumerate(getTensors(op)))
    for (int64_t dim = 0; dim != leading + 2; ++dim) {
      bool isCache = index > 2;
      bool mayVary = isCache ? dim + 1 < leading : dim < leading;
      if (typeOf(tensor.value).isDynamicDim(dim) && !mayVary)
        return op.emitOpError() << "dimension " << dim << " of `" << tensor.name
                                << "` is dynamic in " << tensor.value.getType();
    }
  return success();
}

/// Heads in groups, widths by pairs, tokens and batches alike.
static LogicalResult verifyShapes(AttentionOp op) {
  unsigned token = op.getTokenDim(), head = op.getHeadDim(), width = head + 1;
  SmallVector<Named> tensors = getTensors(op);
  auto dim = [&](unsigned tensor, unsigned dim) {
    return Extent{tensors[tensor].name, tensors[tensor].value, dim};
  };
  auto same = [&](StringRef what, Extent left, Extent right) {
    return verifySame(op, what, left, right);
  };
  if (failed(verifyGroups(op, dim(1, head), dim(0, head))))
    return failure();
  for (unsigned i = 2; i < tensors.size(); ++i)
    if (failed(same("heads", dim(1, head), dim(i, head))))
      return failure();
  if (failed(same("components a head", dim(0, width), dim(1, width))))
    return failure();
  if (op.hasState() &&
      (failed(same("components a head", dim(0, width), dim(3, width))) ||
       failed(same("components a head", dim(2, width), dim(4, width))) ||
       failed(same("tokens", dim(0, token), dim(1, token))) ||
       failed(same("rows", dim(3, token), dim(4, token)))))
    return failure();
  if (failed(same("tokens", dim(1, token), dim(2, token))))
    return failure();
  for (unsigned i = 1; op.isBatched() && i < tensors.size(); ++i)
    if (failed(same("sequences", dim(0, 0), dim(i, 0))))
      return failure();
  return success();
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
  if (failed(verifyCaches(*this)) || failed(verifyExtents(*this)) ||
      failed(verifyShapes(*this)) ||
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
  double width = typeOf(getQuery()).getShape().back() +
                 typeOf(getValue()).getShape().back();
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
