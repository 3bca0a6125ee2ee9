// sennit report: a prediction as a page for a browser.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Chart.h"
#include "compiler/tools/Report.h"
#include "compiler/tools/Verbs.h"
#include "compiler/tools/WorkloadOptions.h"
#include "llvm/Support/FileUtilities.h"

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand command("report",
                              "write a prediction as one page of HTML");
static WorkloadOptions
    options(command, "another value for a field, such as core.count=64");
static cl::opt<std::string> output("o",
                                   cl::desc("the page (default: report.html)"),
                                   cl::init("report.html"),
                                   cl::value_desc("file"), cl::sub(command));

static cl::list<std::string> sweepFiles(
    "sweep",
    cl::desc("draw this CSV of `sennit sweep` as SVG, instead of a model; "
             "several have names, and a line each"),
    cl::value_desc("[name=]file.csv"), cl::sub(command));
static cl::opt<std::string>
    columnX("x", cl::desc("of a sweep: the column to the right"),
            cl::value_desc("column"), cl::sub(command));
static cl::opt<std::string>
    columnY("y", cl::desc("of a sweep: the column upwards (default: prefill)"),
            cl::init("prefill"), cl::value_desc("column"), cl::sub(command));
static cl::opt<std::string>
    columnSeries("series",
                 cl::desc("of a sweep: the columns with a line a value "
                          "(default: none, and the Pareto front is joined)"),
                 cl::value_desc("column"), cl::sub(command));
static cl::opt<std::string> title("title", cl::desc("of a sweep: its title"),
                                  cl::value_desc("text"), cl::sub(command));

static int write(llvm::function_ref<void(llvm::raw_ostream &)> body) {
  if (auto error = llvm::writeToOutput(output, [&](llvm::raw_ostream &os) {
        body(os);
        return llvm::Error::success();
      }))
    return complain(llvm::toString(std::move(error)), failed);
  return done;
}

/// One table of all sweeps, with a column `sweep` for their names.
static llvm::Expected<SweepTable> readSweeps() {
  SweepTable all;
  for (llvm::StringRef text : sweepFiles) {
    auto [name, path] =
        text.contains('=') ? text.split('=') : std::pair(text, text);
    auto table = readTable(path);
    if (!table)
      return table.takeError();
    table->columns.push_back("sweep");
    if (all.columns.empty())
      all.columns = table->columns;
    if (all.columns != table->columns)
      return llvm::createStringError("`" + path +
                                     "` has other columns than the sweep "
                                     "before it");
    for (std::vector<std::string> &row : table->rows) {
      row.push_back(name.str());
      all.rows.push_back(std::move(row));
    }
  }
  return all;
}

static int drawSweep() {
  if (columnX.empty())
    return complain("a sweep is drawn over a column: --x names it", usage);
  if (sweepFiles.size() > 1)
    columnSeries = columnSeries.empty() ? "sweep" : columnSeries + ",sweep";
  auto table = readSweeps();
  if (!table)
    return complain(llvm::toString(table.takeError()), failed);
  auto chart = drawChart(*table, {title, columnX, columnY, columnSeries});
  if (!chart)
    return complain(llvm::toString(chart.takeError()), usage);
  return write([&](llvm::raw_ostream &os) { os << *chart; });
}

static int run() {
  if (!sweepFiles.empty())
    return drawSweep();
  if (options.model.empty() || options.target.empty())
    return complain("report needs a model and --target with a machine", usage);
  if (int code = options.check())
    return code;
  LoadedMachine loaded;
  WorkloadFacts facts;
  std::vector<EntryRow> entries;
  if (int code = predictWorkload(options.getWorkload(), options.target,
                                 options.calibration, options.changes, loaded,
                                 facts, entries))
    return code;
  return write([&](llvm::raw_ostream &os) {
    writeReport(options.model, loaded, entries, os);
  });
}

Verb getReportVerb() {
  return {
      &command, run,
      "sennit report path/to/model --target nvidia-h200-sxm -o report.html"};
}

} // namespace sennit::tools
