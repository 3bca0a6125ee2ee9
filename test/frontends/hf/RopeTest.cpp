// The frequencies of rotary positions are those that transformers computes, in
// both spellings of the keys.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Rope.h"
#include "frontends/ImportError.h"
#include <gtest/gtest.h>

using namespace sennit;
using namespace sennit::hf;

namespace {

Config parse(const std::string &members) {
  return llvm::cantFail(Config::parse(
      "c", "{\"max_position_embeddings\": 8192, " + members + "}"));
}

/// Eight planes of a head of 16. transformers rounds to f32 after each step,
/// and so do we, but powf and ours may differ in the last bit.
void expectRope(const std::string &members, std::vector<double> frequencies,
                double factor = 1) {
  Config config = parse(members);
  RopeParameters rope = readRope(config, 16, 10000);
  ASSERT_FALSE(config.failed()) << llvm::toString(config.takeError());
  ASSERT_EQ(rope.inverseFrequencies.size(), frequencies.size());
  for (size_t plane = 0; plane < frequencies.size(); ++plane)
    EXPECT_NEAR(rope.inverseFrequencies[plane] / frequencies[plane], 1, 3e-7)
        << "plane " << plane;
  EXPECT_NEAR(rope.factor, factor, 1e-6);
}

void expectUnsupported(const std::string &members) {
  Config config = parse(members);
  readRope(config, 16, 10000);
  llvm::handleAllErrors(config.takeError(), [&](const ImportError &error) {
    EXPECT_TRUE(error.unsupported) << members;
  });
  EXPECT_TRUE(config.failed()) << members;
}

const std::vector<double> plain = {1.0,
                                   0.3162277638912201,
                                   0.10000000149011612,
                                   0.03162277862429619,
                                   0.009999999776482582,
                                   0.003162277862429619,
                                   0.0010000000474974513,
                                   0.0003162277862429619};

} // namespace

TEST(Rope, DefaultInEverySpelling) {
  expectRope(R"("a": 1)", plain);
  expectRope(R"("rope_theta": 10000.0, "rope_scaling": null)", plain);
  expectRope(
      R"("rope_parameters": {"rope_type": "default", "rope_theta": 10000.0})",
      plain);
  // A theta inside the section counts, not one beside it.
  expectRope(R"("rope_theta": 7.0, "rope_parameters": {"rope_theta": 10000})",
             plain);
}

TEST(Rope, SectionsOfTextAreOne) {
  for (
      const char *members :
      {R"("rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]})",
       R"("rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3]})"}) {
    expectRope(members, plain);
    Config config = parse(members);
    readRope(config, 16, 10000);
    ASSERT_EQ(config.notes().size(), 1u);
    EXPECT_NE(config.notes()[0].find("mrope_section`: a token of text has the "
                                     "same position on every axis"),
              std::string::npos)
        << config.notes()[0];
  }
  for (const char *members :
       {R"("rope_scaling": {"type": "mrope"})",
        R"("rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 4]})"}) {
    Config config = parse(members);
    readRope(config, 16, 10000);
    EXPECT_TRUE(config.failed()) << members;
    llvm::consumeError(config.takeError());
  }
  Config without = parse(R"("rope_theta": 10000.0)");
  readRope(without, 16, 10000);
  EXPECT_TRUE(without.notes().empty());
}

TEST(Rope, Linear) {
  std::vector<double> scaled = {0.4000000059604645,    0.12649109959602356,
                                0.03999999910593033,   0.012649111449718475,
                                0.003999999724328518,  0.0012649111449718475,
                                0.0004000000189989805, 0.0001264911115868017};
  expectRope(
      R"("rope_theta": 10000, "rope_scaling": {"type": "linear", "factor": 2.5})",
      scaled);
  expectRope(R"("rope_parameters": {"rope_type": "linear", "factor": 2.5})",
             scaled);
}

TEST(Rope, Llama3) {
  std::vector<double> scaled = {1.0,
                                0.193922758102417,
                                0.010538230650126934,
                                0.0009115831344388425,
                                0.00017677668074611574,
                                3.428102354519069e-05,
                                6.647869668086059e-06,
                                1.289173155782919e-06};
  std::string scaling =
      R"("rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,)"
      R"( "original_max_position_embeddings": 256)";
  expectRope(R"("rope_theta": 500000.0, "rope_scaling": {)" + scaling + "}",
             scaled);
  expectRope(R"("rope_parameters": {"rope_theta": 500000.0, )" + scaling + "}",
             scaled);
}

TEST(Rope, Yarn) {
  expectRope(
      R"("rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048})",
      {1.0, 0.3162277638912201, 0.10000000149011612, 0.025693506002426147,
       0.00624999962747097, 0.0013834965648129582, 0.0002500000118743628,
       7.905694656074047e-05},
      1.138629436111989);
  expectRope(
      R"("rope_parameters": {"rope_type": "yarn", "rope_theta": 150000.0, "factor": 32.0,
         "original_max_position_embeddings": 256, "beta_fast": 16.0, "beta_slow": 2.0,
         "truncate": false, "mscale": 1.0, "mscale_all_dim": 0.5})",
      {1.0, 0.16712522506713867, 0.002405927749350667, 0.0003579445765353739,
       8.068715396802872e-05, 1.818833698052913e-05, 4.099978468730114e-06,
       9.242089618055616e-07},
      1.1476934674947155);
}

// 0.1 mscale_all_dim log(factor) + 1, as DeepSeek's attention computes it.
TEST(Rope, YarnGivesTheMagnitudeOfAllComponents) {
  auto magnitude = [](const char *members) {
    Config config = parse(members);
    return readRope(config, 16, 10000).magnitude;
  };
  EXPECT_EQ(magnitude(R"("rope_scaling": {"type": "yarn", "factor": 4.0})"), 1);
  EXPECT_NEAR(magnitude(R"("rope_scaling": {"type": "yarn", "factor": 40.0,
                "mscale": 1.0, "mscale_all_dim": 0.707})"),
              1.2608037774058554, 1e-12);
}

TEST(Rope, RefusesWhatItDoesNotKnow) {
  expectUnsupported(R"("rope_scaling": {"type": "dynamic", "factor": 2.0})");
  expectUnsupported(R"("rope_parameters": {"rope_type": "longrope"})");
  expectUnsupported(R"("partial_rotary_factor": 0.5)");
  expectUnsupported(R"("rope_parameters": {"partial_rotary_factor": 0.5})");
  expectUnsupported(R"("rope_parameters": {"full_attention": {}})");
}

TEST(Rope, RefusesBrokenNumbers) {
  for (const char *members :
       {R"("rope_theta": -1)", R"("rope_theta": Infinity)",
        R"("rope_theta": NaN)", R"("rope_scaling": {"type": "linear"})",
        R"("rope_scaling": {"type": "llama3", "factor": "8"})",
        R"("rope_scaling": [])"}) {
    Config config = parse(members);
    readRope(config, 16, 10000);
    EXPECT_TRUE(config.failed()) << members;
    llvm::consumeError(config.takeError());
  }
  Config config = parse(R"("a": 1)");
  readRope(config, 15, 10000);
  EXPECT_TRUE(config.failed());
  llvm::consumeError(config.takeError());
}
