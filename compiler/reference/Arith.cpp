// The meaning of arith on floats: every float is f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "compiler/reference/Lanes.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>

using namespace mlir;
using llvm::ArrayRef;

namespace sennit::reference {

/// IEEE 754-2019 maximum: a NaN wins, and +0 is greater than -0.
static double maximum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<double>::quiet_NaN();
  if (a == b)
    return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

static double minimum(double a, double b) { return -maximum(-a, -b); }

static LaneFunction findComparison(arith::CmpFPredicate predicate) {
  auto unordered = [](double a, double b) {
    return std::isnan(a) || std::isnan(b);
  };
  auto orUnordered = [&](auto f) {
    return onComparison(
        [=](double a, double b) { return unordered(a, b) || f(a, b); });
  };
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::AlwaysFalse:
    return onComparison([](double, double) { return false; });
  case P::AlwaysTrue:
    return onComparison([](double, double) { return true; });
  case P::OEQ:
    return onComparison([](double a, double b) { return a == b; });
  case P::OGT:
    return onComparison([](double a, double b) { return a > b; });
  case P::OGE:
    return onComparison([](double a, double b) { return a >= b; });
  case P::OLT:
    return onComparison([](double a, double b) { return a < b; });
  case P::OLE:
    return onComparison([](double a, double b) { return a <= b; });
  case P::ONE:
    return onComparison([](double a, double b) { return a < b || a > b; });
  case P::ORD:
    return onComparison([=](double a, double b) { return !unordered(a, b); });
  case P::UNO:
    return onComparison(unordered);
  case P::UEQ:
    return orUnordered([](double a, double b) { return a == b; });
  case P::UGT:
    return orUnordered([](double a, double b) { return a > b; });
  case P::UGE:
    return orUnordered([](double a, double b) { return a >= b; });
  case P::ULT:
    return orUnordered([](double a, double b) { return a < b; });
  case P::ULE:
    return orUnordered([](double a, double b) { return a <= b; });
  case P::UNE:
    return orUnordered([](double a, double b) { return a != b; });
  }
  return nullptr;
}

static LaneFunction select() {
  return [](ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    const Cell *condition = in[0], *yes = in[1], *no = in[2];
    for (int64_t l = 0; l != lanes; ++l)
      out[l].integer = condition[l].integer ? yes[l].integer : no[l].integer;
  };
}

LaneFunction findArithFunction(Operation &op) {
  using namespace arith;
  return llvm::TypeSwitch<Operation *, LaneFunction>(&op)
      .Case([](AddFOp) {
        return onNumbers([](double a, double b) { return a + b; });
      })
      .Case([](SubFOp) {
        return onNumbers([](double a, double b) { return a - b; });
      })
      .Case([](MulFOp) {
        return onNumbers([](double a, double b) { return a * b; });
      })
      .Case([](DivFOp) {
        return onNumbers([](double a, double b) { return a / b; });
      })
      .Case([](RemFOp) {
        return onNumbers([](double a, double b) { return std::fmod(a, b); });
      })
      .Case([](NegFOp) { return onNumber([](double a) { return -a; }); })
      .Case([](MaximumFOp) { return onNumbers(maximum); })
      .Case([](MinimumFOp) { return onNumbers(minimum); })
      .Case([](MaxNumFOp) {
        return onNumbers([](double a, double b) { return std::fmax(a, b); });
      })
      .Case([](MinNumFOp) {
        return onNumbers([](double a, double b) { return std::fmin(a, b); });
      })
      .Case<ExtFOp, TruncFOp>(
          [](auto) { return onNumber([](double a) { return a; }); })
      .Case(
          [](CmpFOp compare) { return findComparison(compare.getPredicate()); })
      .Case([](SelectOp) { return select(); })
      .Default([](Operation *other) { return findIntegerFunction(*other); });
}

} // namespace sennit::reference
