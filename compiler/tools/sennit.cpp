// sennit: compiles models and runs them; one verb a task.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Plugins.h"
#include "compiler/Register.h"
#include "compiler/tools/Verbs.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <unistd.h>

namespace cl = llvm::cl;

namespace sennit::tools {

int complain(const llvm::Twine &message, int code) {
  llvm::errs() << "sennit: " << message << "\n";
  return code;
}

bool isInteractive() {
  llvm::StringRef terminal = ::getenv("TERM") ? ::getenv("TERM") : "";
  return isatty(2) && !::getenv("CI") && !::getenv("NO_COLOR") &&
         terminal != "dumb";
}

void ProgressLine::show(llvm::StringRef name, int64_t done, int64_t total) {
  if (isInteractive()) {
    llvm::errs() << "\r\033[K" << name;
    if (total)
      llvm::errs() << " [" << done << "/" << total << "]";
    return;
  }
  if (name != phase)
    llvm::errs() << name << "\n";
  phase = name.str();
}

void ProgressLine::finish() {
  if (isInteractive())
    llvm::errs() << "\r\033[K";
}

int runWithProgress(llvm::function_ref<llvm::Error(Progress)> body) {
  ProgressLine line;
  llvm::Error error =
      body([&](llvm::StringRef phase, int64_t done, int64_t total) {
        line.show(phase, done, total);
      });
  line.finish();
  int code = done;
  llvm::handleAllErrors(
      std::move(error),
      [&](const CompileError &e) { code = complain(e.message, e.exitCode); },
      [&](const llvm::ErrorInfoBase &e) {
        code = complain(e.message(), failed);
      });
  return code;
}

int compileWithProgress(const CompileOptions &options, CompileReport &report) {
  return runWithProgress(
      [&](Progress progress) { return compile(options, report, progress); });
}

static void printUsage(llvm::ArrayRef<Verb> verbs, llvm::raw_ostream &os) {
  os << "Usage: sennit VERB [options]\n\nVerbs:\n";
  for (const Verb &verb : verbs)
    os << "  " << llvm::left_justify(verb.command->getName(), 9)
       << verb.command->getDescription() << "\n";
  os << "\nExamples:\n";
  for (const Verb &verb : verbs)
    os << "  " << verb.example << "\n";
  os << "\nsennit VERB --help lists a verb's options. Exit codes: 0 done, 1 "
        "failed, 2 usage,\n"
        "3 something needed is missing, 4 unsupported, 70 a defect of "
        "Sennit.\n";
}

static int runTool(int argc, char **argv) {
  if (int status = loadPassPlugins(argc, argv))
    return status;
  registerPasses();
  const Verb verbs[] = {getCompileVerb(),  getRunVerb(),   getBenchVerb(),
                        getPredictVerb(),  getSweepVerb(), getReportVerb(),
                        getValidateVerb(), getDemoVerb(),  getTargetsVerb(),
                        getVersionVerb()};
  llvm::StringRef first = argc > 1 ? argv[1] : "";
  if (first.empty() || first == "--help" || first == "-h" || first == "help") {
    printUsage(verbs, first.empty() ? llvm::errs() : llvm::outs());
    return first.empty() ? usage : done;
  }
  if (first == "--version")
    return getVersionVerb().run();
  for (const Verb &verb : verbs) {
    if (verb.command->getName() != first)
      continue;
    std::string errors;
    llvm::raw_string_ostream os(errors);
    if (!cl::ParseCommandLineOptions(argc, argv, "", &os)) {
      llvm::StringRef message = llvm::StringRef(errors).split('\n').first;
      return complain(message.split(": ").second.empty()
                          ? message
                          : message.split(": ").second,
                      usage);
    }
    return verb.run();
  }
  std::string known;
  for (const Verb &verb : verbs)
    known += (" " + verb.command->getName()).str();
  return complain("no verb is called `" + first + "`; there are" + known,
                  usage);
}

} // namespace sennit::tools

int main(int argc, char **argv) { return sennit::tools::runTool(argc, argv); }
