// The meaning of arith on integers of any width, and between integers and
// floats.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Lanes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using llvm::ArrayRef;

namespace sennit::reference {

static Type elementOf(Type type) { return getElementTypeOrSelf(type); }

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

/// `f` of two signed integers, wrapped to the width of the result.
template <typename F> static LaneFunction onSigned(Operation *op, F f) {
  unsigned width = widthOf(elementOf(op->getResult(0).getType()));
  return onIntegers([=](int64_t a, int64_t b) { return wrap(f(a, b), width); });
}

/// `f` of two unsigned integers, wrapped to the width of the result.
template <typename F> static LaneFunction onUnsigned(Operation *op, F f) {
  unsigned width = widthOf(elementOf(op->getResult(0).getType()));
  return onIntegers([=](int64_t a, int64_t b) {
    return wrap(f(asUnsigned(a, width), asUnsigned(b, width)), width);
  });
}

// Sums, differences and products wrap, which signed ones of C++ do not.
static int64_t add(int64_t a, int64_t b) { return uint64_t(a) + uint64_t(b); }
static int64_t subtract(int64_t a, int64_t b) {
  return uint64_t(a) - uint64_t(b);
}
static int64_t multiply(int64_t a, int64_t b) {
  return uint64_t(a) * uint64_t(b);
}

static int64_t divide(int64_t a, int64_t b) {
  if (b == 0)
    return 0;
  return b == -1 ? subtract(0, a) : a / b;
}
static int64_t remainder(int64_t a, int64_t b) {
  return b == 0 || b == -1 ? 0 : a % b;
}
static int64_t divideDown(int64_t a, int64_t b) {
  int64_t rest = remainder(a, b);
  return divide(a, b) - (rest != 0 && (rest < 0) != (b < 0));
}
static int64_t divideUp(int64_t a, int64_t b) {
  int64_t rest = remainder(a, b);
  return divide(a, b) + (rest != 0 && (rest < 0) == (b < 0));
}

static LaneFunction findBinary(Operation *op) {
  using namespace arith;
  return llvm::TypeSwitch<Operation *, LaneFunction>(op)
      .Case([](AddIOp op) { return onSigned(op, add); })
      .Case([](SubIOp op) { return onSigned(op, subtract); })
      .Case([](MulIOp op) { return onSigned(op, multiply); })
      .Case([](DivSIOp op) { return onSigned(op, divide); })
      .Case([](RemSIOp op) { return onSigned(op, remainder); })
      .Case([](FloorDivSIOp op) { return onSigned(op, divideDown); })
      .Case([](CeilDivSIOp op) { return onSigned(op, divideUp); })
      .Case([](DivUIOp op) {
        return onUnsigned(op,
                          [](uint64_t a, uint64_t b) { return b ? a / b : 0; });
      })
      .Case([](RemUIOp op) {
        return onUnsigned(op,
                          [](uint64_t a, uint64_t b) { return b ? a % b : 0; });
      })
      .Case([](CeilDivUIOp op) {
        return onUnsigned(op, [](uint64_t a, uint64_t b) {
          return b ? a / b + (a % b != 0) : 0;
        });
      })
      .Case([](AndIOp) {
        return onIntegers([](int64_t a, int64_t b) { return a & b; });
      })
      .Case([](OrIOp) {
        return onIntegers([](int64_t a, int64_t b) { return a | b; });
      })
      .Case([](XOrIOp) {
        return onIntegers([](int64_t a, int64_t b) { return a ^ b; });
      })
      .Case([](MaxSIOp) {
        return onIntegers([](int64_t a, int64_t b) { return std::max(a, b); });
      })
      .Case([](MinSIOp) {
        return onIntegers([](int64_t a, int64_t b) { return std::min(a, b); });
      })
      .Case([](MaxUIOp op) {
        return onUnsigned(
            op, [](uint64_t a, uint64_t b) { return std::max(a, b); });
      })
      .Case([](MinUIOp op) {
        return onUnsigned(
            op, [](uint64_t a, uint64_t b) { return std::min(a, b); });
      })
      .Default(LaneFunction());
}

static LaneFunction findShift(Operation *op) {
  using namespace arith;
  return llvm::TypeSwitch<Operation *, LaneFunction>(op)
      .Case([](ShLIOp op) {
        return onUnsigned(
            op, [](uint64_t a, uint64_t b) { return b < 64 ? a << b : 0; });
      })
      .Case([](ShRUIOp op) {
        return onUnsigned(
            op, [](uint64_t a, uint64_t b) { return b < 64 ? a >> b : 0; });
      })
      .Case([](ShRSIOp op) {
        unsigned width = widthOf(elementOf(op.getType()));
        return onIntegers([=](int64_t a, int64_t b) {
          return a >> std::min<uint64_t>(asUnsigned(b, width), 63);
        });
      })
      .Default(LaneFunction());
}

static LaneFunction findComparison(arith::CmpIOp op) {
  unsigned width = widthOf(elementOf(op.getLhs().getType()));
  auto onSigned = [](auto f) {
    return onIntegers([=](int64_t a, int64_t b) { return -int64_t(f(a, b)); });
  };
  auto onUnsigned = [&](auto f) {
    return onSigned([=](int64_t a, int64_t b) {
      return f(asUnsigned(a, width), asUnsigned(b, width));
    });
  };
  auto less = [](auto a, auto b) { return a < b; };
  auto notGreater = [](auto a, auto b) { return a <= b; };
  auto greater = [](auto a, auto b) { return a > b; };
  auto notLess = [](auto a, auto b) { return a >= b; };
  using P = arith::CmpIPredicate;
  switch (op.getPredicate()) {
  case P::eq:
    return onSigned([](int64_t a, int64_t b) { return a == b; });
  case P::ne:
    return onSigned([](int64_t a, int64_t b) { return a != b; });
  case P::slt:
    return onSigned(less);
  case P::sle:
    return onSigned(notGreater);
  case P::sgt:
    return onSigned(greater);
  case P::sge:
    return onSigned(notLess);
  case P::ult:
    return onUnsigned(less);
  case P::ule:
    return onUnsigned(notGreater);
  case P::ugt:
    return onUnsigned(greater);
  case P::uge:
    return onUnsigned(notLess);
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// The integer part of `value`, held within [least, greatest], whose bounds
/// are powers of two or one less.
template <typename T> static T saturate(double value, T least, T greatest) {
  if (std::isnan(value))
    return 0;
  if (value <= double(least))
    return least;
  return value >= double(greatest) ? greatest : T(value);
}

static LaneFunction toInteger(Type result, bool isSigned) {
  unsigned width = widthOf(result);
  uint64_t ones = asUnsigned(-1, width);
  return [=](ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    for (int64_t l = 0; l != lanes; ++l) {
      double value = in[0][l].number;
      out[l].integer =
          isSigned
              ? saturate<int64_t>(value, -int64_t(ones >> 1) - 1, ones >> 1)
              : wrap(saturate<uint64_t>(value, 0, ones), width);
    }
  };
}

static LaneFunction toNumber(Type source, bool isSigned) {
  unsigned width = widthOf(source);
  return [=](ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    for (int64_t l = 0; l != lanes; ++l) {
      int64_t value = in[0][l].integer;
      out[l].number =
          isSigned ? double(value) : double(asUnsigned(value, width));
    }
  };
}

/// The same bits as another type; a float rounds to its own type first.
static LaneFunction reinterpret(Type source, Type result) {
  return [=](ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    for (int64_t l = 0; l != lanes; ++l) {
      APInt bits(widthOf(source), uint64_t(in[0][l].integer), true, true);
      bool loses;
      if (auto type = dyn_cast<FloatType>(source)) {
        APFloat number(in[0][l].number);
        number.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                       &loses);
        bits = number.bitcastToAPInt();
      }
      auto type = dyn_cast<FloatType>(result);
      out[l] = type ? cellOf(FloatAttr::get(
                          type, APFloat(type.getFloatSemantics(), bits)))
                    : Cell::of(bits.getSExtValue());
    }
  };
}

static LaneFunction findConversion(Operation *op) {
  using namespace arith;
  if (op->getNumOperands() != 1 || op->getNumResults() != 1)
    return nullptr;
  Type source = elementOf(op->getOperand(0).getType());
  Type result = elementOf(op->getResult(0).getType());
  return llvm::TypeSwitch<Operation *, LaneFunction>(op)
      .Case<IndexCastOp, ExtSIOp, TruncIOp>([&](auto) {
        unsigned width = widthOf(result);
        return onInteger([=](int64_t a) { return wrap(a, width); });
      })
      .Case<IndexCastUIOp, ExtUIOp>([&](auto) {
        unsigned from = widthOf(source), to = widthOf(result);
        return onInteger(
            [=](int64_t a) { return wrap(asUnsigned(a, from), to); });
      })
      .Case([&](FPToSIOp) { return toInteger(result, true); })
      .Case([&](FPToUIOp) { return toInteger(result, false); })
      .Case([&](SIToFPOp) { return toNumber(source, true); })
      .Case([&](UIToFPOp) { return toNumber(source, false); })
      .Case([&](BitcastOp) { return reinterpret(source, result); })
      .Default(LaneFunction());
}

LaneFunction findIntegerFunction(Operation &op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return findComparison(compare);
  if (LaneFunction binary = findBinary(&op))
    return binary;
  if (LaneFunction shift = findShift(&op))
    return shift;
  return findConversion(&op);
}

} // namespace sennit::reference
