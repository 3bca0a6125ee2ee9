// Expands functions of f64, and of f32 through f64, instead of calls to a
// library.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// Reductions and coefficients are those of Sun's fdlibm (k_sin, k_cos, s_atan);
// errors are a few units in the last place, of powers as many times the
// exponent.
#include "compiler/emit/ExpandDoubles.h"
#include "compiler/emit/Doubles.h"

#include "mlir/IR/TypeUtilities.h"

#include <limits>
#include <numbers>

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;
using Predicate = arith::CmpFPredicate;
using Function = Value (*)(const Doubles &, Value);

static constexpr double infinity = std::numeric_limits<double>::infinity();
static constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

static Value expandLog2(const Doubles &f, Value x) {
  return f.mul(expandLog(f, x), f.number(std::numbers::log2e));
}

static Value expandLog10(const Doubles &f, Value x) {
  return f.mul(expandLog(f, x), f.number(std::numbers::log10e));
}

//===----------------------------------------------------------------------===//
// Angles
//===----------------------------------------------------------------------===//

// The sine or cosine of x, `turns` quarters further on.
static Value expandTurned(const Doubles &f, Value x, int64_t turns) {
  Value n = f.nearest(f.mul(x, f.number(2 / std::numbers::pi)));
  Value r = f.fma(n, f.number(-1.57079632679489655800e+00), x);
  r = f.fma(n, f.number(-6.12323399573676603587e-17), r);
  Value square = f.mul(r, r);
  Value sine = f.polynomial(
      square, {-1.66666666666666324348e-01, 8.33333333332248946124e-03,
               -1.98412698298579493134e-04, 2.75573137070700676789e-06,
               -2.50507602534068634195e-08, 1.58969099521155010221e-10});
  sine = f.fma(f.mul(r, square), sine, r);
  Value cosine = f.polynomial(
      square, {4.16666666666666019037e-02, -1.38888888888741095749e-03,
               2.48015872894767294178e-05, -2.75573143513906633035e-07,
               2.08757232129817482790e-09, -1.13596475577881948265e-11});
  cosine = f.fma(f.mul(square, square), cosine,
                 f.fma(square, f.number(-0.5), f.number(1)));
  Value quarter = f.make<arith::AddIOp>(toWhole(f, n), f.integer(turns));
  Value odd = f.make<arith::AndIOp>(quarter, f.integer(1));
  Value isOdd = arith::CmpIOp::create(
      f.builder, f.loc, arith::CmpIPredicate::ne, odd, f.integer(0));
  Value sign = f.make<arith::AndIOp>(quarter, f.integer(2));
  sign = f.make<arith::ShLIOp>(sign, f.integer(62));
  Value value = f.bits(f.select(isOdd, cosine, sine));
  return f.fromBits(f.make<arith::XOrIOp>(value, sign));
}

static Value expandSin(const Doubles &f, Value x) {
  return expandTurned(f, x, 0);
}
static Value expandCos(const Doubles &f, Value x) {
  return expandTurned(f, x, 1);
}
static Value expandTan(const Doubles &f, Value x) {
  return f.div(expandTurned(f, x, 0), expandTurned(f, x, 1));
}

// Brought to [0, tan(pi/8)] by 1/x and (x - 1)/(x + 1).
static Value expandAtan(const Doubles &f, Value x) {
  Value size = f.abs(x), one = f.number(1);
  Value isSteep = f.is(Predicate::OGT, size, one);
  Value t = f.select(isSteep, f.div(one, size), size);
  Value isWide = f.is(Predicate::OGT, t, f.number(0.4142135623730950));
  Value r = f.select(isWide, f.div(f.sub(t, one), f.add(t, one)), t);
  Value square = f.mul(r, r);
  Value p = f.polynomial(
      square, {3.33333333333329318027e-01, -1.99999999998764832476e-01,
               1.42857142725034663711e-01, -1.11111104054623557880e-01,
               9.09088713343650656196e-02, -7.69187620504482999495e-02,
               6.66107313738753120669e-02, -5.83357013379057348645e-02,
               4.97687799461593236017e-02, -3.65315727442169155270e-02,
               1.62858201153657823623e-02});
  Value angle = f.sub(r, f.mul(f.mul(r, square), p));
  constexpr double quarter = std::numbers::pi / 4;
  angle = f.select(isWide, f.add(angle, f.number(quarter)), angle);
  angle = f.select(isSteep, f.sub(f.number(2 * quarter), angle), angle);
  return f.withSign(angle, x);
}

static Value expandAtan2(const Doubles &f, Value y, Value x) {
  Value angle = expandAtan(f, f.div(y, x));
  Value zero = f.number(0);
  Value half = f.withSign(f.number(std::numbers::pi), y);
  Value isLeft = f.is(Predicate::OLT, x, zero);
  angle = f.select(isLeft, f.add(angle, half), angle);
  Value flat = f.select(isLeft, half, y);
  return f.select(f.is(Predicate::OEQ, y, zero), flat, angle);
}

static Value expandAsin(const Doubles &f, Value x) {
  Value one = f.number(1);
  return expandAtan(f, f.div(x, f.sqrt(f.mul(f.sub(one, x), f.add(one, x)))));
}

static Value expandAcos(const Doubles &f, Value x) {
  Value one = f.number(1);
  Value half = expandAtan(f, f.sqrt(f.div(f.sub(one, x), f.add(one, x))));
  return f.add(half, half);
}

//===----------------------------------------------------------------------===//
// Hyperbolas, powers, roots
//===----------------------------------------------------------------------===//

static Value expandSinh(const Doubles &f, Value x) {
  Value e = expandExpm1(f, f.abs(x)), one = f.number(1);
  Value isHuge = f.is(Predicate::OEQ, e, f.number(infinity));
  Value rest = f.select(isHuge, one, f.div(e, f.add(e, one)));
  return f.withSign(f.mul(f.number(0.5), f.add(e, rest)), x);
}

static Value expandCosh(const Doubles &f, Value x) {
  Value e = expandExp(f, f.abs(x));
  return f.mul(f.number(0.5), f.add(e, f.div(f.number(1), e)));
}

static Value expandAsinh(const Doubles &f, Value x) {
  Value size = f.abs(x), square = f.mul(x, x), one = f.number(1);
  Value root = f.sqrt(f.add(square, one));
  Value grown = f.add(size, f.div(square, f.add(root, one)));
  return f.withSign(expandLog1p(f, grown), x);
}

static Value expandAcosh(const Doubles &f, Value x) {
  Value t = f.sub(x, f.number(1));
  return expandLog1p(f, f.add(t, f.sqrt(f.fma(t, t, f.add(t, t)))));
}

static Value expandAtanh(const Doubles &f, Value x) {
  Value size = f.abs(x);
  Value ratio = f.div(f.add(size, size), f.sub(f.number(1), size));
  return f.withSign(f.mul(f.number(0.5), expandLog1p(f, ratio)), x);
}

static Value expandRsqrt(const Doubles &f, Value x) {
  return f.div(f.number(1), f.sqrt(x));
}

// By logarithms, and a step of Newton's.
static Value expandCbrt(const Doubles &f, Value x) {
  Value size = f.abs(x), third = f.number(1.0 / 3);
  Value y = expandExp(f, f.mul(expandLog(f, size), third));
  Value square = f.mul(y, y);
  Value better = f.sub(
      y,
      f.mul(third, f.div(f.fma(square, y, f.sub(f.number(0), size)), square)));
  Value isPlain = f.is(Predicate::ONE, size, f.number(0));
  isPlain = f.make<arith::AndIOp>(
      isPlain, f.is(Predicate::OLT, size, f.number(infinity)));
  return f.withSign(f.select(isPlain, better, size), x);
}

// Of a negative base only whole powers are real.
static Value expandPowF(const Doubles &f, Value x, Value y) {
  Value zero = f.number(0), one = f.number(1);
  Value power = expandExp(f, f.mul(y, expandLog(f, f.abs(x))));
  Value half = f.mul(y, f.number(0.5));
  Value isWhole = f.is(Predicate::OEQ, f.truncate(y), y);
  Value isEven = f.is(Predicate::OEQ, f.truncate(half), half);
  Value isOdd = f.make<arith::AndIOp>(
      isWhole, f.is(Predicate::UNE, f.truncate(half), half));
  Value isNegative = f.is(Predicate::OLT, x, zero);
  Value ofNegative = f.select(isEven, power, f.sub(zero, power));
  ofNegative = f.select(isWhole, ofNegative, f.number(notANumber));
  Value signedZero = f.select(isOdd, f.withSign(power, x), power);
  power = f.select(isNegative, ofNegative, signedZero);
  Value isOne = f.make<arith::OrIOp>(f.is(Predicate::OEQ, y, zero),
                                     f.is(Predicate::OEQ, x, one));
  return f.select(isOne, one, power);
}

// x less the multiple of y below it in size: the quotient rounds once, the rest
// is exact and mends it. Exact for quotients below 2^53.
static Value expandRem(const Doubles &f, Value x, Value y) {
  Value size = f.abs(x), step = f.abs(y);
  Value count = f.truncate(f.div(size, step));
  Value rest = f.fma(f.sub(f.number(0), count), step, size);
  rest = f.select(f.is(Predicate::OLT, rest, f.number(0)), f.add(rest, step),
                  rest);
  rest = f.select(f.is(Predicate::OGE, rest, step), f.sub(rest, step), rest);
  Value isSmall = f.is(Predicate::OLT, size, step);
  return f.select(isSmall, x, f.withSign(rest, x));
}

// Halves away from zero: the largest number below a half leaves all others.
static Value expandRound(const Doubles &f, Value x) {
  Value size = f.truncate(f.add(f.abs(x), f.number(0.49999999999999994)));
  return f.withSign(size, x);
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// `values` as f64, computed by `compute`, rounded to `type`.
static Value
computeWide(PatternRewriter &rewriter, Location loc, Type type,
            ValueRange values,
            function_ref<Value(const Doubles &, ValueRange)> compute) {
  Type f64 = rewriter.getF64Type();
  auto vector = dyn_cast<VectorType>(type);
  Type wide = vector ? Type(vector.clone(f64)) : f64;
  Doubles doubles{rewriter, loc, wide};
  SmallVector<Value> extended;
  for (Value value : values) {
    bool isFloat = isa<FloatType>(getElementTypeOrSelf(value.getType()));
    if (value.getType() == wide)
      extended.push_back(value);
    else if (isFloat)
      extended.push_back(arith::ExtFOp::create(rewriter, loc, wide, value));
    else
      extended.push_back(arith::SIToFPOp::create(rewriter, loc, wide, value));
  }
  Value result = compute(doubles, extended);
  return wide == type
             ? result
             : Value(arith::TruncFOp::create(rewriter, loc, type, result));
}

static bool isFloatOf(Type type, bool alsoF32) {
  Type element = getElementTypeOrSelf(type);
  return element.isF64() || (alsoF32 && element.isF32());
}

namespace {
template <typename OpTy, Function expand, bool alsoF32>
struct Unary : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!isFloatOf(op.getType(), alsoF32))
      return rewriter.notifyMatchFailure(op, "the expansion is for f64");
    rewriter.replaceOp(op, computeWide(rewriter, op.getLoc(), op.getType(),
                                       op.getOperand(),
                                       [](const Doubles &f, ValueRange x) {
                                         return expand(f, x[0]);
                                       }));
    return success();
  }
};

template <typename OpTy, Value (*expand)(const Doubles &, Value, Value)>
struct Binary : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!isFloatOf(op.getType(), /*alsoF32=*/true))
      return rewriter.notifyMatchFailure(op,
                                         "the expansion is for f32 and f64");
    rewriter.replaceOp(op, computeWide(rewriter, op.getLoc(), op.getType(),
                                       op->getOperands(),
                                       [](const Doubles &f, ValueRange x) {
                                         return expand(f, x[0], x[1]);
                                       }));
    return success();
  }
};
} // namespace

void sennit::emit::populateDoublePatterns(RewritePatternSet &patterns) {
  patterns.add<
      Unary<math::ExpOp, expandExp, false>,
      Unary<math::Exp2Op, expandExp2, false>,
      Unary<math::ExpM1Op, expandExpm1, false>,
      Unary<math::LogOp, expandLog, false>,
      Unary<math::Log2Op, expandLog2, false>,
      Unary<math::Log10Op, expandLog10, true>,
      Unary<math::Log1pOp, expandLog1p, false>,
      Unary<math::TanhOp, expandTanh, false>,
      Unary<math::ErfOp, expandErf, false>,
      Unary<math::RsqrtOp, expandRsqrt, false>,
      Unary<math::SinOp, expandSin, true>, Unary<math::CosOp, expandCos, true>,
      Unary<math::TanOp, expandTan, true>,
      Unary<math::AsinOp, expandAsin, true>,
      Unary<math::AcosOp, expandAcos, true>,
      Unary<math::AtanOp, expandAtan, true>,
      Unary<math::SinhOp, expandSinh, true>,
      Unary<math::CoshOp, expandCosh, true>,
      Unary<math::AsinhOp, expandAsinh, true>,
      Unary<math::AcoshOp, expandAcosh, true>,
      Unary<math::AtanhOp, expandAtanh, true>,
      Unary<math::CbrtOp, expandCbrt, true>,
      Unary<math::RoundOp, expandRound, true>,
      Binary<math::Atan2Op, expandAtan2>, Binary<math::PowFOp, expandPowF>,
      Binary<math::FPowIOp, expandPowF>, Binary<arith::RemFOp, expandRem>>(
      patterns.getContext());
}
