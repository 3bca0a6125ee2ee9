// Where attention's tiles lie in queries, calls and caches, and the program
// that appends to a cache.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_ATTENTIONTILES_H
#define SENNIT_PASSES_SCHEDULE_ATTENTIONTILES_H

#include "dialects/seq/Seq.h"
#include "passes/schedule/Program.h"

namespace sennit::schedule {

/// Rows of queries in one step.
constexpr int64_t queryRows = 32;

/// Puts the batch dimension, where there is one, before the others.
Box makeBox(seq::AttentionOp op, mlir::Value sequence,
            llvm::ArrayRef<mlir::OpFoldResult> offsets,
            llvm::ArrayRef<int64_t> sizes);

/// `past` or `lengths` of one sequence, an index.
mlir::Value ofSequence(Program &program, mlir::Value number,
                       mlir::Value sequence);

/// Opens a grid whose first dimension is the sequence where there are several;
/// returns the sequence, 0 for a single one, before the other positions.
llvm::SmallVector<mlir::Value> openGrid(Program &program, seq::AttentionOp op,
                                        llvm::ArrayRef<mlir::Value> upper,
                                        llvm::ArrayRef<int64_t> steps,
                                        llvm::ArrayRef<llvm::StringRef> names);

/// The most tokens of a tensor in one call.
int64_t tokenBound(KernelBuilder &kernel, seq::AttentionOp op,
                   mlir::Value tensor);

/// The box of `rows` rows from key j on of one key-value head in a cache.
Box makeCacheBox(Program &program, seq::AttentionOp op, mlir::Value sequence,
                 mlir::Value j, mlir::Value head, int64_t rows, int64_t width);

llvm::SmallVector<mlir::Value> getOffsets(Program &program, const Box &box);

/// Stores this call's keys and values behind those of the cache: a tile of
/// rows, or a row where pages may end anywhere.
llvm::LogicalResult buildAppend(KernelBuilder &kernel, seq::AttentionOp op);

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_ATTENTIONTILES_H
