// Where attention's tiles lie in queries, calls and caches, and the program
// that appends to a cache.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_ATTENTIONTILES_H
#define SENNIT_PASSES_SCHEDULE_ATTENTIONTILES_H

#include "dialects/seq/Seq.h"
#include "passes/schedule/Program.h"
#include "passes/schedule/TileSizes.h"

namespace sennit::schedule {

/// Rows of queries in one step.
constexpr int64_t queryRows = 32;
/// The same, and rows of keys, where a matrix unit multiplies them.
constexpr int64_t unitRows = 128;
/// Rows of keys in one step, of many queries and of one.
constexpr int64_t keyRows = 64, stepKeyRows = 128;

/// Columns of 16 bits that an engine copies to neighbouring banks.
constexpr int64_t panelColumns = 64;

/// The largest divisor of a group of query heads that fills a tile of queries.
int64_t getHeadsPerItem(int64_t group);

/// Query heads of a group in one item, where an engine copies its rows: a
/// whole number of tokens lies in each half of the rows.
int64_t getCopiedHeads(int64_t group);

/// Whether both products go to a matrix unit that works beside the threads,
/// from tiles that an engine copies out of memory as they lie there.
bool areCopied(KernelBuilder &kernel, seq::AttentionOp op);

/// Into how many parts the keys of one query are divided: more than one where
/// threads share items, and a single token alone would leave cores without any.
int64_t countParts(KernelBuilder &kernel, seq::AttentionOp op);

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

/// Rows of an item and keys of a step. Where no code will be emitted, those
/// that the model finds fastest; else those that code was written for: 32 by
/// 64, for a matrix unit 128 by 128, for one query 128 keys.
AttentionSizes chooseSizes(KernelBuilder &kernel, seq::AttentionOp op);

/// The same where an engine copies queries, keys and values, for an item of all
/// keys or of one of several parts.
AttentionSizes chooseCopiedSizes(KernelBuilder &kernel, seq::AttentionOp op,
                                 int64_t parts);

/// The box of `rows` rows from key j on of one key-value head in a cache.
Box makeCacheBox(Program &program, seq::AttentionOp op, mlir::Value sequence,
                 mlir::Value j, mlir::Value head, int64_t rows, int64_t width);

llvm::SmallVector<mlir::Value> getOffsets(Program &program, const Box &box);

/// Stores this call's keys and values behind those of the cache: a tile of
/// rows, or a row where pages may end anywhere.
llvm::LogicalResult buildAppend(KernelBuilder &kernel, seq::AttentionOp op);

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_ATTENTIONTILES_H
