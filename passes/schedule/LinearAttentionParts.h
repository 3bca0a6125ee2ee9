// Linear attention for a matrix unit that works beside the threads.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_LINEARATTENTIONPARTS_H
#define SENNIT_PASSES_SCHEDULE_LINEARATTENTIONPARTS_H

#include "passes/schedule/Program.h"

namespace sennit::schedule {

/// Whether such a unit multiplies the rows of `op` as they lie in memory: plain
/// chunks of 16-bit queries, keys and values, with a decay a head.
bool areCopied(KernelBuilder &kernel, seq::LinearAttentionOp op);

/// The programs of such an op.
llvm::LogicalResult buildParts(KernelBuilder &kernel,
                               seq::LinearAttentionOp op);

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_LINEARATTENTIONPARTS_H
