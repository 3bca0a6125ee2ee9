// Finds the strides of affine maps, and walks those that have none.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Indices.h"

#include "mlir/IR/AffineExpr.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace sennit::reference {

static int64_t evaluateAt(AffineExpr expression, ArrayRef<int64_t> point,
                          unsigned loops) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expression))
    return constant.getValue();
  if (auto loop = dyn_cast<AffineDimExpr>(expression))
    return point[loop.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expression))
    return point[loops + symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expression);
  int64_t left = evaluateAt(binary.getLHS(), point, loops);
  int64_t right = evaluateAt(binary.getRHS(), point, loops);
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return left + right;
  case AffineExprKind::Mul:
    return left * right;
  // Affine arithmetic demands positive divisors; others give 0 here.
  case AffineExprKind::Mod:
    return right > 0 ? llvm::mod(left, right) : 0;
  case AffineExprKind::FloorDiv:
    return right > 0 ? llvm::divideFloorSigned(left, right) : 0;
  default:
    return right > 0 ? llvm::divideCeilSigned(left, right) : 0;
  }
}

/// Adds `scale` times the expression to the slopes and the start; false where
/// it is not linear.
static bool addLinear(AffineExpr expression, int64_t scale,
                      MutableArrayRef<int64_t> slopes, int64_t &start) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expression)) {
    start += scale * constant.getValue();
    return true;
  }
  if (auto loop = dyn_cast<AffineDimExpr>(expression)) {
    slopes[loop.getPosition()] += scale;
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expression);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return addLinear(binary.getLHS(), scale, slopes, start) &&
           addLinear(binary.getRHS(), scale, slopes, start);
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && factor &&
         addLinear(binary.getLHS(), scale * factor.getValue(), slopes, start);
}

IndexMap::IndexMap(AffineMap map)
    : numLoops(map.getNumDims()), expressions(map.getResults()),
      linear(map.getNumSymbols() == 0), starts(expressions.size(), 0),
      loops(numLoops) {
  for (auto [result, expression] : llvm::enumerate(expressions)) {
    slopes.emplace_back(numLoops, 0);
    linear = linear && addLinear(expression, 1, slopes[result], starts[result]);
    for (unsigned loop = 0; loop != numLoops; ++loop)
      loops[loop] = loops[loop] || expression.isFunctionOfDim(loop);
  }
}

int64_t IndexMap::evaluate(unsigned result, ArrayRef<int64_t> point) const {
  return evaluateAt(expressions[result], point, numLoops);
}

} // namespace sennit::reference
