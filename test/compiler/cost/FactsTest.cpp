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

TEST(Facts, WhatItemsAskForAtTheSameTimeComesOnce) {
  // 4 column tiles outside, 8 row tiles inside, in a cache that keeps neither.
  KernelFacts facts = getMatmulFacts({512, 256, 128}, {64, 64, 128});
  const Access &a = facts.accesses[0], &b = facts.accesses[1];
  auto get = [](const Access &access, double together) {
    return getTraffic(access, 1 << 10, 1, false, together);
  };
  EXPECT_DOUBLE_EQ(get(a, 1), a.getTotal());
  EXPECT_DOUBLE_EQ(get(b, 1), b.getTotal());
  // Rows of one column of tiles: they share the column's operand.
  EXPECT_DOUBLE_EQ(get(a, 8), a.getTotal());
  EXPECT_DOUBLE_EQ(get(b, 8), b.getCompulsory());
  // Two columns of tiles: they share rows too.
  EXPECT_DOUBLE_EQ(get(a, 16), a.getTotal() / 2);
  EXPECT_DOUBLE_EQ(get(a, 32), a.getCompulsory());
}

TEST(Facts, TrafficFallsWithCapacityBetweenItsBounds) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round)
    for (const Access &access : makeArbitrary(random).accesses) {
      double before = access.getTotal();
      for (double capacity = 1; capacity < 1e10; capacity *= 3) {
        // Either each core has its own, or all share one.
        double bytes = round % 3
                           ? getTraffic(access, capacity, 4, round % 2)
                           : getTraffic(access, capacity, 1, round % 2, 7);
        EXPECT_LE(bytes, before * (1 + 1e-12));
        EXPECT_GE(bytes, access.getCompulsory() * (1 - 1e-12));
        before = bytes;
      }
    }
}
