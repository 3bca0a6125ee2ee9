// Elementwise loops of the reference: any maps, indices, reductions in serial
// order, several outputs.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/reference/Evaluate.h"

#include "gtest/gtest.h"

#include <numeric>

using namespace sennit::test;

namespace {

void expectError(const std::string &part, const std::string &error) {
  EXPECT_NE(std::string::npos, error.find(part)) << error;
}

TEST(ReferenceNest, ProductsTransposeAsTheirMapsSay) {
  EXPECT_EQ("2x2[17 39 23 53]", evaluate({numbers({2, 2}, {1, 2, 3, 4}),
                                          numbers({2, 2}, {5, 6, 7, 8})},
                                         R"(
    func.func @run(%x: tensor<?x2xf32>, %w: tensor<2x2xf32>) -> tensor<2x?xf32> {
      %c0 = arith.constant 0 : index
      %zero = arith.constant 0.0 : f32
      %n = tensor.dim %x, %c0 : tensor<?x2xf32>
      %e = tensor.empty(%n) : tensor<2x?xf32>
      %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x?xf32>) -> tensor<2x?xf32>
      %r = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
          affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (n, m)>],
          iterator_types = ["parallel", "parallel", "reduction"]}
          ins(%x, %w : tensor<?x2xf32>, tensor<2x2xf32>) outs(%f : tensor<2x?xf32>) {
      ^bb0(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %s = arith.addf %c, %p : f32
        linalg.yield %s : f32
      } -> tensor<2x?xf32>
      return %r : tensor<2x?xf32>
    })"));
}

constexpr const char *kSum = R"(
  func.func @run(%x: tensor<?xf32>, %init: tensor<f32>) -> tensor<f32> {
    %r = linalg.generic {indexing_maps = [affine_map<(k) -> (k)>, affine_map<(k) -> ()>],
        iterator_types = ["reduction"]} ins(%x : tensor<?xf32>) outs(%init : tensor<f32>) {
    ^bb0(%a: f32, %c: f32):
      %s = arith.addf %c, %a : f32
      linalg.yield %s : f32
    } -> tensor<f32>
    return %r : tensor<f32>
  })";

// 1 is lost beside 2^53 in this order and in no other.
TEST(ReferenceNest, SumsAreSerialInTheOrderOfTheLoops) {
  EXPECT_EQ(
      "[9007199254740992]",
      evaluate({numbers({3}, {9007199254740992.0, 1, 1}), numbers({}, {0})},
               kSum));
  EXPECT_EQ(
      "[9007199254740994]",
      evaluate({numbers({3}, {1, 1, 9007199254740992.0}), numbers({}, {0})},
               kSum));
}

TEST(ReferenceNest, AnEmptyDomainLeavesItsOutput) {
  EXPECT_EQ("[5]", evaluate({numbers({0}, {}), numbers({}, {5})}, kSum));
}

// More elements than a strip has lanes, and a rest.
TEST(ReferenceNest, StripsJoinWithoutSeams) {
  std::vector<int64_t> zeros(1000, 0), squares(1000);
  for (int64_t i = 0; i != 1000; ++i)
    squares[i] = 3 * i;
  std::string want = "1000[", got = evaluate({integers({1000}, zeros)}, R"(
    func.func @run(%x: tensor<?xindex>) -> tensor<?xindex> {
      %three = arith.constant 3 : index
      %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          outs(%x : tensor<?xindex>) {
      ^bb0(%o: index):
        %i = linalg.index 0 : index
        %v = arith.muli %i, %three : index
        linalg.yield %v : index
      } -> tensor<?xindex>
      return %r : tensor<?xindex>
    })");
  for (int64_t value : squares)
    want += (value ? " " : "") + std::to_string(value);
  EXPECT_EQ(want + "]", got);
}

TEST(ReferenceNest, MapsMayAddDivideAndRepeat) {
  EXPECT_EQ("4[1 3 5 7] 4[1 1 2 2]",
            evaluate({numbers({5}, {0, 1, 2, 3, 4})}, R"(
    func.func @run(%x: tensor<5xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<4xf32>
      %w = tensor.empty() : tensor<2xf32>
      %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
      %r = linalg.generic {indexing_maps = [affine_map<(i, s) -> (i + s)>, affine_map<(i, s) -> (s)>,
          affine_map<(i, s) -> (i)>], iterator_types = ["parallel", "reduction"]}
          ins(%x, %w : tensor<5xf32>, tensor<2xf32>) outs(%f : tensor<4xf32>) {
      ^bb0(%a: f32, %b: f32, %c: f32):
        %s = arith.addf %c, %a : f32
        linalg.yield %s : f32
      } -> tensor<4xf32>
      %q = linalg.generic {indexing_maps = [affine_map<(i) -> (i floordiv 2 + 1)>, affine_map<(i) -> (i)>],
          iterator_types = ["parallel"]} ins(%x : tensor<5xf32>) outs(%e : tensor<4xf32>) {
      ^bb0(%a: f32, %c: f32):
        linalg.yield %a : f32
      } -> tensor<4xf32>
      return %r, %q : tensor<4xf32>, tensor<4xf32>
    })"));
}

TEST(ReferenceNest, OutputsMayBeSeveralAndSwap) {
  EXPECT_EQ("2[3 4] 2[1 2]",
            evaluate({numbers({2}, {1, 2}), numbers({2}, {3, 4})}, R"(
    func.func @run(%x: tensor<2xf32>, %y: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
      %r:2 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
          iterator_types = ["parallel"]} outs(%x, %y : tensor<2xf32>, tensor<2xf32>) {
      ^bb0(%a: f32, %b: f32):
        linalg.yield %b, %a : f32, f32
      } -> (tensor<2xf32>, tensor<2xf32>)
      return %r#0, %r#1 : tensor<2xf32>, tensor<2xf32>
    })"));
}

constexpr const char *kGather = R"(
  func.func @run(%i: tensor<?xi32>, %table: tensor<3x2xf32>) -> tensor<?x2xf32> {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %i, %c0 : tensor<?xi32>
    %e = tensor.empty(%n) : tensor<?x2xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
        iterator_types = ["parallel", "parallel"]} ins(%i : tensor<?xi32>) outs(%e : tensor<?x2xf32>) {
    ^bb0(%a: i32, %o: f32):
      %row = arith.index_cast %a : i32 to index
      %column = linalg.index 1 : index
      %v = tensor.extract %table[%row, %column] : tensor<3x2xf32>
      linalg.yield %v : f32
    } -> tensor<?x2xf32>
    return %r : tensor<?x2xf32>
  })";

TEST(ReferenceNest, BodiesReadTablesAtComputedPlaces) {
  EXPECT_EQ("2x2[5 6 1 2]", evaluate({integers({2}, {2, 0}),
                                      numbers({3, 2}, {1, 2, 3, 4, 5, 6})},
                                     kGather));
}

TEST(ReferenceNest, PlacesOutsideATableAreRefused) {
  expectError(
      "`tensor.extract` reads element 3 of dimension 0, whose extent is 3",
      evaluate({integers({1}, {3}), numbers({3, 2}, {1, 2, 3, 4, 5, 6})},
               kGather));
}

TEST(ReferenceNest, OperandsThatEndTooEarlyAreRefused) {
  expectError("reads 0 to 2 of dimension 0 of operand 1, whose extent is 2",
              evaluate({numbers({3}, {1, 2, 3}), numbers({2}, {1, 2})}, R"(
    func.func @run(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
      %r = linalg.add ins(%x, %y : tensor<?xf32>, tensor<?xf32>) outs(%x : tensor<?xf32>) -> tensor<?xf32>
      return %r : tensor<?xf32>
    })"));
}

// A branch is no step of a strip: the body runs element by element.
TEST(ReferenceNest, BodiesMayBranch) {
  EXPECT_EQ("2x2[0 -2 10 -4]", evaluate({numbers({2, 2}, {1, 2, 3, 4})}, R"(
    func.func @run(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
      %c0 = arith.constant 0 : index
      %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          outs(%x : tensor<2x2xf32>) {
      ^bb0(%a: f32):
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %first = arith.cmpi eq, %j, %c0 : index
        %v = scf.if %first -> f32 {
          %ten = arith.constant 10 : i32
          %n = arith.index_cast %i : index to i32
          %p = arith.muli %n, %ten : i32
          %q = arith.sitofp %p : i32 to f32
          scf.yield %q : f32
        } else {
          %q = arith.negf %a : f32
          scf.yield %q : f32
        }
        linalg.yield %v : f32
      } -> tensor<2x2xf32>
      return %r : tensor<2x2xf32>
    })"));
}

} // namespace
