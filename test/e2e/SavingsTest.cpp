// Tokens that a skip lets past cost nothing of its region: the items that the
// region's kernels run, as the runtime counts them, are those of the others.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Module.h"
#include "test/lib/Specimen.h"

#include <map>

namespace {

constexpr int64_t kTokens = 512, kWidth = 64;

// A block of two products, twice; who has left before the first is not let
// into the second, as a token that exits early.
constexpr const char *kBlocks = R"(
#two = affine_map<(i, j) -> (i, j)>
#t = affine_map<(t) -> (t)>
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#product = affine_map<(m, n, k) -> (m, n)>
!narrow = tensor<?x64xf32>
!wide = tensor<?x256xf32>
!x = tensor<512x64xf32>
!up = tensor<256x64xf32>
!down = tensor<64x256xf32>
func.func @run(%first: tensor<512xi1> {seq.name = "first"}, %later: tensor<512xi1> {seq.name = "later"},
               %x: !x {seq.name = "x"}, %up: !up {seq.name = "up"}, %down: !down {seq.name = "down"})
    -> (!x {seq.name = "y"}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %y = seq.skip %first inputs(%x : !x) {
{block}
  } : tensor<512xi1> -> !x
  %be = tensor.empty() : tensor<512xi1>
  %stays = linalg.generic {indexing_maps = [#t, #t, #t], iterator_types = ["parallel"]}
      ins(%first, %later : tensor<512xi1>, tensor<512xi1>) outs(%be : tensor<512xi1>) {
  ^bb0(%a: i1, %b: i1, %c: i1):
    %both = arith.andi %a, %b : i1
    linalg.yield %both : i1
  } -> tensor<512xi1>
  %z = seq.skip %stays inputs(%y : !x) {
{block}
  } : tensor<512xi1> -> !x
  return %z : !x
})";

// Two products, and between them what is positive.
constexpr const char *kBlock = R"(  ^bb0(%rows: !narrow):
    %m = tensor.dim %rows, %c0 : !narrow
    %he = tensor.empty(%m) : !wide
    %hz = linalg.fill ins(%zero : f32) outs(%he : !wide) -> !wide
    %h = linalg.matmul indexing_maps = [#left, #right, #product]
      ins(%rows, %up : !narrow, !up) outs(%hz : !wide) -> !wide
    // Elements, between the products.
    %positive = linalg.generic {indexing_maps = [#two, #two], iterator_types = ["parallel", "parallel"]} ins(%h : !wide) outs(%he : !wide) {
    ^bb0(%a: f32, %b: f32):
      %r = arith.maximumf %a, %zero : f32
      linalg.yield %r : f32
    } -> !wide
    %oe = tensor.empty(%m) : !narrow
    %oz = linalg.fill ins(%zero : f32) outs(%oe : !narrow) -> !narrow
    %o = linalg.matmul indexing_maps = [#left, #right, #product]
      ins(%positive, %down : !wide, !down) outs(%oz : !narrow) -> !narrow
    seq.yield %o : !narrow)";

class Savings : public testing::Test {
protected:
  void SetUp() override {
    llvm::SmallString<128> source;
    int file;
    ASSERT_FALSE(
        llvm::sys::fs::createTemporaryFile("savings", "mlir", file, source));
    llvm::raw_fd_ostream(file, /*shouldClose=*/true)
        << sennit::test::fill(kBlocks, {{"block", kBlock}});
    sennit::CompileOptions options;
    options.input = source.str();
    module = sennit::test::compileAndLoad(options);
    llvm::sys::fs::remove(source);
    ASSERT_TRUE(module);
    sennit_error reason = {};
    ASSERT_EQ(SENNIT_STATUS_OK,
              sennit_context_create(module, &context, &reason))
        << reason.message;
    sennit_context_profile_enable(context, SENNIT_PROFILE_KERNELS);
  }
  void TearDown() override {
    sennit_context_destroy(context);
    sennit_module_destroy(module);
  }

  /// The items of each kernel in a call in which the first `chosen` of every
  /// eight tokens go through the first block, and of those the ones that are
  /// among the first `later` through the second.
  std::map<std::string, uint64_t> countItems(int64_t chosen, int64_t later) {
    std::vector<uint8_t> first(kTokens), second(kTokens);
    for (int64_t t = 0; t != kTokens; ++t) {
      first[t] = t % 8 < chosen;
      second[t] = t % 8 < later;
    }
    std::vector<float> x(kTokens * kWidth, 0.5f), up(256 * kWidth, 0.25f),
        down(kWidth * 256, 0.125f), y(kTokens * kWidth);
    auto of = [](auto &values) {
      return sennit_buffer{values.data(), values.size() * sizeof(values[0])};
    };
    sennit_buffer inputs[] = {of(first), of(second), of(x), of(up), of(down)},
                  output = of(y);
    uint64_t entry = 0;
    sennit_error error = {};
    EXPECT_EQ(SENNIT_STATUS_OK,
              sennit_module_find_entry(module, "run", &entry, &error))
        << error.message;
    sennit_context_profile_reset(context);
    EXPECT_EQ(SENNIT_STATUS_OK, sennit_context_call(context, entry, inputs, 5,
                                                    &output, 1, &error))
        << error.message;
    sennit_module_info info = {};
    info.size = sizeof(info);
    sennit_module_get_info(module, &info, nullptr);
    std::map<std::string, uint64_t> items;
    for (uint64_t i = 0; i != info.kernel_count; ++i) {
      sennit_kernel_profile kernel = {};
      sennit_context_profile_get(context, i, &kernel, nullptr);
      items[kernel.name] += kernel.items;
    }
    return items;
  }

  /// One part in `parts` of the items, the last tile of rows not being full.
  static uint64_t withTail(uint64_t items, uint64_t parts) {
    return items == 0 ? 0 : items / parts + items / 16 + 1;
  }

  sennit_module *module = nullptr;
  sennit_context *context = nullptr;
};

TEST_F(Savings, ItemsAreThoseOfTheTokensThatAreLetIn) {
  auto all = countItems(8, 8), quarter = countItems(2, 8),
       none = countItems(0, 8);
  int64_t regions = 0;
  for (auto &[kernel, items] : all) {
    SCOPED_TRACE(kernel);
    if (none[kernel] == items)
      continue;
    // What depends on the chosen has nothing to do without them.
    ++regions;
    EXPECT_EQ(none[kernel], 0u);
    EXPECT_LE(quarter[kernel], withTail(items, 4));
  }
  // Two products a block.
  EXPECT_GE(regions, 2);
}

TEST_F(Savings, WhoLeavesEarlyIsNotLetInLater) {
  auto all = countItems(8, 8), left = countItems(8, 2),
       never = countItems(8, 0);
  // Kernels of the second block are those that `later` moves.
  int64_t saved = 0;
  for (auto &[kernel, items] : all) {
    SCOPED_TRACE(kernel);
    EXPECT_LE(left[kernel] - never[kernel], withTail(items - never[kernel], 4));
    saved += items != never[kernel];
  }
  EXPECT_GE(saved, 1);
  // Of a quarter that is let in first, a half stays.
  auto both = countItems(2, 1), first = countItems(2, 0);
  for (auto &[kernel, items] : all)
    EXPECT_LE(both[kernel] - first[kernel], withTail(items - never[kernel], 8))
        << kernel;
}

} // namespace
