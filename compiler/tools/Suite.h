// Programs whose times were measured before, beside their predictions by tiers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_SUITE_H
#define SENNIT_COMPILER_TOOLS_SUITE_H

#include "compiler/cost/Residual.h"
#include "compiler/tools/Validate.h"
#include "llvm/ADT/MapVector.h"

namespace sennit::tools {

/// What predictions rest on: the machine's file alone; with a calibration; and
/// with a residual that was fitted to part of the suite.
enum class Tier { file, calibrated, corrected };
constexpr size_t tierCount = 3;

/// A part of a suite, as it was split before anything was measured. Nothing is
/// fitted to `test` and `unfitted`; of the family of the latter nothing at all.
/// Probes, which calibrations come from, are passed over.
enum class Part { fit, test, unfitted, probe };

/// A program, seconds of a call of its entry `run`, and what is predicted.
struct SuiteRow {
  std::string work, family, bound;
  Part part = Part::test;
  double measured = 0;
  std::array<double, tierCount> predicted = {};
  /// Of the calibrated prediction.
  cost::Traits traits;
  /// Kernels and what one call of each takes as predicted by it, in order, and
  /// what each resource alone would take.
  struct Kernel {
    std::string name;
    double seconds = 0;
    std::vector<cost::Resource> resources;
  };
  std::vector<Kernel> kernels;
};

/// Reads `{"rows": [{"work", "family", "part", "seconds"}, ..]}`; rows without
/// `seconds` were not measured and are passed over. Returns an exit code after
/// printing the error.
int readSuite(llvm::StringRef path, std::vector<SuiteRow> &rows);

/// Predicts every row: its program is the file of its work's name in `folder`,
/// colons and equals signs of which are hyphens there, `.mlir` behind. Without
/// a calibration both machines are the same. Fits a residual to each family's
/// part for that. Returns an exit code after printing the error.
int predictSuite(llvm::StringRef folder, const LoadedMachine &file,
                 const LoadedMachine &calibrated, std::vector<SuiteRow> &rows,
                 llvm::MapVector<llvm::StringRef, cost::Residual> &residuals);

/// Errors of a tier's predictions of those rows of a family (of all families
/// that are fitted where it is empty) that are held out.
Errors getErrors(llvm::ArrayRef<SuiteRow> rows, llvm::StringRef family,
                 Tier tier);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_SUITE_H
