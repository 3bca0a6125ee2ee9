// Measures the host for one machine: the target's probes, and small programs.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_CALIBRATE_H
#define SENNIT_COMPILER_TOOLS_CALIBRATE_H

#include "compiler/machine/Calibration.h"
#include "compiler/tools/Machines.h"

namespace sennit::tools {

/// Adds what compiled programs measure: `launch.gap`, from a chain of products
/// of one item; for several threads `launch.fork`, from larger ones on
/// `threads` threads and on one; `emulate.exp.ops`, from sums of exponentials,
/// in operations of a unit that computes `flops` operations of f32 a second,
/// each multiply-add two. Returns an exit code after printing the error.
int measurePrograms(llvm::StringRef target, unsigned threads, double flops,
                    std::vector<machine::Measurement> &measurements);

/// What the kernel calls the processor; its LLVM name elsewhere.
std::string getProcessor();

/// `sennit targets calibrate`: measures what the machine `name` runs on, on
/// `threads` threads (0: as many as there are), and writes a calibration to
/// `output`, or to standard output where that is empty. Says what it measures
/// on standard error. Returns an exit code after printing the error.
int calibrateHost(llvm::StringRef name, unsigned threads,
                  llvm::StringRef output);

/// The same from numbers that were measured elsewhere, where nothing of this
/// program runs: `{"processor", "date", "command", "fields": {path: value}}`.
int calibrateFrom(llvm::StringRef name, llvm::StringRef measured,
                  llvm::StringRef output);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_CALIBRATE_H
