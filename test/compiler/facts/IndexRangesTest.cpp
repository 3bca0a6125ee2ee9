// Ranges hold every value that the arithmetic gives.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/facts/IndexRanges.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace sennit::facts;

namespace {
struct IndexRangesTest : testing::Test {
  IndexRangesTest() : builder(&context) {
    context.loadDialect<arith::ArithDialect, func::FuncDialect>();
    auto type = builder.getFunctionType(
        {builder.getIndexType(), builder.getIndexType()}, {});
    function = func::FuncOp::create(builder.getUnknownLoc(), "f", type);
    builder.setInsertionPointToStart(function->addEntryBlock());
    a = function->getArgument(0);
    b = function->getArgument(1);
  }
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(builder, builder.getUnknownLoc(),
                                          value);
  }
  template <typename OpT> Value make(Value x, Value y) {
    return OpT::create(builder, builder.getUnknownLoc(), x, y);
  }

  MLIRContext context;
  OpBuilder builder;
  OwningOpRef<func::FuncOp> function;
  Value a, b;
};
} // namespace

TEST_F(IndexRangesTest, EveryPairOfNumbersLiesInTheRange) {
  struct Case {
    Value value;
    std::function<int64_t(int64_t, int64_t)> apply;
  } cases[] = {
      {make<arith::AddIOp>(a, b), [](auto x, auto y) { return x + y; }},
      {make<arith::SubIOp>(a, b), [](auto x, auto y) { return x - y; }},
      {make<arith::MulIOp>(a, b), [](auto x, auto y) { return x * y; }},
      {make<arith::DivUIOp>(a, b), [](auto x, auto y) { return x / y; }},
      {make<arith::RemUIOp>(a, b), [](auto x, auto y) { return x % y; }},
      {make<arith::MinSIOp>(a, b),
       [](auto x, auto y) { return std::min(x, y); }},
      {make<arith::MaxSIOp>(a, b),
       [](auto x, auto y) { return std::max(x, y); }}};
  IndexRanges ranges;
  ranges.set(a, sennit::facts::Range{3, 17});
  ranges.set(b, sennit::facts::Range{2, 6});
  for (const Case &one : cases) {
    auto range = ranges.get(one.value);
    ASSERT_TRUE(range);
    for (int64_t x = 3; x <= 17; ++x)
      for (int64_t y = 2; y <= 6; ++y) {
        EXPECT_GE(one.apply(x, y), range->low);
        EXPECT_LE(one.apply(x, y), range->high);
      }
  }
}

TEST_F(IndexRangesTest, PointsStayPoints) {
  IndexRanges ranges;
  ranges.set(a, 17);
  Value head = make<arith::DivUIOp>(a, constant(4));
  Value rest = make<arith::RemUIOp>(a, constant(4));
  EXPECT_EQ(ranges.get(head)->low, 4);
  EXPECT_EQ(ranges.get(head)->high, 4);
  EXPECT_EQ(ranges.get(rest)->high, 1);
}

TEST_F(IndexRangesTest, WhatIsNotKnownHasNoRange) {
  IndexRanges ranges;
  ranges.set(a, 1);
  EXPECT_FALSE(ranges.get(make<arith::AddIOp>(a, b)));
}
