// Arithmetic on the scalars of a map's body, by type.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_ONNX_SCALAR_H
#define SENNIT_FRONTENDS_ONNX_SCALAR_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace sennit::onnx {

enum class Compare { Equal, Less, LessOrEqual, Greater, GreaterOrEqual };

/// Builds arithmetic; each function takes operands of one type, which is a
/// float, a signed integer, an index, or where it makes sense i1.
class Scalars {
public:
  explicit Scalars(mlir::ImplicitLocOpBuilder &builder) : builder(builder) {}

  mlir::Value constant(mlir::Type type, double value);
  mlir::Value index(int64_t value);
  /// Negative infinity, or the least integer; and their counterparts.
  mlir::Value lowest(mlir::Type type);
  mlir::Value highest(mlir::Type type);

  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  /// Integers are divided as C does.
  mlir::Value div(mlir::Value a, mlir::Value b);
  mlir::Value power(mlir::Value a, mlir::Value b);
  /// NaN where an operand is one.
  mlir::Value max(mlir::Value a, mlir::Value b);
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value negate(mlir::Value a);
  mlir::Value absolute(mlir::Value a);
  mlir::Value compare(Compare how, mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  mlir::Value both(mlir::Value a, mlir::Value b);
  mlir::Value either(mlir::Value a, mlir::Value b);
  mlir::Value isNot(mlir::Value a);
  /// As ONNX casts: to i1 by comparison with zero, to integers towards zero.
  mlir::Value convert(mlir::Value a, mlir::Type type);

  mlir::Value exp(mlir::Value a);
  mlir::Value log(mlir::Value a);
  mlir::Value tanh(mlir::Value a);
  mlir::Value sqrt(mlir::Value a);
  mlir::Value erf(mlir::Value a);
  mlir::Value sin(mlir::Value a);
  mlir::Value cos(mlir::Value a);
  mlir::Value floor(mlir::Value a);
  mlir::Value ceil(mlir::Value a);
  mlir::Value roundEven(mlir::Value a);
  mlir::Value sigmoid(mlir::Value a);
  /// log(1 + exp(x)) without overflow.
  mlir::Value softplus(mlir::Value a);

  mlir::ImplicitLocOpBuilder &builder;
};

} // namespace sennit::onnx

#endif // SENNIT_FRONTENDS_ONNX_SCALAR_H
