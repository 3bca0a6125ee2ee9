// sennit validate: how far predictions are from what was measured, here or
// before.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Suite.h"
#include "compiler/tools/Validate.h"
#include "compiler/tools/Verbs.h"
#include "compiler/tools/WorkloadOptions.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Threading.h"

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand command(
    "validate",
    "compare predictions with what models take on this host, kernel by kernel, "
    "or with times of programs that were measured before");
static cl::list<std::string> models(cl::Positional, cl::desc("<model>.."),
                                    cl::sub(command));
static cl::opt<std::string>
    target("target",
           cl::desc("the machine of this host, of `sennit targets list`, or "
                    "its file"),
           cl::value_desc("machine | file.yaml"), cl::sub(command));
static cl::opt<std::string>
    calibration("calibration",
                cl::desc("numbers that `sennit targets calibrate` measured"),
                cl::value_desc("file"), cl::sub(command));
static cl::opt<unsigned>
    threads("threads",
            cl::desc("threads that compute, and the machine's cores (default: "
                     "all)"),
            cl::init(0), cl::sub(command));
static cl::list<int64_t>
    lengths("length",
            cl::desc("tokens of a prefill, several by commas (default: 256)"),
            cl::CommaSeparated, cl::sub(command));
static cl::opt<double>
    seconds("seconds",
            cl::desc("seconds for each model and length (default: 2)"),
            cl::init(2), cl::sub(command));
static ActivationsOption activations(command);
static cl::opt<std::string>
    measured("measured",
             cl::desc("times of a suite of programs, which are predicted and "
                      "not run"),
             cl::value_desc("file.json"), cl::sub(command));
static cl::opt<std::string>
    programs("programs",
             cl::desc("where the programs of --measured are, WORK.mlir each "
                      "(default: beside it), their sizes pinned by WORK.yaml "
                      "where there is one"),
             cl::value_desc("folder"), cl::sub(command));
static cl::opt<bool>
    asJson("json", cl::desc("print each comparison, as JSON in seconds"),
           cl::sub(command));

static void printRow(llvm::StringRef name,
                     llvm::ArrayRef<const Comparison *> comparisons) {
  Errors errors = getErrors(comparisons);
  llvm::outs() << "| " << name << " | " << errors.count
               << llvm::format(" | %.1f %% | %.1f %% | %+.1f %% |\n",
                               100 * errors.median, 100 * errors.p90,
                               100 * errors.bias);
}

static void print(llvm::ArrayRef<Comparison> comparisons) {
  llvm::MapVector<llvm::StringRef, std::vector<const Comparison *>> families;
  std::vector<const Comparison *> kernels;
  for (const Comparison &comparison : comparisons) {
    families[comparison.getFamily()].push_back(&comparison);
    if (comparison.kernel != "whole")
      kernels.push_back(&comparison);
  }
  llvm::outs() << "| family | kernels | median error | p90 | bias |\n| --- | "
                  "---: | ---: | ---: | ---: |\n";
  for (auto &[name, of] : families)
    printRow(name == "whole" ? "whole entries" : name, of);
  printRow("all kernels", kernels);
}

static void printJson(llvm::ArrayRef<Comparison> comparisons) {
  llvm::json::Array rows;
  for (const Comparison &comparison : comparisons)
    rows.push_back(llvm::json::Object{
        {"model", llvm::sys::path::filename(comparison.model)},
        {"entry", comparison.entry},
        {"kernel", comparison.kernel},
        {"family", comparison.getFamily()},
        {"tokens", comparison.tokens},
        {"calls", comparison.calls},
        {"measured", comparison.measured},
        {"predicted", comparison.predicted}});
  llvm::outs() << llvm::json::Value(llvm::json::Object{
                      {"format", 1}, {"rows", std::move(rows)}})
               << "\n";
}

/// Errors of held-out works, a column of three a tier.
static void printSuite(llvm::ArrayRef<SuiteRow> rows, bool isCalibrated) {
  llvm::MapVector<llvm::StringRef, std::array<size_t, 2>> counts;
  for (const SuiteRow &row : rows) {
    counts[row.family][row.part == Part::fit] += 1;
  }
  auto tiers = [&](llvm::StringRef family) {
    for (Tier tier : {Tier::file, Tier::calibrated, Tier::corrected}) {
      if (tier == Tier::calibrated && !isCalibrated)
        continue;
      Errors errors = getErrors(rows, family, tier);
      llvm::outs() << llvm::format(" | %.1f %% | %.1f %% | %+.1f %%",
                                   100 * errors.median, 100 * errors.p90,
                                   100 * errors.bias);
    }
    llvm::outs() << " |\n";
  };
  llvm::outs() << "| family | fitted | held out";
  for (llvm::StringRef tier : {"T0", "T1", "T2"})
    if (tier != "T1" || isCalibrated)
      llvm::outs() << " | " << tier << " median | p90 | bias";
  llvm::outs() << " |\n| --- | ---: | ---:"
               << (isCalibrated ? " | ---: | ---: | ---:" : "")
               << " | ---: | ---: | ---: | ---: | ---: | ---: |\n";
  std::array<size_t, 2> all = {};
  for (auto &[family, count] : counts) {
    llvm::outs() << "| " << family << " | " << count[1] << " | " << count[0];
    tiers(family);
    all[1] += count[1];
    all[0] += count[1] > 0 ? count[0] : 0;
  }
  llvm::outs() << "| all that are fitted | " << all[1] << " | " << all[0];
  tiers("");
}

static void printSuiteJson(
    llvm::ArrayRef<SuiteRow> rows,
    const llvm::MapVector<llvm::StringRef, cost::Residual> &residuals) {
  llvm::json::Array list;
  constexpr const char *parts[] = {"fit", "test", "unfitted", "probe"};
  for (const SuiteRow &row : rows) {
    llvm::json::Array kernels;
    for (const SuiteRow::Kernel &kernel : row.kernels) {
      llvm::json::Object resources;
      for (const cost::Resource &resource : kernel.resources)
        resources[resource.name] = resource.seconds;
      kernels.push_back(
          llvm::json::Object{{"name", kernel.name},
                             {"seconds", kernel.seconds},
                             {"resources", std::move(resources)}});
    }
    list.push_back(llvm::json::Object{{"work", row.work},
                                      {"family", row.family},
                                      {"part", parts[size_t(row.part)]},
                                      {"bound", row.bound},
                                      {"measured", row.measured},
                                      {"T0", row.predicted[0]},
                                      {"T1", row.predicted[1]},
                                      {"T2", row.predicted[2]},
                                      {"kernels", std::move(kernels)}});
  }
  llvm::json::Object fitted;
  for (auto &[family, residual] : residuals)
    fitted[family] = llvm::json::Array(residual.coefficients);
  llvm::outs() << llvm::json::Value(
                      llvm::json::Object{{"format", 1},
                                         {"residuals", std::move(fitted)},
                                         {"rows", std::move(list)}})
               << "\n";
}

static int runSuite() {
  if (target.empty() || !models.empty())
    return complain("--measured takes the place of models, and needs --target "
                    "with the machine that was measured",
                    usage);
  LoadedMachine file, calibrated;
  if (int code = loadMachine(target, "", {}, file))
    return code;
  if (int code = loadMachine(target, calibration, {}, calibrated))
    return code;
  std::vector<SuiteRow> rows;
  if (int code = readSuite(measured, rows))
    return code;
  std::string folder = programs;
  if (folder.empty())
    folder = llvm::sys::path::parent_path(measured).str();
  llvm::MapVector<llvm::StringRef, cost::Residual> residuals;
  if (int code = predictSuite(folder, file, calibrated, rows, residuals))
    return code;
  asJson ? printSuiteJson(rows, residuals)
         : printSuite(rows, !calibration.empty());
  return done;
}

static int run() {
  if (!measured.empty())
    return runSuite();
  if (models.empty() || target.empty())
    return complain("validate needs models, and --target with the machine of "
                    "this host",
                    usage);
  if (!(seconds > 0))
    return complain("--seconds is not positive", usage);
  if (threads == 0)
    threads = llvm::hardware_concurrency().compute_thread_count();
  if (lengths.empty())
    lengths.push_back(256);
  LoadedMachine loaded;
  if (int code = loadMachine(target, calibration,
                             {"core.count=" + std::to_string(threads)}, loaded))
    return code;
  if (loaded.machine.target.empty())
    return complain("the machine `" + loaded.machine.name +
                        "` has no `runs`: nothing can be measured on it",
                    unsupported);
  std::vector<Comparison> comparisons;
  for (const std::string &model : models)
    for (int64_t length : lengths) {
      if (length < 1)
        return complain("--length is " + llvm::Twine(length) +
                            "; at least one token is expected",
                        usage);
      llvm::errs() << model << ", " << length << " tokens\n";
      if (int code = validateModel({model, 0, length, 0, activations.get()},
                                   loaded, seconds, comparisons))
        return code;
    }
  asJson ? printJson(comparisons) : print(comparisons);
  return done;
}

Verb getValidateVerb() {
  return {&command, run,
          "sennit validate path/to/model --target x86-amx --calibration "
          "here.yaml"};
}

} // namespace sennit::tools
