// Traffic lies between what is touched once and what is asked for.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "Kernels.h"

#include "gtest/gtest.h"

using namespace sennit::cost;

TEST(Facts, AProductsRowsAreReadOnceWhereTheyFit) {
  // 4 column tiles outside, 8 row tiles inside.
  KernelFacts facts = getMatmulFacts({512, 256, 128}, {64, 64, 128});
  const Access &a = facts.accesses[0], &b = facts.accesses[1];
  EXPECT_DOUBLE_EQ(a.getCompulsory(), 512 * 128 * 2);
  EXPECT_DOUBLE_EQ(a.getTotal(), 4 * 512 * 128 * 2);
  EXPECT_DOUBLE_EQ(b.getCompulsory(), 256 * 128 * 2);
  EXPECT_DOUBLE_EQ(b.getTotal(), 8 * 256 * 128 * 2);
  // A cache of one item keeps the columns' tile, not all rows.
  EXPECT_DOUBLE_EQ(getTraffic(b, 64 << 10, 1, false), b.getCompulsory());
  EXPECT_DOUBLE_EQ(getTraffic(a, 64 << 10, 1, false), a.getTotal());
  EXPECT_DOUBLE_EQ(getTraffic(a, 1 << 20, 1, false), a.getCompulsory());
  // What a program fills keeps nothing from item to item.
  EXPECT_DOUBLE_EQ(getTraffic(b, 1 << 20, 1, true), b.getTotal());
  // Each of two private caches needs its own copy.
  EXPECT_DOUBLE_EQ(getTraffic(b, 64 << 10, 2, false), 2 * b.getCompulsory());
}

TEST(Facts, TrafficFallsWithCapacityBetweenItsBounds) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round)
    for (const Access &access : makeArbitrary(random).accesses) {
      double before = access.getTotal();
      for (double capacity = 1; capacity < 1e10; capacity *= 3) {
        double bytes = getTraffic(access, capacity, 4, round % 2);
        EXPECT_LE(bytes, before * (1 + 1e-12));
        EXPECT_GE(bytes, access.getCompulsory() * (1 - 1e-12));
        before = bytes;
      }
    }
}
