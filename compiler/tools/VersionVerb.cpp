// sennit version: which Sennit this is.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Verbs.h"
#include "llvm/Config/llvm-config.h"

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand versionCommand("version", "print versions");

static int runVersion() {
  llvm::outs() << "sennit " SENNIT_VERSION ", LLVM " LLVM_VERSION_STRING
                  ", artifact ABI "
               << sennit_runtime_abi_version() << "\n";
  return done;
}

Verb getVersionVerb() {
  return {&versionCommand, runVersion, "sennit version"};
}

} // namespace sennit::tools
