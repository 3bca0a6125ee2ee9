// What mixers say of their state and cost, against a count of their loops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "test/lib/Specimen.h"

#include "dialects/tile/Tile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

#include <algorithm>

using namespace mlir;
using namespace sennit::test;
using sennit::seq::SequenceMixerOpInterface;

namespace {

/// The one mixer of a specimen's text.
class Mixer {
public:
  explicit Mixer(const Specimen &specimen) {
    context.loadDialect<sennit::seq::SeqDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(specimen.text("?"), &context);
    module->walk([&](SequenceMixerOpInterface op) { mixer = op; });
  }
  SequenceMixerOpInterface *operator->() { return &mixer; }

private:
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  SequenceMixerOpInterface mixer;
};

TEST(Mixers, PairTheirStates) {
  for (const Specimen &specimen : makeMixers()) {
    if (specimen.stateArguments.empty())
      continue;
    Mixer mixer(specimen);
    OperandRange before = mixer->getStatesBeforeMutable();
    ResultRange after = mixer->getStatesAfter();
    EXPECT_EQ(before.size(), specimen.stateArguments.size()) << specimen.name;
    EXPECT_TRUE(llvm::equal(before.getTypes(), after.getTypes()))
        << specimen.name;
  }
}

// Rows of a cache past the position are written before they are read; a sum or
// a window has no rows of single tokens.
TEST(Mixers, RollBackByPositionOnlyWhereStatesHaveRowsOfTokens) {
  EXPECT_TRUE(Mixer(makeAttention({6, 3, 10, 7, 160, std::nullopt}))
                  ->rollsBackByPosition());
  EXPECT_FALSE(Mixer(makeSelectiveScan(5, 3))->rollsBackByPosition());
  EXPECT_FALSE(Mixer(makeConv({5, 5, 4, false, true, Element::F32}))
                   ->rollsBackByPosition());
}

TEST(Attention, CountsThePairsOfItsWindow) {
  for (std::optional<int64_t> window :
       {std::optional<int64_t>(), std::optional<int64_t>(1),
        std::optional<int64_t>(4), std::optional<int64_t>(100)}) {
    Mixer mixer(makeAttention({6, 3, 10, 7, 160, window}));
    for (int64_t tokens : {0, 1, 3, 17})
      for (int64_t past : {0, 3, 50}) {
        int64_t pairs = 0;
        for (int64_t i = past; i != past + tokens; ++i)
          pairs += std::min(i + 1, window.value_or(i + 1));
        EXPECT_EQ(mixer->countExponentials(tokens, past), 6 * pairs);
        EXPECT_EQ(mixer->countFlops(tokens, past), 2 * (10 + 7) * 6 * pairs);
      }
  }
}

TEST(Recurrences, CountEveryCellOfTheirState) {
  Mixer scan(makeSelectiveScan(13, 5));
  EXPECT_EQ(scan->countFlops(3, 9), 3 * 6 * 13 * 5);
  EXPECT_EQ(scan->countExponentials(3, 9), 3 * 13 * 5);
  Mixer gated(makeLinearAttention({"gated", 1, 3, 3, 9, 9, 7, 5}));
  EXPECT_EQ(gated->countFlops(3, 9), 3 * 5 * 9 * 7 * 5);
  EXPECT_EQ(gated->countExponentials(3, 9), 3 * 9);
  Mixer linear(makeLinearAttention({"linear", 0, 3, 3, 3, 3, 5, 11}));
  EXPECT_EQ(linear->countFlops(3, 9), 3 * 4 * 3 * 5 * 11);
  EXPECT_EQ(linear->countExponentials(3, 9), 0);
  // Six query heads read two states thrice; what is erased is read and counted.
  Mixer delta(makeLinearAttention({"gated_delta", 2, 6, 2, 2, 2, 5, 7}));
  EXPECT_EQ(delta->countFlops(3, 9), 3 * (2 + 2 * 3 + 1 + 2) * 2 * 5 * 7);
  EXPECT_EQ(delta->countExponentials(3, 9), 3 * 2 * 5);
  Mixer erasing(makeLinearAttention({"rank_one", 1, 2, 2, 2, 2, 5, 7}));
  EXPECT_EQ(erasing->countFlops(3, 9), 3 * 9 * 2 * 5 * 7);
}

TEST(Conv, CountsItsTaps) {
  Mixer conv(makeConv({11, 11, 4, true, true, Element::F32}));
  EXPECT_EQ(conv->countFlops(3, 9), 3 * 2 * 11 * 4);
  EXPECT_EQ(conv->countExponentials(3, 9), 0);
  Mixer shared(makeConv({12, 3, 4, true, false, Element::F32}));
  EXPECT_EQ(shared->countFlops(3, 9), 3 * 2 * 12 * 4);
}

} // namespace
