// What a scan's region computes for a token, as numbers for the cost model.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_NORMALIZE_SCANWORK_H
#define SENNIT_PASSES_NORMALIZE_SCANWORK_H

#include "compiler/cost/Scans.h"
#include "dialects/machine/Machine.h"
#include "dialects/seq/Seq.h"

namespace sennit::normalize {

/// The walk that a scan is, of one segment: its region's scalar operations and
/// the longest chain of them from a state to the next one. Items are as the
/// scan's program has them: parts of up to 128 elements where the region works
/// by element, else one.
cost::Walk countWalk(seq::ScanOp scan);

/// The machine that `module` names by `machine.target`; nothing, and the
/// reason, where it has no description that the model reads.
std::optional<machine::Machine> readMachine(mlir::ModuleOp module,
                                            std::string &reason);

} // namespace sennit::normalize

#endif // SENNIT_PASSES_NORMALIZE_SCANWORK_H
