// Facts of families are those of their published formulas.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "Kernels.h"

#include "compiler/cost/Convolutions.h"
#include "compiler/cost/Recurrences.h"
#include "gtest/gtest.h"
#include <numeric>

using namespace sennit;
using namespace sennit::cost;

static double countFlops(const KernelFacts &facts) {
  double flops = 0;
  for (const ItemRun &run : facts.items)
    for (const Product &product : run.work.products)
      flops += product.getFlops() * run.count;
  return flops;
}

static double countExponentials(const KernelFacts &facts) {
  double count = 0;
  for (const ItemRun &run : facts.items)
    count += run.work.special[size_t(Special::exp2)] * run.count;
  return count;
}

TEST(Families, AMatmulIsTwoMNK) {
  KernelFacts facts = getMatmulFacts({1000, 520, 136}, {128, 256, 64});
  EXPECT_NEAR(countFlops(facts), 2.0 * 1000 * 520 * 136, 1);
  EXPECT_NEAR(facts.getCompulsory(),
              (1000 * 136 + 136 * 520) * 2 + 1000 * 520 * 4, 1);
}

TEST(Families, CausalAttentionIsAboutHalfOfTheWhole) {
  Attention problem{1, 16, 16, 4096, 0, 128, 128, Element::bf16, false};
  double whole = countFlops(getPrefillFacts(problem, {128, 128, 128}));
  EXPECT_NEAR(whole, 4.0 * 16 * 4096 * 4096 * 128, 1);
  problem.isCausal = true;
  KernelFacts causal = getPrefillFacts(problem, {128, 128, 128});
  // Tiles on the diagonal are computed whole: (32 + 1) / 64.
  EXPECT_NEAR(countFlops(causal) / whole, 33.0 / 64, 1e-9);
  EXPECT_NEAR(countExponentials(causal), 16 * 33.0 * 16 * (128 * 128 + 128), 1);
  // Keys and values of a head are read once at the least, whatever its tiles.
  EXPECT_NEAR(causal.accesses[1].getCompulsory(), 16.0 * 4096 * 128 * 2, 1);
}

TEST(Families, DecodeReadsEveryKeyOnceHoweverItIsSplit) {
  Attention problem{4, 32, 8, 1, 8191, 128, 128, Element::bf16, true};
  for (double splits : {1, 4, 16}) {
    KernelFacts facts = getDecodeFacts(problem, {64, 64, 64}, splits);
    EXPECT_NEAR(facts.accesses[0].getCompulsory(), 4.0 * 8 * 8192 * 128 * 2, 1);
    EXPECT_NEAR(countFlops(facts), 4.0 * 4 * 32 * 8192 * 128, 1);
    EXPECT_EQ(facts.launches, splits > 1 ? 2 : 1);
  }
}

TEST(Families, AChunkedScanIsTheFormulaOfStateSpaceDuality) {
  // 2 C (N / g + P) + 4 N P a token and head; an item that walks one head has
  // its scores to itself.
  Recurrence problem{2, 32, 4, 4096, 128, 64, Element::bf16};
  for (ChunkForm form :
       {ChunkForm::walk, ChunkForm::threePhase, ChunkForm::lookBack}) {
    double chunk = 128, shared = form == ChunkForm::walk ? 1 : 8;
    double expected = 2 * chunk * (128 / shared + 64) + 4 * 128 * 64;
    KernelFacts facts = getChunkedFacts(problem, chunk, form);
    EXPECT_NEAR(countFlops(facts), expected * 2 * 32 * 4096, 1);
    // One for each pair of a chunk's rows; rows and the state decay too.
    EXPECT_NEAR(countExponentials(facts),
                2 * 32 * 32 * (chunk * chunk + 2 * chunk + 1), 1);
  }
}

TEST(Families, AChunkOfOneTokenIsTheStep) {
  Recurrence problem{1, 4, 4, 1000, 64, 32, Element::f32};
  double add = 4 * 1000 * (4 * 64 * 32 + 2 * (64 + 32));
  EXPECT_NEAR(countFlops(getChunkedFacts(problem, 1, ChunkForm::walk)), add, 1);
  problem.rule = UpdateRule::delta;
  EXPECT_NEAR(countFlops(getChunkedFacts(problem, 1, ChunkForm::walk)),
              add + 4 * 1000 * 2 * 64 * 32, 1);
}

TEST(Families, OnlyTheWalkHasItsChunksOneAfterTheOther) {
  Recurrence problem{1, 8, 1, 8192, 64, 64, Element::bf16};
  auto walk = getChunkedFacts(problem, 64, ChunkForm::walk);
  auto phases = getChunkedFacts(problem, 64, ChunkForm::threePhase);
  EXPECT_EQ(walk.countItems(), 8);
  EXPECT_EQ(phases.countItems(), 8 * 128 + 8);
  EXPECT_EQ(walk.items[0].work.chain.matrix, 128);
  EXPECT_EQ(phases.launches, 3);
  EXPECT_GT(phases.getCompulsory(), walk.getCompulsory());
}

TEST(Families, TransformsNeedFewerOperationsThanLongDirectConvolutions) {
  Convolution problem{1, 64, 16384, 16384, Element::f32};
  auto count = [&](ConvolutionForm form) {
    return getConvolutionFacts(problem, form, {128, 1, 128}).countOperations();
  };
  EXPECT_NEAR(count(ConvolutionForm::fft), 64 * (10 * 32768.0 * 15 + 6 * 32768),
              1);
  EXPECT_LT(count(ConvolutionForm::fft), count(ConvolutionForm::direct) / 10);
  problem.taps = 4;
  EXPECT_LT(count(ConvolutionForm::direct), count(ConvolutionForm::fft) / 10);
}

TEST(Families, DigitsOfATransformMultiplyToItsPoints) {
  for (double points = 16; points <= 65536; points *= 2) {
    std::vector<double> radices = listRadices(points);
    EXPECT_GE(radices.size(), 2u);
    double product = 1, last = 8;
    for (double radix : radices) {
      EXPECT_LE(radix, last) << points;
      EXPECT_GE(radix, 4) << points;
      product *= last = radix;
    }
    EXPECT_EQ(product, points);
  }
}

TEST(Families, SpectraOfBlocksNeedFewerOperationsThanTaps) {
  Convolution problem{1, 64, 16384, 16384, Element::f32};
  double direct = getConvolutionFacts(problem, ConvolutionForm::direct, {})
                      .countOperations();
  EXPECT_LT(getSpectralFacts(problem, 2048).countOperations(), direct / 10);
  // Pairs of blocks of 64 rows: a triangle and the one that each row ends in.
  double pairs = 256 * 257 / 2 + 255;
  double few = getSpectralFacts(problem, 64)
                   .items.back()
                   .work.vector[size_t(Element::f32)];
  EXPECT_DOUBLE_EQ(few, 4 * 64 * 16 / 8.0 * pairs);
  // A window brings blocks of its own, each of which meets every filter.
  problem.hasWindow = true;
  double all = getSpectralFacts(problem, 64)
                   .items.back()
                   .work.vector[size_t(Element::f32)];
  EXPECT_DOUBLE_EQ(all, 4 * 64 * 16 / 8.0 * 256 * 256);
}

TEST(Families, RoutedTokensAddUp) {
  for (double skew : {0.0, 0.5, 1.0, 3.0}) {
    auto counts = routeTokens(1000, 16, 2, skew);
    EXPECT_NEAR(std::accumulate(counts.begin(), counts.end(), 0.0), 2000, 1e-6);
    EXPECT_LE(*std::max_element(counts.begin(), counts.end()), 1000);
  }
  EXPECT_DOUBLE_EQ(countActiveExperts(1, 8, 2), 2);
  EXPECT_NEAR(countActiveExperts(1000, 8, 2), 8, 1e-9);
}

TEST(Families, WeightsOfIdleExpertsAreNotRead) {
  Matmul expert{1, 256, 256, Element::bf16, Element::bf16, Element::f32};
  auto read = [&](std::vector<double> tokens) {
    double bytes = 0;
    for (const Access &access :
         getExpertsFacts(tokens, expert, {16, 256, 256}).accesses)
      bytes += access.name == "b" ? access.getCompulsory() : 0;
    return bytes;
  };
  EXPECT_DOUBLE_EQ(read({4, 0, 0, 4}), 2 * 256 * 256 * 2);
  EXPECT_DOUBLE_EQ(read({2, 2, 2, 2}), 4 * 256 * 256 * 2);
}
