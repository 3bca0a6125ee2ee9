// Collects remarks as decisions, and prints them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Fusion.h"

#include "mlir/IR/Location.h"
#include "llvm/Support/Format.h"
#include <mutex>

using namespace mlir;

namespace sennit {

/// The model's name for a place: `model.layers.*.mamba`, layers not told apart.
static std::string describePlace(Location location) {
  std::string name;
  location->walk([&](Location inner) {
    auto named = dyn_cast<NameLoc>(inner);
    if (!named)
      return WalkResult::advance();
    name = named.getName().str();
    return WalkResult::interrupt();
  });
  std::string general;
  SmallVector<StringRef> parts;
  StringRef(name).split(parts, '.');
  for (StringRef part : parts) {
    general += general.empty() ? "" : ".";
    general +=
        llvm::all_of(part, llvm::isDigit) && !part.empty() ? "*" : part.str();
  }
  return general;
}

namespace {
class Listener : public remark::detail::MLIRRemarkStreamerBase {
public:
  explicit Listener(Decisions &decisions) : decisions(decisions) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    std::string reason;
    for (const auto &argument : remark.getArgs())
      reason += argument.val;
    // Kernels are lowered by several threads.
    std::lock_guard<std::mutex> lock(mutex);
    decisions.add({remark.getRemarkType() == llvm::remarks::Type::Passed,
                   remark.getRemarkName().str(),
                   describePlace(remark.getLocation()), reason, 1});
  }

private:
  Decisions &decisions;
  std::mutex mutex;
};
} // namespace

LogicalResult Decisions::listen(MLIRContext &context) {
  remark::RemarkCategories categories;
  categories.passed = ".*";
  categories.missed = ".*";
  return remark::enableOptimizationRemarks(
      context, std::make_unique<Listener>(*this),
      std::make_unique<remark::RemarkEmittingPolicyAll>(), categories);
}

void Decisions::add(Decision decision) {
  for (Decision &known : decisions)
    if (known.taken == decision.taken && known.pass == decision.pass &&
        known.place == decision.place && known.reason == decision.reason) {
      ++known.count;
      return;
    }
  decisions.push_back(std::move(decision));
}

static int64_t countThose(ArrayRef<Decision> decisions, bool taken) {
  int64_t sum = 0;
  for (const Decision &decision : decisions)
    sum += decision.taken == taken ? decision.count : 0;
  return sum;
}

int64_t Decisions::countTaken() const { return countThose(decisions, true); }
int64_t Decisions::countMissed() const { return countThose(decisions, false); }

void Decisions::print(raw_ostream &os) const {
  for (bool taken : {true, false}) {
    os << (taken ? "fused\n" : "missed\n");
    for (const Decision &decision : decisions)
      if (decision.taken == taken)
        os << llvm::format("%6lld  ", (long long)decision.count)
           << llvm::left_justify(decision.pass, 18) << ' '
           << llvm::left_justify(decision.place, 34) << ' ' << decision.reason
           << "\n";
  }
}

} // namespace sennit
