// Follows an entry's launches to their kernels and buffers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/facts/ProgramFacts.h"

#include "compiler/facts/IndexRanges.h"
#include "compiler/facts/KernelFacts.h"
#include "dialects/rt/Rt.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <map>

using namespace mlir;

namespace sennit::facts {

int64_t getMaxTokens(ModuleOp module, StringRef entry) {
  auto function = module.lookupSymbol<func::FuncOp>(entry);
  auto most = function ? function->getAttrOfType<IntegerAttr>("seq.max_tokens")
                       : IntegerAttr();
  return most ? most.getInt() : 0;
}

namespace {
class EntryReader {
public:
  EntryReader(ModuleOp module, func::FuncOp entry, const Call &call)
      : module(module), entry(entry), call(call) {
    facts.name = call.entry;
    facts.tokens = double(call.tokens);
    facts.past = double(call.past);
    if (entry.getNumArguments() == 0)
      return;
    ranges.set(entry.getArgument(0), double(call.tokens));
    ranges.set(entry.getArgument(1), double(call.past));
  }

  llvm::Expected<cost::EntryFacts> run() {
    for (auto launch : entry.getOps<rt::LaunchOp>())
      if (auto error = add(launch))
        return std::move(error);
    for (auto &[buffer, bytes] : buffers) {
      facts.touched += bytes;
      if (std::get<0>(buffer) == rt::Memory::Arena)
        facts.arena += bytes;
    }
    return std::move(facts);
  }

private:
  llvm::Error add(rt::LaunchOp launch) {
    auto kernel = module.lookupSymbol<func::FuncOp>(launch.getKernel());
    std::vector<double> numbers;
    for (Value argument : launch.getArguments()) {
      double rows = getTableRows(launch, argument);
      auto range = argument.getType().isIndex()
                       ? ranges.get(argument)
                       : std::optional(Range{rows, rows});
      if (!range)
        return llvm::createStringError("an extent of kernel `" +
                                       launch.getKernel() +
                                       "` cannot be told from the entry's");
      numbers.push_back(range->middle());
    }
    auto [found, isNew] = known.insert(
        {{launch.getKernel().str(), numbers}, facts.kernels.size()});
    if (isNew) {
      std::string reason;
      auto read = readKernelFacts(kernel, numbers, call.skew, reason,
                                  call.isStepwise && call.isStepwise(kernel));
      if (!read)
        return llvm::createStringError("kernel `" + launch.getKernel() +
                                       "`: " + reason);
      facts.kernels.push_back({std::move(*read), 0, 0});
    }
    cost::KernelUse &use = facts.kernels[found->second];
    use.calls += 1;
    touch(launch, use);
    return llvm::Error::success();
  }

  /// Rows that a table of first rows leads to: those of the launch that wrote
  /// it, which read the choices of every token.
  double getTableRows(rt::LaunchOp launch, Value view) {
    auto type = dyn_cast<MemRefType>(view.getType());
    auto buffer = view.getDefiningOp<rt::BufferOp>();
    if (!type || !buffer || !isTable(type))
      return 0;
    double &rows = tables[buffer.getOffset()];
    for (Value other : launch.getArguments())
      if (auto choices = dyn_cast<MemRefType>(other.getType());
          choices && choices.getRank() == 2 &&
          choices.getElementType().isInteger(32))
        rows = double(
            (choices.isDynamicDim(0) ? call.tokens : choices.getDimSize(0)) *
            choices.getDimSize(1));
    return rows;
  }

  static bool isTable(MemRefType type) {
    return type.getRank() == 1 && type.hasStaticShape() &&
           type.getElementType().isInteger(32);
  }

  /// Notes what a launch touches of each buffer.
  void touch(rt::LaunchOp launch, cost::KernelUse &use) {
    use.arena = 0;
    for (const cost::Access &access : use.facts.accesses) {
      Value view = launch.getArguments()[std::stoul(access.name)];
      auto buffer = view.getDefiningOp<rt::BufferOp>();
      if (!buffer)
        continue;
      std::tuple key(buffer.getMemory(), buffer.getName().value_or("").str(),
                     int64_t(buffer.getOffset()));
      double &bytes = buffers[key];
      bytes = std::max(bytes, access.getCompulsory());
      if (buffer.getMemory() == rt::Memory::Arena)
        use.arena += access.getCompulsory();
    }
  }

  ModuleOp module;
  func::FuncOp entry;
  const Call &call;
  cost::EntryFacts facts;
  IndexRanges ranges;
  std::map<std::pair<std::string, std::vector<double>>, size_t> known;
  /// By the place of the table in the arena.
  std::map<int64_t, double> tables;
  std::map<std::tuple<rt::Memory, std::string, int64_t>, double> buffers;
};
} // namespace

llvm::Expected<cost::EntryFacts> readEntryFacts(ModuleOp module,
                                                const Call &call) {
  auto entry = module.lookupSymbol<func::FuncOp>(call.entry);
  if (entry && entry.getNumArguments() == 0)
    return EntryReader(module, entry, call).run();
  if (!entry || entry.getNumArguments() != 2)
    return llvm::createStringError("the program has no entry `" + call.entry +
                                   "` of tokens");
  int64_t most = getMaxTokens(module, call.entry);
  if (call.tokens > most)
    return llvm::createStringError(
        "`" + call.entry + "` takes " + std::to_string(most) +
        " tokens a call, not " + std::to_string(call.tokens));
  return EntryReader(module, entry, call).run();
}

} // namespace sennit::facts
