// The tile programs of every op, compiled and run, against its formula in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"
#include "test/lib/TiledProgram.h"

#include "compiler/targets/cpu/Cpu.h"

#include "gtest/gtest.h"

#include <algorithm>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

namespace {

/// The largest dynamic extent of an argument when a call brings `tokens`.
int64_t countRows(const Specimen &specimen, int64_t tokens) {
  Tensors few = specimen.arguments(tokens, 0, 1);
  Tensors more = specimen.arguments(tokens + 1, 0, 1);
  int64_t rows = tokens;
  for (size_t i = 0; i != few.size(); ++i)
    if (few[i].shape != more[i].shape)
      rows = std::max(rows, few[i].extent(0));
  return rows;
}

/// An op, at one level of the instruction set. The tolerances are those of its
/// decomposition: tiles add in f32 and in another order, and their exponentials
/// are good to a few units in the last place, which 2e-6 holds as well.
using Subject = std::tuple<Specimen, std::string>;

class Kernels : public testing::TestWithParam<Subject> {
protected:
  static const Specimen &specimen() { return std::get<0>(GetParam()); }

  /// The op on any number of tokens up to `most`, or on so many where the
  /// number must be known.
  static std::unique_ptr<TiledProgram> compile(int64_t most) {
    return compile(specimen().hasStaticTokens ? std::to_string(most) : "?",
                   most);
  }

  /// The op on `tokens`, a number or "?", never more of them than `most`.
  static std::unique_ptr<TiledProgram> compile(const std::string &tokens,
                                               int64_t most) {
    auto program = TiledProgram::compile(specimen().text(tokens),
                                         countRows(specimen(), most),
                                         "cpu:" + std::get<1>(GetParam()));
    if (program)
      return std::move(*program);
    ADD_FAILURE() << llvm::toString(program.takeError());
    return nullptr;
  }

  static Tensors run(TiledProgram &program, const Tensors &arguments) {
    auto results = program.call(arguments);
    if (results)
      return *results;
    ADD_FAILURE() << llvm::toString(results.takeError());
    return specimen().formula(arguments);
  }

  static void expectFormula(TiledProgram &program, int64_t tokens,
                            int64_t past) {
    SCOPED_TRACE(testing::Message() << tokens << " after " << past);
    Tensors arguments = specimen().arguments(tokens, past, 100 * tokens + past);
    expectNear(run(program, arguments), specimen().formula(arguments), 1);
  }

  static void expectNear(const Tensors &got, const Tensors &want,
                         double factor) {
    const std::vector<double> &tolerances = specimen().tolerances;
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i != want.size(); ++i)
      EXPECT_EQ("", difference(got[i], want[i], factor * tolerances[i]))
          << "result " << i;
  }
};

TEST_P(Kernels, KeepTheFormula) {
  auto program = compile(127);
  ASSERT_TRUE(program);
  for (int64_t tokens : {1, 3, 17, 127})
    for (int64_t past : {0, 5})
      if (tokens == 127 || !specimen().hasStaticTokens)
        expectFormula(*program, tokens, past);
}

// Tiles are chosen for the most tokens: each bound is another program.
TEST_P(Kernels, KeepTheFormulaUnderEachBound) {
  for (int64_t most : {1, 3, 17}) {
    SCOPED_TRACE(testing::Message() << "at most " << most);
    auto program = compile(most);
    ASSERT_TRUE(program);
    for (int64_t past : {0, 5})
      expectFormula(*program, most, past);
  }
}

TEST_P(Kernels, KeepTheFormulaInTheFormOfAStep) {
  auto program = compile("1", 1);
  ASSERT_TRUE(program);
  for (int64_t past : {0, 1, 30})
    expectFormula(*program, 1, past);
}

TEST_P(Kernels, LeaveStateAloneWithoutTokens) {
  auto program = specimen().hasStaticTokens ? compile(0) : compile(17);
  ASSERT_TRUE(program);
  Tensors arguments = specimen().arguments(0, 5, 1);
  Tensors got = run(*program, arguments);
  for (size_t i = 0; i != specimen().stateResults.size(); ++i)
    EXPECT_EQ("", difference(got[specimen().stateResults[i]],
                             arguments[specimen().stateArguments[i]], 0));
}

/// Those whose rows depend on nothing but earlier rows and the state.
class KernelsInPieces : public Kernels {
protected:
  /// The whole sequence in calls of `lengths` tokens, state carried along.
  static Tensors runInPieces(TiledProgram &program, const Tensors &arguments,
                             const std::vector<int64_t> &lengths) {
    Tensors whole, piece = arguments;
    int64_t first = 0;
    for (int64_t length : lengths) {
      for (unsigned i : specimen().tokenArguments)
        piece[i] = arguments[i].rows(first, length);
      if (auto past = specimen().pastArgument)
        piece[*past] = Tensor::index(arguments[*past].values[0] + first);
      Tensors got = run(program, piece);
      for (size_t i = 0; i != specimen().stateResults.size(); ++i)
        piece[specimen().stateArguments[i]] = got[specimen().stateResults[i]];
      if (whole.empty())
        whole = got;
      else
        join(whole, got);
      first += length;
    }
    return whole;
  }

  static void join(Tensors &whole, const Tensors &piece) {
    for (unsigned i : specimen().tokenResults)
      whole[i].append(piece[i]);
    for (unsigned i : specimen().stateResults)
      whole[i] = piece[i];
  }
};

// Both sides are off the formula by at most the tolerance, hence off each other
// by at most twice that.
TEST_P(KernelsInPieces, GiveWhatOneCallGives) {
  auto program = compile("?", 127), step = compile("1", 1);
  ASSERT_TRUE(program && step);
  for (int64_t past : {0, 3}) {
    Tensors arguments = specimen().arguments(40, past, 7);
    Tensors want = run(*program, arguments);
    expectNear(runInPieces(*program, arguments, {5, 1, 2, 32}), want, 2);
    expectNear(runInPieces(*step, arguments, std::vector<int64_t>(40, 1)), want,
               2);
  }
}

/// Programs for a matrix unit beside the threads, run by threads.
class CopiedKernels : public Kernels {};

// Bounds at which one part takes all chunks, and at which several share them.
// What is multiplied is rounded to the type of the rows.
TEST_P(CopiedKernels, KeepTheFormulaInParts) {
  for (int64_t most : {127, 333}) {
    std::string extent =
        specimen().hasStaticTokens ? std::to_string(most) : "?";
    auto program = TiledProgram::compile(specimen().text(extent), most,
                                         "cpu:" + std::get<1>(GetParam()),
                                         /*asyncRows=*/8);
    ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError());
    for (int64_t tokens : {0, 1, 3, 64, 127, 200, 333}) {
      if (tokens > most || (specimen().hasStaticTokens && tokens != most))
        continue;
      SCOPED_TRACE(testing::Message() << tokens << " of " << most);
      Tensors arguments = specimen().arguments(tokens, 0, tokens);
      Tensors want = specimen().formula(arguments),
              got = run(**program, arguments);
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i != want.size(); ++i)
        EXPECT_EQ("", difference(got[i], want[i], 1e-2)) << "result " << i;
    }
  }
}

std::string nameOf(const testing::TestParamInfo<Subject> &info) {
  return std::get<0>(info.param).name + "_" + std::get<1>(info.param);
}

std::vector<Specimen> makeAll() {
  std::vector<Specimen> all = makeMixers();
  for (Specimen &router : makeRouters())
    all.push_back(router);
  all.push_back(makeRowJoin());
  return all;
}

std::vector<Specimen> makeCausal() {
  std::vector<Specimen> all = makeAll();
  llvm::erase_if(all, [](const Specimen &specimen) {
    return specimen.tokenResults.empty();
  });
  return all;
}

INSTANTIATE_TEST_SUITE_P(
    All, Kernels,
    testing::Combine(testing::ValuesIn(makeAll()),
                     testing::ValuesIn(findVectorLevels())),
    nameOf);
// On a matrix unit too, where few rows become integers.
INSTANTIATE_TEST_SUITE_P(
    Quantizations, Kernels,
    testing::Combine(testing::ValuesIn(makeQuantizations()),
                     testing::ValuesIn(sennit::cpu::getHostLevels())),
    nameOf);
INSTANTIATE_TEST_SUITE_P(
    All, KernelsInPieces,
    testing::Combine(testing::ValuesIn(makeCausal()),
                     testing::ValuesIn(findVectorLevels())),
    nameOf);
INSTANTIATE_TEST_SUITE_P(
    All, CopiedKernels,
    testing::Combine(testing::ValuesIn(makeCopiedLinearAttentions()),
                     testing::ValuesIn(findVectorLevels())),
    nameOf);

} // namespace
