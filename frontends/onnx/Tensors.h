// Tensors of an imported graph, and the linalg idioms that compute them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_ONNX_TENSORS_H
#define SENNIT_FRONTENDS_ONNX_TENSORS_H

#include "frontends/onnx/Scalar.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <string>

namespace sennit::onnx {

/// A value of the graph, of static shape. What is known at import has a
/// `constant`; its op exists only once something needs it.
struct Tensor {
  mlir::Value value;
  mlir::DenseElementsAttr constant;
  mlir::RankedTensorType type;

  explicit operator bool() const { return bool(type); }
  llvm::ArrayRef<int64_t> shape() const {
    return type ? type.getShape() : llvm::ArrayRef<int64_t>();
  }
  int64_t rank() const { return shape().size(); }
  int64_t extent(int64_t dim) const { return shape()[dim]; }
  mlir::Type element() const { return type ? type.getElementType() : nullptr; }
  bool isFloat() const;
};

using Shape = llvm::SmallVector<int64_t, 6>;
using Body = llvm::function_ref<mlir::Value(Scalars &, mlir::ValueRange)>;

enum class Reduction { Sum, Product, Max, Min };

/// One operand of a contraction: its dimensions' labels.
struct Labelled {
  Tensor tensor;
  llvm::SmallVector<int64_t, 6> labels;
};

/// Builds tensors. Where it cannot, it keeps the first reason and returns empty
/// tensors, of which it builds none.
class Tensors {
public:
  explicit Tensors(mlir::ImplicitLocOpBuilder &builder) : builder(builder) {}

  bool failed() const { return !reason.empty(); }
  Tensor fail(const llvm::Twine &why);
  const std::string &why() const { return reason; }

  /// The op's value, made now if the tensor is only known.
  mlir::Value value(const Tensor &tensor);
  Tensor of(mlir::Value value);
  Tensor constant(mlir::DenseElementsAttr elements);
  Tensor scalar(mlir::Type element, double value);
  Tensor integers(llvm::ArrayRef<int64_t> values); // i64[n]
  /// All elements `value`, as a tensor of its own memory.
  Tensor filled(llvm::ArrayRef<int64_t> shape, mlir::Type element,
                double value);
  mlir::RankedTensorType type(llvm::ArrayRef<int64_t> shape,
                              mlir::Type element);

  /// The shape that both broadcast to, by the rules of NumPy.
  bool broadcast(Shape &shape, llvm::ArrayRef<int64_t> other);
  /// Element by element, inputs broadcast. The body computes on f32 where an
  /// input is f16 or bf16, and its result is rounded to `result` once.
  Tensor map(llvm::ArrayRef<Tensor> inputs, mlir::Type result, Body body);
  /// The same onto `shape`, to which the inputs broadcast.
  Tensor mapOnto(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<Tensor> inputs,
                 mlir::Type result, Body body);
  /// Each element from its indices; the body reads tensors by `at`.
  Tensor generate(llvm::ArrayRef<int64_t> shape, mlir::Type element, Body body);
  /// Inside a body: the index along a dimension of the result.
  mlir::Value place(Scalars &scalars, int64_t dim);
  /// Inside a body: an element of any tensor.
  mlir::Value at(Scalars &scalars, const Tensor &tensor,
                 mlir::ValueRange indices);

  /// Over `axes`, in f32 where the elements are narrower.
  Tensor reduce(const Tensor &input, llvm::ArrayRef<int64_t> axes, bool keep,
                Reduction kind);
  /// Along `axis`, element i from those up to it: from the end with `reverse`,
  /// without itself with `exclusive`.
  Tensor cumulate(const Tensor &input, int64_t axis, bool exclusive,
                  bool reverse, Reduction kind);
  /// The sum over all labels that are not of the result of the product of the
  /// inputs (Einstein); in f32 where the elements are narrower. An extent of 1
  /// broadcasts.
  Tensor contract(llvm::ArrayRef<Labelled> inputs,
                  llvm::ArrayRef<int64_t> result);

  /// x w^T of matrices, for activations x and a matrix w of weights.
  Tensor rowsTimesMatrix(const Tensor &x, const Tensor &w);

  Tensor reshape(const Tensor &input, llvm::ArrayRef<int64_t> shape);
  Tensor transpose(const Tensor &input, llvm::ArrayRef<int64_t> permutation);
  Tensor expand(const Tensor &input, llvm::ArrayRef<int64_t> shape);
  /// Steps are not zero; `shape` is the result's.
  Tensor slice(const Tensor &input, llvm::ArrayRef<int64_t> starts,
               llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> steps);
  Tensor concat(llvm::ArrayRef<Tensor> inputs, int64_t axis);
  Tensor cast(const Tensor &input, mlir::Type element);

  /// f32 for f16 and bf16, else the type itself.
  mlir::Type computeType(mlir::Type element);

  mlir::ImplicitLocOpBuilder &builder;

private:
  Tensor generic(mlir::RankedTensorType result,
                 llvm::ArrayRef<mlir::Value> inputs,
                 llvm::ArrayRef<mlir::AffineMap> maps, unsigned loops,
                 mlir::Value start,
                 llvm::function_ref<mlir::Value(Scalars &, mlir::ValueRange)>);

  std::string reason;
};

/// The elements of a generic op whose operands are all constant; nothing where
/// it is too large, or an op of its body does not fold.
mlir::DenseElementsAttr evaluate(mlir::Operation *generic);

} // namespace sennit::onnx

#endif // SENNIT_FRONTENDS_ONNX_TENSORS_H
