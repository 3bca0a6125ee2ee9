// Exponentials, logarithms and error functions by polynomials on f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// Reductions and coefficients are those of Sun's fdlibm (e_log, s_erf) and of
// Cephes (tanh); errors are a few units in the last place.
#include "compiler/emit/Doubles.h"

#include <limits>
#include <numbers>

using namespace mlir;
using namespace sennit;
using sennit::emit::Doubles;
using Predicate = arith::CmpFPredicate;

static constexpr double infinity = std::numeric_limits<double>::infinity();
static constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

// 1.5 2^52: added to a whole number below 2^51, it leaves that number in the
// low bits. AVX2 has no conversion of f64 to i64.
static constexpr double magic = 6755399441055744.0;

Value emit::toWhole(const Doubles &f, Value n) {
  Value shifted = f.bits(f.add(n, f.number(magic)));
  return f.make<arith::SubIOp>(shifted, f.integer(0x4338000000000000));
}

// p 2^n, in two steps because 2^1024 is no number.
static Value scale(const Doubles &f, Value p, Value n) {
  Value whole = toWhole(f, n);
  Value half = f.make<arith::ShRSIOp>(whole, f.integer(1));
  Value rest = f.make<arith::SubIOp>(whole, half);
  auto power = [&](Value exponent) {
    Value biased = f.make<arith::AddIOp>(exponent, f.integer(1023));
    return f.fromBits(f.make<arith::ShLIOp>(biased, f.integer(52)));
  };
  return f.mul(f.mul(p, power(half)), power(rest));
}

// Keeps NaN: an ordered comparison that fails selects x itself.
static Value clamp(const Doubles &f, Value x, double low, double high) {
  x = f.select(f.is(Predicate::OLT, x, f.number(low)), f.number(low), x);
  return f.select(f.is(Predicate::OGT, x, f.number(high)), f.number(high), x);
}

// Taylor's coefficients 1/k!, enough for |x| below 0.35.
static SmallVector<double> getFactorials(int first, int last) {
  SmallVector<double> coefficients;
  double value = 1;
  for (int k = 1; k <= last; ++k) {
    if (k > first)
      coefficients.push_back(value);
    value /= k;
  }
  coefficients.push_back(value);
  return coefficients;
}

Value emit::expandExp(const Doubles &f, Value x) {
  x = clamp(f, x, -746, 710);
  Value n = f.nearest(f.mul(x, f.number(std::numbers::log2e)));
  Value r = f.fma(n, f.number(-6.93147180369123816490e-01), x);
  r = f.fma(n, f.number(-1.90821492927058770002e-10), r);
  return scale(f, f.polynomial(r, getFactorials(0, 13)), n);
}

Value emit::expandExp2(const Doubles &f, Value x) {
  x = clamp(f, x, -1076, 1025);
  Value n = f.nearest(x);
  Value r = f.mul(f.sub(x, n), f.number(std::numbers::ln2));
  return scale(f, f.polynomial(r, getFactorials(0, 13)), n);
}

Value emit::expandExpm1(const Doubles &f, Value x) {
  Value near = f.mul(x, f.polynomial(x, getFactorials(1, 15)));
  Value far = f.sub(expandExp(f, x), f.number(1));
  return f.select(f.is(Predicate::OLT, f.abs(x), f.number(0.35)), near, far);
}

Value emit::expandLog(const Doubles &f, Value x) {
  // x = m 2^k with m in [sqrt(1/2), sqrt(2)).
  Value high = f.make<arith::AddIOp>(f.bits(x), f.integer(0x00095f619980c433));
  Value exponent = f.make<arith::ShRUIOp>(high, f.integer(52));
  Value k =
      f.fromBits(f.make<arith::OrIOp>(exponent, f.integer(0x4330000000000000)));
  k = f.sub(k, f.number(4503599627370496.0 + 1023));
  Value mantissa = f.make<arith::AndIOp>(high, f.integer(0x000fffffffffffff));
  Value m = f.fromBits(
      f.make<arith::AddIOp>(mantissa, f.integer(0x3fe6a09e667f3bcd)));
  Value r = f.sub(m, f.number(1));
  Value half = f.mul(f.number(0.5), f.mul(r, r));
  Value s = f.div(r, f.add(r, f.number(2)));
  Value square = f.mul(s, s);
  Value p =
      f.polynomial(square, {6.666666666666735130e-01, 3.999999999940941908e-01,
                            2.857142874366239149e-01, 2.222219843214978396e-01,
                            1.818357216161805012e-01, 1.531383769920937332e-01,
                            1.479819860511658591e-01});
  Value log = f.mul(s, f.fma(square, p, half));
  log = f.fma(k, f.number(1.90821492927058770002e-10), log);
  log = f.add(f.sub(log, half), r);
  log = f.fma(k, f.number(6.93147180369123816490e-01), log);
  log = f.select(f.is(Predicate::OEQ, x, f.number(infinity)), x, log);
  log =
      f.select(f.is(Predicate::OEQ, x, f.number(0)), f.number(-infinity), log);
  return f.select(f.is(Predicate::ULT, x, f.number(0)), f.number(notANumber),
                  log);
}

// Kahan's correction of the rounding of 1 + x.
Value emit::expandLog1p(const Doubles &f, Value x) {
  Value one = f.number(1);
  Value u = f.add(x, one);
  Value corrected = f.mul(expandLog(f, u), f.div(x, f.sub(u, one)));
  Value isInfinite = f.is(Predicate::OEQ, u, f.number(infinity));
  return f.select(f.is(Predicate::OEQ, u, one), x,
                  f.select(isInfinite, u, corrected));
}

Value emit::expandTanh(const Doubles &f, Value x) {
  Value size = f.abs(x), square = f.mul(x, x);
  Value top = f.polynomial(square, {-1.61468768441708447952e3,
                                    -9.92877231001918586564e1,
                                    -9.64399179425052238628e-1});
  Value bottom =
      f.polynomial(square, {4.84406305325125486048e3, 2.23548839060100448583e3,
                            1.12811678491632931402e2, 1.0});
  Value near = f.fma(f.mul(x, square), f.div(top, bottom), x);
  Value e = expandExp(f, f.add(size, size));
  Value far = f.sub(f.number(1), f.div(f.number(2), f.add(e, f.number(1))));
  Value isFar = f.is(Predicate::OGT, size, f.number(0.625));
  return f.select(isFar, f.withSign(far, x), near);
}

Value emit::expandErf(const Doubles &f, Value x) {
  Value size = f.abs(x), square = f.mul(x, x);
  Value near = f.div(
      f.polynomial(square,
                   {1.28379167095512558561e-01, -3.25042107247001499370e-01,
                    -2.84817495755985104766e-02, -5.77027029648944159157e-03,
                    -2.37630166566501626084e-05}),
      f.polynomial(square,
                   {1.0, 3.97917223959155352819e-01, 6.50222499887672944485e-02,
                    5.08130628187576562776e-03, 1.32494738004321644526e-04,
                    -3.96022827877536812320e-06}));
  near = f.fma(x, near, x);
  Value s = f.sub(size, f.number(1));
  Value middle = f.div(
      f.polynomial(s, {-2.36211856075265944077e-03, 4.14856118683748331666e-01,
                       -3.72207876035701323847e-01, 3.18346619901161753674e-01,
                       -1.10894694282396677476e-01, 3.54783043256182359371e-02,
                       -2.16637559486879084300e-03}),
      f.polynomial(s,
                   {1.0, 1.06420880400844228286e-01, 5.40397917702171048937e-01,
                    7.18286544141962662868e-02, 1.26171219808761642112e-01,
                    1.36370839120290507362e-02, 1.19844998467991074170e-02}));
  middle = f.add(middle, f.number(8.45062911510467529297e-01));
  Value tail = clamp(f, size, 1.0, 6.0),
        z = f.div(f.number(1), f.mul(tail, tail));
  Value low =
      f.div(f.polynomial(
                z, {-9.86494403484714822705e-03, -6.93858572707181764372e-01,
                    -1.05586262253232909814e+01, -6.23753324503260060396e+01,
                    -1.62396669462573470355e+02, -1.84605092906711035994e+02,
                    -8.12874355063065934246e+01, -9.81432934416914548592e+00}),
            f.polynomial(
                z, {1.0, 1.96512716674392571292e+01, 1.37657754143519042600e+02,
                    4.34565877475229228821e+02, 6.45387271733267880336e+02,
                    4.29008140027567833386e+02, 1.08635005541779435134e+02,
                    6.57024977031928170135e+00, -6.04244152148580987438e-02}));
  Value high = f.div(
      f.polynomial(z, {-9.86494292470009928597e-03, -7.99283237680523006574e-01,
                       -1.77579549177547519889e+01, -1.60636384855821916062e+02,
                       -6.37566443368389627722e+02, -1.02509513161107724954e+03,
                       -4.83519191608651397019e+02}),
      f.polynomial(z,
                   {1.0, 3.03380607434824582924e+01, 3.25792512996573918826e+02,
                    1.53672958608443695994e+03, 3.19985821950859553908e+03,
                    2.55305040643316442583e+03, 4.74528541206955367215e+02,
                    -2.24409524465858183362e+01}));
  Value isLow = f.is(Predicate::OLT, tail, f.number(1 / 0.35));
  Value exponent = f.fma(tail, f.sub(f.number(0), tail), f.number(-0.5625));
  exponent = f.add(exponent, f.select(isLow, low, high));
  Value far = f.sub(f.number(1), f.div(expandExp(f, exponent), tail));
  Value large =
      f.select(f.is(Predicate::OLT, size, f.number(1.25)), middle, far);
  return f.select(f.is(Predicate::OLT, size, f.number(0.84375)), near,
                  f.withSign(large, x));
}
