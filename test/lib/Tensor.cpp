// Packs, draws and compares the tensors of tests.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Tensor.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

using namespace sennit::test;

static int64_t countElements(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

Tensor::Tensor(Element element, std::vector<int64_t> shape)
    : element(element), shape(std::move(shape)),
      values(countElements(this->shape)) {}

Tensor Tensor::index(int64_t value) {
  Tensor scalar(Element::Index, {});
  scalar.values[0] = value;
  return scalar;
}

Tensor Tensor::rows(int64_t first, int64_t count) const {
  Tensor part = *this;
  int64_t width = shape[0] == 0 ? 0 : values.size() / shape[0];
  part.shape[0] = count;
  part.values.assign(values.begin() + first * width,
                     values.begin() + (first + count) * width);
  return part;
}

void Tensor::append(const Tensor &other) {
  shape[0] += other.shape[0];
  values.insert(values.end(), other.values.begin(), other.values.end());
}

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

static const llvm::fltSemantics &semanticsOf(Element element) {
  if (element == Element::BF16)
    return llvm::APFloat::BFloat();
  if (element == Element::F64)
    return llvm::APFloat::IEEEdouble();
  return element == Element::F16 ? llvm::APFloat::IEEEhalf()
                                 : llvm::APFloat::IEEEsingle();
}

static bool isInteger(Element element) { return element >= Element::I1; }

static llvm::APFloat convert(Element element, double value) {
  llvm::APFloat number(value);
  bool losesInformation;
  number.convert(semanticsOf(element), llvm::APFloat::rmNearestTiesToEven,
                 &losesInformation);
  return number;
}

double sennit::test::roundTo(Element element, double value) {
  if (isInteger(element))
    return std::trunc(value);
  llvm::APFloat number = convert(element, value);
  bool losesInformation;
  number.convert(llvm::APFloat::IEEEdouble(),
                 llvm::APFloat::rmNearestTiesToEven, &losesInformation);
  return number.convertToDouble();
}

static size_t sizeOf(Element element) {
  switch (element) {
  case Element::F32:
  case Element::I32:
    return 4;
  case Element::BF16:
  case Element::F16:
    return 2;
  case Element::I1:
  case Element::I8:
    return 1;
  case Element::F64:
  case Element::I64:
  case Element::Index:
    return 8;
  }
  return 0;
}

static uint64_t bitsOf(Element element, double value) {
  if (isInteger(element))
    return static_cast<int64_t>(value);
  return convert(element, value).bitcastToAPInt().getZExtValue();
}

static double valueOf(Element element, uint64_t bits) {
  if (element == Element::I1)
    return bits;
  if (element == Element::I8)
    return static_cast<int8_t>(bits);
  if (element == Element::I32)
    return static_cast<int32_t>(bits);
  if (isInteger(element))
    return static_cast<int64_t>(bits);
  const llvm::fltSemantics &semantics = semanticsOf(element);
  llvm::APFloat number(
      semantics, llvm::APInt(llvm::APFloat::getSizeInBits(semantics), bits));
  bool losesInformation;
  number.convert(llvm::APFloat::IEEEdouble(),
                 llvm::APFloat::rmNearestTiesToEven, &losesInformation);
  return number.convertToDouble();
}

std::vector<std::byte> Tensor::pack() const {
  size_t size = sizeOf(element);
  std::vector<std::byte> bytes(values.size() * size);
  for (size_t i = 0; i != values.size(); ++i) {
    uint64_t bits = bitsOf(element, values[i]);
    std::memcpy(bytes.data() + i * size, &bits, size);
  }
  return bytes;
}

void Tensor::unpack(const std::vector<std::byte> &bytes) {
  size_t size = sizeOf(element);
  for (size_t i = 0; i != values.size(); ++i) {
    uint64_t bits = 0;
    std::memcpy(&bits, bytes.data() + i * size, size);
    values[i] = valueOf(element, bits);
  }
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

uint64_t Random::next() {
  // SplitMix64 (Steele, Lea, Flood 2014): the same on every standard library.
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

double Random::uniform() { return ((next() >> 11) + 0.5) * 0x1p-53; }

int64_t Random::below(int64_t bound) {
  return static_cast<int64_t>(uniform() * bound);
}

Tensor Random::normal(std::vector<int64_t> shape, double deviation,
                      Element element) {
  Tensor tensor(element, std::move(shape));
  for (double &value : tensor.values) {
    // Box and Muller 1958.
    double radius = std::sqrt(-2 * std::log(uniform()));
    double angle = 2 * std::numbers::pi * uniform();
    value = roundTo(element, deviation * radius * std::cos(angle));
  }
  return tensor;
}

Tensor Random::below(int64_t bound, std::vector<int64_t> shape) {
  Tensor tensor(Element::I32, std::move(shape));
  for (double &value : tensor.values)
    value = below(bound);
  return tensor;
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

std::string sennit::test::difference(const Tensor &got, const Tensor &want,
                                     double tolerance) {
  if (got.shape != want.shape)
    return llvm::formatv(
        "shape [{0}], wanted [{1}]",
        llvm::join(llvm::map_range(got.shape,
                                   [](int64_t n) { return std::to_string(n); }),
                   ", "),
        llvm::join(llvm::map_range(want.shape,
                                   [](int64_t n) { return std::to_string(n); }),
                   ", "));
  double largest = 0, worst = -1;
  size_t place = 0;
  for (double value : want.values)
    largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i != want.values.size(); ++i) {
    bool isEqual = got.values[i] == want.values[i];
    double error = isEqual ? 0 : std::abs(got.values[i] - want.values[i]);
    // A NaN differs from everything, another NaN too.
    if (!(error <= worst) && worst != INFINITY) {
      worst = std::isnan(error) ? INFINITY : error;
      place = i;
    }
  }
  if (worst <= tolerance * largest)
    return {};
  return llvm::formatv(
      "element {0} of {1} is {2}, wanted {3}: {4:e} of the largest, {5:e}, "
      "where {6:e} is allowed",
      place, want.values.size(), got.values[place], want.values[place],
      worst / largest, largest, tolerance);
}
