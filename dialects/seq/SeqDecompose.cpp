// The reference meaning of the ops, in plain and serial linalg and scf.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"

using namespace mlir;
using namespace sennit::seq;

// Not written yet: every op refuses by returning nothing.
#define SENNIT_NO_DECOMPOSITION(op)                                            \
  SmallVector<Value> op::decompose(OpBuilder &) { return {}; }
SENNIT_NO_DECOMPOSITION(AttentionOp)
SENNIT_NO_DECOMPOSITION(SelectiveScanOp)
SENNIT_NO_DECOMPOSITION(LinearAttentionOp)
SENNIT_NO_DECOMPOSITION(ConvOp)
SENNIT_NO_DECOMPOSITION(RopeOp)
SENNIT_NO_DECOMPOSITION(RouteOp)
SENNIT_NO_DECOMPOSITION(DispatchOp)
SENNIT_NO_DECOMPOSITION(ExpertsOp)
SENNIT_NO_DECOMPOSITION(CombineOp)
SENNIT_NO_DECOMPOSITION(EmbedOp)
#undef SENNIT_NO_DECOMPOSITION
