// The reference moves, joins and reshapes tensors as the ops say, and refuses
// what leaves them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/reference/Evaluate.h"

#include "gtest/gtest.h"

using namespace sennit::test;

namespace {

Value sixNumbers() { return numbers({2, 3}, {1, 2, 3, 4, 5, 6}); }

void expectError(const std::string &part, const std::string &error) {
  EXPECT_NE(std::string::npos, error.find(part)) << error;
}

constexpr const char *kSlice = R"(
  func.func @run(%x: tensor<?x?xf32>, %o: index) -> tensor<2xf32> {
    %r = tensor.extract_slice %x[%o, 0] [1, 2] [1, 2] : tensor<?x?xf32> to tensor<2xf32>
    return %r : tensor<2xf32>
  })";

TEST(ReferenceTensors, SlicesStrideAndDropExtentsOfOne) {
  EXPECT_EQ("2[4 6]", evaluate({sixNumbers(), integer(1)}, kSlice));
}

TEST(ReferenceTensors, SlicesOutsideAreRefused) {
  expectError("takes 1 of dimension 0 from 2 by 1, its extent is 2",
              evaluate({sixNumbers(), integer(2)}, kSlice));
}

TEST(ReferenceTensors, InsertionsLeaveTheOthersAlone) {
  EXPECT_EQ("2x3[1 9 3 4 8 6] 2x3[1 2 3 4 5 6]",
            evaluate({sixNumbers(), numbers({2}, {9, 8})}, R"(
    func.func @run(%x: tensor<2x3xf32>, %p: tensor<2xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
      %r = tensor.insert_slice %p into %x[0, 1] [2, 1] [1, 1] : tensor<2xf32> into tensor<2x3xf32>
      return %r, %x : tensor<2x3xf32>, tensor<2x3xf32>
    })"));
}

// A loop that writes a row at a time must not copy, nor see its own past.
TEST(ReferenceTensors, InsertionsInALoopAccumulate) {
  EXPECT_EQ("4[0 1 4 9]", evaluate({integer(4)}, R"(
    func.func @run(%n: index) -> tensor<?xi64> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %e = tensor.empty(%n) : tensor<?xi64>
      %r = scf.for %i = %c0 to %n step %c1 iter_args(%t = %e) -> tensor<?xi64> {
        %m = arith.muli %i, %i : index
        %v = arith.index_cast %m : index to i64
        %u = tensor.insert %v into %t[%i] : tensor<?xi64>
        scf.yield %u : tensor<?xi64>
      }
      return %r : tensor<?xi64>
    })"));
}

TEST(ReferenceTensors, EmptyHoldsNoNumber) {
  EXPECT_EQ("2[nan nan] 1[-128]", evaluate({}, R"(
    func.func @run() -> (tensor<2xf32>, tensor<1xi8>) {
      %r = tensor.empty() : tensor<2xf32>
      %s = tensor.empty() : tensor<1xi8>
      return %r, %s : tensor<2xf32>, tensor<1xi8>
    })"));
}

TEST(ReferenceTensors, ReshapesKeepTheOrder) {
  EXPECT_EQ("3x2[1 2 3 4 5 6] 6[1 2 3 4 5 6] 2",
            evaluate({sixNumbers(), integers({2}, {3, 2})}, R"(
    func.func @run(%x: tensor<?x3xf32>, %s: tensor<2xi64>) -> (tensor<?x?xf32>, tensor<?xf32>, index) {
      %c0 = arith.constant 0 : index
      %r = tensor.reshape %x(%s) : (tensor<?x3xf32>, tensor<2xi64>) -> tensor<?x?xf32>
      %f = tensor.collapse_shape %x [[0, 1]] : tensor<?x3xf32> into tensor<?xf32>
      %d = tensor.dim %x, %c0 : tensor<?x3xf32>
      return %r, %f, %d : tensor<?x?xf32>, tensor<?xf32>, index
    })"));
}

TEST(ReferenceTensors, ExpansionsTakeTheirExtentsFromOperands) {
  EXPECT_EQ("2x1x3[1 2 3 4 5 6]", evaluate({sixNumbers(), integer(2)}, R"(
    func.func @run(%x: tensor<?x3xf32>, %n: index) -> tensor<?x1x3xf32> {
      %r = tensor.expand_shape %x [[0, 1], [2]] output_shape [%n, 1, 3]
        : tensor<?x3xf32> into tensor<?x1x3xf32>
      return %r : tensor<?x1x3xf32>
    })"));
}

TEST(ReferenceTensors, CastsCheckExtents) {
  constexpr const char *text = R"(
    func.func @run(%x: tensor<?x3xf32>) -> tensor<2x3xf32> {
      %r = tensor.cast %x : tensor<?x3xf32> to tensor<2x3xf32>
      return %r : tensor<2x3xf32>
    })";
  EXPECT_EQ("2x3[1 2 3 4 5 6]", evaluate({sixNumbers()}, text));
  expectError("gives [1, 3] the shape [2, 3]",
              evaluate({numbers({1, 3}, {1, 2, 3})}, text));
}

TEST(ReferenceTensors, PiecesAreJoinedAndPadded) {
  EXPECT_EQ("2x2[1 1 2 2]", evaluate({numbers({2, 1}, {1, 2})}, R"(
    func.func @run(%x: tensor<2x1xf32>) -> tensor<2x2xf32> {
      %r = tensor.concat dim(1) %x, %x : (tensor<2x1xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
      return %r : tensor<2x2xf32>
    })"));
  EXPECT_EQ("4[0 7 8 3]", evaluate({integers({2}, {7, 8})}, R"(
    func.func @run(%x: tensor<2xindex>) -> tensor<4xindex> {
      %r = tensor.pad %x low[1] high[1] {
      ^bb0(%i: index):
        tensor.yield %i : index
      } : tensor<2xindex> to tensor<4xindex>
      return %r : tensor<4xindex>
    })"));
}

TEST(ReferenceTensors, ElementsAreGatheredAndGenerated) {
  EXPECT_EQ("2[5 6] 3[7 7 7] 2x2[0 1 2 3]",
            evaluate({number(5), number(6), integer(3)}, R"(
    func.func @run(%a: f32, %b: f32, %n: index) -> (tensor<2xf32>, tensor<?xindex>, tensor<?x2xindex>) {
      %c7 = arith.constant 7 : index
      %c2 = arith.constant 2 : index
      %f = tensor.from_elements %a, %b : tensor<2xf32>
      %s = tensor.splat %c7[%n] : tensor<?xindex>
      %g = tensor.generate %c2 {
      ^bb0(%i: index, %j: index):
        %m = arith.muli %i, %c2 : index
        %v = arith.addi %m, %j : index
        tensor.yield %v : index
      } : tensor<?x2xindex>
      return %f, %s, %g : tensor<2xf32>, tensor<?xindex>, tensor<?x2xindex>
    })"));
}

TEST(ReferenceTensors, ElementsOutsideAreRefused) {
  expectError("takes element -1 of dimension 0, whose extent is 2",
              evaluate({numbers({2}, {1, 2}), integer(-1)}, R"(
    func.func @run(%x: tensor<2xf32>, %i: index) -> f32 {
      %r = tensor.extract %x[%i] : tensor<2xf32>
      return %r : f32
    })"));
}

TEST(ReferenceTensors, ArgumentsOfAnotherShapeAreRefused) {
  expectError("argument 0 of `run` has the extents [2, 3]",
              evaluate({sixNumbers()}, R"(
    func.func @run(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
      return %x : tensor<2x4xf32>
    })"));
}

} // namespace
