// Functions of linalg and tensor, compiled to tile programs and run, against
// their formulas.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/LinalgSpecimen.h"
#include "test/lib/TiledProgram.h"

#include "compiler/targets/cpu/Cpu.h"

#include "gtest/gtest.h"

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

namespace {

/// A function, at one level of the instruction set.
using Subject = std::tuple<LinalgSpecimen, std::string>;

class Linalg : public testing::TestWithParam<Subject> {
protected:
  static void expectFormula(int64_t n) {
    SCOPED_TRACE(testing::Message() << "at " << n);
    const LinalgSpecimen &specimen = std::get<0>(GetParam());
    auto program = TiledProgram::compile(
        fill(specimen.text,
             {{"n", std::to_string(n)}, {"2n+5", std::to_string(2 * n + 5)}}),
        /*mostRows=*/2 * n + 5, "cpu:" + std::get<1>(GetParam()));
    ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError());
    Random random(n);
    Tensors arguments = specimen.arguments(n, random);
    auto got = (*program)->call(arguments);
    ASSERT_TRUE(bool(got)) << llvm::toString(got.takeError());
    Tensors want = specimen.formula(n, arguments);
    ASSERT_EQ(got->size(), want.size());
    for (size_t i = 0; i != want.size(); ++i)
      EXPECT_EQ("", difference((*got)[i], want[i], specimen.tolerances[i]))
          << "result " << i;
  }
};

TEST_P(Linalg, KeepsTheFormula) {
  for (int64_t n : {1, 3, 17, 127, 1000})
    expectFormula(n);
}

std::string nameOf(const testing::TestParamInfo<Subject> &info) {
  return std::get<0>(info.param).name + "_" + std::get<1>(info.param);
}

auto under(const std::vector<LinalgSpecimen> &specimens) {
  return testing::Combine(testing::ValuesIn(specimens),
                          testing::ValuesIn(findVectorLevels()));
}

INSTANTIATE_TEST_SUITE_P(Maps, Linalg, under(makeMaps()), nameOf);
INSTANTIATE_TEST_SUITE_P(Folds, Linalg, under(makeFolds()), nameOf);
INSTANTIATE_TEST_SUITE_P(Contractions, Linalg, under(makeContractions()),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Moves, Linalg, under(makeMoves()), nameOf);
INSTANTIATE_TEST_SUITE_P(Cascades, Linalg, under(makeCascades()), nameOf);
INSTANTIATE_TEST_SUITE_P(Softmaxes, Linalg, under(makeSoftmaxes()), nameOf);

} // namespace
