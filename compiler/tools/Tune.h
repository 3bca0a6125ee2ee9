// Schedules by measurement: the model's best few sizes are tried on this host.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_TUNE_H
#define SENNIT_COMPILER_TOOLS_TUNE_H

#include "compiler/tools/TuneCache.h"
#include "compiler/tools/Verbs.h"

namespace sennit::tools {

struct TuneOptions {
  /// Sizes that are tried for each question, those of the model's own choice
  /// among them.
  int64_t candidates = 4;
  /// Seconds that each of them is run for.
  double seconds = 1;
  /// Threads that compute; 0: all.
  unsigned threads = 0;
  /// The cache's file; empty: `getTuneCachePath()`.
  std::string cache;
  /// Where what was measured goes, as JSON; empty: nowhere.
  std::string report;
};

/// Chooses sizes for what `options` compile, and writes them as a schedule to
/// the file `schedule`. Questions that the cache answers are not measured. For
/// all others every candidate is compiled and run under its profile, the first
/// of each question together, then the second of each, and so on; a question's
/// time is that of the kernels that asked it, the least of many runs. Progress
/// goes to standard error. After an interrupt it stops, with the cache as it
/// was. Returns an exit code after printing the error.
int tune(const CompileOptions &options, const TuneOptions &tuning,
         llvm::StringRef schedule);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_TUNE_H
