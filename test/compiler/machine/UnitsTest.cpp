// Units are read with their prefixes and powers, and nothing else is one.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Units.h"
#include "gtest/gtest.h"

using namespace sennit::machine;

TEST(Units, ValuesHaveTheirScaleAndDimension) {
  struct Case {
    const char *text;
    double number;
    const char *dimension;
  } cases[] = {{"4.8 TB/s", 4.8e12, "B/s"},
               {"50 MiB", 50.0 * 1048576, "B"},
               {"4096 flop/clk", 4096, "op/clk"},
               {"1.83 GHz", 1.83e9, "clk/s"},
               {"4 pJ/bit", 32e-12, "J/B"},
               {"814 mm2", 814e-6, "m2"},
               {"700 W", 700, "J/s"},
               {"600 ns", 6e-7, "s"},
               {"29 clk", 29, "clk"},
               {"5120 bit", 640, "B"},
               {"132", 132, "no unit"},
               {"989 TFLOP/s", 989e12, "op/s"}};
  for (const Case &expected : cases) {
    auto value = parseValue(expected.text);
    ASSERT_TRUE(value) << expected.text;
    EXPECT_DOUBLE_EQ(value->number, expected.number) << expected.text;
    EXPECT_EQ(formatDimension(value->dimension), expected.dimension);
  }
}

TEST(Units, OtherTextsAreNoValues) {
  for (const char *text : {"", "B", "4 TBs", "1e999 B", "4 B//s", "nan", "4 /s",
                           "inf B", "3 parsec", "0x10 B"})
    EXPECT_FALSE(parseValue(text)) << text;
}

TEST(Units, NormalTextsReadBackAsTheSameNumber) {
  EXPECT_EQ(normalizeValue("4.80  TB/s"), "4.8 TB/s");
  EXPECT_EQ(normalizeValue(" 132 "), "132");
  for (double number : {0.1, 1.0 / 3, 6.02e23, 1e-300, 4.8e12})
    EXPECT_EQ(parseValue(formatNumber(number))->number, number);
}

TEST(Units, AMeasurePermitsItsDimensions) {
  EXPECT_TRUE(isOf(Measure::bandwidth, parseValue("1 B/clk")->dimension));
  EXPECT_TRUE(isOf(Measure::bandwidth, parseValue("1 GB/s")->dimension));
  EXPECT_FALSE(isOf(Measure::bandwidth, parseValue("1 GB")->dimension));
  EXPECT_FALSE(isOf(Measure::count, parseValue("1 B")->dimension));
}
