// sennit sweep: a model's times over variations of a machine.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/machine/Axis.h"
#include "compiler/tools/Sweep.h"
#include "compiler/tools/Verbs.h"
#include "compiler/tools/WorkloadOptions.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand command("sweep",
                              "predict a model over variations of a machine");
static WorkloadOptions
    options(command,
            "values of a field: core.count=64..160:16, smem.capacity=\"64 "
            "KiB..1 MiB:x2\", clock.max=\"1,2 GHz\"; a unit away and back: "
            "+units.scan=off,on");
static cl::list<std::string> objectiveNames(
    "objective",
    cl::desc("what the Pareto column weighs: prefill, step, prefill_energy, "
             "step_energy, area (default: prefill,step)"),
    cl::CommaSeparated, cl::sub(command));
static cl::list<std::string>
    budgetTexts("budget",
                cl::desc("the most of an objective: area=\"800 mm2\""),
                cl::value_desc("objective=value"), cl::sub(command));
static cl::opt<bool> asJson("json", cl::desc("write JSON lines, not CSV"),
                            cl::sub(command));
static cl::opt<std::string>
    output("o",
           cl::desc("where rows go (default: standard output); a sweep that "
                    "was ended goes on"),
           cl::value_desc("file"), cl::sub(command));
static cl::opt<unsigned> jobs("j", cl::desc("threads (default: all)"),
                              cl::init(0), cl::sub(command));

static void printCsv(llvm::ArrayRef<SweepRow> rows, llvm::raw_ostream &os) {
  for (llvm::StringRef change : rows.front().changes)
    os << change.split('=').first << ",";
  for (const Objective &objective : getObjectives())
    os << objective.column << ",";
  os << "prefill longest,step longest,known as,within budget,Pareto\n";
  for (const SweepRow &row : rows) {
    for (llvm::StringRef change : row.changes)
      os << change.split('=').second << ",";
    for (auto [objective, weight] :
         llvm::zip_equal(getObjectives(), row.weights)) {
      if (weight)
        os << llvm::format("%.9g", *weight / objective.scale);
      os << ",";
    }
    os << row.prefillBound << "," << row.stepBound << "," << row.status << ","
       << (row.isWithin ? "yes" : "no") << "," << (row.isPareto ? "yes" : "no")
       << "\n";
  }
}

static void printJson(llvm::ArrayRef<SweepRow> rows, llvm::raw_ostream &os) {
  for (const SweepRow &row : rows) {
    llvm::json::Object line;
    for (llvm::StringRef change : row.changes)
      line[change.split('=').first] = change.split('=').second;
    for (auto [objective, weight] :
         llvm::zip_equal(getObjectives(), row.weights))
      line[objective.key] =
          weight ? llvm::json::Value(*weight) : llvm::json::Value(nullptr);
    line["prefill_bound"] = row.prefillBound;
    line["step_bound"] = row.stepBound;
    line["status"] = row.status;
    line["within_budget"] = row.isWithin;
    line["pareto"] = row.isPareto;
    os << llvm::json::Value(std::move(line)) << "\n";
  }
}

/// Marks the rows that keep the budgets, and of these the ones that none beats.
static void judge(std::vector<SweepRow> &rows, llvm::ArrayRef<Budget> budgets,
                  llvm::ArrayRef<size_t> objectives) {
  std::vector<Weights> weights;
  std::vector<bool> eligible;
  for (SweepRow &row : rows) {
    row.isWithin = isWithin(row.weights, budgets);
    weights.push_back(row.weights);
    eligible.push_back(row.isWithin);
  }
  std::vector<bool> pareto = findPareto(weights, eligible, objectives);
  for (auto [row, isPareto] : llvm::zip_equal(rows, pareto))
    row.isPareto = isPareto;
}

/// Every objective and budget that is asked for must be known of all rows.
static int checkKnown(llvm::ArrayRef<SweepRow> rows,
                      llvm::ArrayRef<size_t> asked) {
  for (size_t objective : asked)
    for (const SweepRow &row : rows)
      if (!row.weights[objective])
        return complain("`" + getObjectives()[objective].name +
                            "` is not known: the machine states no `" +
                            (getObjectives()[objective].name == "area"
                                 ? "process.die"
                                 : "energy") +
                            "`; `sennit predict` names what is missing",
                        usage);
  return done;
}

static int write(llvm::ArrayRef<SweepRow> rows) {
  std::string text;
  llvm::raw_string_ostream os(text);
  asJson ? printJson(rows, os) : printCsv(rows, os);
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

static int run() {
  if (options.model.empty() || options.target.empty() ||
      options.changes.empty())
    return complain("sweep needs a model, --target with a machine and --set "
                    "with values of a field",
                    usage);
  if (int code = options.check())
    return code;
  std::string reason;
  std::vector<size_t> objectives, asked;
  std::vector<Budget> budgets;
  if (objectiveNames.empty())
    objectives = {0, 1};
  for (const std::string &name : objectiveNames) {
    auto objective = findObjective(name, reason);
    if (!objective)
      return complain("--objective: " + reason, usage);
    objectives.push_back(*objective);
  }
  asked = objectives;
  for (const std::string &text : budgetTexts) {
    auto budget = parseBudget(text, reason);
    if (!budget)
      return complain("--budget: " + reason, usage);
    budgets.push_back(*budget);
    asked.push_back(budget->objective);
  }
  std::vector<machine::Axis> axes;
  for (const std::string &variation : options.changes) {
    auto axis = machine::parseAxis(variation, reason);
    if (!axis)
      return complain("--set: " + reason, usage);
    axes.push_back(std::move(*axis));
  }
  auto variations = machine::combine(axes, reason);
  if (!variations)
    return complain(reason, usage);
  SweepRequest request{
      options.getWorkload(),  options.target, options.calibration,
      std::move(*variations), jobs,           {}};
  if (!output.empty() && output != "-")
    request.journal = output + ".journal";
  std::vector<SweepRow> rows;
  if (int code = sweep(request, rows))
    return code;
  if (int code = checkKnown(rows, asked))
    return code;
  judge(rows, budgets, objectives);
  if (int code = write(rows))
    return code;
  if (!request.journal.empty())
    llvm::sys::fs::remove(request.journal);
  return done;
}

Verb getSweepVerb() {
  return {&command, run,
          "sennit sweep path/to/model --target nvidia-h200-sxm --set "
          "core.count=64..160:16"};
}

} // namespace sennit::tools
