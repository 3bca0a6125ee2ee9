// A prediction as a timeline for Perfetto and chrome://tracing.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_TRACE_H
#define SENNIT_COMPILER_TOOLS_TRACE_H

#include "compiler/tools/Predict.h"

namespace sennit::tools {

/// Writes JSON of the trace event format: a process for prefill and one for the
/// step, in each a track of kernels, one after the other as they are first
/// launched, all calls of one together, and a track for each resource, busy
/// from a kernel's start for as long as it would take alone. Times are in us.
/// False, and a reason, where a kernel cannot be predicted.
bool writeTrace(const WorkloadFacts &facts, const machine::Machine &machine,
                llvm::raw_ostream &os, std::string &reason);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_TRACE_H
