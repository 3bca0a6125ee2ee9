// The builder in which the reference meanings of the ops are written.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/SeqDecompose.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace sennit::seq;

MeaningBuilder::MeaningBuilder(OpBuilder &builder, Operation *op)
    : ImplicitLocOpBuilder(op->getLoc(), builder), op(op) {
  setInsertionPoint(op);
}

SmallVector<Value> MeaningBuilder::asResults(ValueRange values) {
  SmallVector<Value> results;
  for (auto [value, type] : llvm::zip_equal(values, op->getResultTypes()))
    results.push_back(value.getType() == type
                          ? value
                          : tensor::CastOp::create(*this, type, value));
  return results;
}

//===----------------------------------------------------------------------===//
// Scalars and extents
//===----------------------------------------------------------------------===//

Value MeaningBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value MeaningBuilder::i32(int32_t value) {
  return arith::ConstantOp::create(*this, getI32IntegerAttr(value));
}

Value MeaningBuilder::f32(float value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

Value MeaningBuilder::toIndex(Value value) {
  return arith::IndexCastOp::create(*this, getIndexType(), value);
}

Value MeaningBuilder::toI32(Value value) {
  return arith::IndexCastOp::create(*this, getI32Type(), value);
}

Value MeaningBuilder::toF32(Value value) {
  if (value.getType().isF32())
    return value;
  return arith::ExtFOp::create(*this, getF32Type(), value);
}

OpFoldResult MeaningBuilder::extent(Value tensor, unsigned dim) {
  return tensor::getMixedSize(*this, getLoc(), tensor, dim);
}

MeaningBuilder::Extents MeaningBuilder::extents(Value tensor) {
  return tensor::getMixedSizes(*this, getLoc(), tensor);
}

Value MeaningBuilder::toValue(OpFoldResult extent) {
  return getValueOrCreateConstantIndexOp(*this, getLoc(), extent);
}

OpFoldResult MeaningBuilder::sum(OpFoldResult left, OpFoldResult right) {
  std::optional<int64_t> a = getConstantIntValue(left),
                         b = getConstantIntValue(right);
  if (a && b)
    return getIndexAttr(*a + *b);
  return arith::AddIOp::create(*this, toValue(left), toValue(right))
      .getResult();
}

//===----------------------------------------------------------------------===//
// Tensors and their parts
//===----------------------------------------------------------------------===//

Value MeaningBuilder::empty(const Extents &extents, Type element) {
  return tensor::EmptyOp::create(*this, extents, element);
}

Value MeaningBuilder::filled(const Extents &extents, Value value) {
  return linalg::FillOp::create(*this, value, empty(extents, value.getType()))
      .getResult(0);
}

static MeaningBuilder::Extents stridesOf(MeaningBuilder &b, size_t rank,
                                         int64_t lastStride) {
  MeaningBuilder::Extents strides(rank, b.getIndexAttr(1));
  strides.back() = b.getIndexAttr(lastStride);
  return strides;
}

Value MeaningBuilder::slice(Value tensor, const Extents &offsets,
                            const Extents &sizes, int64_t lastStride) {
  return tensor::ExtractSliceOp::create(
      *this, tensor, offsets, sizes,
      stridesOf(*this, offsets.size(), lastStride));
}

Value MeaningBuilder::insertSlice(Value part, Value tensor,
                                  const Extents &offsets, int64_t lastStride) {
  return tensor::InsertSliceOp::create(
      *this, part, tensor, offsets, extents(part),
      stridesOf(*this, offsets.size(), lastStride));
}

/// Offsets and sizes of one row of `tensor`.
static std::pair<MeaningBuilder::Extents, MeaningBuilder::Extents>
rowOf(MeaningBuilder &b, Value tensor, Value row) {
  MeaningBuilder::Extents sizes = b.extents(tensor);
  MeaningBuilder::Extents offsets(sizes.size(), b.getIndexAttr(0));
  offsets[0] = row;
  sizes[0] = b.getIndexAttr(1);
  return {offsets, sizes};
}

Value MeaningBuilder::row(Value tensor, Value row) {
  auto type = cast<RankedTensorType>(tensor.getType());
  auto [offsets, sizes] = rowOf(*this, tensor, row);
  auto part = RankedTensorType::get(type.getShape().drop_front(),
                                    type.getElementType());
  return tensor::ExtractSliceOp::create(*this, part, tensor, offsets, sizes,
                                        stridesOf(*this, offsets.size(), 1));
}

Value MeaningBuilder::insertRow(Value part, Value tensor, Value row) {
  auto [offsets, sizes] = rowOf(*this, tensor, row);
  return tensor::InsertSliceOp::create(*this, part, tensor, offsets, sizes,
                                       stridesOf(*this, offsets.size(), 1));
}

/// Dimension `dim` becomes `dim` and `dim` + 1, the others move along; `rank`
/// counts before the split.
static SmallVector<ReassociationIndices> splitAt(int64_t dim, int64_t rank) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t before = 0; before != dim; ++before)
    groups.push_back({before});
  groups.push_back({dim, dim + 1});
  for (int64_t after = dim + 1; after != rank; ++after)
    groups.push_back({after + 1});
  return groups;
}

Value MeaningBuilder::splitHeads(Value tensor, int64_t groups, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape(type.getShape());
  Extents split = extents(tensor);
  OpFoldResult each;
  if (type.isDynamicDim(dim))
    each = arith::DivUIOp::create(*this, toValue(split[dim]), index(groups))
               .getResult();
  else
    each = getIndexAttr(shape[dim] / groups);
  shape.insert(shape.begin() + dim + 1, type.isDynamicDim(dim)
                                            ? ShapedType::kDynamic
                                            : shape[dim] / groups);
  shape[dim] = groups;
  split[dim] = getIndexAttr(groups);
  split.insert(split.begin() + dim + 1, each);
  return tensor::ExpandShapeOp::create(
      *this, RankedTensorType::get(shape, type.getElementType()), tensor,
      splitAt(dim, type.getRank()), split);
}

Value MeaningBuilder::joinHeads(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return tensor::CollapseShapeOp::create(*this, tensor,
                                         splitAt(dim, type.getRank() - 1));
}

Value MeaningBuilder::addBatch(Value tensor) {
  return splitHeads(tensor, 1, 0);
}

Value MeaningBuilder::dropBatch(Value tensor) { return joinHeads(tensor, 0); }

Value MeaningBuilder::extract(Value tensor, ValueRange indices) {
  return tensor::ExtractOp::create(*this, tensor, indices);
}

Value MeaningBuilder::insert(Value scalar, Value tensor, ValueRange indices) {
  return tensor::InsertOp::create(*this, scalar, tensor, indices);
}

//===----------------------------------------------------------------------===//
// Formulas and loops
//===----------------------------------------------------------------------===//

/// The loops of a formula, in the order of their first letters from the right
/// side on, so that reduced ones come last.
static std::string loopsOf(StringRef sources, StringRef target) {
  std::string loops;
  for (StringRef part : {target, sources})
    for (char letter : part)
      if (isalpha(letter) && loops.find(letter) == std::string::npos)
        loops += letter;
  return loops;
}

static AffineMap mapOf(MLIRContext *context, StringRef letters,
                       StringRef loops) {
  SmallVector<AffineExpr> results;
  bool adds = false;
  for (char letter : letters) {
    if (letter == '+') {
      adds = true;
      continue;
    }
    AffineExpr loop = getAffineDimExpr(loops.find(letter), context);
    if (adds)
      results.back() = results.back() + loop;
    else
      results.push_back(loop);
    adds = false;
  }
  return AffineMap::get(loops.size(), 0, results, context);
}

Value MeaningBuilder::generic(StringRef letters, ValueRange inputs, Value out,
                              Body body) {
  auto [sources, target] = letters.split("->");
  std::string loops = loopsOf(sources, target);
  SmallVector<AffineMap> maps;
  if (!inputs.empty())
    for (StringRef source : llvm::split(sources, ","))
      maps.push_back(mapOf(getContext(), source, loops));
  maps.push_back(mapOf(getContext(), target, loops));
  SmallVector<utils::IteratorType> iterators(loops.size(),
                                             utils::IteratorType::reduction);
  std::fill_n(iterators.begin(), target.size(), utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      *this, out.getType(), inputs, out, maps, iterators,
      [&](OpBuilder &nested, Location, ValueRange arguments) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(nested.getInsertionBlock(),
                          nested.getInsertionPoint());
        linalg::YieldOp::create(*this, body(arguments));
      });
  return generic.getResult(0);
}

Value MeaningBuilder::loopIndex(unsigned position) {
  return linalg::IndexOp::create(*this, position);
}

Value MeaningBuilder::contract(StringRef letters, Value left, Value right,
                               Value out) {
  return generic(letters, {left, right}, out, [&](ValueRange a) -> Value {
    Value product = arith::MulFOp::create(*this, toF32(a[0]), toF32(a[1]));
    return arith::AddFOp::create(*this, a[2], product);
  });
}

ValueRange MeaningBuilder::loop(Value lower, Value upper, ValueRange inits,
                                LoopBody body) {
  auto loop = scf::ForOp::create(
      *this, lower, upper, index(1), inits,
      [&](OpBuilder &nested, Location, Value induction, ValueRange carried) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(nested.getInsertionBlock(),
                          nested.getInsertionPoint());
        scf::YieldOp::create(*this, body(induction, carried));
      });
  return loop.getResults();
}

SmallVector<Value> MeaningBuilder::inlined(Region &region,
                                           ValueRange arguments) {
  Block &body = region.front();
  IRMapping mapping;
  mapping.map(body.getArguments(), arguments);
  for (Operation &inner : body.without_terminator())
    clone(inner, mapping);
  return llvm::map_to_vector(
      body.getTerminator()->getOperands(),
      [&](Value value) { return mapping.lookupOrDefault(value); });
}
