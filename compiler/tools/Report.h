// A prediction as one page of HTML with drawings, for a browser without a
// network.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_REPORT_H
#define SENNIT_COMPILER_TOOLS_REPORT_H

#include "compiler/tools/Predict.h"

namespace sennit::tools {

/// Writes the page: a summary, for each entry its kernels' times as bars and
/// as a table and their place below the machine's roofs, and the machine's
/// numbers with their sources. Whatever is drawn also stands in a table.
void writeReport(llvm::StringRef model, const LoadedMachine &loaded,
                 llvm::ArrayRef<EntryRow> entries, llvm::raw_ostream &os);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_REPORT_H
