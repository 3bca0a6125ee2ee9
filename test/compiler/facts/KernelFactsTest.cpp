// Facts of small tile programs, counted by hand and by the families' formulas.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/facts/KernelFacts.h"

#include "compiler/cost/Families.h"
#include "dialects/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace sennit;
using cost::Access;
using cost::KernelFacts;

namespace {
struct KernelFactsTest : testing::Test {
  std::optional<KernelFacts> read(const std::string &body,
                                  std::vector<double> arguments,
                                  bool isStepwise = false) {
    context.loadDialect<arith::ArithDialect, func::FuncDialect,
                        math::MathDialect, memref::MemRefDialect,
                        scf::SCFDialect, tile::TileDialect>();
    module = parseSourceString<ModuleOp>(body, &context);
    EXPECT_TRUE(module);
    auto kernel = *module->getOps<func::FuncOp>().begin();
    return facts::readKernelFacts(kernel, arguments, 0, reason, isStepwise);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::string reason;
};
} // namespace

static const char *matmul = R"(
func.func @matmul(%a: memref<?x128xbf16>, %b: memref<256x128xbf16>,
                  %c: memref<?x256xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %c256 = arith.constant 256 : index
  tile.grid (%n, %m) = (%c0, %c0) to (%c256, %t) step [64, 32] dims ["n", "m"] {
    %x = tile.load %a[%m, %c0] bound [0 : %t] : memref<?x128xbf16> -> vector<32x128xbf16>
    %w = tile.load %b[%n, %c0] : memref<256x128xbf16> -> vector<64x128xbf16>
    %y = tile.mma nt %x, %w : vector<32x128xbf16>, vector<64x128xbf16> -> vector<32x64xf32>
    tile.store %y, %c[%m, %n] bound [0 : %t] : vector<32x64xf32>, memref<?x256xf32>
  }
  return
})";

TEST_F(KernelFactsTest, ThreadsThatGoOpByOpMeetAndWaitInEachStep) {
  const char *sums = R"(
func.func @sums(%a: memref<512x64xf32>, %b: memref<64x64xf32>, %c: memref<1x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c512 = arith.constant 512 : index
  %zero = arith.constant dense<0.0> : vector<1x64xf32>
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["all"] {
    %w = tile.load %b[%c0, %c0] : memref<64x64xf32> -> vector<64x64xf32>
    %y = tile.stream "t" %t = %c0 to %c512 step 1 carry(%zero : vector<1x64xf32>) fetch {
      %x = tile.load %a[%t, %c0] : memref<512x64xf32> -> vector<1x64xf32>
      tile.yield %x : vector<1x64xf32>
    } do {
    ^bb0(%t: index, %x: vector<1x64xf32>, %sum: vector<1x64xf32>):
      %p = tile.mma nn %x, %w acc %sum : vector<1x64xf32>, vector<64x64xf32> acc vector<1x64xf32> -> vector<1x64xf32>
      tile.yield %p : vector<1x64xf32>
    }
    tile.store %y, %c[%c0, %c0] : vector<1x64xf32>, memref<1x64xf32>
  }
  return
})";
  auto ahead = read(sums, {0, 0, 0}), stepwise = read(sums, {0, 0, 0}, true);
  ASSERT_TRUE(ahead && stepwise) << reason;
  EXPECT_FALSE(ahead->isStepwise);
  EXPECT_TRUE(stepwise->isStepwise);
  cost::Work before = ahead->getTotal(), after = stepwise->getTotal();
  EXPECT_EQ(before.exchanged, 0);
  EXPECT_EQ(before.chain.memory, 1);
  // A product a step, of rows of 64 that a thread adds up; sums come, go and
  // are handed on.
  EXPECT_EQ(after.chain.barrier - before.chain.barrier, 512);
  EXPECT_EQ(after.chain.near, 512 * 64);
  EXPECT_EQ(after.chain.memory, 1 + 512);
  EXPECT_EQ(after.exchanged, 512 * (64 + 64 * 64 + 3 * 64) * 4);
  EXPECT_EQ(before.moved, after.moved);
}

TEST_F(KernelFactsTest, AProductHasTheFactsOfItsFormula) {
  auto facts = read(matmul, {0, 0, 0, 512});
  ASSERT_TRUE(facts) << reason;
  cost::Matmul problem{512,
                       256,
                       128,
                       cost::Element::bf16,
                       cost::Element::bf16,
                       cost::Element::f32};
  KernelFacts formula = cost::getMatmulFacts(problem, {32, 64, 128});
  EXPECT_EQ(facts->countItems(), formula.countItems());
  EXPECT_DOUBLE_EQ(facts->countOperations(), formula.countOperations());
  EXPECT_DOUBLE_EQ(facts->getCompulsory(), formula.getCompulsory());
  ASSERT_EQ(facts->accesses.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_DOUBLE_EQ(facts->accesses[i].getTotal(),
                     formula.accesses[i].getTotal());
    for (double capacity : {1e3, 3e4, 1e5, 3e5, 1e7})
      EXPECT_DOUBLE_EQ(
          cost::getTraffic(facts->accesses[i], capacity, 1, false),
          cost::getTraffic(formula.accesses[i], capacity, 1, false))
          << i << " " << capacity;
  }
  EXPECT_DOUBLE_EQ(facts->getTotal().moved, formula.getTotal().moved);
}

TEST_F(KernelFactsTest, AnOperandThatWasNarrowIsReadNarrow) {
  std::string wide = matmul;
  size_t at = wide.find("    %y = tile.mma nt %x");
  ASSERT_NE(at, std::string::npos);
  wide.replace(at, std::string("    %y = tile.mma nt %x").size(),
               "    %f = arith.extf %x : vector<32x128xbf16> to "
               "vector<32x128xf32>\n    %y = tile.mma nt %f");
  at = wide.find("vector<32x128xbf16>, vector<64x128xbf16> ->");
  wide.replace(at, std::string("vector<32x128xbf16>").size(),
               "vector<32x128xf32>");
  auto facts = read(wide, {0, 0, 0, 512});
  ASSERT_TRUE(facts) << reason;
  EXPECT_EQ(facts->items[0].work.products[0].a, cost::Element::bf16);
}

TEST_F(KernelFactsTest, RowsPastTheEndAreNotMoved) {
  auto facts = read(matmul, {0, 0, 0, 5});
  ASSERT_TRUE(facts) << reason;
  EXPECT_EQ(facts->countItems(), 4);
  EXPECT_DOUBLE_EQ(facts->accesses[0].getCompulsory(), 5 * 128 * 2);
  EXPECT_DOUBLE_EQ(facts->accesses[1].getCompulsory(), 256 * 128 * 2);
  EXPECT_DOUBLE_EQ(facts->accesses[2].getCompulsory(), 5 * 256 * 4);
}

static const char *causal = R"(
func.func @attention(%q: memref<?x64xf32>, %k: memref<4096x64xf32>,
                     %o: memref<?x64xf32>, %t: index, %past: index) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant dense<0.0> : vector<16x64xf32>
  tile.grid (%i) = (%c0) to (%t) step [16] dims ["query"] {
    %0 = arith.addi %past, %i : index
    %end = arith.addi %0, %c16 : index
    %x = tile.load %q[%i, %c0] bound [0 : %t] : memref<?x64xf32> -> vector<16x64xf32>
    %r = tile.stream "kv" %j = %c0 to %end step 32 carry(%zero : vector<16x64xf32>) fetch {
      %a = tile.load %k[%j, %c0] bound [0 : %end] : memref<4096x64xf32> -> vector<32x64xf32>
      tile.yield %a : vector<32x64xf32>
    } do {
    ^bb0(%jj: index, %a: vector<32x64xf32>, %acc: vector<16x64xf32>):
      %s = tile.mma nt %x, %a : vector<16x64xf32>, vector<32x64xf32> -> vector<16x32xf32>
      %p = math.exp2 %s : vector<16x32xf32>
      %n = tile.mma nn %p, %a acc %acc
        : vector<16x32xf32>, vector<32x64xf32> acc vector<16x64xf32> -> vector<16x64xf32>
      tile.yield %n : vector<16x64xf32>
    }
    tile.store %r, %o[%i, %c0] bound [0 : %t] : vector<16x64xf32>, memref<?x64xf32>
  }
  return
})";

TEST_F(KernelFactsTest, ItemsOfCausalAttentionDoMoreAndMore) {
  auto facts = read(causal, {0, 0, 0, 64, 0});
  ASSERT_TRUE(facts) << reason;
  // Ends at 16, 32, 48, 64 keys: 1, 1, 2, 2 steps of 32.
  ASSERT_EQ(facts->items.size(), 2u);
  EXPECT_EQ(facts->items[0].count, 2);
  double step = 2 * (2.0 * 16 * 32 * 64) + 16 * 32;
  EXPECT_DOUBLE_EQ(facts->countOperations(), 6 * step);
  // One product a step waits for the carried sum; scores and exponentials run
  // ahead.
  EXPECT_EQ(facts->items[0].work.chain.matrix -
                facts->items[1].work.chain.matrix,
            -1);
  EXPECT_DOUBLE_EQ(facts->getTotal().special[size_t(cost::Special::exp2)],
                   6 * 16 * 32);
}

TEST_F(KernelFactsTest, KeysThatAllQueriesSeeAreTouchedOnce) {
  auto facts = read(causal, {0, 0, 0, 256, 1792});
  ASSERT_TRUE(facts) << reason;
  const Access *keys = nullptr;
  for (const Access &access : facts->accesses)
    if (access.name == "1")
      keys = &access;
  ASSERT_TRUE(keys);
  EXPECT_NEAR(keys->getCompulsory(), 2048 * 64 * 4, 2048 * 64 * 4 * 0.05);
  EXPECT_GT(keys->getTotal(), 14 * keys->getCompulsory());
  // A core's item walks them without keeping them; a larger memory does.
  EXPECT_GT(cost::getTraffic(*keys, 16 << 10, 1, false),
            14 * keys->getCompulsory());
  EXPECT_NEAR(cost::getTraffic(*keys, 2 << 20, 1, false), keys->getCompulsory(),
              1);
}

TEST_F(KernelFactsTest, ARepeatedValueIsComputedOnce) {
  auto facts = read(R"(
func.func @norm(%x: memref<?x256xf32>, %y: memref<?x256xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  tile.grid (%i) = (%c0) to (%t) step [16] dims ["m"] {
    %a = tile.load %x[%i, %c0] bound [0 : %t] : memref<?x256xf32> -> vector<16x256xf32>
    %s = tile.reduce add %a dim 1 : vector<16x256xf32> -> vector<16xf32>
    %b = tile.broadcast %s [0] : vector<16xf32> -> vector<16x256xf32>
    %r = math.rsqrt %b : vector<16x256xf32>
    %n = arith.mulf %a, %r : vector<16x256xf32>
    tile.store %n, %y[%i, %c0] bound [0 : %t] : vector<16x256xf32>, memref<?x256xf32>
  }
  return
})",
                    {0, 0, 32});
  ASSERT_TRUE(facts) << reason;
  cost::Work total = facts->getTotal();
  EXPECT_EQ(total.special[size_t(cost::Special::rsqrt)], 32);
  EXPECT_EQ(total.vector[size_t(cost::Element::f32)], 2 * 32 * 256);
}

static const char *experts = R"(
func.func @experts(%offsets: memref<5xi32>, %x: memref<?x64xf32>,
                   %w: memref<4x32x64xbf16>, %y: memref<?x32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  tile.grid (%e) = (%c0) to (%c4) step [1] dims ["expert"] {
    %0 = memref.load %offsets[%e] : memref<5xi32>
    %from = arith.index_cast %0 : i32 to index
    %1 = arith.addi %e, %c1 : index
    %2 = memref.load %offsets[%1] : memref<5xi32>
    %to = arith.index_cast %2 : i32 to index
    tile.stream "rows" %j = %from to %to step 16 fetch {
      %a = tile.load %x[%j, %c0] bound [0 : %to] : memref<?x64xf32> -> vector<16x64xf32>
      %b = tile.load %w[%e, %c0, %c0] : memref<4x32x64xbf16> -> vector<32x64xbf16>
      tile.yield %a, %b : vector<16x64xf32>, vector<32x64xbf16>
    } do {
    ^bb0(%jj: index, %a: vector<16x64xf32>, %b: vector<32x64xbf16>):
      %c = tile.mma nt %a, %b : vector<16x64xf32>, vector<32x64xbf16> -> vector<16x32xf32>
      tile.store %c, %y[%jj, %c0] bound [0 : %to] : vector<16x32xf32>, memref<?x32xf32>
      tile.yield
    }
  }
  return
})";

TEST_F(KernelFactsTest, RowsOfExpertsComeFromTheTablesTotal) {
  auto facts = read(experts, {64, 0, 0, 0});
  ASSERT_TRUE(facts) << reason;
  EXPECT_EQ(facts->countItems(), 4);
  EXPECT_DOUBLE_EQ(facts->countOperations(), 2.0 * 64 * 64 * 32);
  EXPECT_FALSE(read(experts, {0, 0, 0, 0}));
  EXPECT_EQ(reason, "the bounds of the stream `rows` cannot be told");
}

TEST_F(KernelFactsTest, AScanWaitsAlongItsDimension) {
  auto facts = read(R"(
func.func @scan(%x: memref<?x64xf32>, %h: memref<64xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.grid (%i) = (%c0) to (%c1) step [1] dims ["channel"] {
    %z = tile.load %h[%c0] : memref<64xf32> -> vector<64xf32>
    %r = tile.stream "t" %j = %c0 to %t step 16 carry(%z : vector<64xf32>) fetch {
      %a = tile.load %x[%j, %c0] bound [0 : %t] : memref<?x64xf32> -> vector<16x64xf32>
      tile.yield %a : vector<16x64xf32>
    } do {
    ^bb0(%jj: index, %a: vector<16x64xf32>, %c: vector<64xf32>):
      %s, %last = tile.scan affine(%a, %a) init(%c : vector<64xf32>) dim 0
        : vector<16x64xf32>, vector<16x64xf32> -> vector<16x64xf32>, vector<64xf32>
      tile.yield %last : vector<64xf32>
    }
    tile.store %r, %h[%c0] : vector<64xf32>, memref<64xf32>
  }
  return
})",
                    {0, 0, 160});
  ASSERT_TRUE(facts) << reason;
  const cost::Work &work = facts->items[0].work;
  EXPECT_EQ(work.chain.scans, 10);
  EXPECT_EQ(work.chain.scanSteps, 160);
  // A scan says itself whose work it is.
  EXPECT_EQ(work.given[0][size_t(cost::Element::f32)], 160 * 64);
  EXPECT_EQ(work.vector[size_t(cost::Element::f32)], 0);
}

TEST_F(KernelFactsTest, MarkedOpsAreWorkOfTheirUnit) {
  auto facts = read(R"(
func.func @marked(%x: memref<?x64xf32>, %t: index) {
  %c0 = arith.constant 0 : index
  tile.grid (%i) = (%c0) to (%t) step [16] dims ["m"] {
    %a = tile.load %x[%i, %c0] bound [0 : %t] : memref<?x64xf32> -> vector<16x64xf32>
    %b = arith.addf %a, %a {tile.unit = "fft"} : vector<16x64xf32>
    %c = arith.maximumf %b, %a {tile.unit = "route"} : vector<16x64xf32>
    %d = arith.mulf %c, %a : vector<16x64xf32>
    tile.store %d, %x[%i, %c0] bound [0 : %t] : vector<16x64xf32>, memref<?x64xf32>
  }
  return
})",
                    {0, 16});
  ASSERT_TRUE(facts) << reason;
  cost::Work total = facts->getTotal();
  EXPECT_EQ(total.vector[size_t(cost::Element::f32)], 16 * 64);
  EXPECT_EQ(total.given[1][size_t(cost::Element::f32)], 16 * 64);
  EXPECT_EQ(total.given[2][size_t(cost::Element::f32)], 16 * 64);
  EXPECT_EQ(facts->countOperations(), 3 * 16 * 64);
}
