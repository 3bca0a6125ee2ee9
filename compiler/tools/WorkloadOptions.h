// Options of the verbs that compile or predict a model for a machine.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_WORKLOADOPTIONS_H
#define SENNIT_COMPILER_TOOLS_WORKLOADOPTIONS_H

#include "compiler/tools/Predict.h"
#include "llvm/Support/CommandLine.h"

namespace sennit::tools {

/// `--activations`: what products take of activations.
class ActivationsOption {
public:
  explicit ActivationsOption(llvm::cl::SubCommand &command);

  /// Whether they are rounded to the type of their matrices; nothing: as the
  /// machine likes.
  std::optional<bool> get() const;

private:
  enum class Activations { machine, wide, weights };
  llvm::cl::opt<Activations> option;
};

/// What is predicted, and on which machine.
struct WorkloadOptions {
  /// `set` describes the values that `--set` takes.
  WorkloadOptions(llvm::cl::SubCommand &command, llvm::StringRef set);

  llvm::cl::opt<std::string> model, target, calibration;
  llvm::cl::list<std::string> changes;
  llvm::cl::opt<int64_t> length, context;
  llvm::cl::opt<double> skew;
  ActivationsOption activations;
  llvm::cl::opt<bool> fuses;
  llvm::cl::opt<int64_t> chunk;

  Workload getWorkload() const;
  /// Complains of what cannot be meant; returns an exit code.
  int check() const;
};

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_WORKLOADOPTIONS_H
