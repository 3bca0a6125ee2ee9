// One definition, every form: a prefill in one call, any split into calls and
// steps one by one give the same outputs and states, which are the reference's.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Reference.h"
#include "test/lib/Specimen.h"
#include "test/lib/TiledProgram.h"

#include "compiler/targets/cpu/Cpu.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <numeric>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

namespace {

constexpr int64_t kCapacity = 1024;

/// How many properties were compared, of how many calls.
int64_t properties = 0;

class CountProperties : public testing::Environment {
  void TearDown() override {
    std::printf("%lld properties of forms compared\n", (long long)properties);
  }
};
const auto *const environment =
    testing::AddGlobalTestEnvironment(new CountProperties);

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

/// Lengths of calls that make up `tokens`: 0 and 1 are among the possible ones.
std::vector<int64_t> drawSplit(Random &random, int64_t tokens, int64_t most) {
  std::vector<int64_t> lengths;
  for (int64_t left = tokens; left != 0; left -= lengths.back()) {
    int64_t bound = random.below(3) ? most : 4;
    lengths.push_back(std::min({random.below(bound + 1), left, most}));
  }
  return lengths;
}

std::string spell(const std::vector<int64_t> &lengths) {
  std::string text = "calls of";
  for (int64_t length : lengths)
    text += " " + std::to_string(length);
  return text;
}

class Forms : public testing::TestWithParam<Specimen> {
protected:
  static const Specimen &specimen() { return GetParam(); }

  void SetUp() override {
    auto host = sennit::cpu::getMachine("host");
    ASSERT_TRUE(bool(host)) << llvm::toString(host.takeError());
    level = "cpu:" + host->level;
  }

  /// The compiled form for `tokens`, a number or "?", at most `most` of them.
  void compile(const std::string &tokens, int64_t most,
               std::unique_ptr<TiledProgram> &program) {
    auto made = TiledProgram::compile(specimen().text(tokens),
                                      countRows(specimen(), most), level);
    ASSERT_TRUE(bool(made)) << llvm::toString(made.takeError());
    program = std::move(*made);
  }

  void interpret(const std::string &tokens) {
    auto made = Reference::compile(specimen().text(tokens));
    ASSERT_TRUE(bool(made)) << llvm::toString(made.takeError());
    reference = std::move(*made);
  }

  /// The whole sequence in calls of these lengths, states carried along.
  template <typename Program>
  static Tensors run(Program &program, const Tensors &arguments,
                     const std::vector<int64_t> &lengths) {
    Tensors whole, piece = arguments;
    int64_t first = 0;
    for (int64_t length : lengths) {
      for (unsigned i : specimen().tokenArguments)
        piece[i] = arguments[i].rows(first, length);
      if (auto past = specimen().pastArgument)
        piece[*past] = Tensor::index(arguments[*past].values[0] + first);
      auto got = program.call(piece);
      if (!got) {
        ADD_FAILURE() << llvm::toString(got.takeError());
        return {};
      }
      for (size_t i = 0; i != specimen().stateResults.size(); ++i)
        piece[specimen().stateArguments[i]] =
            (*got)[specimen().stateResults[i]];
      if (whole.empty())
        whole = *got;
      else
        join(whole, *got);
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

  /// Outputs and states within the op's tolerances times `factor`; 0: equal.
  static void expectNear(const Tensors &got, const Tensors &want,
                         double factor) {
    ++properties;
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i != want.size(); ++i)
      EXPECT_EQ("",
                difference(got[i], want[i], factor * specimen().tolerances[i]))
          << "result " << i;
  }

  void expectForms(int64_t tokens, int64_t past, int rounds) {
    uint64_t seed = 1000 * tokens + past;
    SCOPED_TRACE(testing::Message() << tokens << " tokens after " << past
                                    << ", seed " << seed << ", " << level);
    Tensors arguments = specimen().arguments(tokens, past, seed);
    Tensors want = run(*reference, arguments, {tokens});
    Random random(seed);
    std::vector<int64_t> whole = tokens <= kMost
                                     ? std::vector<int64_t>{tokens}
                                     : drawSplit(random, tokens, kMost);
    Tensors once = run(*prefill, arguments, whole);
    expectNear(once, want, 1);
    {
      SCOPED_TRACE(
          "the same again: the same bits in whatever order threads run");
      expectNear(run(*prefill, arguments, whole), once, 0);
    }
    for (int round = 0; round != rounds; ++round) {
      auto split = drawSplit(random, tokens, kMost);
      SCOPED_TRACE(spell(split));
      expectNear(run(*prefill, arguments, split), want, 1);
      // The meaning is serial: how it is cut must not show at all.
      expectNear(run(*reference, arguments, split), want, 0);
    }
    SCOPED_TRACE("one by one");
    std::vector<int64_t> ones(tokens, 1);
    expectNear(run(*step, arguments, ones), want, 1);
  }

  static constexpr int64_t kMost = 127;
  std::string level;
  std::unique_ptr<TiledProgram> prefill, step;
  std::unique_ptr<Reference> reference;
};

/// An op alone, with its settings and batches: one call.
class WholeForms : public Forms {};

TEST_P(WholeForms, Agree) {
  for (int64_t tokens : {1, 3, 17, 127}) {
    std::string extent =
        specimen().hasStaticTokens ? std::to_string(tokens) : "?";
    ASSERT_NO_FATAL_FAILURE(compile(extent, tokens, prefill));
    ASSERT_NO_FATAL_FAILURE(interpret(extent));
    uint64_t seed = 1000 * tokens;
    SCOPED_TRACE(testing::Message() << tokens << " tokens, seed " << seed);
    Tensors arguments = specimen().arguments(tokens, 5, seed);
    Tensors want = run(*reference, arguments, {tokens});
    expectNear(run(*prefill, arguments, {tokens}), want, 1);
    // Both are f64 and add in the same order, or nearly so.
    expectNear(want, specimen().formula(arguments), 1e-6);
  }
}

/// Those whose rows depend on nothing but earlier rows and the state.
class SplitForms : public Forms {
protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Forms::SetUp());
    ASSERT_NO_FATAL_FAILURE(compile("?", kMost, prefill));
    ASSERT_NO_FATAL_FAILURE(compile("1", 1, step));
    ASSERT_NO_FATAL_FAILURE(interpret("?"));
  }
};

TEST_P(SplitForms, Agree) {
  for (int64_t tokens : {1, 3, 17, 127})
    expectForms(tokens, tokens % 2 ? 0 : 5, 2);
  expectForms(17, 30, 1);
}

/// Those whose states hold as much.
class LongForms : public SplitForms {};

TEST_P(LongForms, Agree) { expectForms(1000, 0, 1); }

std::string nameOf(const testing::TestParamInfo<Specimen> &info) {
  return info.param.name;
}

std::vector<Specimen> makeOps() {
  std::vector<Specimen> all = makeMixers();
  for (Specimen &specimen : makeRouters())
    all.push_back(specimen);
  return all;
}

std::vector<Specimen> makeCausal() {
  std::vector<Specimen> all = makeOps();
  llvm::erase_if(all, [](const Specimen &specimen) {
    return specimen.tokenResults.empty() || specimen.hasStaticTokens;
  });
  return all;
}

std::vector<Specimen> makeHybrids(uint64_t count) {
  std::vector<Specimen> all;
  for (uint64_t seed = 1; seed <= count; ++seed)
    all.push_back(makeHybrid(seed, kCapacity));
  return all;
}

std::vector<Specimen> makeLong() {
  std::vector<Specimen> all = makeHybrids(1);
  for (Specimen &specimen : makeCausal())
    if (!specimen.stateArguments.empty() && !specimen.pastArgument)
      all.push_back(specimen);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Ops, WholeForms, testing::ValuesIn(makeOps()), nameOf);
INSTANTIATE_TEST_SUITE_P(Ops, SplitForms, testing::ValuesIn(makeCausal()),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Hybrids, SplitForms, testing::ValuesIn(makeHybrids(8)),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(Long, LongForms, testing::ValuesIn(makeLong()),
                         nameOf);

} // namespace
