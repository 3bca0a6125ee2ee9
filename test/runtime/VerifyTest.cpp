// Offering tokens and taking some of them back: whatever is kept, the context
// is as if the rest had never been seen.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/runtime/Loaded.h"

using namespace sennit::test;

namespace {

struct Verifying : Loaded {
  explicit Verifying(const std::string &folder, bool hasSnapshots = false)
      : Loaded(make(hasSnapshots), folder) {}
  static Demo make(bool hasSnapshots) {
    Demo demo;
    demo.hasVerify = true;
    demo.hasSnapshots = hasSnapshots;
    return demo;
  }

  std::vector<float> verify(const std::vector<int> &tokens) {
    std::vector<float> logits(tokens.size() * Demo::vocabulary);
    EXPECT_EQ(sennit_context_verify(context, tokens.data(),
                                    int64_t(tokens.size()), logits.data(),
                                    &error),
              SENNIT_STATUS_OK)
        << error.message;
    return logits;
  }
  void accept(int64_t count) {
    EXPECT_EQ(sennit_context_accept(context, count, &error), SENNIT_STATUS_OK)
        << error.message;
  }
  void expectRefusal(sennit_status got, const std::string &message) {
    EXPECT_EQ(got, SENNIT_STATUS_INVALID_ARGUMENT);
    EXPECT_EQ(message, error.message);
  }
};

/// Tokens that makeTokens does not give.
std::vector<int> makeDraft(int count) {
  std::vector<int> tokens;
  for (int i = 0; i < count; ++i)
    tokens.push_back(200 + i);
  return tokens;
}

TEST(Verify, KeepingAnyPrefixIsNeverHavingSeenTheRest) {
  Verifying offering("verify-prefix"), plain("verify-plain");
  for (int kept = 0; kept <= Demo::offered; ++kept) {
    sennit_context_reset(offering.context);
    sennit_context_reset(plain.context);
    offering.prefill(makeTokens(7));
    plain.prefill(makeTokens(7));
    offering.verify(makeDraft(Demo::offered));
    offering.accept(kept);
    if (kept)
      plain.prefill(makeDraft(kept));
    EXPECT_EQ(sennit_context_position(offering.context), 7 + kept);
    EXPECT_EQ(offering.decode(3), plain.decode(3)) << kept << " kept";
  }
}

TEST(Verify, SnapshotsAreStepsToTheBit) {
  Verifying offering("verify-snapshots", true), plain("verify-steps");
  for (int kept = 0; kept <= Demo::offered; ++kept) {
    sennit_context_reset(offering.context);
    sennit_context_reset(plain.context);
    offering.prefill(makeTokens(7));
    plain.prefill(makeTokens(7));
    std::vector<int> draft = makeDraft(Demo::offered);
    std::vector<float> rows = offering.verify(draft);
    EXPECT_EQ(sennit_context_position(offering.context), 7 + Demo::offered);
    offering.accept(kept);
    for (int i = 0; i < kept; ++i)
      EXPECT_EQ(std::vector<float>(rows.begin() + i * Demo::vocabulary,
                                   rows.begin() + (i + 1) * Demo::vocabulary),
                plain.decode(draft[i]));
    EXPECT_EQ(sennit_context_position(offering.context), 7 + kept);
    EXPECT_EQ(offering.decode(3), plain.decode(3)) << kept << " kept";
  }
}

TEST(Verify, RoundsOfSnapshotsFollowEachOther) {
  Verifying offering("verify-rounds-snapshots", true),
      plain("verify-rounds-steps");
  for (int round = 0; round < 6; ++round) {
    offering.verify(makeDraft(Demo::offered));
    offering.accept(round % 4);
    for (int i = 0; i < round % 4; ++i)
      plain.decode(200 + i);
  }
  EXPECT_EQ(offering.decode(9), plain.decode(9));
}

TEST(Verify, GivesTheLogitsAfterEachToken) {
  Verifying offering("verify-rows");
  Demo demo;
  std::vector<int> tokens = makeTokens(9),
                   last(tokens.begin() + 5, tokens.end());
  offering.prefill(makeTokens(5));
  std::vector<float> got = offering.verify(last);
  for (int i = 0; i < 4; ++i)
    EXPECT_LT(distance({got.begin() + i * 256, got.begin() + (i + 1) * 256},
                       demo.expect(tokens)[5 + i]),
              1e-4);
}

TEST(Verify, WithoutAcceptAllTokensStay) {
  Verifying offering("verify-all"), plain("verify-all-plain");
  offering.verify(makeDraft(4));
  plain.prefill(makeDraft(4));
  EXPECT_EQ(offering.decode(9), plain.decode(9));
}

TEST(Verify, RoundsFollowEachOther) {
  Verifying offering("verify-rounds"), plain("verify-rounds-plain");
  for (int round = 0; round < 6; ++round) {
    offering.verify(makeDraft(Demo::offered));
    offering.accept(round % 4);
    if (round % 4)
      plain.prefill(makeDraft(round % 4));
  }
  EXPECT_EQ(offering.decode(9), plain.decode(9));
}

TEST(Verify, AcceptRefusesWhatWasNotOffered) {
  Verifying offering("verify-refused");
  const std::string tail =
      " that the last call offered; a verify must come before";
  auto accept = [&](int64_t count) {
    return sennit_context_accept(offering.context, count, &offering.error);
  };
  offering.expectRefusal(accept(0), "0 tokens are accepted of 0" + tail);
  offering.verify(makeDraft(3));
  offering.expectRefusal(accept(4), "4 tokens are accepted of 3" + tail);
  offering.expectRefusal(accept(-1), "-1 tokens are accepted of 3" + tail);
  EXPECT_EQ(sennit_context_decode(offering.context, 999, nullptr, nullptr),
            SENNIT_STATUS_INVALID_ARGUMENT);
  offering.accept(2); // What was refused in between changed nothing.
  offering.expectRefusal(accept(1), "1 tokens are accepted of 0" + tail);
  offering.verify(makeDraft(3));
  offering.decode(1);
  offering.expectRefusal(accept(1), "1 tokens are accepted of 0" + tail);
  offering.verify(makeDraft(3));
  sennit_context_reset(offering.context);
  offering.expectRefusal(accept(1), "1 tokens are accepted of 0" + tail);
}

TEST(Verify, RefusesMoreTokensThanItsEntryTakes) {
  Verifying offering("verify-many");
  std::vector<int> tokens = makeDraft(6);
  std::vector<float> logits(6 * 256);
  offering.expectRefusal(
      sennit_context_verify(offering.context, tokens.data(), 6, logits.data(),
                            &offering.error),
      "6 tokens are offered, expected at most 5, and a place for their logits");
  offering.expectRefusal(
      sennit_context_verify(offering.context, tokens.data(), 2, nullptr,
                            &offering.error),
      "2 tokens are offered, expected at most 5, and a place for their logits");
  EXPECT_EQ(sennit_context_position(offering.context), 0);
}

TEST(Verify, AModuleSaysHowManyTokensItsEntryTakes) {
  Verifying offering("verify-info");
  Loaded plain(Demo(), "verify-info-plain");
  sennit_module_info info = {};
  info.size = sizeof(info);
  sennit_module_get_info(offering.module, &info, nullptr);
  EXPECT_EQ(info.verify_tokens, 5);
  sennit_module_get_info(plain.module, &info, nullptr);
  EXPECT_EQ(info.verify_tokens, 0);
  int token = 1;
  float logits[256];
  EXPECT_EQ(
      sennit_context_verify(plain.context, &token, 1, logits, &plain.error),
      SENNIT_STATUS_UNSUPPORTED);
}

TEST(Verify, AnUnknownWayToRollBackIsRefused) {
  Demo demo;
  std::string message = load(
      demo,
      demo.artifact(replaceOnce(demo.manifest(), "\"position\"", "\"prayer\"")),
      SENNIT_STATUS_MALFORMED);
  EXPECT_TRUE(contains(message, "roll_back")) << message;
}

} // namespace
