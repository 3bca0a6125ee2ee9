// Rows of a sweep as a drawing: lines over one column, or points and the front
// that none beats.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_CHART_H
#define SENNIT_COMPILER_TOOLS_CHART_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace sennit::tools {

/// What `sennit sweep` wrote as CSV.
struct SweepTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

/// Reads a table. Fails, naming the line, where a row has more or fewer cells
/// than the first line.
llvm::Expected<SweepTable> readTable(llvm::StringRef path);

/// Which columns are drawn. A column may be named by its first word: `prefill`
/// is `prefill [s]`.
struct ChartRequest {
  std::string title, x, y;
  /// A line for each value of this column, or of several with commas between;
  /// empty: one for all rows.
  std::string series;
};

/// Draws a table as an SVG file of its own, with a tooltip on every point that
/// says the whole row. Numbers may have units (`64 KiB`); the vertical axis
/// begins at zero. Without series, rows that the column `Pareto` marks are
/// filled and joined by steps, and others are hollow. Fails where a column is
/// not there or a cell is no number.
llvm::Expected<std::string> drawChart(const SweepTable &table,
                                      const ChartRequest &request);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_CHART_H
