// Whether a scan's region has the algebra that the scan declares.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQSCANALGEBRA_H
#define SENNIT_DIALECTS_SEQ_SEQSCANALGEBRA_H

#include "dialects/seq/Seq.h"

namespace sennit::seq {

/// Fails unless every next state has the declared form, which is decided by the
/// structure of the region alone: what cannot be shown is refused, with a note
/// at the op that lost the form.
llvm::LogicalResult verifyAlgebra(ScanOp op);

} // namespace sennit::seq

#endif // SENNIT_DIALECTS_SEQ_SEQSCANALGEBRA_H
