// Facts of compiled programs, against what the ops say that they cost.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/facts/ProgramFacts.h"

#include "compiler/Compile.h"
#include "compiler/Register.h"
#include "compiler/cost/Recurrences.h"
#include "compiler/facts/KernelFacts.h"
#include "dialects/rt/Rt.h"
#include "dialects/seq/Seq.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "gtest/gtest.h"
#include <fstream>

using namespace mlir;
using namespace sennit;

/// Compiles the demo model, or another, as far as `stage` for `cpu:avx512` and
/// shows it.
static void inspect(llvm::StringRef stage,
                    llvm::function_ref<void(ModuleOp)> body,
                    llvm::StringRef input = SENNIT_DEMO_MODEL) {
  static const bool isReady = (registerPasses(), true);
  ASSERT_TRUE(isReady);
  CompileOptions options;
  options.input = input.str();
  options.target = "cpu:avx512";
  options.stopAfter = stage.str();
  options.inspect = [&](ModuleOp module) {
    body(module);
    return llvm::Error::success();
  };
  CompileReport report;
  auto error =
      compile(options, report, [](llvm::StringRef, int64_t, int64_t) {});
  EXPECT_FALSE(error) << llvm::toString(std::move(error));
}

static cost::EntryFacts read(const facts::Call &call) {
  cost::EntryFacts facts;
  inspect("place", [&](ModuleOp module) {
    auto entry = facts::readEntryFacts(module, call);
    if (entry)
      facts = std::move(*entry);
    else
      ADD_FAILURE() << llvm::toString(entry.takeError());
  });
  return facts;
}

/// Operations and exponentials of all mixers of an entry whose op is `name`.
static std::pair<double, double> askOps(llvm::StringRef entry,
                                        llvm::StringRef name, int64_t tokens,
                                        int64_t past) {
  double flops = 0, exponentials = 0;
  inspect("normalize", [&](ModuleOp module) {
    auto function = module.lookupSymbol<func::FuncOp>(entry);
    ASSERT_TRUE(function);
    function.walk([&](seq::SequenceMixerOpInterface mixer) {
      if (mixer->getName().getStringRef() != name)
        return;
      flops += mixer.countFlops(tokens, past);
      exponentials += mixer.countExponentials(tokens, past);
    });
  });
  return {flops, exponentials};
}

/// Operations in products, and exponentials, of the kernels whose name begins
/// with `prefix` and goes on with a number or another fused op.
static std::pair<double, double> askKernels(const cost::EntryFacts &entry,
                                            llvm::StringRef prefix) {
  double flops = 0, exponentials = 0;
  for (const cost::KernelUse &use : entry.kernels) {
    if (!llvm::StringRef(use.facts.name).starts_with(prefix))
      continue;
    cost::Work work = use.facts.getTotal();
    for (const cost::Product &product : work.products)
      flops += product.getFlops() * use.calls;
    exponentials += (work.special[size_t(cost::Special::exp2)] +
                     work.special[size_t(cost::Special::exp)]) *
                    use.calls;
  }
  return {flops, exponentials};
}

TEST(ProgramFacts, AttentionComputesWhatItsOpsSayPlusTheTilesOnTheDiagonal) {
  auto [flops, exponentials] = askOps("prefill", "seq.attention", 256, 512);
  ASSERT_GT(flops, 0);
  auto [read, readExponentials] =
      askKernels(::read({"prefill", 256, 512}), "attention_");
  EXPECT_GE(read, flops);
  EXPECT_LE(read, 1.15 * flops);
  EXPECT_GE(readExponentials, exponentials);
  EXPECT_LE(readExponentials, 1.15 * exponentials);
}

TEST(ProgramFacts, AScanEvaluatesTheExponentialsThatItsOpSays) {
  auto [flops, exponentials] = askOps("prefill", "seq.selective_scan", 256, 0);
  ASSERT_GT(exponentials, 0);
  auto read = askKernels(::read({"prefill", 256, 0}), "selective_scan_");
  // The gate that is fused behind it has one more for each channel and token.
  EXPECT_GE(read.second, exponentials);
  EXPECT_LE(read.second, 1.1 * exponentials);
}

TEST(ProgramFacts, AStepReadsEveryWeightOnce) {
  cost::EntryFacts step = read({"decode", 1, 256});
  int64_t launches = 0;
  inspect("place", [&](ModuleOp module) {
    module.lookupSymbol<func::FuncOp>("decode").walk(
        [&](rt::LaunchOp) { ++launches; });
  });
  // Experts that nobody chose are not read: two of four are, in four layers.
  double weights = 0;
  for (const cost::KernelUse &use : step.kernels)
    for (const cost::Access &access : use.facts.accesses)
      if (!access.isWrite)
        weights += access.getCompulsory() * use.calls;
  EXPECT_GT(step.touched, 4e6);
  EXPECT_LT(step.touched, 16e6);
  EXPECT_GE(weights, 0.5 * step.touched);
  EXPECT_EQ(step.countLaunches(), launches);
}

TEST(ProgramFacts, CallsThatAnEntryDoesNotTakeAreRefused) {
  inspect("place", [](ModuleOp module) {
    EXPECT_EQ(facts::getMaxTokens(module, "prefill"), 256);
    EXPECT_EQ(facts::getMaxTokens(module, "lunch"), 0);
    auto many = facts::readEntryFacts(module, {"prefill", 257, 0});
    ASSERT_FALSE(many);
    EXPECT_EQ(llvm::toString(many.takeError()),
              "`prefill` takes 256 tokens a call, not 257");
    auto lunch = facts::readEntryFacts(module, {"lunch", 1, 0});
    ASSERT_FALSE(lunch);
    EXPECT_EQ(llvm::toString(lunch.takeError()),
              "the program has no entry `lunch` of tokens");
  });
}

//===----------------------------------------------------------------------===//
// Recurrences
//===----------------------------------------------------------------------===//

/// Linear attention of 512 tokens on four heads, in chunks of `chunk`.
static std::string spellRecurrence(const cost::Recurrence &problem,
                                   int64_t chunk) {
  auto tensor = [](const std::string &dims) {
    return "tensor<" + dims + "xf32>";
  };
  std::string width = std::to_string(int64_t(problem.state)),
              queries = std::to_string(int64_t(problem.groups));
  std::string q = tensor("512x" + queries + "x" + width),
              v = tensor("512x4x" + std::to_string(int64_t(problem.width))),
              s = tensor("4x" + width + "x" +
                         std::to_string(int64_t(problem.width))),
              rows = tensor("512x4x" + width), numbers = tensor("512x4");
  bool isDelta = problem.rule == cost::UpdateRule::delta,
       erases = problem.rule == cost::UpdateRule::erase;
  std::string decay = problem.decaysRows ? rows : numbers;
  return "func.func @run(%q: " + q + ", %k: " + q + ", %v: " + v +
         ", %g: " + decay + ", %b: " + numbers + ", %d: " + q + ", %e: " + q +
         ", %s: " + s + ") -> (" + v + ", " + s +
         ") {\n  %o, %n = seq.linear_attention " +
         (isDelta  ? "gated_delta"
          : erases ? "rank_one"
                   : "gated") +
         " %q, %k, %v decay(%g : " + decay + ")" +
         (isDelta ? " beta(%b : " + numbers + ")" : "") +
         (erases ? " erase(%d, %e : " + q + ", " + q + ")" : "") +
         " state(%s) {scale = 0.5 : f32, chunk = " + std::to_string(chunk) +
         " : i64} : " + q + ", " + q + ", " + v + ", " + s +
         "\n  return %o, %n : " + v + ", " + s + "\n}\n";
}

static double countVectors(const cost::Work &work) {
  double count = 0;
  for (double operations : work.vector)
    count += operations;
  return count;
}

static double countFlops(const cost::Work &work) {
  double count = 0;
  for (const cost::Product &product : work.products)
    count += product.getFlops();
  return count;
}

TEST(ProgramFacts, ARecurrenceHasTheFactsOfItsFormula) {
  std::string path = testing::TempDir() + "recurrence.mlir";
  for (cost::UpdateRule rule : {cost::UpdateRule::add, cost::UpdateRule::delta,
                                cost::UpdateRule::erase})
    for (bool decaysRows : {false, true})
      for (int64_t chunk : {1, 2, 4, 32, 64}) {
        cost::Recurrence problem{1, 4, 2, 512, 64, 48, cost::Element::f32};
        problem.rule = rule;
        problem.decaysRows = decaysRows;
        std::ofstream(path) << spellRecurrence(problem, chunk);
        auto compare = [&](ModuleOp module) {
          auto kernels = module.getOps<func::FuncOp>();
          auto kernel = *llvm::find_if(kernels, [](func::FuncOp each) {
            return each.getName().starts_with("linear_attention");
          });
          std::string reason;
          auto facts = facts::readKernelFacts(
              kernel, std::vector<double>(kernel.getNumArguments(), 0), 0,
              reason);
          ASSERT_TRUE(facts) << reason;
          cost::KernelFacts formula = cost::getChunkedFacts(
              problem, double(chunk), cost::ChunkForm::walk);
          cost::Work own = facts->getTotal(), other = formula.getTotal();
          EXPECT_EQ(facts->countItems(), formula.countItems());
          EXPECT_DOUBLE_EQ(countFlops(own), countFlops(other));
          EXPECT_DOUBLE_EQ(own.special[size_t(cost::Special::exp2)],
                           other.special[size_t(cost::Special::exp2)]);
          EXPECT_NEAR(countVectors(other) / countVectors(own), 1, 0.1);
          EXPECT_NEAR(other.moved / own.moved, 1, 0.02);
          EXPECT_NEAR(formula.getCompulsory() / facts->getCompulsory(), 1,
                      0.02);
        };
        SCOPED_TRACE(testing::Message()
                     << "rule " << int(rule) << ", decays of rows "
                     << decaysRows << ", chunks of " << chunk);
        inspect("schedule", compare, path);
      }
}
