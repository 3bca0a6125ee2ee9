// The seq dialect in one file for TableGen: includes the parts, nothing else.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQ_TD
#define SENNIT_DIALECTS_SEQ_SEQ_TD

include "dialects/seq/SeqDialect.td"
include "dialects/seq/SeqTypes.td"
include "dialects/seq/SeqInterfaces.td"
include "dialects/seq/SeqAttentionOps.td"
include "dialects/seq/SeqRecurrenceOps.td"
include "dialects/seq/SeqScanOps.td"
include "dialects/seq/SeqRoutingOps.td"
include "dialects/seq/SeqModelOps.td"

#endif // SENNIT_DIALECTS_SEQ_SEQ_TD
