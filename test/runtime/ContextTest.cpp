// Running sequences of the demonstration module: values, pieces, limits,
// resets. Part of Sennit, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE.
#include "test/runtime/Loaded.h"

#include <gtest/gtest.h>
#include <thread>

using namespace sennit::test;

TEST(Context, PrefillThenDecodeComputesTheModel) {
  Demo demo;
  Loaded loaded(demo, "context-values");
  std::vector<int> tokens = makeTokens(20);
  auto rows = demo.expect(tokens);
  EXPECT_LT(distance(loaded.prefill(makeTokens(17)), rows[16]), 1e-4);
  for (int i = 17; i < 20; ++i)
    EXPECT_LT(distance(loaded.decode(tokens[i]), rows[i]), 1e-4);
  EXPECT_EQ(sennit_context_position(loaded.context), 20);
}

TEST(Context, ScoreGivesEveryRowAcrossPieces) {
  Demo demo;
  Loaded loaded(demo, "context-score");
  std::vector<int> tokens = makeTokens(40);
  auto rows = demo.expect(tokens);
  std::vector<float> logits(tokens.size() * Demo::vocabulary);
  ASSERT_EQ(sennit_context_score(loaded.context, tokens.data(), 40,
                                 logits.data(), &loaded.error),
            SENNIT_STATUS_OK);
  for (size_t i = 0; i < rows.size(); ++i)
    EXPECT_LT(distance(std::vector<float>(logits.begin() + i * 256,
                                          logits.begin() + (i + 1) * 256),
                       rows[i]),
              1e-4);
}

TEST(Context, LogitsMayBeUnwanted) {
  Demo demo;
  Loaded loaded(demo, "context-unwanted");
  std::vector<int> tokens = makeTokens(3);
  ASSERT_EQ(sennit_context_prefill(loaded.context, tokens.data(), 2, nullptr,
                                   nullptr),
            SENNIT_STATUS_OK);
  EXPECT_LT(distance(loaded.decode(tokens[2]), demo.expect(tokens)[2]), 1e-4);
}

TEST(Context, ResetForgetsEverything) {
  Demo demo;
  Loaded loaded(demo, "context-reset");
  auto first = loaded.prefill(makeTokens(5));
  EXPECT_NE(loaded.prefill(makeTokens(5)), first);
  sennit_context_reset(loaded.context);
  EXPECT_EQ(sennit_context_position(loaded.context), 0);
  EXPECT_EQ(loaded.prefill(makeTokens(5)), first);
}

TEST(Context, RefusesWhatExceedsTheContextAndStaysUsable) {
  Demo demo;
  Loaded loaded(demo, "context-limit");
  loaded.prefill(makeTokens(60));
  std::vector<int> tokens = makeTokens(65);
  EXPECT_EQ(sennit_context_prefill(loaded.context, tokens.data(), 5, nullptr,
                                   &loaded.error),
            SENNIT_STATUS_CONTEXT_FULL);
  EXPECT_STREQ(loaded.error.message,
               "5 tokens after 60 exceed the context length of 64");
  EXPECT_EQ(sennit_context_position(loaded.context), 60);
  for (int i = 60; i < 64; ++i)
    loaded.decode(tokens[i]);
  EXPECT_EQ(sennit_context_decode(loaded.context, 1, nullptr, &loaded.error),
            SENNIT_STATUS_CONTEXT_FULL);
}

TEST(Context, RefusesTokensOutsideTheVocabularyBeforeAnyIsConsumed) {
  Demo demo;
  Loaded loaded(demo, "context-tokens");
  for (int bad : {-1, 256, INT32_MAX}) {
    int tokens[] = {1, 2, bad};
    EXPECT_EQ(sennit_context_prefill(loaded.context, tokens, 3, nullptr,
                                     &loaded.error),
              SENNIT_STATUS_INVALID_ARGUMENT);
    EXPECT_EQ(std::string(loaded.error.message),
              "token 2 is " + std::to_string(bad) + ", expected 0 to 255");
  }
  EXPECT_EQ(sennit_context_position(loaded.context), 0);
}

TEST(Context, RefusesMissingArguments) {
  Demo demo;
  Loaded loaded(demo, "context-arguments");
  int token = 1;
  float logits[256];
  EXPECT_EQ(sennit_context_prefill(nullptr, &token, 1, logits, nullptr),
            SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(sennit_context_prefill(loaded.context, nullptr, 1, logits, nullptr),
            SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(sennit_context_prefill(loaded.context, &token, 0, logits, nullptr),
            SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(sennit_context_score(loaded.context, &token, 1, nullptr, nullptr),
            SENNIT_STATUS_INVALID_ARGUMENT);
  sennit_context *context = loaded.context;
  EXPECT_EQ(sennit_context_create(nullptr, &context, nullptr),
            SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(context, nullptr);
}

TEST(Context, OutlivesItsModulesHandle) {
  Demo demo;
  Loaded loaded(demo, "context-outlives");
  sennit_module_destroy(loaded.module);
  loaded.module = nullptr;
  EXPECT_LT(
      distance(loaded.prefill(makeTokens(4)), demo.expect(makeTokens(4))[3]),
      1e-4);
}

TEST(Context, ContextsOfOneModuleRunOnThreadsOfTheirOwn) {
  Demo demo;
  Loaded loaded(demo, "context-threads", 3);
  std::vector<float> want = demo.expect(makeTokens(48))[47];
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      sennit_context *context;
      sennit_context_create(loaded.module, &context, nullptr);
      std::vector<float> logits(256);
      std::vector<int> tokens = makeTokens(48);
      for (int round = 0; round < 50; ++round) {
        sennit_context_reset(context);
        sennit_context_prefill(context, tokens.data(), 48, logits.data(),
                               nullptr);
        wrong += distance(logits, want) > 1e-4;
      }
      sennit_context_destroy(context);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Context, ProfileCountsCallsItemsAndTimeOnlyWhenEnabled) {
  Demo demo;
  Loaded loaded(demo, "context-profile");
  sennit_kernel_profile profile;
  loaded.prefill(makeTokens(2));
  sennit_context_profile_get(loaded.context, 1, &profile, nullptr);
  EXPECT_EQ(profile.calls, 0u);
  sennit_context_profile_enable(loaded.context, SENNIT_PROFILE_KERNELS);
  loaded.decode(1);
  loaded.decode(2);
  sennit_context_profile_get(loaded.context, 1, &profile, nullptr);
  EXPECT_STREQ(profile.name, "project");
  EXPECT_EQ(profile.calls, 2u);
  EXPECT_EQ(profile.items, 512u);
  EXPECT_GT(profile.nanoseconds, 0u);
  sennit_context_profile_reset(loaded.context);
  sennit_context_profile_enable(loaded.context, SENNIT_PROFILE_CALLS);
  loaded.decode(3);
  sennit_context_profile_get(loaded.context, 1, &profile, nullptr);
  EXPECT_EQ(profile.calls, 0u);
  sennit_context_profile_get(loaded.context, 2, &profile, nullptr);
  EXPECT_STREQ(profile.name, "call");
  EXPECT_EQ(profile.calls, 1u);
  EXPECT_GT(profile.nanoseconds, 0u);
  sennit_context_profile_enable(loaded.context, SENNIT_PROFILE_NOTHING);
  loaded.decode(3);
  sennit_context_profile_get(loaded.context, 2, &profile, nullptr);
  EXPECT_EQ(profile.calls, 1u);
  EXPECT_EQ(sennit_context_profile_get(loaded.context, 3, &profile, nullptr),
            SENNIT_STATUS_INVALID_ARGUMENT);
}
