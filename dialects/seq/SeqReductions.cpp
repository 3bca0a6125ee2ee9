// Writes the parts of a correctable reduction as ops on scalars or tiles.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "dialects/seq/SeqReductions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace sennit::seq {

bool isCorrected(Operation *op) {
  return op && op->hasAttr(kCorrectedAttrName);
}

static Value makeConstant(OpBuilder &b, Location loc, Type type,
                          const APFloat &value) {
  TypedAttr attr = b.getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(b, loc, attr);
}

static Value makeConstant(OpBuilder &b, Location loc, Type type, double value) {
  APFloat number(value);
  bool isExact;
  number.convert(
      cast<FloatType>(getElementTypeOrSelf(type)).getFloatSemantics(),
      APFloat::rmNearestTiesToEven, &isExact);
  return makeConstant(b, loc, type, number);
}

Value CorrectableReduction::getCentre(OpBuilder &b, Location loc,
                                      Statistic statistic, ValueRange m) {
  Type type = m.front().getType();
  auto element = cast<FloatType>(getElementTypeOrSelf(type));
  if (statistic == Statistic::Max) {
    APFloat lowest =
        APFloat::getLargest(element.getFloatSemantics(), /*Negative=*/true);
    return arith::MaximumFOp::create(b, loc, m[0],
                                     makeConstant(b, loc, type, lowest));
  }
  Value count =
      arith::MaximumFOp::create(b, loc, m[0], makeConstant(b, loc, type, 1));
  return arith::DivFOp::create(b, loc, m[1], count);
}

static Value scale(OpBuilder &b, Location loc, Value value, double factor) {
  if (factor == 1)
    return value;
  return arith::MulFOp::create(b, loc, value,
                               makeConstant(b, loc, value.getType(), factor));
}

Value CorrectableReduction::getFactor(OpBuilder &b, Location loc,
                                      Value d) const {
  if (rate == 0)
    return nullptr;
  Value exponent = scale(b, loc, d, rate);
  if (base == Base::Two)
    return math::Exp2Op::create(b, loc, exponent);
  return math::ExpOp::create(b, loc, exponent);
}

/// Far below zero an exponential is zero, and stays so times any power.
Value CorrectableReduction::keepFinite(OpBuilder &b, Location loc,
                                       Value u) const {
  constexpr double zeroBelow = -2000;
  if (rate == 0)
    return u;
  return arith::MaximumFOp::create(
      b, loc, u, makeConstant(b, loc, u.getType(), zeroBelow / rate));
}

Value CorrectableReduction::lift(OpBuilder &b, Location loc, Value u,
                                 unsigned k) const {
  Value term = getFactor(b, loc, u);
  Value finite = k > 0 ? keepFinite(b, loc, u) : u;
  for (unsigned i = 0; i != k; ++i)
    term = term ? Value(arith::MulFOp::create(b, loc, term, finite)) : finite;
  return term;
}

static unsigned binomial(unsigned n, unsigned k) {
  return k == 0 || k == n ? 1 : binomial(n - 1, k - 1) + binomial(n - 1, k);
}

Value CorrectableReduction::act(OpBuilder &b, Location loc, Value factor,
                                Value d, ValueRange r) const {
  unsigned k = r.size() - 1;
  Value finite = k > 0 ? keepFinite(b, loc, d) : d;
  // By Horner's rule.
  Value sum = r.front();
  for (unsigned j = 1; j <= k; ++j) {
    sum = arith::MulFOp::create(b, loc, sum, finite);
    if (r[j])
      sum = arith::AddFOp::create(b, loc, sum,
                                  scale(b, loc, r[j], binomial(k, j)));
  }
  return factor ? Value(arith::MulFOp::create(b, loc, sum, factor)) : sum;
}

} // namespace sennit::seq
