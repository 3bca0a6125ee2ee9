// Tensors of tests: values that every element type holds exactly, kept in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_LIB_TENSOR_H
#define SENNIT_TEST_LIB_TENSOR_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sennit::test {

/// What generated code sees in place of the f64 values; `Index` is a scalar.
enum class Element { F32, BF16, F16, F64, I1, I8, I32, I64, Index };

/// Row-major values of one shape. A result of a formula carries more precision
/// than its element type says; everything else is exact in that type.
struct Tensor {
  Element element = Element::F32;
  std::vector<int64_t> shape;
  std::vector<double> values;

  Tensor() = default;
  Tensor(Element element, std::vector<int64_t> shape);
  static Tensor index(int64_t value);

  int64_t extent(unsigned dim) const { return shape[dim]; }
  double &operator()(int64_t i) { return values[i]; }
  double &operator()(int64_t i, int64_t j) { return values[i * shape[1] + j]; }
  double &operator()(int64_t i, int64_t j, int64_t k) {
    return values[(i * shape[1] + j) * shape[2] + k];
  }
  double operator()(int64_t i) const { return values[i]; }
  double operator()(int64_t i, int64_t j) const {
    return values[i * shape[1] + j];
  }
  double operator()(int64_t i, int64_t j, int64_t k) const {
    return values[(i * shape[1] + j) * shape[2] + k];
  }

  /// Rows `first .. first + count` of dimension 0.
  Tensor rows(int64_t first, int64_t count) const;
  /// Adds the rows of `other` below.
  void append(const Tensor &other);

  /// The values as generated code stores them, and back.
  std::vector<std::byte> pack() const;
  void unpack(const std::vector<std::byte> &bytes);
};

/// A value as `element` holds it.
double roundTo(Element element, double value);

/// Reproducible inputs.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  /// Normal values, rounded to `element`.
  Tensor normal(std::vector<int64_t> shape, double deviation = 1,
                Element element = Element::F32);
  /// Integers of 0 .. bound.
  Tensor below(int64_t bound, std::vector<int64_t> shape);
  int64_t below(int64_t bound);

private:
  double uniform();
  uint64_t next();
  uint64_t state;
};

/// Empty when every value of `got` is within `tolerance` of `want`, relative to
/// the largest absolute value of `want`, and else what differs most.
std::string difference(const Tensor &got, const Tensor &want, double tolerance);

} // namespace sennit::test

#endif // SENNIT_TEST_LIB_TENSOR_H
