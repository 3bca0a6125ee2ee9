// What the reference computes with: numbers in f64, exact integers, dense
// tensors.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_REFERENCE_VALUE_H
#define SENNIT_COMPILER_REFERENCE_VALUE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

#include <memory>
#include <vector>

namespace sennit::reference {

/// One element: a float of any type as f64, an integer of any width extended by
/// its sign, so that a true i1 is -1.
union Cell {
  double number;
  int64_t integer;

  static Cell of(double value) {
    Cell cell;
    cell.number = value;
    return cell;
  }
  static Cell of(int64_t value) {
    Cell cell;
    cell.integer = value;
    return cell;
  }
};

/// `value` as an integer of `width` bits holds it, extended by its sign.
inline int64_t wrap(int64_t value, unsigned width) {
  return static_cast<int64_t>(static_cast<uint64_t>(value) << (64 - width)) >>
         (64 - width);
}

/// The bits of a wrapped integer as an unsigned number.
inline uint64_t asUnsigned(int64_t value, unsigned width) {
  return static_cast<uint64_t>(value) << (64 - width) >> (64 - width);
}

/// Bits of an integer, 64 for `index`.
unsigned widthOf(mlir::Type type);

/// The cell of a number or an integer attribute.
Cell cellOf(mlir::Attribute attribute);

/// What an undefined element holds: NaN, or the least integer.
Cell poisonOf(mlir::Type element);

/// Row-major elements of one shape. Copies share the elements until one of them
/// writes.
struct Tensor {
  using Shape = llvm::SmallVector<int64_t, 4>;

  Tensor() = default;
  Tensor(llvm::ArrayRef<int64_t> shape, Cell value);
  static Tensor of(mlir::DenseElementsAttr attribute);

  static int64_t count(llvm::ArrayRef<int64_t> shape);
  int64_t size() const { return cells->size(); }
  const Cell *data() const { return cells->data(); }
  /// The elements, this tensor's own from now on.
  Cell *own();

  Shape shape;
  std::shared_ptr<std::vector<Cell>> cells;
};

/// Distances between neighbours of each dimension, in elements.
Tensor::Shape stridesOf(llvm::ArrayRef<int64_t> shape);

/// A scalar or a tensor.
struct Value {
  Value() = default;
  Value(Cell scalar) : scalar(scalar) {}
  Value(Tensor tensor) : tensor(std::move(tensor)) {}

  Cell scalar = Cell::of(int64_t(0));
  Tensor tensor;
};

} // namespace sennit::reference

#endif // SENNIT_COMPILER_REFERENCE_VALUE_H
