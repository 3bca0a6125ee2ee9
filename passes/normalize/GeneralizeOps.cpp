// Brings every op on tensors to the few forms that the later stages know.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   linalg.batch_matmul, linalg.reduce, arith.addf on tensors, tensor.splat ..
//     =>   linalg.generic
//   tensor.pad   =>   tensor.insert_slice into a filled tensor
//
// Declines products of rows and a matrix, fills with constants and what has no
// such form; scalars of the host that no tensor gives stay outside of bodies.

#include "passes/normalize/Passes.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

#include <numeric>

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_GENERALIZEOPS
#include "passes/normalize/Passes.h.inc"

//===----------------------------------------------------------------------===//
// Elements computed from their places
//===----------------------------------------------------------------------===//

using BodyBuilder =
    function_ref<Value(OpBuilder &, Location, SmallVector<Value> indices)>;

/// A tensor of `type` whose element at `indices` is what `body` returns.
static Value generate(RewriterBase &rewriter, Location loc,
                      RankedTensorType type, ValueRange dynamicSizes,
                      BodyBuilder body) {
  Value empty = tensor::EmptyOp::create(rewriter, loc, type, dynamicSizes);
  int64_t rank = type.getRank();
  SmallVector<AffineMap> maps{rewriter.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> kinds(rank, utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      rewriter, loc, TypeRange(type), ValueRange(), ValueRange(empty), maps,
      kinds, [&](OpBuilder &builder, Location at, ValueRange) {
        SmallVector<Value> indices;
        for (int64_t dim = 0; dim < rank; ++dim)
          indices.push_back(linalg::IndexOp::create(builder, at, dim));
        linalg::YieldOp::create(builder, at, body(builder, at, indices));
      });
  return generic.getResult(0);
}

static bool rewriteSplat(RewriterBase &rewriter, tensor::SplatOp splat) {
  Value tensor = generate(
      rewriter, splat.getLoc(), splat.getType(), splat.getDynamicSizes(),
      [&](OpBuilder &, Location, ArrayRef<Value>) { return splat.getInput(); });
  rewriter.replaceOp(splat, tensor);
  return true;
}

static bool rewriteGenerate(RewriterBase &rewriter, tensor::GenerateOp op) {
  Block &block = op.getBody().front();
  if (!op.getBody().hasOneBlock())
    return false;
  Value tensor = generate(
      rewriter, op.getLoc(), cast<RankedTensorType>(op.getType()),
      op.getDynamicExtents(),
      [&](OpBuilder &builder, Location, ArrayRef<Value> indices) {
        IRMapping mapping;
        mapping.map(block.getArguments(), indices);
        for (Operation &inner : block.without_terminator())
          builder.clone(inner, mapping);
        return mapping.lookupOrDefault(block.getTerminator()->getOperand(0));
      });
  rewriter.replaceOp(op, tensor);
  return true;
}

// Element i of the list where the row-major place is i.
static bool rewriteFromElements(RewriterBase &rewriter,
                                tensor::FromElementsOp op) {
  RankedTensorType type = op.getType();
  if (op.getElements().empty())
    return false;
  Value tensor = generate(
      rewriter, op.getLoc(), type, ValueRange(),
      [&](OpBuilder &builder, Location loc, ArrayRef<Value> indices) {
        Value place = arith::ConstantIndexOp::create(builder, loc, 0);
        for (auto [dim, index] : llvm::enumerate(indices)) {
          Value extent = arith::ConstantIndexOp::create(builder, loc,
                                                        type.getDimSize(dim));
          place = arith::MulIOp::create(builder, loc, place, extent);
          place = arith::AddIOp::create(builder, loc, place, index);
        }
        Value value = op.getElements().back();
        for (auto [i, element] :
             llvm::enumerate(op.getElements().drop_back())) {
          Value number = arith::ConstantIndexOp::create(builder, loc, i);
          Value isHere = arith::CmpIOp::create(
              builder, loc, arith::CmpIPredicate::eq, place, number);
          value = arith::SelectOp::create(builder, loc, isHere, element, value);
        }
        return value;
      });
  rewriter.replaceOp(op, tensor);
  return true;
}

//===----------------------------------------------------------------------===//
// Moves
//===----------------------------------------------------------------------===//

static bool rewritePad(RewriterBase &rewriter, tensor::PadOp pad) {
  Location loc = pad.getLoc();
  RankedTensorType type = pad.getResultType();
  Value value = pad.getConstantPaddingValue();
  bool isSmaller = llvm::any_of(pad.getMixedLowPad(), [](OpFoldResult low) {
    auto number = getConstantIntValue(low);
    return number && *number < 0;
  });
  if (!value || isSmaller || !type.hasStaticShape())
    return false;
  Value target;
  if (value.getDefiningOp<arith::ConstantOp>()) {
    Value empty = tensor::EmptyOp::create(rewriter, loc, type, ValueRange());
    target = linalg::FillOp::create(rewriter, loc, value, empty).getResult(0);
  } else {
    target =
        generate(rewriter, loc, type, ValueRange(),
                 [&](OpBuilder &, Location, ArrayRef<Value>) { return value; });
  }
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(rewriter, loc, pad.getSource());
  SmallVector<OpFoldResult> strides(type.getRank(), rewriter.getIndexAttr(1));
  rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(
      pad, pad.getSource(), target, pad.getMixedLowPad(), sizes, strides);
  return true;
}

static bool rewriteReshape(RewriterBase &rewriter, tensor::ReshapeOp op) {
  auto from = dyn_cast<RankedTensorType>(op.getSource().getType());
  auto to = dyn_cast<RankedTensorType>(op.getResult().getType());
  if (!from || !to || !from.hasStaticShape() || !to.hasStaticShape())
    return false;
  auto join = [](int64_t rank) {
    SmallVector<ReassociationIndices> groups;
    if (rank == 0)
      return groups;
    groups.emplace_back(rank);
    std::iota(groups.front().begin(), groups.front().end(), 0);
    return groups;
  };
  auto row = from.clone({from.getNumElements()});
  Value flat = op.getSource();
  if (from.getRank() == 0)
    flat = tensor::ExpandShapeOp::create(rewriter, op.getLoc(), row, flat,
                                         join(0));
  else if (from.getRank() > 1)
    flat = tensor::CollapseShapeOp::create(rewriter, op.getLoc(), row, flat,
                                           join(from.getRank()));
  if (to.getRank() == 0)
    flat = tensor::CollapseShapeOp::create(rewriter, op.getLoc(), to, flat,
                                           join(0));
  else if (to.getRank() > 1)
    flat = tensor::ExpandShapeOp::create(rewriter, op.getLoc(), to, flat,
                                         join(to.getRank()));
  rewriter.replaceOp(op, flat);
  return true;
}

//===----------------------------------------------------------------------===//
// linalg
//===----------------------------------------------------------------------===//

static bool isConstantFill(Operation *op) {
  auto fill = dyn_cast<linalg::FillOp>(op);
  return fill && fill.getInputs().front().getDefiningOp<arith::ConstantOp>();
}

/// Whether the product of rows and a matrix is what its program computes: sums
/// in f32 from zero.
static bool hasProgram(Operation *op) {
  auto matmul = dyn_cast<linalg::MatmulOp>(op);
  if (!matmul || !seq::isContraction(op))
    return seq::isContraction(op);
  auto narrow = [](Value value) {
    Type element = getElementTypeOrSelf(value.getType());
    return element.isF32() || element.isF16() || element.isBF16();
  };
  auto fill = matmul.getOutputs().front().getDefiningOp<linalg::FillOp>();
  return llvm::all_of(matmul.getInputs(), narrow) &&
         getElementTypeOrSelf(op->getResult(0).getType()).isF32() && fill &&
         matchPattern(fill.getInputs().front(), m_AnyZeroFloat());
}

static bool rewriteNamed(RewriterBase &rewriter, Operation *op) {
  if (auto aggregated = dyn_cast<linalg::AggregatedOpInterface>(op)) {
    auto parts = aggregated.decomposeOperation(rewriter);
    if (succeeded(parts))
      rewriter.replaceOp(op, *parts);
    return succeeded(parts);
  }
  auto named = dyn_cast<linalg::LinalgOp>(op);
  if (!named || isa<linalg::GenericOp>(op) || hasProgram(op) ||
      isConstantFill(op))
    return false;
  return succeeded(linalg::generalizeNamedOp(rewriter, named));
}

/// Lets the loops of a map run in the order of its result's dimensions.
static bool orderLoops(RewriterBase &rewriter, linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1 || !op.hasPureTensorSemantics() ||
      op.getNumParallelLoops() != op.getNumLoops())
    return false;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!map.isPermutation() || map.isIdentity())
    return false;
  SmallVector<unsigned> order;
  for (AffineExpr expr : map.getResults())
    order.push_back(cast<AffineDimExpr>(expr).getPosition());
  return succeeded(linalg::interchangeGenericOp(rewriter, op, order));
}

//===----------------------------------------------------------------------===//
// Scalars that tensors give
//===----------------------------------------------------------------------===//

/// Whether a scalar of the host depends on an element of a tensor.
static bool comesFromTensor(Value scalar) {
  Operation *op = scalar.getDefiningOp();
  if (!op || isa<RankedTensorType>(scalar.getType()))
    return false;
  if (isa<tensor::ExtractOp>(op))
    return true;
  return op->getNumRegions() == 0 &&
         llvm::any_of(op->getOperands(), comesFromTensor);
}

/// A copy of the scalar's computation before `at`.
static Value sink(RewriterBase &rewriter, Value scalar, IRMapping &mapping) {
  if (!comesFromTensor(scalar))
    return scalar;
  if (Value done = mapping.lookupOrNull(scalar))
    return done;
  Operation *op = scalar.getDefiningOp();
  for (Value operand : op->getOperands())
    mapping.map(operand, sink(rewriter, operand, mapping));
  rewriter.clone(*op, mapping);
  return mapping.lookup(scalar);
}

/// Scalars that the body reads, or that stand among the inputs, are computed in
/// the body: the host computes no elements.
static bool sinkScalars(RewriterBase &rewriter, linalg::GenericOp op) {
  IRMapping mapping;
  rewriter.setInsertionPointToStart(op.getBody());
  bool changed = false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (!comesFromTensor(input->get()) || argument.use_empty())
      continue;
    rewriter.replaceAllUsesWith(argument,
                                sink(rewriter, input->get(), mapping));
    OpBuilder before(op);
    Value unread = arith::ConstantOp::create(
        before, op.getLoc(), before.getZeroAttr(argument.getType()));
    rewriter.modifyOpInPlace(op, [&] { input->set(unread); });
    changed = true;
  }
  SmallVector<OpOperand *> captured;
  op.getBody()->walk([&](Operation *inner) {
    for (OpOperand &operand : inner->getOpOperands())
      if (operand.get().getParentRegion() != &op.getRegion() &&
          comesFromTensor(operand.get()))
        captured.push_back(&operand);
  });
  for (OpOperand *operand : captured) {
    operand->set(sink(rewriter, operand->get(), mapping));
    changed = true;
  }
  return changed;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

static bool rewrite(RewriterBase &rewriter, Operation *op) {
  rewriter.setInsertionPoint(op);
  if (auto splat = dyn_cast<tensor::SplatOp>(op))
    return rewriteSplat(rewriter, splat);
  if (auto generate = dyn_cast<tensor::GenerateOp>(op))
    return rewriteGenerate(rewriter, generate);
  if (auto elements = dyn_cast<tensor::FromElementsOp>(op))
    return rewriteFromElements(rewriter, elements);
  if (auto pad = dyn_cast<tensor::PadOp>(op))
    return rewritePad(rewriter, pad);
  if (auto reshape = dyn_cast<tensor::ReshapeOp>(op))
    return rewriteReshape(rewriter, reshape);
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return sinkScalars(rewriter, generic) || orderLoops(rewriter, generic);
  return rewriteNamed(rewriter, op);
}

namespace {
struct GeneralizeOps : impl::GeneralizeOpsBase<GeneralizeOps> {
  void runOnOperation() override {
    RewritePatternSet elementwise(&getContext());
    linalg::populateElementwiseToLinalgConversionPatterns(elementwise);
    walkAndApplyPatterns(getOperation(), std::move(elementwise));
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        generalize(block);
  }

  /// Until nothing changes: what an op becomes may have a form of its own.
  void generalize(Block &block) {
    IRRewriter rewriter(&getContext());
    bool changed = true;
    while (changed) {
      changed = false;
      SmallVector<Operation *> ops;
      for (Operation &op : block)
        ops.push_back(&op);
      for (Operation *op : ops)
        changed |= rewrite(rewriter, op);
    }
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isOpTriviallyDead(&op))
        op.erase();
  }
};
} // namespace
} // namespace sennit
