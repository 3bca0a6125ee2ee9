// Functions of linalg and tensor under test: their text, inputs, and formula in
// f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_LIB_LINALGSPECIMEN_H
#define SENNIT_TEST_LIB_LINALGSPECIMEN_H

#include "test/lib/Specimen.h"

namespace sennit::test {

/// A function @run in which `{n}` stands for one size, and `{2n+5}`; dynamic
/// extents are at most the latter. The formula shares nothing with the
/// compiler.
struct LinalgSpecimen {
  std::string name;
  std::string text;
  std::function<std::vector<Tensor>(int64_t n, Random &)> arguments;
  std::function<std::vector<Tensor>(int64_t n, const std::vector<Tensor> &)>
      formula;
  /// For each result: how far it may be from f64, relative to its largest
  /// absolute value. 0 for integers and copies.
  std::vector<double> tolerances;
};

/// How GoogleTest prints a specimen.
inline void PrintTo(const LinalgSpecimen &specimen, std::ostream *stream) {
  *stream << specimen.name;
}

/// A tensor whose value at `indices` is what `value` returns.
Tensor
tabulate(Element element, std::vector<int64_t> shape,
         const std::function<double(const std::vector<int64_t> &)> &value);

/// Elementwise maps, reductions and products, moves and gathers.
std::vector<LinalgSpecimen> makeMaps();
std::vector<LinalgSpecimen> makeFolds();
std::vector<LinalgSpecimen> makeContractions();
std::vector<LinalgSpecimen> makeMoves();
/// Reductions that read the results of others.
std::vector<LinalgSpecimen> makeCascades();
/// Products and a softmax that are attention.
std::vector<LinalgSpecimen> makeSoftmaxes();

} // namespace sennit::test

#endif // SENNIT_TEST_LIB_LINALGSPECIMEN_H
