// Scalar ops as functions of many independent elements at once.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_REFERENCE_LANES_H
#define SENNIT_COMPILER_REFERENCE_LANES_H

#include "compiler/reference/Value.h"
#include "mlir/IR/Operation.h"

#include <functional>

namespace sennit::reference {

/// `out[l] = f(in[0][l], in[1][l], ..)` for every lane `l`.
using LaneFunction = std::function<void(llvm::ArrayRef<const Cell *> in,
                                        Cell *out, int64_t lanes)>;

/// What an op of `arith` computes, or null for one that is not known. Floats
/// never round to their type. Where upstream leaves a result undefined, it is
/// defined: a quotient by zero is zero, a shift by the width or more gives what
/// shifting bit by bit gives, a float outside an integer's range the nearest
/// integer, a NaN zero.
LaneFunction findArithFunction(mlir::Operation &op);
/// The part of it that gives or takes integers.
LaneFunction findIntegerFunction(mlir::Operation &op);
/// What an op of `math` computes, or null for one that is not known.
LaneFunction findMathFunction(mlir::Operation &op);

/// One number to one number.
template <typename F> LaneFunction onNumber(F f) {
  return [f](llvm::ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    const Cell *a = in[0];
    for (int64_t l = 0; l != lanes; ++l)
      out[l].number = f(a[l].number);
  };
}

/// Two numbers to one number.
template <typename F> LaneFunction onNumbers(F f) {
  return [f](llvm::ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    const Cell *a = in[0], *b = in[1];
    for (int64_t l = 0; l != lanes; ++l)
      out[l].number = f(a[l].number, b[l].number);
  };
}

/// One integer to one integer.
template <typename F> LaneFunction onInteger(F f) {
  return [f](llvm::ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    const Cell *a = in[0];
    for (int64_t l = 0; l != lanes; ++l)
      out[l].integer = f(a[l].integer);
  };
}

/// Two integers to one integer.
template <typename F> LaneFunction onIntegers(F f) {
  return [f](llvm::ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    const Cell *a = in[0], *b = in[1];
    for (int64_t l = 0; l != lanes; ++l)
      out[l].integer = f(a[l].integer, b[l].integer);
  };
}

/// Two numbers to a truth value.
template <typename F> LaneFunction onComparison(F f) {
  return [f](llvm::ArrayRef<const Cell *> in, Cell *out, int64_t lanes) {
    const Cell *a = in[0], *b = in[1];
    for (int64_t l = 0; l != lanes; ++l)
      out[l].integer = f(a[l].number, b[l].number) ? -1 : 0;
  };
}

} // namespace sennit::reference

#endif // SENNIT_COMPILER_REFERENCE_LANES_H
