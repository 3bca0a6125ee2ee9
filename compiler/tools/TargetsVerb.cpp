// sennit targets: what emits code, which machines there are, and what a
// machine's file says.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Register.h"
#include "compiler/machine/Library.h"
#include "compiler/machine/Lint.h"
#include "compiler/tools/Calibrate.h"
#include "compiler/tools/Machines.h"
#include "compiler/tools/Verbs.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FormatVariadic.h"

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand
    command("targets", "list targets and machines; show, lint or compare a "
                       "machine's file; calibrate one for this host");
static cl::list<std::string>
    arguments(cl::Positional,
              cl::desc("[list | show MACHINE | lint MACHINE.. | diff A B | "
                       "calibrate MACHINE]"),
              cl::sub(command));
static cl::opt<bool> asDlti(
    "dlti",
    cl::desc("show: as MLIR's #dlti.target_system_spec, numbers in base units"),
    cl::sub(command));
static cl::opt<bool>
    isStrict("strict",
             cl::desc("lint: remark numbers without a source, and let remarks "
                      "fail"),
             cl::sub(command));

static cl::opt<unsigned>
    threads("threads",
            cl::desc("calibrate: threads that share memory (default: all)"),
            cl::init(0), cl::sub(command));
static cl::opt<std::string>
    measured("measured",
             cl::desc("calibrate: numbers that were measured elsewhere, "
                      "instead of this host's"),
             cl::value_desc("file.json"), cl::sub(command));
static cl::opt<std::string>
    output("o", cl::desc("calibrate: the file (default: standard output)"),
           cl::value_desc("file"), cl::sub(command));

static int list() {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadDialect<machine::MachineDialect>();
  for (const Target *target : getTargets()) {
    llvm::outs() << target->name << "  " << target->summary << "\n";
    for (llvm::StringRef level : target->levels)
      llvm::outs() << "  " << target->name << ":" << level << "\n";
    auto host = target->describe("host", context);
    if (!host)
      return complain(llvm::toString(host.takeError()), missing);
    machine::CoreAttr core = host->core;
    llvm::outs() << "  " << target->name << ":host is "
                 << machine::CoreAttr::get(
                        &context, core.getName(), core.getIsa(),
                        core.getVectorBits(), core.getVectorRegisters(),
                        core.getL1Bytes(), core.getL2Bytes(), core.getThreads(),
                        core.getAsyncRows())
                 << "\n";
  }
  llvm::outs() << "machines, to predict for\n";
  for (const std::string &name : machine::getShippedMachines()) {
    LoadedMachine loaded;
    if (int code = loadMachine(name, "", {}, loaded))
      return code;
    llvm::outs() << "  " << llvm::left_justify(name, 16) << " "
                 << loaded.machine.summary << "\n";
  }
  return done;
}

static int show(llvm::StringRef name) {
  LoadedMachine loaded;
  if (int code = loadMachine(name, "", {}, loaded))
    return code;
  if (asDlti)
    printDlti(loaded.machine, llvm::outs());
  else
    llvm::outs() << machine::print(loaded.root);
  return done;
}

static int lint(llvm::ArrayRef<std::string> names) {
  bool isClean = true;
  for (const std::string &name : names) {
    LoadedMachine loaded;
    if (int code = loadMachine(name, "", {}, loaded))
      return code;
    std::vector<machine::Problem> problems;
    machine::lint(loaded.root, loaded.machine, isStrict, problems);
    for (const machine::Problem &problem : problems) {
      llvm::errs() << format(problem) << (problem.isRemark ? " (remark)" : "")
                   << "\n";
      isClean &= problem.isRemark && !isStrict;
    }
    if (problems.empty())
      llvm::outs() << name << ": nothing to remark\n";
  }
  return isClean ? done : failed;
}

static int diff(llvm::StringRef before, llvm::StringRef after) {
  LoadedMachine left, right;
  if (int code = loadMachine(before, "", {}, left))
    return code;
  if (int code = loadMachine(after, "", {}, right))
    return code;
  for (const machine::Difference &difference :
       machine::compare(left.root, right.root)) {
    auto side = [](llvm::StringRef text) { return text.empty() ? "-" : text; };
    llvm::outs() << difference.path << ": " << side(difference.before) << " -> "
                 << side(difference.after) << "\n";
  }
  return done;
}

static int run() {
  llvm::ArrayRef<std::string> rest(arguments);
  llvm::StringRef what = rest.empty() ? "list" : llvm::StringRef(rest.front());
  rest = rest.empty() ? rest : rest.drop_front();
  if (what == "list" && rest.empty())
    return list();
  if (what == "show" && rest.size() == 1)
    return show(rest[0]);
  if (what == "lint" && !rest.empty())
    return lint(rest);
  if (what == "diff" && rest.size() == 2)
    return diff(rest[0], rest[1]);
  if (what == "calibrate" && rest.size() == 1)
    return measured.empty() ? calibrateHost(rest[0], threads, output)
                            : calibrateFrom(rest[0], measured, output);
  return complain("targets takes `list`, `show MACHINE`, `lint MACHINE..`, "
                  "`diff A B` or `calibrate MACHINE`, not `" +
                      llvm::join(arguments, " ") + "`",
                  usage);
}

Verb getTargetsVerb() {
  return {&command, run, "sennit targets show nvidia-h200-sxm"};
}

} // namespace sennit::tools
