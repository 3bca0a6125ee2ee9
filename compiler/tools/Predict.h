// What predict and its kin share: a model's facts, and their costs on machines.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_PREDICT_H
#define SENNIT_COMPILER_TOOLS_PREDICT_H

#include "compiler/Compile.h"
#include "compiler/cost/Program.h"
#include "compiler/tools/Machines.h"

namespace sennit::tools {

/// What is predicted of a model.
struct Workload {
  /// What `sennit compile` takes, and its context; 0: the model's own.
  std::string model;
  int64_t context = 0;
  /// Tokens of the prefill, and tokens before the step.
  int64_t length = 256;
  /// How unevenly experts are chosen; 0: evenly.
  double skew = 0;
  /// Whether products round their activations; nothing: as the machine likes.
  std::optional<bool> roundsOperands;
  /// Whether kernels are fused.
  bool fuses = true;
  /// Most tokens of one call; 0: as the machine likes.
  int64_t chunk = 0;

  /// `weights` or `f32`: what products take of activations on a machine.
  llvm::StringRef getActivations(const machine::Machine &machine) const {
    return roundsOperands.value_or(machine.roundsOperands()) ? "weights"
                                                             : "f32";
  }
};

/// The calls of a prefill, a chunk each, and one step after them.
struct WorkloadFacts {
  std::vector<cost::EntryFacts> prefill;
  cost::EntryFacts step;
};

/// Compiles the model for a machine as far as its tile programs and reads their
/// facts. May run in several threads at once.
llvm::Error readWorkload(const Workload &workload, const LoadedMachine &loaded,
                         WorkloadFacts &facts, Progress progress);

/// A kernel over all calls of an entry.
struct KernelRow {
  std::string name;
  double calls = 0, seconds = 0, operations = 0, bytes = 0;
  std::optional<double> energy = 0;
  /// Bytes that pass each memory's port, in the machine's order.
  std::vector<double> bytesByMemory;
  /// Of the call that takes longest: the resource that binds it, and all that
  /// take time.
  cost::Resource bound;
  std::vector<cost::Resource> resources;
  double longest = 0, waves = 0;
  bool fits = true;
};

/// What one unit is worth to an entry: the same program on the machine without
/// it.
struct Saving {
  std::string unit;
  /// Seconds and joules of the entry without the unit.
  double secondsWithout = 0;
  std::optional<double> joulesWithout;
  /// Square metres of all its instances, and over the whole die; 0: not said.
  double area = 0, share = 0;
};

/// Calls of an entry, one after the other.
struct EntryRow {
  std::string name;
  double tokens = 0, past = 0, calls = 0, launches = 0, seconds = 0;
  std::optional<double> energy = 0;
  std::string missingEnergy;
  machine::Status confidence = machine::Status::measured;
  bool fits = true;
  /// Those that take longest first.
  std::vector<KernelRow> kernels;
  /// Of units for tasks (scan, fft, route) and for functions without which the
  /// entry can be predicted too.
  std::vector<Saving> savings;
};

/// Predicts calls; nothing, and a reason, where a kernel cannot be.
std::optional<EntryRow> predictEntry(const std::string &name,
                                     llvm::ArrayRef<cost::EntryFacts> calls,
                                     const machine::Machine &machine,
                                     std::string &reason);

/// `without \`scan\`: 3.1 ms (2.05 times as long), ..`.
std::string describe(const Saving &saving, double secondsWith);

/// The savings of an entry that takes `entry` on the machine.
std::vector<Saving> findSavings(llvm::ArrayRef<cost::EntryFacts> calls,
                                const machine::Machine &machine);

/// Loads a machine and predicts the prefill and a step of a model on it, in
/// that order, from `facts` that it reads; returns an exit code after printing
/// the error.
int predictWorkload(const Workload &workload, llvm::StringRef target,
                    llvm::StringRef calibration,
                    llvm::ArrayRef<std::string> changes, LoadedMachine &loaded,
                    WorkloadFacts &facts, std::vector<EntryRow> &entries);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_PREDICT_H
