// Computes functions by polynomials on f32 instead of calls to a library.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   %y = math.exp %x : vector<16xf32>
//   becomes
//   n = round(x log2(e)), r = x - n ln(2), 2^n p(r)
//
// Functions of f64, and those that compute in f64, are in ExpandDoubles.cpp.
// Declines functions that are instructions. Errors in units in the last place
// are measured by the target's numeric test.
#include "compiler/emit/ExpandDoubles.h"
#include "compiler/emit/Passes.h"

#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

#include <limits>

using namespace mlir;
using namespace sennit;

namespace sennit {
#define GEN_PASS_DEF_EXPANDMATH
#include "compiler/emit/Passes.h.inc"
} // namespace sennit

namespace {
/// Arithmetic on f32 and i32 of one shape.
struct Floats {
  OpBuilder &builder;
  Location loc;
  Type type;
  /// Whether the level has AVX-512's own scaling by powers of two.
  bool hasScale;
  /// Whether few of a result's bits matter.
  bool isApproximate = false;

  Type integers() const {
    Type i32 = builder.getI32Type();
    auto vector = dyn_cast<VectorType>(type);
    return vector ? Type(vector.clone(i32)) : i32;
  }
  Value splat(Type type, TypedAttr scalar) const {
    auto vector = dyn_cast<VectorType>(type);
    TypedAttr value =
        vector ? TypedAttr(SplatElementsAttr::get(vector, Attribute(scalar)))
               : scalar;
    return arith::ConstantOp::create(builder, loc, value);
  }
  Value number(float value) const {
    return splat(type, builder.getF32FloatAttr(value));
  }
  Value integer(int32_t value) const {
    return splat(integers(), builder.getI32IntegerAttr(value));
  }
  Value add(Value a, Value b) const {
    return arith::AddFOp::create(builder, loc, a, b);
  }
  Value sub(Value a, Value b) const {
    return arith::SubFOp::create(builder, loc, a, b);
  }
  Value mul(Value a, Value b) const {
    return arith::MulFOp::create(builder, loc, a, b);
  }
  Value div(Value a, Value b) const {
    return arith::DivFOp::create(builder, loc, a, b);
  }
  Value fma(Value a, Value b, Value c) const {
    return math::FmaOp::create(builder, loc, a, b, c);
  }
  Value abs(Value a) const { return math::AbsFOp::create(builder, loc, a); }
  Value bits(Value a) const {
    return arith::BitcastOp::create(builder, loc, integers(), a);
  }
  Value fromBits(Value a) const {
    return arith::BitcastOp::create(builder, loc, type, a);
  }
  Value is(arith::CmpFPredicate predicate, Value a, Value b) const {
    return arith::CmpFOp::create(builder, loc, predicate, a, b);
  }
  Value select(Value condition, Value a, Value b) const {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  }
  // Highest power first.
  Value polynomial(Value x, ArrayRef<float> coefficients) const {
    Value sum = number(coefficients.front());
    for (float coefficient : coefficients.drop_front())
      sum = fma(sum, x, number(coefficient));
    return sum;
  }
};
} // namespace

using Predicate = arith::CmpFPredicate;
static constexpr float infinity = std::numeric_limits<float>::infinity();

static bool hasOwnInstruction(const Floats &f) {
  auto vector = dyn_cast<VectorType>(f.type);
  return f.hasScale && vector && vector.getShape() == ArrayRef<int64_t>{16};
}

// An AVX-512 instruction `name` of x and y on all lanes.
static Value callInstruction(const Floats &f, StringRef name, Value x,
                             Value y) {
  auto constant = [&](Type type, int64_t value) -> Value {
    return LLVM::ConstantOp::create(f.builder, f.loc, type, value);
  };
  Value allLanes = constant(f.builder.getI16Type(), -1);
  Value rounding = constant(f.builder.getI32Type(), 4);
  return LLVM::CallIntrinsicOp::create(f.builder, f.loc, f.type,
                                       f.builder.getStringAttr(name),
                                       ValueRange{x, y, x, allLanes, rounding})
      .getResult(0);
}

// p 2^floor(n), right for all n.
static Value scaleByInstruction(const Floats &f, Value p, Value n) {
  return callInstruction(f, "llvm.x86.avx512.mask.scalef.ps.512", p, n);
}

// p(r) 2^n for a whole n in [-252, 254], in two steps because neither 2^-127
// nor 2^128 is a normal number. Kernels flush what is below those to zero.
static Value scale(const Floats &f, Value p, Value n) {
  if (hasOwnInstruction(f))
    return scaleByInstruction(f, p, n);
  Value whole = arith::FPToSIOp::create(f.builder, f.loc, f.integers(), n);
  Value half = arith::ShRSIOp::create(f.builder, f.loc, whole, f.integer(1));
  Value rest = arith::SubIOp::create(f.builder, f.loc, whole, half);
  auto power = [&](Value exponent) {
    Value biased =
        arith::AddIOp::create(f.builder, f.loc, exponent, f.integer(127));
    return f.fromBits(
        arith::ShLIOp::create(f.builder, f.loc, biased, f.integer(23)));
  };
  return f.mul(f.mul(p, power(half)), power(rest));
}

// Keeps NaN: an ordered comparison that fails selects x itself.
static Value clamp(const Floats &f, Value x, float low, float high) {
  Value below = f.is(Predicate::OLT, x, f.number(low));
  x = f.select(below, f.number(low), x);
  Value above = f.is(Predicate::OGT, x, f.number(high));
  return f.select(above, f.number(high), x);
}

static const float expPolynomial[] = {1.3814540e-03f,
                                      8.3687451e-03f,
                                      4.1668391e-02f,
                                      1.6666520e-01f,
                                      4.9999993e-01f,
                                      1.0f,
                                      1.0f};

// Of least relative error, 2e-9, on [-1/2, 1/2] and on [0, 1].
static const float exp2Polynomial[] = {1.5594672e-04f,
                                       1.3406644e-03f,
                                       9.6176930e-03f,
                                       5.5503106e-02f,
                                       2.4022653e-01f,
                                       6.9314721e-01f,
                                       1.0f};
static const float exp2Above[] = {2.1612918e-04f,
                                  1.2467846e-03f,
                                  9.6754517e-03f,
                                  5.5485281e-02f,
                                  2.4022931e-01f,
                                  6.9314704e-01f,
                                  1.0f};

// The same of error 3e-6.
static const float exp2Coarse[] = {9.5701019e-03f, 5.5917860e-02f,
                                   2.4024745e-01f, 6.9312181e-01f,
                                   9.9999926e-01f};
static const float exp2AboveCoarse[] = {1.3534168e-02f, 5.2011461e-02f,
                                        2.4144276e-01f, 6.9300383e-01f,
                                        1.0000026e+00f};

// Cody and Waite, degree 6; ln 2 in two parts, of which the first is exact in
// products with n.
static Value expandExp(const Floats &f, Value x) {
  x = clamp(f, x, -105.0f, 90.0f);
  Value n = math::RoundEvenOp::create(f.builder, f.loc,
                                      f.mul(x, f.number(1.44269504f)));
  Value r = f.fma(n, f.number(-0.693145751953125f), x);
  r = f.fma(n, f.number(-1.42860682e-6f), r);
  return scale(f, f.polynomial(r, expPolynomial), n);
}

static Value expandExp2(const Floats &f, Value x) {
  if (hasOwnInstruction(f)) {
    // x less its floor, exactly; infinities give zero.
    Value mode =
        LLVM::ConstantOp::create(f.builder, f.loc, f.builder.getI32Type(), 9);
    Value fraction =
        callInstruction(f, "llvm.x86.avx512.mask.reduce.ps.512", x, mode);
    return scaleByInstruction(f,
                              f.isApproximate
                                  ? f.polynomial(fraction, exp2AboveCoarse)
                                  : f.polynomial(fraction, exp2Above),
                              x);
  }
  x = clamp(f, x, -152.0f, 130.0f);
  Value n = math::RoundEvenOp::create(f.builder, f.loc, x);
  Value fraction = f.sub(x, n);
  return scale(f,
               f.isApproximate ? f.polynomial(fraction, exp2Coarse)
                               : f.polynomial(fraction, exp2Polynomial),
               n);
}

// Cephes' logf: x = m 2^e with m in [sqrt(1/2), sqrt(2)). Numbers below the
// normal ones count as zero, as everywhere in a kernel.
static Value expandLog(const Floats &f, Value x) {
  Value bits = f.bits(x);
  Value offset =
      arith::SubIOp::create(f.builder, f.loc, bits, f.integer(0x3f3504f3));
  Value exponent =
      arith::ShRSIOp::create(f.builder, f.loc, offset, f.integer(23));
  Value shifted =
      arith::ShLIOp::create(f.builder, f.loc, exponent, f.integer(23));
  Value m = f.fromBits(arith::SubIOp::create(f.builder, f.loc, bits, shifted));
  Value e = arith::SIToFPOp::create(f.builder, f.loc, f.type, exponent);
  Value r = f.sub(m, f.number(1.0f));
  Value square = f.mul(r, r);
  Value p =
      f.polynomial(r, {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f,
                       -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
                       2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f});
  Value low = f.mul(f.mul(p, r), square);
  low = f.fma(e, f.number(-2.12194440e-4f), low);
  low = f.fma(square, f.number(-0.5f), low);
  Value log = f.fma(e, f.number(0.693359375f), f.add(r, low));
  log = f.select(f.is(Predicate::OEQ, x, f.number(infinity)), x, log);
  log = f.select(f.is(Predicate::OEQ, x, f.number(0.0f)), f.number(-infinity),
                 log);
  Value outside = f.is(Predicate::ULT, x, f.number(0.0f));
  return f.select(outside, f.number(std::numeric_limits<float>::quiet_NaN()),
                  log);
}

// log(u) x / (u - 1) with u = 1 + x rounded: Kahan's correction of the
// rounding.
static Value expandLog1p(const Floats &f, Value x) {
  Value one = f.number(1.0f);
  Value u = f.add(x, one);
  Value step = f.sub(u, one);
  Value corrected = f.mul(expandLog(f, u), f.div(x, step));
  Value isSmall = f.is(Predicate::OEQ, u, one);
  Value isInfinite = f.is(Predicate::OEQ, u, f.number(infinity));
  return f.select(isSmall, x, f.select(isInfinite, u, corrected));
}

// e^x - 1: a polynomial near zero, where the difference would cancel.
static Value expandExpm1(const Floats &f, Value x) {
  Value p = f.polynomial(x, {1.9841270e-4f, 1.3888889e-3f, 8.3333333e-3f,
                             4.1666668e-2f, 1.6666667e-1f, 0.5f});
  Value near = f.fma(f.mul(x, x), p, x);
  Value far = f.sub(expandExp(f, x), f.number(1.0f));
  Value isNear = f.is(Predicate::OLT, f.abs(x), f.number(0.35f));
  return f.select(isNear, near, far);
}

// Cephes' tanhf: a polynomial below 0.625, 1 - 2 / (e^2x + 1) above.
static Value expandTanh(const Floats &f, Value x) {
  Value size = f.abs(x);
  Value square = f.mul(x, x);
  Value p = f.polynomial(square, {-5.70498872745e-3f, 2.06390887954e-2f,
                                  -5.37397155531e-2f, 1.33314422036e-1f,
                                  -3.33332819422e-1f});
  Value near = f.fma(f.mul(p, square), x, x);
  Value e = expandExp(f, f.add(size, size));
  Value far =
      f.sub(f.number(1.0f), f.div(f.number(2.0f), f.add(e, f.number(1.0f))));
  far = math::CopySignOp::create(f.builder, f.loc, far, x);
  Value isFar = f.is(Predicate::OGT, size, f.number(0.625f));
  return f.select(isFar, far, near);
}

// The rational approximation of Eigen and XLA on [-3.83, 3.83].
static Value expandErf(const Floats &f, Value x) {
  x = clamp(f, x, -3.832506856900711f, 3.832506856900711f);
  Value square = f.mul(x, x);
  Value top =
      f.polynomial(square, {0.00022905065861350646f, 0.0034082910107109506f,
                            0.050955695062380861f, 0.18520832239976145f,
                            1.128379143519084f});
  Value bottom =
      f.polynomial(square, {-1.1791602954361697e-7f, 0.000023547966471313185f,
                            0.0010179625278914885f, 0.014070470171167667f,
                            0.11098505178285362f, 0.49746925110067538f, 1.0f});
  return f.div(f.mul(x, top), bottom);
}

static Value expandRsqrt(const Floats &f, Value x) {
  return f.div(f.number(1.0f), math::SqrtOp::create(f.builder, f.loc, x));
}

static Value expandLog2(const Floats &f, Value x) {
  return f.mul(expandLog(f, x), f.number(1.44269504f));
}

/// `compute` of `x`, of a long vector part by part: what a polynomial has on
/// the way is as wide as a part, not as the vector.
static Value inParts(OpBuilder &builder, Location loc, Value x, int64_t lanes,
                     function_ref<Value(Value)> compute) {
  auto type = dyn_cast<VectorType>(x.getType());
  if (lanes == 0 || !type || type.getRank() != 1 ||
      type.getNumElements() <= lanes || type.getNumElements() % lanes)
    return compute(x);
  Value whole = x;
  for (int64_t at = 0; at < type.getNumElements(); at += lanes) {
    Value part = vector::ExtractStridedSliceOp::create(
        builder, loc, x, ArrayRef<int64_t>{at}, ArrayRef<int64_t>{lanes},
        ArrayRef<int64_t>{1});
    whole = vector::InsertStridedSliceOp::create(builder, loc, compute(part),
                                                 whole, ArrayRef<int64_t>{at},
                                                 ArrayRef<int64_t>{1});
  }
  return whole;
}

namespace {
/// Replaces one function of f32 by its expansion.
template <typename OpTy, Value (*expand)(const Floats &, Value)>
struct Expand : OpRewritePattern<OpTy> {
  Expand(MLIRContext *context, bool hasScale, bool approximates, int64_t lanes)
      : OpRewritePattern<OpTy>(context), hasScale(hasScale),
        approximates(approximates), lanes(lanes) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "the expansions are for f32");
    bool isApproximate =
        arith::bitEnumContainsAny(op.getFastmath(), arith::FastMathFlags::afn);
    if (isApproximate && approximates)
      return rewriter.notifyMatchFailure(op, "an instruction approximates it");
    auto expandPart = [&](Value x) {
      return expand(
          {rewriter, op.getLoc(), x.getType(), hasScale, isApproximate}, x);
    };
    rewriter.replaceOp(
        op, inParts(rewriter, op.getLoc(), op.getOperand(), lanes, expandPart));
    return success();
  }
  bool hasScale, approximates;
  int64_t lanes;
};

/// Lets an instruction compute a function of f32: powers of two, roots and
/// quotients to 2 units in the last place. exp(x) adds the rounding of x
/// log2(e) in the exponent, about |x| 2^-24, and quotients by more than 2^126
/// are zero.
template <typename OpTy> struct Approximate : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    constexpr auto afn = arith::FastMathFlags::afn;
    if (!getElementTypeOrSelf(op.getType()).isF32() ||
        arith::bitEnumContainsAny(op.getFastmath(), afn))
      return rewriter.notifyMatchFailure(op, "it is approximate, or no f32");
    if constexpr (std::is_same_v<OpTy, math::ExpOp>) {
      Floats floats{rewriter, op.getLoc(), op.getType(), /*hasScale=*/false};
      Value power = floats.mul(op.getOperand(), floats.number(M_LOG2E));
      rewriter.replaceOpWithNewOp<math::Exp2Op>(op, power, afn);
    } else {
      rewriter.modifyOpInPlace(op, [&] { op.setFastmath(afn); });
    }
    return success();
  }
};

/// A hyperbolic tangent of which an absolute error of 2^-22 is enough, by those
/// instructions: 1 - 2 / (e^2x + 1), right at the infinities.
struct ApproximateTanh : OpRewritePattern<math::TanhOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::TanhOp op,
                                PatternRewriter &rewriter) const override {
    constexpr auto afn = arith::FastMathFlags::afn;
    if (!getElementTypeOrSelf(op.getType()).isF32() ||
        !arith::bitEnumContainsAny(op.getFastmath(), afn))
      return rewriter.notifyMatchFailure(op, "it is exact, or no f32");
    Floats f{rewriter, op.getLoc(), op.getType(), /*hasScale=*/false};
    Value x = f.mul(op.getOperand(), f.number(2 * M_LOG2E));
    Value power = math::Exp2Op::create(rewriter, f.loc, x, afn);
    Value rest = arith::DivFOp::create(rewriter, f.loc, f.number(2.0f),
                                       f.add(power, f.number(1.0f)), afn);
    rewriter.replaceOp(op, f.sub(f.number(1.0f), rest));
    return success();
  }
};

struct ExpandMath : sennit::impl::ExpandMathBase<ExpandMath> {
  using ExpandMathBase::ExpandMathBase;

  void runOnOperation() override {
    RewritePatternSet rounded(&getContext());
    arith::populateCeilFloorDivExpandOpsPatterns(rounded);
    walkAndApplyPatterns(getOperation(), std::move(rounded));
    if (approximates) {
      RewritePatternSet instructions(&getContext());
      instructions.add<Approximate<math::ExpOp>, Approximate<math::Exp2Op>,
                       Approximate<math::RsqrtOp>, Approximate<arith::DivFOp>,
                       ApproximateTanh>(&getContext());
      walkAndApplyPatterns(getOperation(), std::move(instructions));
    }
    RewritePatternSet patterns(&getContext());
    emit::populateDoublePatterns(patterns);
    emit::populateDivisionPatterns(patterns);
    patterns.add<
        Expand<math::ExpOp, expandExp>, Expand<math::Exp2Op, expandExp2>,
        Expand<math::ExpM1Op, expandExpm1>, Expand<math::LogOp, expandLog>,
        Expand<math::Log2Op, expandLog2>, Expand<math::Log1pOp, expandLog1p>,
        Expand<math::TanhOp, expandTanh>, Expand<math::ErfOp, expandErf>,
        Expand<math::RsqrtOp, expandRsqrt>>(&getContext(), scales, approximates,
                                            lanes);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
