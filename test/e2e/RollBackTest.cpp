// Compiled models take back any number of offered tokens: what follows is what
// follows in a context that never saw them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Module.h"

#include <cmath>
#include <cstring>

namespace {

constexpr int64_t kOffered = 5;

/// A model, and how tokens are taken back.
using Subject = std::tuple<const char *, sennit::RollBack>;

class RollBack : public testing::TestWithParam<Subject> {
protected:
  using Logits = std::vector<float>;

  void SetUp() override {
    sennit::CompileOptions options;
    options.input = std::getenv("SENNIT_TEST_DATA") + std::string("/models/") +
                    std::get<0>(GetParam());
    options.context = 64;
    options.verify = kOffered;
    options.rollBack = std::get<1>(GetParam());
    // Chunks of other lengths would round other sums.
    options.roundsOperands = false;
    module = sennit::test::compileAndLoad(options);
    ASSERT_TRUE(module);
    sennit_error reason = {};
    info.size = sizeof(info);
    sennit_module_get_info(module, &info, nullptr);
    for (sennit_context **context : {&offering, &plain})
      ASSERT_EQ(SENNIT_STATUS_OK,
                sennit_context_create(module, context, &reason))
          << reason.message;
  }
  void TearDown() override {
    sennit_context_destroy(offering);
    sennit_context_destroy(plain);
    sennit_module_destroy(module);
  }

  static std::vector<int32_t> makeTokens(int64_t count, int64_t step) {
    std::vector<int32_t> tokens;
    for (int64_t i = 0; i != count; ++i)
      tokens.push_back((i * step + 3) % 97);
    return tokens;
  }
  static void prefill(sennit_context *context,
                      const std::vector<int32_t> &tokens) {
    EXPECT_EQ(SENNIT_STATUS_OK,
              sennit_context_prefill(context, tokens.data(), tokens.size(),
                                     nullptr, nullptr));
  }
  Logits verify(sennit_context *context, const std::vector<int32_t> &tokens) {
    Logits logits(tokens.size() * info.vocabulary);
    EXPECT_EQ(SENNIT_STATUS_OK,
              sennit_context_verify(context, tokens.data(), tokens.size(),
                                    logits.data(), nullptr));
    return logits;
  }
  Logits decode(sennit_context *context, int32_t token) {
    Logits logits(info.vocabulary);
    EXPECT_EQ(SENNIT_STATUS_OK,
              sennit_context_decode(context, token, logits.data(), nullptr));
    return logits;
  }
  static bool hasRecurrence() {
    std::string model = std::get<0>(GetParam());
    return model.starts_with("mamba") || model == "jamba";
  }
  static bool hasSnapshots() {
    return hasRecurrence() &&
           std::get<1>(GetParam()) == sennit::RollBack::Snapshots;
  }
  /// The largest difference over the largest value.
  static double distance(const float *got, const float *want, int64_t count) {
    double difference = 0, largest = 0;
    for (int64_t i = 0; i != count; ++i) {
      difference = std::max(difference, std::abs(double(got[i]) - want[i]));
      largest = std::max(largest, std::abs(double(want[i])));
    }
    return difference / largest;
  }

  sennit_module *module = nullptr;
  sennit_module_info info = {};
  sennit_context *offering = nullptr, *plain = nullptr;
};

TEST_P(RollBack, AnyPrefixIsAsIfTheRestWereNeverSeen) {
  for (int64_t kept = 0; kept <= kOffered; ++kept) {
    SCOPED_TRACE(testing::Message() << kept << " kept");
    sennit_context_reset(offering);
    sennit_context_reset(plain);
    prefill(offering, makeTokens(19, 7));
    prefill(plain, makeTokens(19, 7));
    verify(offering, makeTokens(kOffered, 11));
    ASSERT_EQ(SENNIT_STATUS_OK, sennit_context_accept(offering, kept, nullptr));
    // The same schedule: snapshots are those of steps, replay offers again.
    if (hasSnapshots())
      for (int32_t token : makeTokens(kept, 11))
        decode(plain, token);
    else if (kept != 0)
      verify(plain, makeTokens(kept, 11));
    ASSERT_EQ(19 + kept, sennit_context_position(offering));
    for (int32_t token : {5, 6, 7}) {
      Logits got = decode(offering, token), want = decode(plain, token);
      // Nothing was offered that had to stay, all of it stays, or what stays
      // was fed again or came by steps: then the same code ran on the same
      // values.
      if (kept == 0 || kept == kOffered || hasRecurrence())
        EXPECT_EQ(got, want);
      EXPECT_LT(distance(got.data(), want.data(), info.vocabulary), 3e-5);
    }
  }
}

TEST_P(RollBack, OfferedTokensGetTheLogitsOfSteps) {
  std::vector<int32_t> tokens = makeTokens(kOffered, 11);
  prefill(offering, makeTokens(19, 7));
  prefill(plain, makeTokens(19, 7));
  Logits rows = verify(offering, tokens);
  for (int64_t i = 0; i != kOffered; ++i) {
    Logits want = decode(plain, tokens[i]);
    if (hasSnapshots())
      EXPECT_EQ(0, std::memcmp(&rows[i * info.vocabulary], want.data(),
                               info.vocabulary * sizeof(float)));
    EXPECT_LT(
        distance(&rows[i * info.vocabulary], want.data(), info.vocabulary),
        3e-5);
  }
}

std::string nameOf(const testing::TestParamInfo<Subject> &info) {
  return std::get<0>(info.param);
}

// Without a recurrence both are the same.
INSTANTIATE_TEST_SUITE_P(
    Replay, RollBack,
    testing::Combine(testing::Values("llama", "mistral", "mamba", "mamba2",
                                     "jamba"),
                     testing::Values(sennit::RollBack::Replay)),
    nameOf);
INSTANTIATE_TEST_SUITE_P(
    Snapshots, RollBack,
    testing::Combine(testing::Values("mamba", "mamba2", "jamba"),
                     testing::Values(sennit::RollBack::Snapshots)),
    nameOf);

} // namespace
