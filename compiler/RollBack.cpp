// Weighs snapshots of states against feeding tokens again.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/RollBack.h"

#include "compiler/Target.h"
#include "compiler/facts/ProgramFacts.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "passes/normalize/ScanWork.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace sennit {

/// A copy of `states` states of `bytes` bytes in all: by the core that calls,
/// or by all of a device.
static cost::EntryFacts getCopyFacts(double states, double bytes,
                                     const machine::Machine &machine) {
  cost::KernelFacts copy;
  copy.name = "copy of the state";
  copy.launches = states;
  bool isDevice = machine.itemThreads && machine.itemThreads.value > 1;
  double items = isDevice ? machine.cores.value : 1;
  cost::Work work;
  work.moved = 2 * bytes / items;
  work.chain.memory = 1;
  copy.items.push_back({work, items});
  copy.accesses = {{"state", bytes, {}, false}, {"copy", bytes, {}, true}};
  cost::EntryFacts facts;
  facts.name = copy.name;
  facts.touched = copy.getCompulsory();
  facts.kernels.push_back({std::move(copy)});
  return facts;
}

namespace {
/// The seconds of a round: tokens are offered, and a prefix of them stays.
class Rounds {
public:
  Rounds(ModuleOp module, const machine::Machine &machine)
      : module(module), machine(machine),
        offered(facts::getMaxTokens(module, "verify")) {
    auto model = module->getAttrOfType<DictionaryAttr>("seq.model");
    past = std::max<int64_t>(
        0, model.getAs<IntegerAttr>("context").getInt() / 2 - offered);
    isStepwise = getStepwiseTest(
        module->getAttrOfType<machine::CoreAttr>("machine.target"));
  }

  /// Nothing, and `reason`, where something cannot be predicted.
  std::optional<std::pair<double, double>> compare(double states,
                                                   double bytes) {
    int64_t kept = std::max<int64_t>(1, offered / 2);
    double copy = time(getCopyFacts(states, bytes, machine));
    double verify = time("verify", offered), step = time("decode", 1),
           again = time("verify", kept);
    if (!reason.empty())
      return std::nullopt;
    // 0, 1, .. all of them stay; only the last takes nothing back, the first
    // feeds nothing again.
    double all = double(offered) + 1, fewer = double(offered) / all,
           fed = (double(offered) - 1) / all;
    return std::pair(copy + verify + fewer * copy + fed * again,
                     double(offered) * (step + copy) + fewer * copy);
  }

  std::string reason;

private:
  double time(const cost::EntryFacts &entry) {
    auto prediction = cost::predict(entry, machine, reason);
    return prediction ? prediction->seconds : 0;
  }
  double time(StringRef entry, int64_t tokens) {
    auto read = facts::readEntryFacts(
        module, {entry.str(), tokens, past, /*skew=*/0, isStepwise});
    if (read)
      return time(*read);
    reason = llvm::toString(read.takeError());
    return 0;
  }

  ModuleOp module;
  const machine::Machine &machine;
  int64_t offered, past = 0;
  std::function<bool(func::FuncOp)> isStepwise;
};
} // namespace

/// How many states need a copy, and their bytes.
static std::pair<double, double> countCopied(ArrayAttr states) {
  double count = 0, bytes = 0;
  for (auto state : states.getAsRange<DictionaryAttr>()) {
    if (state.getAs<StringAttr>("roll_back").getValue() != "copy")
      continue;
    auto type = cast<ShapedType>(state.getAs<TypeAttr>("type").getValue());
    count += 1;
    bytes +=
        double(type.getNumElements()) * (type.getElementTypeBitWidth() / 8.0);
  }
  return {count, bytes};
}

static void takeSnapshots(ModuleOp module, ArrayAttr states) {
  Builder builder(module.getContext());
  SmallVector<Attribute> rows;
  for (auto state : states.getAsRange<DictionaryAttr>()) {
    NamedAttrList row(state);
    if (state.getAs<StringAttr>("roll_back").getValue() == "copy")
      row.set("roll_back", builder.getStringAttr("snapshots"));
    rows.push_back(row.getDictionary(module.getContext()));
  }
  module->setAttr("rt.state", builder.getArrayAttr(rows));
}

void chooseRollBack(ModuleOp module, std::optional<RollBack> pinned) {
  auto states = module->getAttrOfType<ArrayAttr>("rt.state");
  auto verify = module.lookupSymbol<func::FuncOp>("verify");
  if (!states || !verify)
    return;
  auto [count, bytes] = countCopied(states);
  if (count == 0)
    return;
  auto options = remark::RemarkOpts::name("RollBack").category("fuse");
  auto keep = [&](const std::string &why) {
    takeSnapshots(module, states);
    remark::passed(verify.getLoc(), options)
        << "states are kept after each offered token" + why;
  };
  auto replay = [&](const std::string &why) {
    remark::missed(verify.getLoc(), options)
        << "the tokens that stay are fed again" + why;
  };
  if (pinned)
    return *pinned == RollBack::Snapshots ? keep(", as asked")
                                          : replay(", as asked");
  std::string reason;
  auto machine = normalize::readMachine(module, reason);
  if (!machine)
    return replay(": " + reason + ", so no time is predicted");
  Rounds rounds(module, *machine);
  auto seconds = rounds.compare(count, bytes);
  if (!seconds)
    return replay(": " + rounds.reason);
  std::string why =
      llvm::formatv(": a round of {0} takes {1:f1} us as steps with copies of "
                    "{2} bytes, {3:f1} us as one call with the rest again, as "
                    "predicted",
                    facts::getMaxTokens(module, "verify"),
                    1e6 * seconds->second, uint64_t(bytes),
                    1e6 * seconds->first)
          .str();
  seconds->second < seconds->first ? keep(why) : replay(why);
}

} // namespace sennit
