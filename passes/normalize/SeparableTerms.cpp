// Rewrites terms as sums of products whose factors read elements or statistics.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/normalize/SeparableTerms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace sennit::normalize {

using Kind = seq::CorrectableReduction::Statistic;

/// More products than that are given up.
static constexpr size_t mostMonomials = 16;

unsigned Separator::look(const Term &term) {
  auto [entry, isNew] = known.try_emplace(&term, Nothing);
  if (!isNew)
    return entry->second;
  unsigned reads = Nothing;
  if (term.isElement() && statistics.contains(term.value))
    reads = Statistic;
  else if (term.map && llvm::any_of(term.map.getResults(), [&](AffineExpr e) {
             return e.isFunctionOfDim(cast<AffineDimExpr>(loop).getPosition());
           }))
    reads = Element;
  for (const TermPtr &child : term.children)
    reads |= look(*child);
  return known[&term] = reads;
}

Separator::Result Separator::decline(const Twine &why) {
  if (reason.empty())
    reason = why.str();
  return std::nullopt;
}

Separator::Result Separator::separate(const TermPtr &term, std::string &why) {
  reason.clear();
  Result result = rewrite(term);
  why = reason;
  return result;
}

static Monomial makeConstant(double value) {
  Monomial constant;
  constant.coefficient = value;
  return constant;
}

static Monomial multiply(const Monomial &a, const Monomial &b) {
  Monomial product = a;
  product.coefficient *= b.coefficient;
  product.power += b.power;
  product.rate += b.rate;
  llvm::append_range(product.elements, b.elements);
  llvm::append_range(product.statistics, b.statistics);
  return product;
}

Separator::Result Separator::rewrite(const TermPtr &term) {
  if (auto done = rewritten.find(term.get()); done != rewritten.end())
    return done->second;
  Result result = rewriteOnce(term);
  rewritten[term.get()] = result;
  return result;
}

Separator::Result Separator::rewriteOnce(const TermPtr &term) {
  unsigned reads = look(*term);
  if (auto constant = getConstant(*term))
    return Monomials{makeConstant(constant->convertToDouble())};
  bool isSum = term->is<arith::AddFOp>() || term->is<arith::SubFOp>() ||
               term->is<arith::NegFOp>();
  if (reads == Both && isSum)
    return rewriteSum(term);
  if (reads != Both) {
    if (term->isElement() && reads == Statistic && term->map != at)
      return decline("it reads the statistic of other rows");
    Monomial single;
    (reads == Element ? single.elements : single.statistics).push_back({term});
    return Monomials{single};
  }
  if (term->is<arith::MulFOp>())
    return rewriteProduct(*term);
  if (term->is<arith::DivFOp>())
    return rewriteQuotient(*term);
  if (term->is<math::PowFOp>() || term->is<math::FPowIOp>())
    return rewritePower(*term);
  if (term->is<math::ExpOp>() || term->is<math::Exp2Op>())
    return rewriteExponential(*term);
  if (term->is<math::LogOp>())
    return rewriteLogarithm(*term);
  if (term->is<arith::MaximumFOp>() || term->is<arith::MaxNumFOp>() ||
      term->is<math::AbsFOp>())
    return rewriteHomogeneous(*term);
  return declineTerm(*term);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// The summands of what reads the statistic, up to too many; others stay whole.
void Separator::collectSummands(const TermPtr &term, bool isNegative,
                                SmallVectorImpl<Summand> &summands) {
  if (summands.size() > mostMonomials)
    return;
  bool isDifference = term->is<arith::SubFOp>();
  bool isSum = isDifference || term->is<arith::AddFOp>();
  if (!(look(*term) & Statistic) || !(isSum || term->is<arith::NegFOp>()))
    return summands.push_back({term, isNegative});
  if (!isSum)
    return collectSummands(term->children[0], !isNegative, summands);
  collectSummands(term->children[0], isNegative, summands);
  collectSummands(term->children[1], isNegative ^ isDifference, summands);
}

bool Separator::isCentre(const Term &term) {
  if (!centre)
    return false;
  auto isStatistic = [&](const Term &leaf) {
    return leaf.isElement() && leaf.value == centre->tensor && leaf.map == at;
  };
  if (centre->statistic == Kind::Max)
    return isStatistic(
        unguard(term, -std::numeric_limits<double>::infinity(), 0));
  if (term.is<arith::DivFOp>())
    return isStatistic(*term.children[0]) &&
           isNumber(*term.children[1], centre->count);
  if (!term.is<arith::MulFOp>())
    return false;
  for (unsigned i : {0, 1})
    if (auto inverse = getConstant(*term.children[i]))
      return isStatistic(*term.children[1 - i]) &&
             std::fabs(inverse->convertToDouble() * centre->count - 1) < 1e-6;
  return false;
}

/// Of x - c .. one summand is u; the others stand for themselves.
Separator::Result Separator::rewriteSum(const TermPtr &term) {
  SmallVector<Summand> summands;
  collectSummands(term, false, summands);
  if (summands.size() > mostMonomials)
    return decline("it is a sum of more than " + Twine(mostMonomials) +
                   " products");
  Monomials sum;
  auto *shift = llvm::find_if(summands, [&](const Summand &summand) {
    return isCentre(*summand.term);
  });
  if (shift != summands.end()) {
    bool isNegative = !shift->isNegative;
    auto *element = llvm::find_if(summands, [&](const Summand &summand) {
      return summand.isNegative == isNegative &&
             *summand.term == *centre->element;
    });
    if (element != summands.end()) {
      Monomial u = makeConstant(isNegative ? -1 : 1);
      u.power = 1;
      sum.push_back(u);
      shift->term = element->term = nullptr;
    }
  }
  for (const Summand &summand : summands) {
    if (!summand.term)
      continue;
    Result part = rewrite(summand.term);
    if (!part)
      return std::nullopt;
    for (Monomial &monomial : *part) {
      if (summand.isNegative)
        monomial.coefficient = -monomial.coefficient;
      sum.push_back(monomial);
    }
  }
  if (sum.size() > mostMonomials)
    return decline("it is a sum of more than " + Twine(mostMonomials) +
                   " products");
  return sum;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static Monomials multiply(const Monomials &left, const Monomials &right) {
  Monomials product;
  for (const Monomial &a : left)
    for (const Monomial &b : right)
      product.push_back(multiply(a, b));
  return product;
}

Separator::Result Separator::rewriteProduct(const Term &term) {
  Result left = rewrite(term.children[0]);
  Result right = left ? rewrite(term.children[1]) : std::nullopt;
  if (!right)
    return std::nullopt;
  if (left->size() * right->size() > mostMonomials)
    return decline("it is a sum of more than " + Twine(mostMonomials) +
                   " products");
  return multiply(*left, *right);
}

Separator::Result Separator::rewriteQuotient(const Term &term) {
  Result left = rewrite(term.children[0]);
  Result right = left ? rewrite(term.children[1]) : std::nullopt;
  if (!right)
    return std::nullopt;
  if (right->size() != 1 || right->front().power != 0)
    return decline("it divides by a sum of elements and the statistic");
  Monomial inverse = right->front();
  inverse.coefficient = 1 / inverse.coefficient;
  inverse.rate = -inverse.rate;
  for (auto *factors : {&inverse.elements, &inverse.statistics})
    for (Factor &factor : *factors)
      factor.isInverse = !factor.isInverse;
  return multiply(*left, {inverse});
}

/// Small whole powers.
Separator::Result Separator::rewritePower(const Term &term) {
  std::optional<double> power;
  if (auto constant = getConstant(*term.children[1]))
    power = constant->convertToDouble();
  else if (Operation *op = term.children[1]->value
                               ? term.children[1]->value.getDefiningOp()
                               : nullptr)
    if (auto number = dyn_cast<arith::ConstantIntOp>(op))
      power = number.value();
  if (!power || *power != std::floor(*power) || *power < 1 || *power > 4)
    return decline("it raises elements to a power of the statistic, or to "
                   "one that is not 1, 2, 3 or 4");
  Result base = rewrite(term.children[0]);
  if (!base)
    return std::nullopt;
  Monomials product = *base;
  for (int i = 1; i < *power && product.size() <= mostMonomials; ++i)
    product = multiply(product, *base);
  return product;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

static TermPtr apply(const Term &function, TermPtr argument) {
  auto term = std::make_shared<Term>(function);
  term->children[0] = std::move(argument);
  return term;
}

/// Multiplies `product` by the exponential of one summand of its exponent.
bool Separator::addExponent(const Monomial &part, const Term &exponential,
                            Monomial &product) {
  if (part.isConstant()) {
    product.coefficient *= exponential.is<math::ExpOp>()
                               ? std::exp(part.coefficient)
                               : std::exp2(part.coefficient);
    return true;
  }
  bool isAlone = part.elements.empty() && part.statistics.empty();
  if (part.power == 1 && part.rate == 0 && isAlone) {
    product.rate += exponential.is<math::ExpOp>() ? part.coefficient
                                                  : part.coefficient * M_LN2;
    return true;
  }
  if (!part.statistics.empty() &&
      (part.isCentred() || !part.elements.empty())) {
    decline("its exponent multiplies elements by the statistic, so that its "
            "correction would differ from element to element");
    return false;
  }
  bool isWhole = std::fabs(part.coefficient) == 1 && part.elements.empty() &&
                 part.statistics.size() == 1 &&
                 !part.statistics.front().isInverse;
  if (!isWhole) {
    decline("no maximum of the same values bounds its exponent, so that its "
            "correction could overflow");
    return false;
  }
  product.statistics.push_back(
      {apply(exponential, part.statistics.front().term), part.coefficient < 0});
  return true;
}

Separator::Result Separator::rewriteExponential(const Term &term) {
  Result exponent = rewrite(term.children[0]);
  if (!exponent)
    return std::nullopt;
  Monomial product;
  for (const Monomial &part : *exponent)
    if (!addExponent(part, term, product))
      return std::nullopt;
  bool isBounded =
      centre &&
      seq::CorrectableReduction(centre->statistic, product.rate).isBounded();
  if (!isBounded)
    return decline("no maximum of the same values bounds its exponent, so that "
                   "its correction could overflow");
  return Monomials{product};
}

bool Separator::isPositive(const Term &term) {
  if (auto done = positive.find(&term); done != positive.end())
    return done->second;
  bool result = findWhetherPositive(term);
  positive[&term] = result;
  return result;
}

bool Separator::findWhetherPositive(const Term &term) {
  if (auto constant = getConstant(term))
    return constant->convertToDouble() > 0;
  if (term.is<math::ExpOp>() || term.is<math::Exp2Op>())
    return true;
  if (term.is<math::SqrtOp>() || term.is<math::RsqrtOp>())
    return isPositive(*term.children[0]);
  if (term.is<arith::AddFOp>() || term.is<arith::MulFOp>() ||
      term.is<arith::DivFOp>())
    return isPositive(*term.children[0]) && isPositive(*term.children[1]);
  if (term.is<arith::MaximumFOp>())
    return isPositive(*term.children[0]) || isPositive(*term.children[1]);
  std::optional<Reduction> sum =
      term.isElement() ? Reduction::match(term.value) : std::nullopt;
  if (!sum || !sum->isSum())
    return false;
  TermPtr element =
      sum->traceElement(tracer, sum->op.getIndexingMapsArray().back(),
                        getAffineDimExpr(sum->loop, sum->op.getContext()));
  return isPositive(*element);
}

/// The logarithm of one product of what is positive.
Separator::Result Separator::rewriteLogarithm(const Term &term) {
  Result inner = rewrite(term.children[0]);
  if (!inner)
    return std::nullopt;
  if (inner->size() != 1 || inner->front().power != 0 ||
      inner->front().coefficient <= 0)
    return declineTerm(term);
  const Monomial &product = inner->front();
  Monomials sum;
  if (product.coefficient != 1)
    sum.push_back(makeConstant(std::log(product.coefficient)));
  if (product.rate != 0) {
    Monomial u = makeConstant(product.rate);
    u.power = 1;
    sum.push_back(u);
  }
  for (auto member : {&Monomial::elements, &Monomial::statistics})
    for (const Factor &factor : product.*member) {
      if (!isPositive(*factor.term))
        return declineTerm(term);
      Monomial part = makeConstant(factor.isInverse ? -1 : 1);
      (part.*member).push_back({apply(term, factor.term)});
      sum.push_back(part);
    }
  return sum;
}

/// max(x h, 0) = max(x, 0) h and |x h| = |x| h where h is positive.
Separator::Result Separator::rewriteHomogeneous(const Term &term) {
  if (!term.is<math::AbsFOp>() && !isNumber(*term.children[1], 0))
    return decline("it compares elements with the statistic: a threshold has "
                   "no correction");
  Result inner = rewrite(term.children[0]);
  if (!inner)
    return std::nullopt;
  bool isOne = inner->size() == 1 && !inner->front().isCentred() &&
               inner->front().elements.size() == 1 &&
               !inner->front().elements.front().isInverse &&
               inner->front().coefficient > 0;
  bool isScaled = isOne && llvm::all_of(inner->front().statistics,
                                        [&](const Factor &factor) {
                                          return isPositive(*factor.term);
                                        });
  if (!isScaled)
    return decline("`" + term.op->getName().getStringRef() +
                   "` is homogeneous in a product of elements with what is "
                   "positive, but not in this");
  Monomial product = inner->front();
  product.elements.front().term = apply(term, product.elements.front().term);
  return Monomials{product};
}

Separator::Result Separator::declineTerm(const Term &term) {
  StringRef name = term.op->getName().getStringRef();
  if (term.is<arith::MinimumFOp>() || term.is<arith::MinNumFOp>() ||
      term.is<arith::CmpFOp>() || term.is<arith::SelectOp>())
    return decline("it compares elements with the statistic: a threshold has "
                   "no correction");
  if (term.is<math::RoundOp>() || term.is<math::RoundEvenOp>() ||
      term.is<math::FloorOp>() || term.is<math::CeilOp>() ||
      term.is<arith::TruncFOp>() || term.is<arith::FPToSIOp>())
    return decline("`" + name +
                   "` rounds what depends on the statistic: the scale has a "
                   "correction, the rounding has none");
  return decline("`" + name +
                 "` of elements and the statistic is no sum of products of "
                 "one and the other");
}

} // namespace sennit::normalize
