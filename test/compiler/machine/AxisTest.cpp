// Ranges, factors and lists of values, and what is none of them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Axis.h"
#include "gtest/gtest.h"

using namespace sennit::machine;

static std::string read(std::string_view text) {
  std::string reason, result;
  auto axis = parseAxis(text, reason);
  if (!axis)
    return reason;
  for (const std::string &value : axis->values)
    result += (result.empty() ? "" : " | ") + value;
  return axis->path + ": " + result;
}

TEST(Axis, RangesStepOrMultiply) {
  EXPECT_EQ(read("core.count=64..112:16"), "core.count: 64 | 80 | 96 | 112");
  EXPECT_EQ(read("l2.capacity=1..8 MiB:x2"),
            "l2.capacity: 1 MiB | 2 MiB | 4 MiB | 8 MiB");
  EXPECT_EQ(read("smem.capacity=512 KiB..2 MiB:x2"),
            "smem.capacity: 0.5 MiB | 1 MiB | 2 MiB");
  EXPECT_EQ(read("l2.usable=0.5..0.7:0.1"), "l2.usable: 0.5 | 0.6 | 0.7");
}

TEST(Axis, ListsTakeTheLastUnit) {
  EXPECT_EQ(read("clock.max=1, 2,3 GHz"), "clock.max: 1 GHz | 2 GHz | 3 GHz");
  EXPECT_EQ(read("exec.overlap=full,in_turn"), "exec.overlap: full | in_turn");
}

TEST(Axis, OtherTextsAreRefused) {
  EXPECT_EQ(read("core.count"), "`core.count` is not `PATH=VALUES`");
  for (const char *range : {"a=1..2", "a=2..1:1", "a=1..2:0", "a=0..2:x2",
                            "a=1..2:x1", "a=1 s..2 B:1", "a=x..y:z"})
    EXPECT_NE(read(range).find("is no range such as"), std::string::npos)
        << range;
  EXPECT_EQ(read("a=1..1000000:1"),
            "`1..1000000:1` has more than 10000 values");
}

TEST(Axis, AllCombinationsTheLastFastest) {
  std::string reason;
  auto points = combine({{"a", {"1", "2"}}, {"b", {"x", "y"}}}, reason);
  ASSERT_TRUE(points);
  ASSERT_EQ(points->size(), 4u);
  EXPECT_EQ((*points)[1], (std::vector<std::string>{"a=1", "b=y"}));
  std::vector<std::string> many(1000, "1");
  EXPECT_FALSE(combine({{"a", many}, {"b", many}}, reason));
  EXPECT_EQ(reason, "there are more than 100000 combinations");
}
