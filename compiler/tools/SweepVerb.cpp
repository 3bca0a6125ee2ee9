// sennit sweep: a model's times over variations of a machine.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/facts/Core.h"
#include "compiler/machine/Axis.h"
#include "compiler/tools/Predict.h"
#include "compiler/tools/Verbs.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/ThreadPool.h"
#include <mutex>

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand command("sweep",
                              "predict a model over variations of a machine");
static cl::opt<std::string>
    model(cl::Positional,
          cl::desc("<model directory | model.onnx | file.mlir>"),
          cl::sub(command));
static cl::opt<std::string>
    target("target",
           cl::desc("a machine of `sennit targets list`, or its file"),
           cl::value_desc("machine | file.yaml"), cl::sub(command));
static cl::opt<std::string>
    calibration("calibration",
                cl::desc("numbers that `sennit targets calibrate` measured"),
                cl::value_desc("file"), cl::sub(command));
static cl::list<std::string>
    variations("set",
               cl::desc("values of a field: core.count=64..160:16, "
                        "smem.capacity=\"64 KiB..1 MiB:x2\", "
                        "clock.max=\"1,2 GHz\""),
               cl::value_desc("path=values"), cl::sub(command));
static cl::opt<int64_t> length(
    "length",
    cl::desc("tokens of the prefill, and before the step (default: 256)"),
    cl::init(256), cl::sub(command));
static cl::opt<int64_t>
    context("context",
            cl::desc("tokens that a sequence may have (default: the model's, "
                     "at most 4096)"),
            cl::init(0), cl::sub(command));
static cl::opt<bool> asJson("json", cl::desc("write JSON lines, not CSV"),
                            cl::sub(command));
static cl::opt<std::string>
    output("o", cl::desc("where rows go (default: standard output)"),
           cl::value_desc("file"), cl::sub(command));
static cl::opt<unsigned> jobs("j", cl::desc("threads (default: all)"),
                              cl::init(0), cl::sub(command));

namespace {
/// One variation of the machine.
struct Point {
  std::vector<std::string> changes;
  LoadedMachine loaded;
  std::string core;
  EntryRow prefill, step;
};

/// A sweep; `run` goes from top to bottom. Facts are read once for each core
/// that kernels are scheduled for: other variations keep the tiles.
class Sweep {
public:
  Sweep(std::vector<std::vector<std::string>> combinations)
      : pool(llvm::hardware_concurrency(jobs)) {
    for (auto &changes : combinations)
      points.push_back({std::move(changes), {}, {}, {}, {}});
  }

  int run() {
    for (Point &point : points) {
      if (int code =
              loadMachine(target, calibration, point.changes, point.loaded))
        return code;
      mlir::MLIRContext mlir(mlir::MLIRContext::Threading::DISABLED);
      mlir.loadDialect<machine::MachineDialect>();
      llvm::raw_string_ostream(point.core)
          << makeCore(point.loaded.root, point.loaded.machine, mlir);
      cores.try_emplace(point.core, &point);
    }
    readFacts();
    predictAll();
    progress.finish();
    if (!reason.empty())
      return complain(reason, code);
    return write();
  }

private:
  /// Calls `body` for each of `count` things, by all threads.
  void forEach(llvm::StringRef phase, size_t count,
               llvm::function_ref<void(size_t)> body) {
    size_t ready = 0;
    progress.show(phase, 0, int64_t(count));
    for (size_t i = 0; i < count; ++i)
      pool.async([&, i] {
        body(i);
        std::scoped_lock lock(mutex);
        progress.show(phase, int64_t(++ready), int64_t(count));
      });
    pool.wait();
  }

  void fail(std::string message, int exitCode) {
    std::scoped_lock lock(mutex);
    if (reason.empty()) {
      reason = std::move(message);
      code = exitCode;
    }
  }

  void readFacts() {
    std::vector<std::pair<std::string, Point *>> distinct;
    for (auto &core : cores) {
      distinct.push_back({core.first().str(), core.second});
      facts.try_emplace(core.first());
    }
    forEach("kernels", distinct.size(), [&](size_t i) {
      auto &[core, point] = distinct[i];
      auto error = readWorkload({model, context, length, 0}, point->loaded,
                                facts.find(core)->second,
                                [](llvm::StringRef, int64_t, int64_t) {});
      llvm::handleAllErrors(
          std::move(error),
          [&](const CompileError &e) { fail(e.message, e.exitCode); },
          [&](const llvm::ErrorInfoBase &e) { fail(e.message(), failed); });
    });
  }

  void predictAll() {
    if (!reason.empty())
      return;
    forEach("machines", points.size(), [&](size_t i) {
      Point &point = points[i];
      const WorkloadFacts &of = facts.find(point.core)->second;
      std::string why;
      auto prefill =
          predictEntry("prefill", of.prefill, point.loaded.machine, why);
      auto step = prefill
                      ? predictEntry("step", of.step, point.loaded.machine, why)
                      : std::nullopt;
      if (!step)
        return fail(why, unsupported);
      point.prefill = std::move(*prefill);
      point.step = std::move(*step);
    });
  }

  void printCsv(llvm::raw_ostream &os) {
    for (llvm::StringRef change : points.front().changes)
      os << change.split('=').first << ",";
    os << "prefill [s],step [s],prefill [J],step [J],prefill longest,step "
          "longest,known as\n";
    for (const Point &point : points) {
      for (llvm::StringRef change : point.changes)
        os << change.split('=').second << ",";
      auto energy = [](const EntryRow &row) {
        std::string text;
        if (row.energy)
          llvm::raw_string_ostream(text) << llvm::format("%.9g", *row.energy);
        return text;
      };
      os << llvm::format("%.9g,%.9g,", point.prefill.seconds,
                         point.step.seconds)
         << energy(point.prefill) << "," << energy(point.step) << ","
         << point.prefill.kernels.front().bound.name << ","
         << point.step.kernels.front().bound.name << ","
         << getName(std::max(point.prefill.confidence, point.step.confidence))
         << "\n";
    }
  }

  void printJson(llvm::raw_ostream &os) {
    for (const Point &point : points) {
      llvm::json::Object row;
      for (llvm::StringRef change : point.changes)
        row[change.split('=').first] = change.split('=').second;
      auto number = [](const std::optional<double> &value) {
        return value ? llvm::json::Value(*value) : llvm::json::Value(nullptr);
      };
      row["prefill_seconds"] = point.prefill.seconds;
      row["step_seconds"] = point.step.seconds;
      row["prefill_joules"] = number(point.prefill.energy);
      row["step_joules"] = number(point.step.energy);
      os << llvm::json::Value(std::move(row)) << "\n";
    }
  }

  int write() {
    std::string text;
    llvm::raw_string_ostream os(text);
    asJson ? printJson(os) : printCsv(os);
    if (output.empty() || output == "-") {
      llvm::outs() << text;
      return done;
    }
    if (auto error = llvm::writeToOutput(output, [&](llvm::raw_ostream &file) {
          file << text;
          return llvm::Error::success();
        }))
      return complain(llvm::toString(std::move(error)), failed);
    return done;
  }

  std::vector<Point> points;
  llvm::StringMap<Point *> cores;
  llvm::StringMap<WorkloadFacts> facts;
  llvm::DefaultThreadPool pool;
  std::mutex mutex;
  ProgressLine progress;
  std::string reason;
  int code = failed;
};
} // namespace

static int run() {
  if (model.empty() || target.empty() || variations.empty())
    return complain("sweep needs a model, --target with a machine and --set "
                    "with values of a field",
                    usage);
  if (length < 1)
    return complain("--length is " + llvm::Twine(length) +
                        "; at least one token is expected",
                    usage);
  std::string reason;
  std::vector<machine::Axis> axes;
  for (const std::string &variation : variations) {
    auto axis = machine::parseAxis(variation, reason);
    if (!axis)
      return complain("--set: " + reason, usage);
    axes.push_back(std::move(*axis));
  }
  auto combinations = machine::combine(axes, reason);
  if (!combinations)
    return complain(reason, usage);
  return Sweep(std::move(*combinations)).run();
}

Verb getSweepVerb() {
  return {&command, run,
          "sennit sweep path/to/model --target nvidia-h200-sxm --set "
          "core.count=64..160:16"};
}

} // namespace sennit::tools
