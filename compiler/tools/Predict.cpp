// Reads a model's facts and sums their costs by kernel.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Predict.h"

#include "compiler/facts/ProgramFacts.h"
#include "compiler/tools/Verbs.h"
#include "llvm/Support/Format.h"

namespace sennit::tools {

static llvm::Error readCalls(mlir::ModuleOp module, const Workload &workload,
                             WorkloadFacts &facts) {
  int64_t chunk = facts::getMaxTokens(module, "prefill");
  auto model = module->getAttrOfType<mlir::DictionaryAttr>("seq.model");
  auto context =
      model ? model.getAs<mlir::IntegerAttr>("context") : mlir::IntegerAttr();
  if (chunk == 0 || !context)
    return llvm::make_error<CompileError>(
        "`" + workload.model +
            "` has no entry `prefill`; a model that writes "
            "token by token is expected",
        unsupported);
  if (workload.length + 1 > context.getInt())
    return llvm::make_error<CompileError>(
        "a step after " + std::to_string(workload.length) +
            " tokens does not fit the context of " +
            std::to_string(context.getInt()) + "; give a larger --context",
        usage);
  auto isStepwise = getStepwiseTest(
      module->getAttrOfType<machine::CoreAttr>("machine.target"));
  for (int64_t past = 0; past < workload.length; past += chunk) {
    auto call = facts::readEntryFacts(
        module, {"prefill", std::min(chunk, workload.length - past), past,
                 workload.skew, isStepwise});
    if (!call)
      return call.takeError();
    facts.prefill.push_back(std::move(*call));
  }
  auto step = facts::readEntryFacts(
      module, {"decode", 1, workload.length, workload.skew, isStepwise});
  if (!step)
    return step.takeError();
  facts.step = std::move(*step);
  return llvm::Error::success();
}

llvm::Error readWorkload(const Workload &workload, const LoadedMachine &loaded,
                         WorkloadFacts &facts, Progress progress) {
  CompileOptions options;
  options.input = workload.model;
  options.context = workload.context;
  options.stopAfter = "place";
  options.imaginesWeights = true;
  options.fuses = workload.fuses;
  options.chunk = workload.chunk;
  options.roundsOperands = workload.roundsOperands;
  scheduleFor(loaded, options);
  options.inspect = [&](mlir::ModuleOp module) {
    return readCalls(module, workload, facts);
  };
  CompileReport report;
  return compile(options, report, progress);
}

std::optional<EntryRow> predictEntry(const std::string &name,
                                     llvm::ArrayRef<cost::EntryFacts> calls,
                                     const machine::Machine &machine,
                                     std::string &reason) {
  EntryRow entry;
  entry.name = name;
  entry.past = calls.front().past;
  llvm::StringMap<KernelRow> rows;
  for (const cost::EntryFacts &call : calls) {
    auto prediction = predict(call, machine, reason);
    if (!prediction)
      return std::nullopt;
    entry.calls += 1;
    entry.tokens += call.tokens;
    entry.launches += call.countLaunches();
    entry.seconds += prediction->seconds;
    entry.fits &= prediction->fits;
    entry.confidence = std::max(entry.confidence, prediction->confidence);
    if (prediction->energy && entry.energy)
      *entry.energy += *prediction->energy;
    else
      entry.energy.reset();
    entry.missingEnergy = prediction->missingEnergy;
    for (auto [use, kernel] :
         llvm::zip_equal(call.kernels, prediction->kernels)) {
      KernelRow &row = rows[use.facts.name];
      row.name = use.facts.name;
      row.calls += use.calls;
      row.seconds += kernel.seconds * use.calls;
      row.operations += kernel.operations * use.calls;
      row.bytes += kernel.bytes * use.calls;
      row.fits &= kernel.fits;
      row.bytesByMemory.resize(kernel.bytesByMemory.size());
      for (auto [sum, bytes] :
           llvm::zip_equal(row.bytesByMemory, kernel.bytesByMemory))
        sum += bytes * use.calls;
      if (kernel.energy && row.energy)
        *row.energy += *kernel.energy * use.calls;
      else
        row.energy.reset();
      if (kernel.seconds < row.longest)
        continue;
      row.longest = kernel.seconds;
      row.bound = kernel.bound;
      row.resources = kernel.resources;
      row.waves = kernel.waves;
    }
  }
  for (auto &row : rows)
    entry.kernels.push_back(std::move(row.second));
  llvm::sort(entry.kernels, [](const KernelRow &a, const KernelRow &b) {
    return std::pair(-a.seconds, a.name) < std::pair(-b.seconds, b.name);
  });
  return entry;
}

std::string describe(const Saving &saving, double secondsWith) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "without `" << saving.unit
     << llvm::format("`: %.4g ms (%.3f times as long)",
                     saving.secondsWithout * 1e3,
                     saving.secondsWithout / secondsWith);
  if (saving.joulesWithout)
    os << llvm::format(", %.3g mJ", *saving.joulesWithout * 1e3);
  if (saving.area > 0)
    os << llvm::format("; it takes %.3g mm2", saving.area * 1e6);
  if (saving.share > 0)
    os << llvm::format(", %.2f %% of the chip", saving.share * 100);
  return text;
}

std::vector<Saving> findSavings(llvm::ArrayRef<cost::EntryFacts> calls,
                                const machine::Machine &machine) {
  std::vector<Saving> savings;
  for (auto [i, unit] : llvm::enumerate(machine.units)) {
    bool isOptional = llvm::is_contained(cost::tasks, unit.kind) ||
                      unit.kind == machine::UnitKind::special;
    machine::Machine without = machine;
    without.units.erase(without.units.begin() + i);
    std::string reason;
    auto entry =
        isOptional ? predictEntry("", calls, without, reason) : std::nullopt;
    if (!entry)
      continue;
    double area = unit.area.value * unit.instances;
    savings.push_back({unit.name, entry->seconds, entry->energy, area,
                       machine.die ? area / machine.getArea().value : 0});
  }
  return savings;
}

int predictWorkload(const Workload &workload, llvm::StringRef target,
                    llvm::StringRef calibration,
                    llvm::ArrayRef<std::string> changes, LoadedMachine &loaded,
                    WorkloadFacts &facts, std::vector<EntryRow> &entries) {
  if (int code = loadMachine(target, calibration, changes, loaded))
    return code;
  if (int code = runWithProgress([&](Progress progress) {
        return readWorkload(workload, loaded, facts, progress);
      }))
    return code;
  std::string reason;
  auto prefill = predictEntry("prefill", facts.prefill, loaded.machine, reason);
  auto step = prefill ? predictEntry("step", facts.step, loaded.machine, reason)
                      : std::nullopt;
  if (!step)
    return complain(reason, unsupported);
  prefill->savings = findSavings(facts.prefill, loaded.machine);
  step->savings = findSavings(facts.step, loaded.machine);
  entries = {std::move(*prefill), std::move(*step)};
  return done;
}

} // namespace sennit::tools
