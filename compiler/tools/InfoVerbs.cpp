// sennit targets and sennit version: what there is.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Register.h"
#include "compiler/tools/Verbs.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Config/llvm-config.h"

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand targetsCommand("targets",
                                     "list targets and what this machine is");
static cl::SubCommand versionCommand("version", "print versions");

static int runTargets() {
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
    llvm::outs() << "  " << target->name << ":host is " << host->core << "\n";
  }
  return done;
}

static int runVersion() {
  llvm::outs() << "sennit " SENNIT_VERSION ", LLVM " LLVM_VERSION_STRING
                  ", artifact ABI "
               << sennit_runtime_abi_version() << "\n";
  return done;
}

Verb getTargetsVerb() {
  return {&targetsCommand, runTargets, "sennit targets"};
}
Verb getVersionVerb() {
  return {&versionCommand, runVersion, "sennit version"};
}

} // namespace sennit::tools
