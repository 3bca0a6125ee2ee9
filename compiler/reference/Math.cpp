// The meaning of math: the C library's functions in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "mlir/Dialect/Math/IR/Math.h"
#include "compiler/reference/Lanes.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/ADT/bit.h"

#include <cmath>

using namespace mlir;
using llvm::ArrayRef;

namespace sennit::reference {

using Number = double (*)(double);
using Numbers = double (*)(double, double);

static double reciprocalRoot(double a) { return 1 / std::sqrt(a); }
/// Halves go away from zero.
static double roundAway(double a) { return std::round(a); }
/// Halves go to the even neighbour, whatever the process's rounding mode.
static double roundEven(double a) {
  double near = std::round(a);
  if (std::abs(a - std::trunc(a)) != 0.5)
    return near;
  return std::copysign(2 * std::round(a / 2), a);
}

static Number findNumber(Operation *op) {
  using namespace math;
  return llvm::TypeSwitch<Operation *, Number>(op)
      .Case([](AbsFOp) -> Number { return std::fabs; })
      .Case([](AcosOp) -> Number { return std::acos; })
      .Case([](AcoshOp) -> Number { return std::acosh; })
      .Case([](AsinOp) -> Number { return std::asin; })
      .Case([](AsinhOp) -> Number { return std::asinh; })
      .Case([](AtanOp) -> Number { return std::atan; })
      .Case([](AtanhOp) -> Number { return std::atanh; })
      .Case([](CbrtOp) -> Number { return std::cbrt; })
      .Case([](CeilOp) -> Number { return std::ceil; })
      .Case([](CosOp) -> Number { return std::cos; })
      .Case([](CoshOp) -> Number { return std::cosh; })
      .Case([](ErfOp) -> Number { return std::erf; })
      .Case([](ErfcOp) -> Number { return std::erfc; })
      .Case([](ExpOp) -> Number { return std::exp; })
      .Case([](Exp2Op) -> Number { return std::exp2; })
      .Case([](ExpM1Op) -> Number { return std::expm1; })
      .Case([](FloorOp) -> Number { return std::floor; })
      .Case([](LogOp) -> Number { return std::log; })
      .Case([](Log10Op) -> Number { return std::log10; })
      .Case([](Log1pOp) -> Number { return std::log1p; })
      .Case([](Log2Op) -> Number { return std::log2; })
      .Case([](RoundOp) -> Number { return roundAway; })
      .Case([](RoundEvenOp) -> Number { return roundEven; })
      .Case([](RsqrtOp) -> Number { return reciprocalRoot; })
      .Case([](SinOp) -> Number { return std::sin; })
      .Case([](SinhOp) -> Number { return std::sinh; })
      .Case([](SqrtOp) -> Number { return std::sqrt; })
      .Case([](TanOp) -> Number { return std::tan; })
      .Case([](TanhOp) -> Number { return std::tanh; })
      .Case([](TruncOp) -> Number { return std::trunc; })
      .Default(Number());
}

static Numbers findNumbers(Operation *op) {
  using namespace math;
  return llvm::TypeSwitch<Operation *, Numbers>(op)
      .Case([](Atan2Op) -> Numbers { return std::atan2; })
      .Case([](CopySignOp) -> Numbers { return std::copysign; })
      .Case([](PowFOp) -> Numbers { return std::pow; })
      .Default(Numbers());
}

template <typename F> static LaneFunction onClass(F f) {
  return [f](ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    for (int64_t l = 0; l != lanes; ++l)
      out[l].integer = f(in[0][l].number) ? -1 : 0;
  };
}

static LaneFunction findClass(Operation *op) {
  using namespace math;
  return llvm::TypeSwitch<Operation *, LaneFunction>(op)
      .Case([](IsNaNOp) {
        return onClass([](double a) { return std::isnan(a); });
      })
      .Case([](IsInfOp) {
        return onClass([](double a) { return std::isinf(a); });
      })
      .Case([](IsFiniteOp) {
        return onClass([](double a) { return std::isfinite(a); });
      })
      .Default(LaneFunction());
}

/// base to the power of a whole exponent.
static LaneFunction raise() {
  return [](ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    for (int64_t l = 0; l != lanes; ++l)
      out[l].number = std::pow(in[0][l].number, double(in[1][l].integer));
  };
}

static LaneFunction multiplyAdd() {
  return [](ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    for (int64_t l = 0; l != lanes; ++l)
      out[l].number =
          std::fma(in[0][l].number, in[1][l].number, in[2][l].number);
  };
}

static LaneFunction clamp() {
  return [](ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    for (int64_t l = 0; l != lanes; ++l) {
      double value = in[0][l].number, least = in[1][l].number,
             greatest = in[2][l].number;
      out[l].number = value < least      ? least
                      : value > greatest ? greatest
                                         : value;
    }
  };
}

static LaneFunction findIntegerMath(Operation *op) {
  using namespace math;
  unsigned width = 64;
  if (Type type = getElementTypeOrSelf(op->getResult(0).getType());
      type.isIntOrIndex())
    width = widthOf(type);
  return llvm::TypeSwitch<Operation *, LaneFunction>(op)
      .Case([&](AbsIOp) {
        return onInteger([=](int64_t a) {
          return wrap(a < 0 ? int64_t(-uint64_t(a)) : a, width);
        });
      })
      .Case([&](CtPopOp) {
        return onInteger([=](int64_t a) {
          return wrap(llvm::popcount(asUnsigned(a, width)), width);
        });
      })
      .Case([&](CountLeadingZerosOp) {
        return onInteger([=](int64_t a) {
          return wrap(llvm::countl_zero(asUnsigned(a, width)) - 64 + width,
                      width);
        });
      })
      .Case([&](CountTrailingZerosOp) {
        return onInteger([=](int64_t a) {
          return wrap(
              std::min<int64_t>(llvm::countr_zero(asUnsigned(a, width)), width),
              width);
        });
      })
      .Default(LaneFunction());
}

LaneFunction findMathFunction(Operation &op) {
  if (Number function = findNumber(&op))
    return onNumber(function);
  if (Numbers function = findNumbers(&op))
    return onNumbers(function);
  if (LaneFunction function = findClass(&op))
    return function;
  return llvm::TypeSwitch<Operation *, LaneFunction>(&op)
      .Case([](math::FPowIOp) { return raise(); })
      .Case([](math::FmaOp) { return multiplyAdd(); })
      .Case([](math::ClampFOp) { return clamp(); })
      .Default([](Operation *other) { return findIntegerMath(other); });
}

} // namespace sennit::reference
