// Traces the elements of tensors through elementwise ops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/normalize/Terms.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

#include <limits>

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

static bool isAtMost32(Type type) {
  return isa<FloatType>(type) && type.getIntOrFloatBitWidth() <= 32;
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
  bool isRounding = isa<arith::TruncFOp>(source);
  if (seesBehindRoundings && (isRounding || isa<arith::ExtFOp>(source)) &&
      isAtMost32(scalar.getType()) &&
      isAtMost32(source->getOperand(0).getType())) {
    rounded |= isRounding;
    return traceScalar(source->getOperand(0), op, loops);
  }
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

/// The place in the source of a reshape that inserts dimensions of one, or
/// nothing where it does more. Where all of a group are of one, the loop along
/// any of them is the source's.
static std::optional<AffineMap> getPlaceBehind(tensor::ExpandShapeOp expand,
                                               AffineMap map) {
  SmallVector<AffineExpr> source;
  for (const ReassociationIndices &group : expand.getReassociationIndices()) {
    AffineExpr kept = map.getResult(group.front());
    bool isKept = false;
    for (int64_t dim : group) {
      bool isOne = expand.getType().getDimSize(dim) == 1;
      if (!isOne && isKept)
        return std::nullopt;
      if (!isOne || (!isKept && isa<AffineConstantExpr>(kept)))
        kept = map.getResult(dim);
      isKept |= !isOne;
    }
    source.push_back(kept);
  }
  return AffineMap::get(map.getNumDims(), 0, source, map.getContext());
}

TermPtr Tracer::compute(Value tensor, AffineMap map) {
  Operation *op = tensor.getDefiningOp();
  auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op);
  if (expand && seesBehindReshapes)
    if (auto behind = getPlaceBehind(expand, map))
      return trace(expand.getSrc(), *behind);
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(op))
    return makeLeaf(Term::Kind::Scalar, fill.getInputs().front(), {});
  TermPtr scalar = makeLeaf(Term::Kind::Scalar, tensor, {});
  if (!isa<RankedTensorType>(tensor.getType()) || getConstant(*scalar))
    return scalar;
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

bool Reduction::startsAt(double value) {
  auto fill = op.getDpsInits().front().getDefiningOp<linalg::FillOp>();
  return fill &&
         isNumber(*makeLeaf(Term::Kind::Scalar, fill.getInputs().front(), {}),
                  value);
}

bool Reduction::isSum() { return isa<arith::AddFOp>(merge) && startsAt(0); }

bool Reduction::isMaximum() {
  return isa<arith::MaximumFOp, arith::MaxNumFOp>(merge) &&
         startsAt(-std::numeric_limits<double>::infinity());
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

bool isNumber(const Term &term, double value) {
  std::optional<APFloat> constant = getConstant(term);
  return constant && constant->convertToDouble() == value;
}

const Term &unguard(const Term &term, double special, double instead) {
  if (!term.is<arith::SelectOp>() || !isNumber(*term.children[1], instead))
    return term;
  const Term &condition = *term.children[0];
  auto compare = dyn_cast_or_null<arith::CmpFOp>(condition.op);
  if (!compare || compare.getPredicate() != arith::CmpFPredicate::OEQ ||
      !isNumber(*condition.children[1], special) ||
      !(*condition.children[0] == *term.children[2]))
    return term;
  return *term.children[2];
}

void visitTerms(const Term &term, function_ref<void(const Term &)> visit) {
  SetVector<const Term *> terms;
  terms.insert(&term);
  for (size_t i = 0; i != terms.size(); ++i) {
    visit(*terms[i]);
    for (const TermPtr &child : terms[i]->children)
      terms.insert(child.get());
  }
}

Value TermEmitter::emit(const Term &term) {
  if (Value known = emitted.lookup(&term))
    return known;
  Value value = emitOnce(term);
  emitted[&term] = value;
  return value;
}

static Type widen(Type type) {
  return isAtMost32(type) ? Float32Type::get(type.getContext()) : type;
}

bool TermEmitter::canWiden(Operation *op) {
  bool isSame = llvm::all_of(op->getResultTypes(),
                             [](Type type) { return widen(type) == type; });
  return isSame || op->hasTrait<OpTrait::SameOperandsAndResultType>() ||
         isa<arith::SelectOp, arith::SIToFPOp, arith::UIToFPOp>(op);
}

Value TermEmitter::emitOnce(const Term &term) {
  if (term.kind == Term::Kind::Operation) {
    SmallVector<Value> operands;
    for (const TermPtr &child : term.children)
      operands.push_back(emit(*child));
    Operation *clone = builder.clone(*term.op);
    clone->setOperands(operands);
    Value result = clone->getResult(0);
    result.setType(widen(result.getType()));
    return result;
  }
  Operation *source =
      term.kind == Term::Kind::Scalar ? term.value.getDefiningOp() : nullptr;
  if (std::optional<APFloat> number = getConstant(term))
    return arith::ConstantOp::create(
        builder, term.value.getLoc(),
        builder.getFloatAttr(widen(getElementTypeOrSelf(term.value.getType())),
                             number->convertToDouble()));
  if (source && source->hasTrait<OpTrait::ConstantLike>())
    return builder.clone(*source)->getResult(0);
  return leaf(term);
}

} // namespace sennit::normalize
