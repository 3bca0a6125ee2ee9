// sennit predict: how long a model takes on a machine, kernel by kernel.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Trace.h"
#include "compiler/tools/Verbs.h"
#include "compiler/tools/WorkloadOptions.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand
    command("predict", "predict a model's times on a machine, by kernel");
static WorkloadOptions
    options(command, "another value for a field, such as core.count=64");
static cl::opt<std::string>
    kernelName("kernel",
               cl::desc("print what each resource takes of this kernel alone"),
               cl::value_desc("name"), cl::sub(command));
static cl::opt<std::string>
    trace("trace", cl::desc("also write a timeline, for Perfetto"),
          cl::value_desc("file.json"), cl::sub(command));
static cl::opt<bool> asJson("json", cl::desc("print JSON, in base units"),
                            cl::sub(command));

static std::string formatEnergy(const std::optional<double> &joules) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (joules)
    os << llvm::format("%.3g", *joules * 1e3);
  return joules ? text : "-";
}

static void print(const EntryRow &entry, llvm::raw_ostream &os) {
  os << llvm::format("\n%s of %.0f token%s after %.0f: ", entry.name.c_str(),
                     entry.tokens, entry.tokens == 1 ? "" : "s", entry.past)
     << llvm::format("%.3f ms, %.0f tokens/s", entry.seconds * 1e3,
                     entry.tokens / entry.seconds);
  if (entry.energy)
    os << llvm::format(", %s mJ", formatEnergy(entry.energy).c_str());
  os << ", " << getName(entry.confidence) << "\n\n"
     << "| kernel | calls | us a call | share | bound by | known as | GFLOP/s "
        "| "
        "KB a call | mJ |\n"
     << "| --- | ---: | ---: | ---: | --- | --- | ---: | ---: | ---: |\n";
  double all = 0;
  for (const KernelRow &row : entry.kernels)
    all += row.seconds;
  for (const KernelRow &row : entry.kernels) {
    double seconds = row.seconds / row.calls;
    os << "| " << row.name << (row.fits ? "" : " (too large)") << " | "
       << llvm::format("%.0f | %.2f | %.1f %% | ", row.calls, seconds * 1e6,
                       100 * row.seconds / all)
       << row.bound.name << " | " << getName(row.bound.status) << " | "
       << llvm::format("%.4g | %.4g | ", row.operations / row.seconds / 1e9,
                       row.bytes / row.calls / 1e3)
       << formatEnergy(row.energy) << " |\n";
  }
  for (const Saving &saving : entry.savings)
    os << "\n" << describe(saving, entry.seconds);
  if (!entry.savings.empty())
    os << "\n";
  if (!entry.fits)
    os << "\nWhat it touches does not fit the largest memory.\n";
  if (!entry.energy)
    os << "\nNo energy: the machine does not say `" << entry.missingEnergy
       << "`.\n";
}

/// What each resource alone would take of a kernel, the longest first: the next
/// bottleneck is the second.
static void printResources(const EntryRow &entry, const KernelRow &row,
                           llvm::raw_ostream &os) {
  os << "\n"
     << entry.name << ", kernel " << row.name
     << llvm::format(": %.2f us for the longest of %.0f calls, %.0f waves\n\n",
                     row.longest * 1e6, row.calls, row.waves)
     << "| resource | us alone | of the call | known as |\n"
        "| --- | ---: | ---: | --- |\n";
  std::vector<cost::Resource> resources = row.resources;
  llvm::stable_sort(resources,
                    [](auto &a, auto &b) { return a.seconds > b.seconds; });
  for (const cost::Resource &resource : resources)
    if (resource.seconds > 0)
      os << "| " << resource.name
         << llvm::format(" | %.3f | %.1f %% | ", resource.seconds * 1e6,
                         100 * resource.seconds / row.longest)
         << getName(resource.status) << " |\n";
}

static int printKernel(llvm::ArrayRef<EntryRow> entries) {
  bool isFound = false;
  for (const EntryRow &entry : entries)
    for (const KernelRow &row : entry.kernels)
      if (row.name == kernelName) {
        printResources(entry, row, llvm::outs());
        isFound = true;
      }
  return isFound ? done
                 : complain("neither prefill nor step has a kernel `" +
                                kernelName + "`",
                            usage);
}

static llvm::json::Object toJson(const EntryRow &entry) {
  auto orNull = [](const std::optional<double> &number) {
    return number ? llvm::json::Value(*number) : llvm::json::Value(nullptr);
  };
  llvm::json::Array kernels;
  for (const KernelRow &row : entry.kernels)
    kernels.push_back(
        llvm::json::Object{{"name", row.name},
                           {"calls", row.calls},
                           {"seconds", row.seconds},
                           {"operations", row.operations},
                           {"bytes", row.bytes},
                           {"joules", orNull(row.energy)},
                           {"bound", row.bound.name},
                           {"status", std::string(getName(row.bound.status))},
                           {"waves", row.waves},
                           {"fits", row.fits}});
  llvm::json::Array units;
  for (const Saving &saving : entry.savings)
    units.push_back(
        llvm::json::Object{{"name", saving.unit},
                           {"seconds_without", saving.secondsWithout},
                           {"joules_without", orNull(saving.joulesWithout)},
                           {"square_metres", saving.area},
                           {"share_of_area", saving.share}});
  return llvm::json::Object{{"name", entry.name},
                            {"tokens", entry.tokens},
                            {"past", entry.past},
                            {"calls", entry.calls},
                            {"launches", entry.launches},
                            {"seconds", entry.seconds},
                            {"joules", orNull(entry.energy)},
                            {"status", std::string(getName(entry.confidence))},
                            {"fits", entry.fits},
                            {"units", std::move(units)},
                            {"kernels", std::move(kernels)}};
}

static int saveTrace(const WorkloadFacts &facts,
                     const machine::Machine &machine) {
  std::string reason;
  bool isWhole = true;
  if (auto error = llvm::writeToOutput(trace, [&](llvm::raw_ostream &os) {
        isWhole = writeTrace(facts, machine, os, reason);
        return llvm::Error::success();
      }))
    return complain(llvm::toString(std::move(error)), failed);
  return isWhole ? done : complain(reason, unsupported);
}

static int run() {
  if (options.model.empty() || options.target.empty())
    return complain("predict needs a model and --target with a machine of "
                    "`sennit targets list` or a file that ends in `.yaml`",
                    usage);
  if (int code = options.check())
    return code;
  Workload workload = options.getWorkload();
  LoadedMachine loaded;
  WorkloadFacts facts;
  std::vector<EntryRow> entries;
  if (int code = predictWorkload(workload, options.target, options.calibration,
                                 options.changes, loaded, facts, entries))
    return code;
  if (!trace.empty())
    if (int code = saveTrace(facts, loaded.machine))
      return code;
  if (!kernelName.empty())
    return printKernel(entries);
  if (asJson) {
    llvm::outs() << llvm::json::Value(llvm::json::Object{
                        {"format", 1},
                        {"model", options.model.getValue()},
                        {"machine", loaded.machine.name},
                        {"cores", loaded.machine.cores.value},
                        {"activations",
                         workload.getActivations(loaded.machine)},
                        {"prefill", toJson(entries[0])},
                        {"step", toJson(entries[1])}})
                 << "\n";
    return done;
  }
  llvm::outs() << options.model << " on " << loaded.machine.name << ", "
               << llvm::format("%.0f cores, ", loaded.machine.cores.value)
               << "activations of products: "
               << workload.getActivations(loaded.machine) << "\n";
  for (const EntryRow &entry : entries)
    print(entry, llvm::outs());
  return done;
}

Verb getPredictVerb() {
  return {&command, run,
          "sennit predict path/to/model --target nvidia-h200-sxm"};
}

} // namespace sennit::tools
