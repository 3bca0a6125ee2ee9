// Derives the row counts of an entry's tensors from its tokens.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Extents.h"

#include "dialects/rt/Rt.h"
#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>

using namespace mlir;

namespace sennit::schedule {

Extents::Extents(func::FuncOp entry) : entry(entry) {
  auto attr = entry->getAttrOfType<IntegerAttr>("seq.max_tokens");
  maxTokens = attr ? attr.getInt() : 1;
}

/// The value whose rows `tensor` shares, or null when it has rows of its own.
static Value getSameRows(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  if (!op)
    return nullptr;
  if (auto kernel = dyn_cast<seq::KernelOp>(op))
    return kernel.getBody().front().getTerminator()->getOperand(
        cast<OpResult>(tensor).getResultNumber());
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return linalgOp.getDpsInits().front();
  if (auto experts = dyn_cast<seq::ExpertsOp>(op))
    return experts.getPairs() ? experts.getPairs() : experts.getInput();
  if (auto combine = dyn_cast<seq::CombineOp>(op))
    return combine.getWeights();
  if (auto dispatch = dyn_cast<seq::DispatchOp>(op))
    return tensor == dispatch.getPositions() ? dispatch.getExperts() : Value();
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ConcatOp,
          seq::SequenceMixerOpInterface, seq::RopeOp, seq::EmbedOp,
          seq::RouteOp, seq::TopKOp, seq::SampleOp>(op))
    return op->getOperand(0);
  return nullptr;
}

/// The dimension of a view's source that is dimension `dim` of the view, which
/// stands alone there and here.
static int64_t getSourceDim(Operation *view, int64_t dim) {
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(view)) {
    for (auto [source, group] :
         llvm::enumerate(expand.getReassociationIndices()))
      if (llvm::is_contained(group, dim))
        return source;
  }
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(view))
    return collapse.getReassociationIndices()[dim].front();
  return dim;
}

Value Extents::compute(Value tensor, int64_t dim) {
  if (Value same = getSameRows(tensor))
    return of(same, getSourceDim(tensor.getDefiningOp(), dim));
  Operation *op = tensor.getDefiningOp();
  OpBuilder builder(entry.getContext());
  if (!op) {
    // The tokens: an argument of the entry.
    builder.setInsertionPointToStart(&entry.getBody().front());
    Value position =
        arith::ConstantIndexOp::create(builder, tensor.getLoc(), dim);
    return tensor::DimOp::create(builder, tensor.getLoc(), tensor, position);
  }
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](tensor::EmptyOp empty) { return empty.getDynamicSize(dim); })
      .Case([&](tensor::ExtractSliceOp slice) {
        return slice.getDynamicSize(dim);
      })
      .Case([&](seq::DispatchOp dispatch) {
        int64_t choices = dispatch.getExperts().getType().getDimSize(1);
        Value tokens = of(dispatch.getExperts());
        builder.setInsertionPointAfterValue(tokens);
        Value k =
            arith::ConstantIndexOp::create(builder, op->getLoc(), choices);
        return arith::MulIOp::create(builder, op->getLoc(), tokens, k)
            .getResult();
      })
      .Default([](Operation *) { return Value(); });
}

Value Extents::of(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim)) {
    OpBuilder builder(entry.getContext());
    builder.setInsertionPointToStart(&entry.getBody().front());
    return arith::ConstantIndexOp::create(builder, tensor.getLoc(),
                                          type.getDimSize(dim));
  }
  if (Value done = known.lookup({tensor, dim}))
    return done;
  Value extent = compute(tensor, dim);
  assert(extent && "every dynamic extent follows from the tokens");
  // A dim of a tensor is the extent of that tensor.
  while (auto inner = extent.getDefiningOp<tensor::DimOp>()) {
    if (isa<BlockArgument>(inner.getSource()))
      break;
    extent = of(inner.getSource(), *inner.getConstantIndex());
  }
  return known[{tensor, dim}] = extent;
}

void Extents::alias(Value tensor, Value same) {
  auto type = cast<RankedTensorType>(tensor.getType());
  for (int64_t dim = 0; dim != type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      known[{tensor, dim}] = of(same, dim);
}

int64_t Extents::bound(Value value, int64_t dim) {
  if (auto type = dyn_cast<RankedTensorType>(value.getType()))
    return type.isDynamicDim(dim) ? bound(of(value, dim))
                                  : type.getDimSize(dim);
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  Operation *op = value.getDefiningOp();
  if (auto inner = dyn_cast_or_null<tensor::DimOp>(op))
    return isa<BlockArgument>(inner.getSource())
               ? maxTokens
               : bound(of(inner.getSource(), *inner.getConstantIndex()));
  if (auto mul = dyn_cast_or_null<arith::MulIOp>(op))
    return bound(mul.getLhs()) * bound(mul.getRhs());
  if (auto min = dyn_cast_or_null<arith::MinSIOp>(op))
    return std::min(bound(min.getLhs()), bound(min.getRhs()));
  // What a kernel counted can be any number.
  if (isa_and_nonnull<arith::IndexCastOp>(op))
    return std::numeric_limits<int64_t>::max();
  return maxTokens;
}

} // namespace sennit::schedule
