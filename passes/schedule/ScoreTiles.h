// The score region of attention, computed on a tile of scores.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_SCORETILES_H
#define SENNIT_PASSES_SCHEDULE_SCORETILES_H

#include "passes/schedule/Program.h"

namespace sennit::schedule {

/// Where a tile of scores stands: `tokens` queries from `token` on, times
/// `heads` query heads from `head` on, against `keys` keys from `key` on. The
/// tile is [rows, keys], its row t * heads + g; more rows than tokens * heads,
/// of one token, are further heads.
struct ScorePlace {
  mlir::Value sequence, head, token, key;
  int64_t tokens, heads, rows, keys;
};

/// The scores that the region of `op` makes of scaled products. Every op of the
/// region applies to whole tiles; indices are tiles of i32; what is captured
/// is loaded as a box where each index of it is one of the region's, and is a
/// scalar where none is. Fails after an error that names the op otherwise.
llvm::FailureOr<mlir::Value> emitScore(Program &program, seq::AttentionOp op,
                                       mlir::Value products,
                                       const ScorePlace &place);

/// Whether all that the region of `op` reads of captured tensors runs along one
/// of its indices, or along none.
bool readsLines(seq::AttentionOp op);

/// Which of the place's keys each query sees: by windows, where the first query
/// stands at position `first` of the keys, and none from `existing` on.
mlir::Value findSeen(Program &program, seq::AttentionOp op,
                     const ScorePlace &place, mlir::Value first,
                     mlir::Value existing);

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_SCORETILES_H
