// Sampling: greedy, top-k, top-p, temperature, seeds, and logits that are none.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "sennit/runtime.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

namespace {

struct Sampler {
  Sampler(float temperature, int topK, float topP, uint64_t seed,
          int64_t vocabulary) {
    sennit_sampler_options options = {sizeof(options), temperature, topK, topP,
                                      seed};
    EXPECT_EQ(sennit_sampler_create(&options, vocabulary, &sampler, nullptr),
              SENNIT_STATUS_OK);
  }
  ~Sampler() { sennit_sampler_destroy(sampler); }
  int sample(const std::vector<float> &logits) {
    int32_t token = -1;
    sennit_error error;
    EXPECT_EQ(sennit_sampler_sample(sampler, logits.data(), &token, &error),
              SENNIT_STATUS_OK)
        << error.message;
    return token;
  }
  /// How often each token is chosen in |rounds| draws.
  std::vector<double> frequencies(const std::vector<float> &logits,
                                  int rounds) {
    std::vector<double> result(logits.size());
    for (int i = 0; i < rounds; ++i)
      result[sample(logits)] += 1.0 / rounds;
    return result;
  }
  sennit_sampler *sampler = nullptr;
};

const std::vector<float> logits = {std::log(0.1f), std::log(0.4f),
                                   std::log(0.2f), std::log(0.3f)};

void expectNear(const std::vector<double> &found,
                const std::vector<double> &want) {
  for (size_t i = 0; i < want.size(); ++i)
    EXPECT_NEAR(found[i], want[i], 0.01) << "token " << i;
}

} // namespace

TEST(Sampler, GreedyTakesTheLargestAndTheFirstOfEquals) {
  Sampler greedy(0, 0, 0, 1, 4);
  EXPECT_EQ(greedy.sample(logits), 1);
  EXPECT_EQ(greedy.sample({2, 3, 3, 1}), 1);
  EXPECT_EQ(greedy.sample({-INFINITY, -5, -5, -9}), 1);
  EXPECT_EQ(greedy.sample({0, -0.0f, 0, 0}), 0);
}

TEST(Sampler, TemperatureShapesTheDistribution) {
  expectNear(Sampler(1, 0, 0, 1, 4).frequencies(logits, 100000),
             {0.1, 0.4, 0.2, 0.3});
  // At temperature 1/2 probabilities are squared.
  expectNear(Sampler(0.5f, 0, 0, 1, 4).frequencies(logits, 100000),
             {0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3});
  EXPECT_EQ(Sampler(1e-30f, 0, 0, 1, 4).sample(logits), 1);
}

TEST(Sampler, TopKKeepsTheLargest) {
  expectNear(Sampler(1, 2, 0, 1, 4).frequencies(logits, 100000),
             {0, 0.4 / 0.7, 0, 0.3 / 0.7});
  EXPECT_EQ(Sampler(1, 1, 0, 1, 4).sample(logits), 1);
  EXPECT_EQ(Sampler(1, 1, 0, 1, 4).sample({5, 5, 5, 5}), 0);
  expectNear(Sampler(1, 100, 0, 1, 4).frequencies(logits, 100000),
             {0.1, 0.4, 0.2, 0.3});
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  expectNear(Sampler(1, 0, 0.69f, 1, 4).frequencies(logits, 100000),
             {0, 0.4 / 0.7, 0, 0.3 / 0.7});
  expectNear(Sampler(1, 0, 0.71f, 1, 4).frequencies(logits, 100000),
             {0, 0.4 / 0.9, 0.2 / 0.9, 0.3 / 0.9});
  EXPECT_EQ(Sampler(1, 0, 1e-6f, 1, 4).sample(logits), 1);
  // After top-k, of what top-k left.
  expectNear(Sampler(1, 2, 0.5f, 1, 4).frequencies(logits, 1000), {0, 1, 0, 0});
}

TEST(Sampler, ASeedDecidesEverything) {
  std::vector<float> flat(1000, 0.0f);
  Sampler a(1, 500, 0.9f, 7, 1000), b(1, 500, 0.9f, 7, 1000);
  Sampler other(1, 500, 0.9f, 8, 1000);
  int different = 0;
  for (int i = 0; i < 200; ++i) {
    int token = a.sample(flat);
    ASSERT_EQ(token, b.sample(flat));
    different += token != other.sample(flat);
  }
  EXPECT_GT(different, 150);
}

TEST(Sampler, NeverChoosesWhatIsMasked) {
  Sampler sampler(5, 0, 0.999f, 3, 4);
  for (int i = 0; i < 1000; ++i)
    ASSERT_NE(sampler.sample({1, -INFINITY, 1, -INFINITY}) % 2, 1);
}

TEST(Sampler, RefusesLogitsThatAreNoDistribution) {
  sennit_error error;
  int32_t token = 77;
  for (float temperature : {0.0f, 1.0f}) {
    Sampler sampler(temperature, 0, 0, 1, 3);
    auto refuse = [&](std::vector<float> values, const char *message) {
      EXPECT_EQ(
          sennit_sampler_sample(sampler.sampler, values.data(), &token, &error),
          SENNIT_STATUS_NUMERICAL);
      EXPECT_STREQ(error.message, message);
      EXPECT_EQ(token, 77);
    };
    refuse({1, NAN, 2},
           "logit 1 is nan, expected a finite number or -infinity");
    refuse({NAN, NAN, NAN},
           "logit 0 is nan, expected a finite number or -infinity");
    refuse({1, 2, INFINITY},
           "logit 2 is inf, expected a finite number or -infinity");
    refuse({-INFINITY, -INFINITY, -INFINITY},
           "all 3 logits are -infinity, so no token remains");
  }
}

TEST(Sampler, RefusesOptionsOutsideTheirRanges) {
  sennit_sampler *sampler;
  auto create = [&](float temperature, int topK, float topP,
                    int64_t vocabulary) {
    sennit_sampler_options options = {sizeof(options), temperature, topK, topP,
                                      0};
    return sennit_sampler_create(&options, vocabulary, &sampler, nullptr);
  };
  EXPECT_EQ(create(-1, 0, 0, 4), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(create(NAN, 0, 0, 4), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(create(INFINITY, 0, 0, 4), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(create(1, -1, 0, 4), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(create(1, 0, 1.5f, 4), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(create(1, 0, NAN, 4), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(create(1, 0, 0, 0), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(sampler, nullptr);
}
