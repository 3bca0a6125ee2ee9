// Each scalar op of the reference gives the number that its definition gives.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/reference/Evaluate.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace sennit::test;

namespace {

/// `op` of operands of `type`, a text with %0, %1.
std::string apply(const std::string &op, const std::string &type,
                  const std::string &result, std::vector<Value> operands) {
  std::string text = "func.func @run(";
  for (size_t i = 0; i != operands.size(); ++i)
    text += (i ? ", %a" : "%a") + std::to_string(i) + ": " + type;
  text += ") -> " + result + " {\n  %r = " + op + "\n  return %r : " + result +
          "\n}";
  return evaluate(std::move(operands), text);
}

std::string ofIntegers(const std::string &op, const std::string &type,
                       int64_t a, int64_t b) {
  return apply("arith." + op + " %a0, %a1 : " + type, type, type,
               {integer(a), integer(b)});
}

std::string compare(const std::string &op, double a, double b) {
  return apply("arith.cmpf " + op + ", %a0, %a1 : f32", "f32", "i1",
               {number(a), number(b)});
}

TEST(ReferenceScalars, FloatsAreF64WhateverTheirType) {
  double third = 1.0 / 3;
  EXPECT_EQ("0.66666666666666663",
            apply("arith.addf %a0, %a1 : bf16", "bf16", "bf16",
                  {number(third), number(third)}));
  EXPECT_EQ("0.33333333333333331", apply("arith.truncf %a0 : f32 to f16", "f32",
                                         "f16", {number(third)}));
  EXPECT_EQ("2.7182818284590451",
            apply("math.exp %a0 : f16", "f16", "f16", {number(1)}));
}

TEST(ReferenceScalars, InfinitiesAndNaNsGoTheirWay) {
  double nan = NAN, infinity = INFINITY;
  EXPECT_EQ("-inf", apply("arith.divf %a0, %a1 : f32", "f32", "f32",
                          {number(-1), number(0)}));
  EXPECT_EQ("nan", apply("arith.maximumf %a0, %a1 : f32", "f32", "f32",
                         {number(nan), number(3)}));
  EXPECT_EQ("3", apply("arith.maxnumf %a0, %a1 : f32", "f32", "f32",
                       {number(nan), number(3)}));
  EXPECT_EQ("-0", apply("arith.minimumf %a0, %a1 : f32", "f32", "f32",
                        {number(0.0), number(-0.0)}));
  EXPECT_EQ("0",
            apply("math.exp %a0 : f32", "f32", "f32", {number(-infinity)}));
  EXPECT_EQ("0", compare("olt", nan, 1));
  EXPECT_EQ("-1", compare("ult", nan, 1));
  EXPECT_EQ("-1", compare("uno", nan, 1));
  EXPECT_EQ("0", compare("one", nan, 1));
  EXPECT_EQ("-1", compare("une", nan, nan));
  EXPECT_EQ("-1", compare("oeq", infinity, infinity));
}

TEST(ReferenceScalars, IntegersWrapAtTheirWidth) {
  EXPECT_EQ("-128", ofIntegers("addi", "i8", 127, 1));
  EXPECT_EQ("-2147483648", ofIntegers("addi", "i32", 2147483647, 1));
  EXPECT_EQ("-9223372036854775808", ofIntegers("addi", "i64", INT64_MAX, 1));
  EXPECT_EQ("0", ofIntegers("addi", "i1", -1, -1));
  EXPECT_EQ("1", ofIntegers("muli", "i8", -1, -1));
  EXPECT_EQ("-2147483648", ofIntegers("divsi", "i32", INT32_MIN, -1));
}

TEST(ReferenceScalars, DivisionsRoundAsTheySay) {
  EXPECT_EQ("-3", ofIntegers("divsi", "i32", -7, 2));
  EXPECT_EQ("-4", ofIntegers("floordivsi", "i32", -7, 2));
  EXPECT_EQ("-3", ofIntegers("ceildivsi", "i32", -7, 2));
  EXPECT_EQ("4", ofIntegers("ceildivsi", "i32", 7, 2));
  EXPECT_EQ("-1", ofIntegers("remsi", "i32", -7, 2));
  EXPECT_EQ("124", ofIntegers("divui", "i8", -7, 2));
  EXPECT_EQ("125", ofIntegers("ceildivui", "i8", -7, 2));
  EXPECT_EQ("1", ofIntegers("remui", "i8", -7, 2));
}

// Upstream leaves these undefined; a reference must not end the process.
TEST(ReferenceScalars, UndefinedResultsAreDefined) {
  EXPECT_EQ("0", ofIntegers("divsi", "i32", 7, 0));
  EXPECT_EQ("0", ofIntegers("remui", "i64", 7, 0));
  EXPECT_EQ("0", ofIntegers("shli", "i32", 7, 40));
  EXPECT_EQ("-1", ofIntegers("shrsi", "i32", -7, 90));
  EXPECT_EQ(
      "0", apply("arith.fptosi %a0 : f32 to i32", "f32", "i32", {number(NAN)}));
  EXPECT_EQ("2147483647", apply("arith.fptosi %a0 : f32 to i32", "f32", "i32",
                                {number(1e30)}));
}

TEST(ReferenceScalars, UnsignedMeansUnsigned) {
  EXPECT_EQ("-1", apply("arith.cmpi ugt, %a0, %a1 : i8", "i8", "i1",
                        {integer(-1), integer(1)}));
  EXPECT_EQ("0", apply("arith.cmpi sgt, %a0, %a1 : i8", "i8", "i1",
                       {integer(-1), integer(1)}));
  EXPECT_EQ("-1", ofIntegers("maxui", "i8", -1, 1));
  EXPECT_EQ("127", ofIntegers("shrui", "i8", -1, 1));
  EXPECT_EQ("255",
            apply("arith.extui %a0 : i8 to i32", "i8", "i32", {integer(-1)}));
  EXPECT_EQ("1",
            apply("arith.extui %a0 : i1 to i8", "i1", "i8", {integer(-1)}));
  EXPECT_EQ("-1",
            apply("arith.extsi %a0 : i1 to i8", "i1", "i8", {integer(-1)}));
  EXPECT_EQ("255",
            apply("arith.uitofp %a0 : i8 to f32", "i8", "f32", {integer(-1)}));
  EXPECT_EQ("-1", apply("arith.fptoui %a0 : f32 to i8", "f32", "i8",
                        {number(255.9)}));
}

TEST(ReferenceScalars, BitsKeepTheirTypesMeaning) {
  EXPECT_EQ("1065353216",
            apply("arith.bitcast %a0 : f32 to i32", "f32", "i32", {number(1)}));
  EXPECT_EQ("1", apply("arith.bitcast %a0 : i16 to bf16", "i16", "bf16",
                       {integer(0x3f80)}));
  EXPECT_EQ("27", apply("math.ctlz %a0 : i32", "i32", "i32", {integer(31)}));
  EXPECT_EQ("8", apply("math.cttz %a0 : i8", "i8", "i8", {integer(0)}));
  EXPECT_EQ("8", apply("math.ctpop %a0 : i8", "i8", "i8", {integer(-1)}));
}

TEST(ReferenceScalars, HalvesRoundAsTheOpSays) {
  for (auto [value, even, away] :
       {std::tuple(2.5, "2", "3"), {3.5, "4", "4"}, {-0.5, "-0", "-1"}}) {
    EXPECT_EQ(even,
              apply("math.roundeven %a0 : f32", "f32", "f32", {number(value)}));
    EXPECT_EQ(away,
              apply("math.round %a0 : f32", "f32", "f32", {number(value)}));
  }
}

TEST(ReferenceScalars, AffineMapsCountWithSymbols) {
  EXPECT_EQ("-4", evaluate({integer(-17), integer(-4)}, R"(
    func.func @run(%i: index, %n: index) -> index {
      %r = affine.apply affine_map<(d0)[s0] -> (d0 floordiv 4 + s0 mod 5)>(%i)[%n]
      return %r : index
    })"));
}

TEST(ReferenceScalars, TensorsGoElementByElement) {
  EXPECT_EQ("2[4 6]", apply("arith.addf %a0, %a1 : tensor<2xf32>",
                            "tensor<2xf32>", "tensor<2xf32>",
                            {numbers({2}, {1, 2}), numbers({2}, {3, 4})}));
  EXPECT_EQ("2[1 4]", evaluate({integers({2}, {-1, 0}), numbers({2}, {1, 2}),
                                numbers({2}, {3, 4})},
                               R"(
    func.func @run(%c: tensor<2xi1>, %a: tensor<2xf32>, %b: tensor<2xf32>) -> tensor<2xf32> {
      %r = arith.select %c, %a, %b : tensor<2xi1>, tensor<2xf32>
      return %r : tensor<2xf32>
    })"));
}

TEST(ReferenceScalars, AnUnknownOpIsNamedWithItsPlace) {
  std::string error = evaluate({integer(1), integer(1)}, R"(
    func.func @run(%a: i32, %b: i32) -> i32 {
      %low, %high = arith.mulsi_extended %a, %b : i32
      return %high : i32
    })");
  EXPECT_NE(std::string::npos,
            error.find("`arith.mulsi_extended` is not an op"))
      << error;
  EXPECT_NE(std::string::npos, error.find(":3:")) << error;
}

TEST(ReferenceScalars, ATypeOutsideTheLimitsIsNamed) {
  std::string error =
      apply("arith.addi %a0, %a0 : i128", "i128", "i128", {integer(1)});
  EXPECT_NE(std::string::npos, error.find("gives i128")) << error;
}

} // namespace
