// Predicts variations of a machine by all threads, and keeps what is done.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Sweep.h"

#include "compiler/facts/Core.h"
#include "compiler/tools/Verbs.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/LineIterator.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/xxhash.h"
#include <mutex>

namespace sennit::tools {

static std::string hash(llvm::StringRef text) {
  return llvm::utohexstr(llvm::xxh3_64bits(text));
}

/// The text that decides a model's kernels: weights do not.
static std::string readModel(llvm::StringRef path) {
  llvm::SmallString<256> file(path);
  if (llvm::sys::fs::is_directory(path))
    llvm::sys::path::append(file, "config.json");
  auto buffer = llvm::MemoryBuffer::getFile(file);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

namespace {
/// One variation on its way to a row.
struct Point {
  machine::Machine machine;
  /// Of everything that decides its row, and of its core and rounding.
  std::string key, core;
  bool isDone = false;
};

/// A sweep; `run` goes from top to bottom.
class Sweep {
public:
  Sweep(const SweepRequest &request, std::vector<SweepRow> &rows)
      : request(request), rows(rows),
        pool(llvm::hardware_concurrency(request.jobs)) {}

  int run() {
    if (int code = loadPoints())
      return code;
    readJournal();
    std::vector<size_t> left;
    std::map<std::string, std::vector<size_t>> cores;
    for (size_t i = 0; i < points.size(); ++i)
      if (!points[i].isDone)
        cores[points[i].core].push_back(i);
    std::vector<std::vector<size_t>> groups;
    for (auto &[core, members] : cores)
      groups.push_back(std::move(members));
    size_t batch = 2 * pool.getMaxConcurrency();
    for (size_t first = 0; first < groups.size() && reason.empty();
         first += batch)
      runBatch(llvm::ArrayRef(groups).slice(
          first, std::min(batch, groups.size() - first)));
    progress.finish();
    return reason.empty() ? int(done) : complain(reason, code);
  }

private:
  int loadPoints() {
    const Workload &workload = request.workload;
    std::string head;
    llvm::raw_string_ostream(head)
        << SENNIT_VERSION << "\n"
        << workload.model << "\n"
        << readModel(workload.model) << "\n"
        << workload.context << " " << workload.length << " " << workload.skew
        << " " << workload.fuses << " " << workload.chunk;
    for (const auto &changes : request.variations) {
      LoadedMachine loaded;
      if (int code =
              loadMachine(request.target, request.calibration, changes, loaded))
        return code;
      mlir::MLIRContext mlir(mlir::MLIRContext::Threading::DISABLED);
      mlir.loadDialect<machine::MachineDialect>();
      std::string core;
      llvm::StringRef activations = workload.getActivations(loaded.machine);
      llvm::raw_string_ostream(core)
          << makeCore(loaded.root, loaded.machine, mlir) << activations;
      std::string text = head + machine::print(loaded.root) + activations.str();
      points.push_back({std::move(loaded.machine), hash(text), hash(core)});
      rows.push_back({changes, {}, {}, {}, {}});
    }
    return done;
  }

  /// Takes the rows of an earlier run.
  void readJournal() {
    if (request.journal.empty())
      return;
    llvm::StringMap<llvm::json::Object> known;
    if (auto buffer = llvm::MemoryBuffer::getFile(request.journal))
      // The last line of a run that was killed may be half a line.
      for (llvm::line_iterator line(**buffer); !line.is_at_end(); ++line) {
        auto value = llvm::json::parse(*line);
        llvm::json::Object *row = value ? value->getAsObject() : nullptr;
        if (!value)
          llvm::consumeError(value.takeError());
        else if (row && row->getString("key"))
          known[*row->getString("key")] = *row;
      }
    size_t taken = 0;
    for (auto [point, row] : llvm::zip_equal(points, rows)) {
      auto found = known.find(point.key);
      point.isDone = found != known.end() && read(found->second, row);
      taken += point.isDone;
    }
    if (taken > 0)
      llvm::errs() << "going on: " << taken << " of " << points.size()
                   << " machines are in " << request.journal << "\n";
  }

  static bool read(const llvm::json::Object &from, SweepRow &row) {
    for (auto [objective, weight] :
         llvm::zip_equal(getObjectives(), row.weights)) {
      const llvm::json::Value *value = from.get(objective.key);
      if (!value)
        return false;
      weight = value->getAsNumber();
    }
    row.prefillBound = from.getString("prefill_bound").value_or("");
    row.stepBound = from.getString("step_bound").value_or("");
    row.status = from.getString("status").value_or("");
    return true;
  }

  /// Adds a row to the journal, on a line of its own, whatever a run that was
  /// killed left there.
  void write(const std::string &key, const SweepRow &row) {
    if (!journal) {
      std::error_code error;
      journal.emplace(request.journal, error, llvm::sys::fs::CD_OpenAlways,
                      llvm::sys::fs::FA_Write, llvm::sys::fs::OF_Append);
      if (error) {
        journal.reset();
        reason = "`" + request.journal + "`: " + error.message();
        return;
      }
      *journal << "\n";
    }
    llvm::json::Object line{{"key", key},
                            {"prefill_bound", row.prefillBound},
                            {"step_bound", row.stepBound},
                            {"status", row.status}};
    for (auto [objective, weight] :
         llvm::zip_equal(getObjectives(), row.weights))
      line[objective.key] =
          weight ? llvm::json::Value(*weight) : llvm::json::Value(nullptr);
    *journal << llvm::json::Value(std::move(line)) << "\n";
    journal->flush();
  }

  /// Reads the facts of some cores, then predicts their machines.
  void runBatch(llvm::ArrayRef<std::vector<size_t>> groups) {
    std::vector<WorkloadFacts> facts(groups.size());
    for (size_t g = 0; g < groups.size(); ++g)
      pool.async([&, g] { readFacts(groups[g].front(), facts[g]); });
    pool.wait();
    if (!reason.empty())
      return;
    for (size_t g = 0; g < groups.size(); ++g)
      for (size_t i : groups[g])
        pool.async([&, g, i] { predictPoint(facts[g], i); });
    pool.wait();
  }

  void readFacts(size_t i, WorkloadFacts &facts) {
    LoadedMachine loaded;
    if (int exitCode = loadMachine(request.target, request.calibration,
                                   rows[i].changes, loaded))
      return fail("the machine has changed", exitCode);
    auto error = readWorkload(request.workload, loaded, facts,
                              [](llvm::StringRef, int64_t, int64_t) {});
    llvm::handleAllErrors(
        std::move(error),
        [&](const CompileError &e) { fail(e.message, e.exitCode); },
        [&](const llvm::ErrorInfoBase &e) { fail(e.message(), failed); });
  }

  void predictPoint(const WorkloadFacts &facts, size_t i) {
    const machine::Machine &machine = points[i].machine;
    std::string why;
    auto prefill = predictEntry("prefill", facts.prefill, machine, why);
    auto step =
        prefill ? predictEntry("step", facts.step, machine, why) : std::nullopt;
    if (!step)
      return fail(why, unsupported);
    SweepRow &row = rows[i];
    row.weights = {prefill->seconds, step->seconds, prefill->energy,
                   step->energy, std::nullopt};
    if (machine.die)
      row.weights.back() = machine.getArea().value;
    row.prefillBound = prefill->kernels.front().bound.name;
    row.stepBound = step->kernels.front().bound.name;
    row.status = getName(std::max(prefill->confidence, step->confidence));
    std::scoped_lock lock(mutex);
    points[i].isDone = true;
    if (!request.journal.empty())
      write(points[i].key, row);
    progress.show("machines", llvm::count_if(points, &isDone), points.size());
  }

  static bool isDone(const Point &point) { return point.isDone; }

  void fail(std::string message, int exitCode) {
    std::scoped_lock lock(mutex);
    if (reason.empty()) {
      reason = std::move(message);
      code = exitCode;
    }
  }

  const SweepRequest &request;
  std::vector<SweepRow> &rows;
  std::vector<Point> points;
  std::optional<llvm::raw_fd_ostream> journal;
  llvm::DefaultThreadPool pool;
  std::mutex mutex;
  ProgressLine progress;
  std::string reason;
  int code = failed;
};
} // namespace

int sweep(const SweepRequest &request, std::vector<SweepRow> &rows) {
  return Sweep(request, rows).run();
}

} // namespace sennit::tools
