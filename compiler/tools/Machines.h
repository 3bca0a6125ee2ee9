// What verbs do with machines: load one with changes, print it for MLIR.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_MACHINES_H
#define SENNIT_COMPILER_TOOLS_MACHINES_H

#include "compiler/Compile.h"
#include "compiler/machine/Machine.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/raw_ostream.h"

namespace sennit::tools {

/// A machine as a tree of fields and as typed numbers.
struct LoadedMachine {
  machine::Node root;
  machine::Machine machine;
};

/// Loads a shipped machine or a file, lays the calibration in the file
/// `calibration` over it, unless that is empty, and applies changes:
/// `PATH=VALUE`, `+units.NAME=off` without a unit, `+units.NAME=on`; returns an
/// exit code after printing every problem.
int loadMachine(llvm::StringRef nameOrPath, llvm::StringRef calibration,
                llvm::ArrayRef<std::string> changes, LoadedMachine &loaded);

/// Has a compilation schedule for a machine, and do as it likes where
/// `options` say nothing: rounding of activations, tokens of a call.
void scheduleFor(const LoadedMachine &loaded, CompileOptions &options);

/// Prints a machine as `#dlti.target_system_spec`: a device of entries
/// `"memory.capacity"`, in base units.
void printDlti(const machine::Machine &machine, llvm::raw_ostream &os);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_MACHINES_H
