// Expressions follow the fields of a machine, keep units and say what is wrong.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Expression.h"

#include "compiler/machine/Library.h"
#include "gtest/gtest.h"

using namespace sennit::machine;

namespace {
struct ExpressionTest : testing::Test {
  void SetUp() override {
    std::vector<Problem> problems;
    root = readMachine("nvidia-h100-sxm", problems);
    ASSERT_TRUE(root) << format(problems.front());
  }
  std::string evaluate(std::string_view text) {
    std::string reason;
    auto known = Evaluator(*root).evaluate(text, reason);
    return known ? formatNumber(known->value.number) + " " +
                       formatDimension(known->value.dimension)
                 : reason;
  }
  std::optional<Node> root;
};
} // namespace

TEST_F(ExpressionTest, ArithmeticKeepsUnits) {
  EXPECT_EQ(evaluate("2 + 3 * 4"), "14 no unit");
  EXPECT_EQ(evaluate("(2 + 3) * 4 KiB"), "20480 B");
  EXPECT_EQ(evaluate("core.count * 4096 flop/clk"), "540672 op/clk");
  EXPECT_EQ(evaluate("1000 GB/s/core.count"),
            formatNumber(1e12 / 132) + " B/s");
  EXPECT_EQ(evaluate("abs(-3 %) < 4 %"), "1 no unit");
  EXPECT_EQ(evaluate("min(2, 5) == ceil(1.5)"), "1 no unit");
}

TEST_F(ExpressionTest, PathsNeedOnlyWhatTellsThemApart) {
  EXPECT_EQ(evaluate("wgmma.rate.bf16"), "4096 op/clk");
  EXPECT_EQ(evaluate("levels.core.units.wgmma.rate.bf16"), "4096 op/clk");
  EXPECT_EQ(evaluate("core.count"), "132 no unit");
  EXPECT_NE(evaluate("count").find("name more of it"), std::string::npos);
}

TEST_F(ExpressionTest, ErrorsNameWhatIsWrong) {
  EXPECT_EQ(evaluate("core.count + 1 B"), "`+` stands between no unit and B");
  EXPECT_EQ(evaluate("core.cuont"),
            "no field is called `core.cuont`; is `cuont` meant to be `count`?");
  EXPECT_EQ(evaluate("1 / 0"), "a division is by zero");
  EXPECT_EQ(evaluate("(1"), "a `)` is missing");
  EXPECT_EQ(evaluate("1 2"), "`2` stands after the end of the expression");
  EXPECT_EQ(evaluate(std::string(100, '(') + "1"),
            "parentheses are nested deeper than 32");
}

TEST_F(ExpressionTest, AResultIsKnownNoBetterThanItsWorstPart) {
  std::string reason;
  Evaluator evaluator(*root);
  auto status = [&](std::string_view text) {
    return evaluator.evaluate(text, reason)->status;
  };
  EXPECT_EQ(status("core.count"), Status::datasheet);
  EXPECT_EQ(status("core.count * clock.max"), Status::literature);
  EXPECT_EQ(status("core.count * l2.usable"), Status::assumed);
}
