// Traces the elements of tensors through elementwise ops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/normalize/Terms.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace sennit::normalize {

bool Term::operator==(const Term &other) const {
  if (this == &other)
    return true;
  if (kind != other.kind || value != other.value || map != other.map)
    return false;
  if (kind != Kind::Operation)
    return true;
  if (op->getName() != other.op->getName() ||
      op->getAttrDictionary() != other.op->getAttrDictionary() ||
      op->getResultTypes() != other.op->getResultTypes() ||
      children.size() != other.children.size())
    return false;
  return llvm::all_of(llvm::zip(children, other.children), [](auto pair) {
    return *std::get<0>(pair) == *std::get<1>(pair);
  });
}

static TermPtr makeLeaf(Term::Kind kind, Value value, AffineMap map) {
  return std::make_shared<Term>(Term{kind, value, map, nullptr, {}});
}

TermPtr Tracer::traceScalar(Value scalar, linalg::GenericOp op,
                            AffineMap loops) {
  if (auto argument = dyn_cast<BlockArgument>(scalar)) {
    if (argument.getOwner() != op.getBody())
      return makeLeaf(Term::Kind::Scalar, scalar, {});
    OpOperand *operand = op.getMatchingOpOperand(argument);
    return trace(operand->get(),
                 op.getMatchingIndexingMap(operand).compose(loops));
  }
  Operation *source = scalar.getDefiningOp();
  if (source->getBlock() != op.getBody() ||
      source->hasTrait<OpTrait::ConstantLike>())
    return makeLeaf(Term::Kind::Scalar, scalar, {});
  if (auto index = dyn_cast<linalg::IndexOp>(source))
    return makeLeaf(Term::Kind::Index, {},
                    loops.getSubMap({static_cast<unsigned>(index.getDim())}));
  if (TermPtr known = scalars.lookup({scalar, loops}))
    return known;
  auto term =
      std::make_shared<Term>(Term{Term::Kind::Operation, {}, {}, source, {}});
  for (Value operand : source->getOperands())
    term->children.push_back(traceScalar(operand, op, loops));
  scalars[{scalar, loops}] = term;
  return term;
}

TermPtr Tracer::trace(Value tensor, AffineMap map) {
  if (TermPtr known = elements.lookup({tensor, map}))
    return known;
  TermPtr term = compute(tensor, map);
  elements[{tensor, map}] = term;
  return term;
}

TermPtr Tracer::compute(Value tensor, AffineMap map) {
  Operation *op = tensor.getDefiningOp();
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(op))
    return makeLeaf(Term::Kind::Scalar, fill.getInputs().front(), {});
  if (!isa<RankedTensorType>(tensor.getType()))
    return makeLeaf(Term::Kind::Scalar, tensor, {});
  auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
  bool isMap = generic && generic.getNumDpsInits() == 1 &&
               generic.getNumParallelLoops() == generic.getNumLoops() &&
               generic.getIndexingMapsArray().back().isIdentity();
  if (!isMap)
    return makeLeaf(Term::Kind::Element, tensor, map);
  Value yielded = generic.getBody()->getTerminator()->getOperand(0);
  return traceScalar(yielded, generic, map);
}

std::optional<Reduction> Reduction::match(Value tensor) {
  auto op = tensor.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 1)
    return std::nullopt;
  AffineMap out = op.getIndexingMapsArray().back();
  if (!out.isProjectedPermutation() ||
      out.getNumResults() + 1 != op.getNumLoops())
    return std::nullopt;
  Operation *merge = seq::getMergeOp(op);
  BlockArgument acc = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  if (!merge || merge->getNumOperands() != 2 || !acc.hasOneUse() ||
      *acc.user_begin() != merge)
    return std::nullopt;
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  Value element =
      merge->getOperand(0) == acc ? merge->getOperand(1) : merge->getOperand(0);
  return Reduction{op, merge, reduced.front(), element};
}

AffineMap Reduction::inLoopsOf(AffineMap at, AffineExpr merged) {
  AffineMap out = op.getIndexingMapsArray().back();
  SmallVector<AffineExpr> loops(op.getNumLoops(), merged);
  for (auto [position, expr] : llvm::enumerate(out.getResults()))
    loops[cast<AffineDimExpr>(expr).getPosition()] = at.getResult(position);
  return AffineMap::get(at.getNumDims(), 0, loops, op.getContext());
}

TermPtr Reduction::traceElement(Tracer &tracer, AffineMap at,
                                AffineExpr merged) {
  return tracer.traceScalar(element, op, inLoopsOf(at, merged));
}

std::optional<APFloat> getConstant(const Term &term) {
  if (term.kind != Term::Kind::Scalar)
    return std::nullopt;
  FloatAttr number;
  if (matchPattern(term.value, m_Constant(&number)))
    return number.getValue();
  DenseElementsAttr splat;
  if (matchPattern(term.value, m_Constant(&splat)) && splat.isSplat() &&
      isa<FloatType>(splat.getElementType()))
    return splat.getSplatValue<APFloat>();
  return std::nullopt;
}

} // namespace sennit::normalize
