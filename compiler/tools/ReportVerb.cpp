// sennit report: a prediction as a page for a browser.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Report.h"
#include "compiler/tools/Verbs.h"
#include "llvm/Support/FileUtilities.h"

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand command("report",
                              "write a prediction as one page of HTML");
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
    changes("set", cl::desc("another value for a field, such as core.count=64"),
            cl::value_desc("path=value"), cl::sub(command));
static cl::opt<int64_t> length(
    "length",
    cl::desc("tokens of the prefill, and before the step (default: 256)"),
    cl::init(256), cl::sub(command));
static cl::opt<int64_t>
    context("context",
            cl::desc("tokens that a sequence may have (default: the model's, "
                     "at most 4096)"),
            cl::init(0), cl::sub(command));
static cl::opt<std::string> output("o",
                                   cl::desc("the page (default: report.html)"),
                                   cl::init("report.html"),
                                   cl::value_desc("file"), cl::sub(command));

static int run() {
  if (model.empty() || target.empty())
    return complain("report needs a model and --target with a machine", usage);
  LoadedMachine loaded;
  std::vector<EntryRow> entries;
  if (int code = predictWorkload({model, context, length, 0}, target,
                                 calibration, changes, loaded, entries))
    return code;
  if (auto error = llvm::writeToOutput(output, [&](llvm::raw_ostream &os) {
        writeReport(model, loaded, entries, os);
        return llvm::Error::success();
      }))
    return complain(llvm::toString(std::move(error)), failed);
  return done;
}

Verb getReportVerb() {
  return {
      &command, run,
      "sennit report path/to/model --target nvidia-h200-sxm -o report.html"};
}

} // namespace sennit::tools
