// The meaning of a mixer on a batch of sequences, one sequence after another.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQBATCH_H
#define SENNIT_DIALECTS_SEQ_SEQBATCH_H

#include "dialects/seq/Seq.h"

namespace sennit::seq {

/// Decomposes `op`, whose tensors have a leading batch dimension, by a loop
/// over the batch of the same op on one sequence. Operand 0 is a tensor
/// [batch, token, ..]; a result that is no state has its batch and its tokens.
///
/// Operands numbered in `shared` are read alike by every sequence and have no
/// batch dimension, and neither have operands that are no tensors. A tensor of
/// one integer a sequence becomes an index. `adjust`, if given, receives the op
/// on one sequence and the sequence's position before that op is decomposed.
llvm::SmallVector<mlir::Value> decomposeBatch(
    SequenceMixerOpInterface op, mlir::OpBuilder &builder,
    llvm::ArrayRef<unsigned> shared = {},
    llvm::function_ref<void(mlir::Operation *, mlir::Value)> adjust = {});

} // namespace sennit::seq

#endif // SENNIT_DIALECTS_SEQ_SEQBATCH_H
