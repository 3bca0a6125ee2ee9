// Runs test cases of the ONNX project: a model, inputs, expected outputs.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_CASES_H
#define SENNIT_COMPILER_TOOLS_CASES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace sennit::tools {

struct CaseOptions {
  /// Folders with `model.onnx` and `test_data_set_*`, or models.
  llvm::ArrayRef<std::string> inputs;
  /// Of a single model: the folder of `input_*.pb` and `output_*.pb`.
  std::string data;
  /// An element passes where |x - expected| <= absolute + relative |expected|;
  /// integers and bools must be equal. The defaults are the ONNX project's.
  double relative = 1e-3, absolute = 1e-7;
  bool json = false;
  /// Interprets the imported model in f64 instead of compiling it.
  bool isInterpreted = false;
};

/// Whether `input` is something that `runCases` runs, and no artifact.
bool isCase(llvm::StringRef input);

/// Compiles each case for the host or interprets it, calls it, compares, and
/// prints a line a case and for several cases a count, or an array of JSON.
/// Returns an exit code: 0 only if all passed.
int runCases(const CaseOptions &options);

/// The elements of a tensor's bytes as numbers; `type` is the standard's.
std::vector<double> readNumbers(int type, llvm::StringRef bytes);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_CASES_H
