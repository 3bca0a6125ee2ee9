// Predicted against measured times of a model's kernels on this host.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_VALIDATE_H
#define SENNIT_COMPILER_TOOLS_VALIDATE_H

#include "compiler/tools/Predict.h"

namespace sennit::tools {

/// One kernel, or with the name `whole` one entry, over all calls of a prefill
/// or of a step.
struct Comparison {
  std::string model, entry, kernel;
  double tokens = 0, calls = 0;
  /// Seconds. Measured: the least of many runs, each kernel by itself.
  double measured = 0, predicted = 0;

  /// The kernel's name without the number of its program.
  llvm::StringRef getFamily() const;
  double getRatio() const { return predicted / measured; }
};

/// How far predictions are off: of |predicted / measured - 1| the median and
/// the ninetieth percentile, and the median of predicted / measured - 1.
struct Errors {
  size_t count = 0;
  double median = 0, p90 = 0, bias = 0;
};
Errors getErrors(llvm::ArrayRef<const Comparison *> comparisons);

/// Compiles the model for the machine, which must be the host's, runs prefill
/// and step `seconds` long each on as many threads as the machine has cores,
/// and adds what they took beside what is predicted. Returns an exit code after
/// printing the error.
int validateModel(const Workload &workload, const LoadedMachine &loaded,
                  double seconds, std::vector<Comparison> &comparisons);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_VALIDATE_H
