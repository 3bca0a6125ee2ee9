// Divides vectors of integers where lanes that hold no element hold zeros.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// There is no such instruction: LLVM divides lane by lane, and a lane of zero
// traps. Integers of up to 32 bits are divided in f64, where every quotient of
// theirs truncates to the right one; those of 64 lane by lane, by one in the
// place of zero.
#include "compiler/emit/ExpandDoubles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace {
template <typename OpTy> struct Division : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  static constexpr bool isSigned = std::is_same_v<OpTy, arith::DivSIOp> ||
                                   std::is_same_v<OpTy, arith::RemSIOp>;
  static constexpr bool isRemainder = std::is_same_v<OpTy, arith::RemSIOp> ||
                                      std::is_same_v<OpTy, arith::RemUIOp>;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    if (!type)
      return rewriter.notifyMatchFailure(op, "a scalar is an element");
    unsigned width = type.getElementTypeBitWidth();
    Location loc = op.getLoc();
    Value divisor = guard(rewriter, loc, type, op.getLhs(), op.getRhs());
    if (width > 32) {
      if (divisor.getDefiningOp<arith::ConstantOp>())
        return rewriter.notifyMatchFailure(op, "its divisor is a constant");
      rewriter.replaceOpWithNewOp<OpTy>(op, op.getLhs(), divisor);
      return success();
    }
    auto doubles = type.clone(rewriter.getF64Type());
    auto widen = [&](Value value) -> Value {
      if (isSigned)
        return arith::SIToFPOp::create(rewriter, loc, doubles, value);
      return arith::UIToFPOp::create(rewriter, loc, doubles, value);
    };
    Value ratio = arith::DivFOp::create(rewriter, loc, widen(op.getLhs()),
                                        widen(divisor));
    Value quotient =
        isSigned ? Value(arith::FPToSIOp::create(rewriter, loc, type, ratio))
                 : Value(arith::FPToUIOp::create(rewriter, loc, type, ratio));
    if (isRemainder) {
      Value whole = arith::MulIOp::create(rewriter, loc, quotient, divisor);
      quotient = arith::SubIOp::create(rewriter, loc, op.getLhs(), whole);
    }
    rewriter.replaceOp(op, quotient);
    return success();
  }

  /// The divisor with ones where dividing would trap: by zero, and of the
  /// least number by -1.
  static Value guard(PatternRewriter &rewriter, Location loc, VectorType type,
                     Value dividend, Value divisor) {
    DenseElementsAttr known;
    auto number = [&](APInt value) -> Value {
      return arith::ConstantOp::create(rewriter, loc,
                                       DenseElementsAttr::get(type, value));
    };
    if (matchPattern(divisor, m_Constant(&known)) && known.isSplat() &&
        !known.getSplatValue<APInt>().isZero() &&
        !known.getSplatValue<APInt>().isAllOnes())
      return divisor;
    unsigned width = type.getElementTypeBitWidth();
    auto equal = [&](Value a, APInt b) -> Value {
      return arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, a,
                                   number(b));
    };
    Value traps = equal(divisor, APInt::getZero(width));
    if (isSigned) {
      Value overflows = arith::AndIOp::create(
          rewriter, loc, equal(divisor, APInt::getAllOnes(width)),
          equal(dividend, APInt::getSignedMinValue(width)));
      traps = arith::OrIOp::create(rewriter, loc, traps, overflows);
    }
    return arith::SelectOp::create(rewriter, loc, traps,
                                   number(APInt(width, 1)), divisor);
  }
};
} // namespace

void sennit::emit::populateDivisionPatterns(RewritePatternSet &patterns) {
  patterns.add<Division<arith::DivSIOp>, Division<arith::DivUIOp>,
               Division<arith::RemSIOp>, Division<arith::RemUIOp>>(
      patterns.getContext());
}
