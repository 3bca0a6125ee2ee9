// The reference meaning of every op, run, against its formula in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Program.h"
#include "test/lib/Specimen.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

namespace {

class Decompose : public testing::TestWithParam<Specimen> {
protected:
  static std::unique_ptr<Program> compile(const std::string &tokens) {
    auto program = Program::compile(GetParam().text(tokens));
    if (program)
      return std::move(*program);
    ADD_FAILURE() << llvm::toString(program.takeError());
    return nullptr;
  }

  /// Results of the shapes that `like` has.
  static Tensors run(Program &program, const Tensors &arguments,
                     const Tensors &like) {
    Tensors tensors = arguments;
    tensors.insert(tensors.end(), like.begin(), like.end());
    if (llvm::Error error = program.call("run", tensors))
      ADD_FAILURE() << llvm::toString(std::move(error));
    tensors.erase(tensors.begin(), tensors.begin() + arguments.size());
    return tensors;
  }

  static void expectFormula(Program &program, const Tensors &arguments) {
    Tensors want = GetParam().formula(arguments);
    Tensors got = run(program, arguments, want);
    for (size_t i = 0; i != want.size(); ++i)
      EXPECT_EQ("", difference(got[i], want[i], GetParam().tolerances[i]))
          << "result " << i;
  }
};

TEST_P(Decompose, KeepsItsFormula) {
  auto program = compile("?");
  ASSERT_TRUE(program);
  for (int64_t tokens : {1, 3, 17, 127})
    for (int64_t past : {0, 5}) {
      SCOPED_TRACE(testing::Message() << tokens << " after " << past);
      expectFormula(*program,
                    GetParam().arguments(tokens, past, 100 * tokens + past));
    }
}

TEST_P(Decompose, KeepsItsFormulaInTheFormOfAStep) {
  auto program = compile("1");
  ASSERT_TRUE(program);
  for (int64_t past : {0, 1, 30})
    expectFormula(*program, GetParam().arguments(1, past, past));
}

TEST_P(Decompose, LeavesStateAloneWithoutTokens) {
  auto program = compile("?");
  ASSERT_TRUE(program);
  Tensors arguments = GetParam().arguments(0, 5, 1);
  Tensors got = run(*program, arguments, GetParam().formula(arguments));
  for (size_t i = 0; i != GetParam().stateResults.size(); ++i)
    EXPECT_EQ("", difference(got[GetParam().stateResults[i]],
                             arguments[GetParam().stateArguments[i]], 0));
}

/// Those whose rows depend on nothing but earlier rows and the state.
class DecomposeInPieces : public Decompose {
protected:
  /// The whole sequence in calls of `lengths` tokens, state carried along.
  static Tensors runInPieces(Program &program, const Tensors &arguments,
                             const std::vector<int64_t> &lengths) {
    const Specimen &specimen = GetParam();
    Tensors whole, piece = arguments;
    int64_t first = 0;
    for (int64_t length : lengths) {
      for (unsigned i : specimen.tokenArguments)
        piece[i] = arguments[i].rows(first, length);
      if (specimen.pastArgument)
        piece[*specimen.pastArgument] =
            Tensor::index(arguments[*specimen.pastArgument].values[0] + first);
      Tensors got = run(program, piece, specimen.formula(piece));
      for (size_t i = 0; i != specimen.stateResults.size(); ++i)
        piece[specimen.stateArguments[i]] = got[specimen.stateResults[i]];
      if (whole.empty())
        whole = got;
      else
        join(whole, got);
      first += length;
    }
    return whole;
  }

  static void join(Tensors &whole, const Tensors &piece) {
    for (unsigned i : GetParam().tokenResults)
      whole[i].append(piece[i]);
    for (unsigned i : GetParam().stateResults)
      whole[i] = piece[i];
  }
};

// The meaning is serial, so pieces give the same bits as the whole: the
// tolerance is 0. A fast form needs one.
TEST_P(DecomposeInPieces, GivesTheSameBits) {
  auto program = compile("?"), step = compile("1");
  ASSERT_TRUE(program && step);
  for (int64_t past : {0, 3}) {
    Tensors arguments = GetParam().arguments(17, past, 7);
    Tensors want = run(*program, arguments, GetParam().formula(arguments));
    Tensors pieces = runInPieces(*program, arguments, {5, 1, 2, 9});
    Tensors steps = runInPieces(*step, arguments, std::vector<int64_t>(17, 1));
    for (size_t i = 0; i != want.size(); ++i) {
      EXPECT_EQ("", difference(pieces[i], want[i], 0)) << "result " << i;
      EXPECT_EQ("", difference(steps[i], want[i], 0)) << "result " << i;
    }
  }
}

std::string nameOf(const testing::TestParamInfo<Specimen> &info) {
  return info.param.name;
}

std::vector<Specimen> makeCausal() {
  std::vector<Specimen> all;
  for (const auto &family : {makeMixers(), makeRouters(), makeQuantizations()})
    for (const Specimen &specimen : family)
      if (!specimen.tokenResults.empty())
        all.push_back(specimen);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Mixers, Decompose, testing::ValuesIn(makeMixers()),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Routers, Decompose, testing::ValuesIn(makeRouters()),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Quantizations, Decompose,
                         testing::ValuesIn(makeQuantizations()), nameOf);

INSTANTIATE_TEST_SUITE_P(All, DecomposeInPieces,
                         testing::ValuesIn(makeCausal()), nameOf);

} // namespace
