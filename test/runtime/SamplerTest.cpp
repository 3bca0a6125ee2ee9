// Samplers: what they hand to the module's entry, seeds, and logits that are
// none. What the compiled entry draws, test/e2e/SelectionTest.cpp asks.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/runtime/Loaded.h"

#include <set>

using namespace sennit::test;

namespace {

/// The demonstration module's entry draws evenly of the first top-k tokens.
struct Sampler {
  Sampler(const Loaded &loaded, float temperature, int topK, float topP,
          uint64_t seed) {
    sennit_sampler_options options = {sizeof(options), temperature, topK, topP,
                                      seed};
    sennit_error error = {};
    EXPECT_EQ(sennit_sampler_create(loaded.module, &options, &sampler, &error),
              SENNIT_STATUS_OK)
        << error.message;
  }
  ~Sampler() { sennit_sampler_destroy(sampler); }
  int sample(const std::vector<float> &logits) {
    int32_t token = -1;
    sennit_error error = {};
    EXPECT_EQ(sennit_sampler_sample(sampler, logits.data(), &token, &error),
              SENNIT_STATUS_OK)
        << error.message;
    return token;
  }
  sennit_sampler *sampler = nullptr;
};

std::vector<float> flat() { return std::vector<float>(Demo::vocabulary); }

} // namespace

TEST(Sampler, GreedyTakesTheLargestAndTheFirstOfEquals) {
  Loaded loaded(Demo(), "sampler-greedy");
  Sampler greedy(loaded, 0, 0, 0, 1);
  std::vector<float> logits = flat();
  EXPECT_EQ(greedy.sample(logits), 0);
  logits[7] = logits[100] = 3;
  EXPECT_EQ(greedy.sample(logits), 7);
}

TEST(Sampler, HandsItsSettingsOn) {
  Loaded loaded(Demo(), "sampler-settings");
  std::set<int> all, some;
  Sampler wide(loaded, 1, 0, 1, 1), narrow(loaded, 1, 3, 1, 1);
  for (int i = 0; i < 3000; ++i) {
    all.insert(wide.sample(flat()));
    some.insert(narrow.sample(flat()));
  }
  EXPECT_EQ(all.size(), size_t(Demo::vocabulary));
  EXPECT_EQ(some, std::set<int>({0, 1, 2}));
  // Below a top-p of 1/2 the demonstration keeps the first token alone.
  EXPECT_EQ(Sampler(loaded, 1, 0, 0.25f, 1).sample(flat()), 0);
}

TEST(Sampler, ASeedDecidesEverything) {
  Loaded loaded(Demo(), "sampler-seed");
  Sampler a(loaded, 1, 0, 1, 7), b(loaded, 1, 0, 1, 7);
  Sampler other(loaded, 1, 0, 1, 8);
  int different = 0;
  for (int i = 0; i < 200; ++i) {
    int token = a.sample(flat());
    ASSERT_EQ(token, b.sample(flat()));
    different += token != other.sample(flat());
  }
  EXPECT_GT(different, 150);
}

TEST(Sampler, RefusesLogitsThatAreNoDistribution) {
  Loaded loaded(Demo(), "sampler-refuses");
  sennit_error error;
  int32_t token = 77;
  Sampler sampler(loaded, 1, 0, 1, 1), twin(loaded, 1, 0, 1, 1);
  auto refuse = [&](std::vector<float> values, const char *message) {
    EXPECT_EQ(
        sennit_sampler_sample(sampler.sampler, values.data(), &token, &error),
        SENNIT_STATUS_NUMERICAL);
    EXPECT_STREQ(error.message, message);
    EXPECT_EQ(token, 77);
  };
  std::vector<float> logits = flat();
  logits[1] = NAN;
  refuse(logits, "logit 1 is nan, expected a finite number or -infinity");
  logits[1] = INFINITY;
  refuse(logits, "logit 1 is inf, expected a finite number or -infinity");
  refuse(std::vector<float>(Demo::vocabulary, -INFINITY),
         "all 256 logits are -infinity, so no token remains");
  // A refusal draws no number.
  EXPECT_EQ(sampler.sample(flat()), twin.sample(flat()));
}

TEST(Sampler, RefusesOptionsOutsideTheirRanges) {
  Loaded loaded(Demo(), "sampler-options");
  sennit_sampler *sampler = nullptr;
  auto create = [&](float temperature, int topK, float topP) {
    sennit_sampler_options options = {sizeof(options), temperature, topK, topP,
                                      0};
    return sennit_sampler_create(loaded.module, &options, &sampler, nullptr);
  };
  EXPECT_EQ(create(-1, 0, 0), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(create(NAN, 0, 0), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(create(INFINITY, 0, 0), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(create(1, -1, 0), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(create(1, 0, 1.5f), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(create(1, 0, NAN), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(sennit_sampler_create(nullptr, nullptr, &sampler, nullptr),
            SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(sampler, nullptr);
}

TEST(Sampler, KeepsItsModuleAlive) {
  auto loaded = std::make_unique<Loaded>(Demo(), "sampler-lives");
  Sampler sampler(*loaded, 0, 0, 0, 1);
  loaded.reset();
  EXPECT_EQ(sampler.sample(flat()), 0);
}

TEST(Sampler, NeedsTheEntry) {
  Demo demo;
  std::string folder = makeFolder("sampler-entry");
  demo.install(folder);
  writeFile(folder + "/demo.snt",
            demo.artifact(replaceOnce(demo.manifest(), "\"name\": \"sample\"",
                                      "\"name\": \"simple\"")));
  sennit_module *module = nullptr;
  sennit_sampler *sampler = nullptr;
  sennit_error error = {};
  ASSERT_EQ(sennit_module_load((folder + "/demo.snt").c_str(), nullptr, &module,
                               &error),
            SENNIT_STATUS_OK)
      << error.message;
  EXPECT_EQ(sennit_sampler_create(module, nullptr, &sampler, &error),
            SENNIT_STATUS_UNSUPPORTED);
  EXPECT_STREQ(error.message, "the module has no entry `sample`");
  sennit_module_destroy(module);
}
