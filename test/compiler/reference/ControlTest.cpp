// Loops, branches, calls and constants of the reference.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/reference/Evaluate.h"

#include "gtest/gtest.h"

using namespace sennit::test;

namespace {

void expectError(const std::string &part, const std::string &error) {
  EXPECT_NE(std::string::npos, error.find(part)) << error;
}

constexpr const char *kSteps = R"(
  func.func @run(%n: index, %step: index) -> (index, index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %r:2 = scf.for %i = %c0 to %n step %step iter_args(%a = %c0, %b = %c1) -> (index, index) {
      %s = arith.addi %a, %b : index
      scf.yield %b, %s : index, index
    }
    return %r#0, %r#1 : index, index
  })";

TEST(ReferenceControl, LoopsCarryTheirValues) {
  EXPECT_EQ("5 8", evaluate({integer(5), integer(1)}, kSteps));
  EXPECT_EQ("2 3", evaluate({integer(5), integer(2)}, kSteps));
  EXPECT_EQ("0 1", evaluate({integer(0), integer(1)}, kSteps));
}

TEST(ReferenceControl, AStepThatDoesNotAdvanceIsRefused) {
  expectError("`scf.for` steps by 0",
              evaluate({integer(5), integer(0)}, kSteps));
}

TEST(ReferenceControl, BranchesAndConditions) {
  constexpr const char *text = R"(
    func.func @run(%n: i32) -> (i32, i32) {
      %zero = arith.constant 0 : i32
      %one = arith.constant 1 : i32
      %two = arith.constant 2 : i32
      %r:2 = scf.while (%x = %n, %k = %zero) : (i32, i32) -> (i32, i32) {
        %goes = arith.cmpi sgt, %x, %one : i32
        scf.condition(%goes) %x, %k : i32, i32
      } do {
      ^bb0(%x: i32, %k: i32):
        %rest = arith.remsi %x, %two : i32
        %even = arith.cmpi eq, %rest, %zero : i32
        %y = scf.if %even -> i32 {
          %half = arith.divsi %x, %two : i32
          scf.yield %half : i32
        } else {
          %three = arith.constant 3 : i32
          %m = arith.muli %x, %three : i32
          %p = arith.addi %m, %one : i32
          scf.yield %p : i32
        }
        %l = arith.addi %k, %one : i32
        scf.yield %y, %l : i32, i32
      }
      return %r#0, %r#1 : i32, i32
    })";
  EXPECT_EQ("1 16", evaluate({integer(7)}, text));
}

TEST(ReferenceControl, CallsPassTensors) {
  EXPECT_EQ("2[3 4] 2[1 2]", evaluate({numbers({2}, {1, 2})}, R"(
    func.func @more(%x: tensor<2xf32>) -> tensor<2xf32> {
      %two = arith.constant dense<2.0> : tensor<2xf32>
      %r = arith.addf %x, %two : tensor<2xf32>
      return %r : tensor<2xf32>
    }
    func.func @run(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
      %r = call @more(%x) : (tensor<2xf32>) -> tensor<2xf32>
      return %r, %x : tensor<2xf32>, tensor<2xf32>
    })"));
}

TEST(ReferenceControl, EndlessRecursionIsRefused) {
  expectError("64 calls that wait for each other", evaluate({integer(1)}, R"(
    func.func @run(%x: index) -> index {
      %r = call @run(%x) : (index) -> index
      return %r : index
    })"));
}

TEST(ReferenceControl, OneBadFunctionDoesNotSpoilTheOthers) {
  EXPECT_EQ("4", evaluate({integer(4)}, R"(
    func.func @other(%x: vector<4xf32>) -> vector<4xf32> {
      %r = arith.addf %x, %x : vector<4xf32>
      return %r : vector<4xf32>
    }
    func.func @run(%x: index) -> index {
      return %x : index
    })"));
}

TEST(ReferenceControl, AssignedConstantsAreRead) {
  auto program = makeProgram(R"(
    rt.constant @twice : tensor<2xf32>
    func.func @initialize(%x: tensor<2xf32>) {
      %y = arith.addf %x, %x : tensor<2xf32>
      rt.assign @twice, %y : tensor<2xf32>
      return
    }
    func.func @run() -> tensor<2xf32> {
      %y = rt.read @twice : tensor<2xf32>
      return %y : tensor<2xf32>
    })");
  ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError());
  auto early = (*program)->call("run", {});
  ASSERT_FALSE(bool(early));
  expectError("no `rt.assign` has written", llvm::toString(early.takeError()));
  ASSERT_TRUE(bool((*program)->call("initialize", {numbers({2}, {1, 2})})));
  auto values = (*program)->call("run", {});
  ASSERT_TRUE(bool(values)) << llvm::toString(values.takeError());
  EXPECT_EQ(4, values->front().tensor.data()[1].number);
}

TEST(ReferenceControl, AParameterWhoseFileIsShortIsRefused) {
  expectError("which is not there or ends before", evaluate({}, R"(
    seq.parameter @w : tensor<4xf32> from "no/such/file" at 8
    func.func @run() -> tensor<4xf32> {
      %w = seq.weight @w : tensor<4xf32>
      return %w : tensor<4xf32>
    })"));
}

} // namespace
