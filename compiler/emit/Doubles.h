// Arithmetic on f64 for expansions, and those that others build on.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_EMIT_DOUBLES_H
#define SENNIT_COMPILER_EMIT_DOUBLES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace sennit::emit {

/// Arithmetic on f64 and i64 of one shape.
struct Doubles {
  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::Type type;

  mlir::Type integers() const {
    mlir::Type i64 = builder.getI64Type();
    auto vector = llvm::dyn_cast<mlir::VectorType>(type);
    return vector ? mlir::Type(vector.clone(i64)) : i64;
  }
  mlir::Value splat(mlir::Type type, mlir::TypedAttr scalar) const {
    auto vector = llvm::dyn_cast<mlir::VectorType>(type);
    mlir::TypedAttr value = vector
                                ? mlir::TypedAttr(mlir::SplatElementsAttr::get(
                                      vector, mlir::Attribute(scalar)))
                                : scalar;
    return mlir::arith::ConstantOp::create(builder, loc, value);
  }
  mlir::Value number(double value) const {
    return splat(type, builder.getF64FloatAttr(value));
  }
  mlir::Value integer(int64_t value) const {
    return splat(integers(), builder.getI64IntegerAttr(value));
  }
  template <typename OpTy>
  mlir::Value make(mlir::Value a, mlir::Value b) const {
    return OpTy::create(builder, loc, a, b);
  }
  mlir::Value add(mlir::Value a, mlir::Value b) const {
    return make<mlir::arith::AddFOp>(a, b);
  }
  mlir::Value sub(mlir::Value a, mlir::Value b) const {
    return make<mlir::arith::SubFOp>(a, b);
  }
  mlir::Value mul(mlir::Value a, mlir::Value b) const {
    return make<mlir::arith::MulFOp>(a, b);
  }
  mlir::Value div(mlir::Value a, mlir::Value b) const {
    return make<mlir::arith::DivFOp>(a, b);
  }
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c) const {
    return mlir::math::FmaOp::create(builder, loc, a, b, c);
  }
  mlir::Value abs(mlir::Value a) const {
    return mlir::math::AbsFOp::create(builder, loc, a);
  }
  mlir::Value sqrt(mlir::Value a) const {
    return mlir::math::SqrtOp::create(builder, loc, a);
  }
  mlir::Value nearest(mlir::Value a) const {
    return mlir::math::RoundEvenOp::create(builder, loc, a);
  }
  mlir::Value truncate(mlir::Value a) const {
    return mlir::math::TruncOp::create(builder, loc, a);
  }
  mlir::Value withSign(mlir::Value size, mlir::Value sign) const {
    return mlir::math::CopySignOp::create(builder, loc, size, sign);
  }
  mlir::Value bits(mlir::Value a) const {
    return mlir::arith::BitcastOp::create(builder, loc, integers(), a);
  }
  mlir::Value fromBits(mlir::Value a) const {
    return mlir::arith::BitcastOp::create(builder, loc, type, a);
  }
  mlir::Value is(mlir::arith::CmpFPredicate predicate, mlir::Value a,
                 mlir::Value b) const {
    return mlir::arith::CmpFOp::create(builder, loc, predicate, a, b);
  }
  mlir::Value select(mlir::Value condition, mlir::Value a,
                     mlir::Value b) const {
    return mlir::arith::SelectOp::create(builder, loc, condition, a, b);
  }
  // Lowest power first.
  mlir::Value polynomial(mlir::Value x,
                         llvm::ArrayRef<double> coefficients) const {
    mlir::Value sum = number(coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      sum = fma(sum, x, number(coefficient));
    return sum;
  }
};

/// A whole number below 2^51 as i64.
mlir::Value toWhole(const Doubles &f, mlir::Value n);

mlir::Value expandExp(const Doubles &f, mlir::Value x);
mlir::Value expandExp2(const Doubles &f, mlir::Value x);
mlir::Value expandExpm1(const Doubles &f, mlir::Value x);
mlir::Value expandLog(const Doubles &f, mlir::Value x);
mlir::Value expandLog1p(const Doubles &f, mlir::Value x);
mlir::Value expandTanh(const Doubles &f, mlir::Value x);
mlir::Value expandErf(const Doubles &f, mlir::Value x);

} // namespace sennit::emit

#endif // SENNIT_COMPILER_EMIT_DOUBLES_H
