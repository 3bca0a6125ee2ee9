// The sizes of tiles: what the cost model finds fastest on the machine.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_TILESIZES_H
#define SENNIT_PASSES_SCHEDULE_TILESIZES_H

#include "compiler/cost/Recurrences.h"
#include "dialects/machine/Machine.h"
#include "mlir/IR/BuiltinTypes.h"
#include "passes/schedule/Choices.h"

namespace sennit::schedule {

/// Tiles of a product: rows, columns and depth of one step, and the columns
/// that an item walks by such steps.
struct ProductSizes {
  int64_t m, n, k, span;
};

/// What sizes are asked for: `count` products of the same at most `rows` rows
/// of `type` by [n, k] matrices of `element`, whose rows stand in groups of
/// `group`.
struct ProductShape {
  int64_t rows, n, k;
  mlir::Type type, element;
  int64_t group = 1, count = 1;
  /// Whether an item may walk several steps of columns.
  bool walks = false;
  /// Whether each step takes all of the depth.
  bool keepsDepth = false;
};

/// Rows of a matrix panel: two vectors.
int64_t getPanelRows(machine::CoreAttr core);

/// Fails, after an error at `op`, where the machine is not described well
/// enough to choose tiles for it. The functions below ask a machine that
/// passed.
llvm::LogicalResult checkMachine(mlir::Operation *op, machine::CoreAttr core);

/// Elements of a matrix's row to put side by side in its panels: as many as the
/// machine's matrix unit takes, where it takes the matrix, else one.
int64_t chooseGroup(machine::CoreAttr core, mlir::RankedTensorType matrix);

/// Whether the machine's matrix unit multiplies rows of this type by others,
/// which the product packs for it.
bool multipliesByUnit(machine::CoreAttr core, mlir::Value operand);

/// Elements of a matrix's row that stand side by side.
int64_t getGroup(mlir::RankedTensorType matrix);

/// The fastest of `cost::listTiles`, or what is pinned. Where threads share an
/// item, neither is asked yet.
ProductSizes getProductSizes(machine::CoreAttr core, const ProductShape &shape,
                             Choices &choices);

/// Whether a product of at most `rows` rows of `activations` goes to a matrix
/// unit that works beside the threads, from tiles that an engine copies: both
/// operands lie in memory as the unit takes them, and the engine can walk them.
bool isAsynchronous(machine::CoreAttr core, int64_t rows,
                    mlir::RankedTensorType activations,
                    mlir::RankedTensorType matrix);

/// Sizes for such a product, one of `count` that share their activations.
ProductSizes getAsynchronousSizes(machine::CoreAttr core, int64_t rows,
                                  int64_t n, int64_t depth, int64_t count);

/// Rows of a tile of `width` elements a row: the fastest of
/// `cost::listRowTiles`, or what is pinned. Where threads share an item, what
/// their registers hold.
int64_t getRowTile(machine::CoreAttr core, int64_t rows, int64_t width,
                   Choices &choices);

/// Rows of the blocks of sums by which products of a matrix go, and of the
/// fragments that are computed whole.
struct BlockRows {
  int64_t block, fragment;
};
BlockRows getBlockRows(machine::CoreAttr core, mlir::RankedTensorType matrix);

/// Rows (queries times heads of an item) and keys of a step of attention.
struct AttentionSizes {
  int64_t rows, keys;
};

/// The fastest of `cost::listAttentionTiles` for `queries` tokens in the middle
/// of `context`.
AttentionSizes getAttentionSizes(machine::CoreAttr core, int64_t queries,
                                 int64_t context, int64_t heads,
                                 int64_t keyHeads, mlir::RankedTensorType query,
                                 int64_t valueWidth);

/// A causal convolution as the choice of its form needs it.
struct ConvSizes {
  int64_t sequences, rows, channels, taps;
  bool hasWindow, areTapsKnown;
};

/// Rows of the blocks whose spectra a convolution multiplies, or 1 where its
/// taps are added up one by one: the fastest of `cost::listBlocks`, or what is
/// pinned.
int64_t getConvBlock(machine::CoreAttr core, const ConvSizes &conv,
                     Choices &choices);

/// The element that the model computes numbers of `type` as.
machine::Element getElement(mlir::Type type);

/// Tokens of a chunk of a recurrence, and of the next best chunk; microseconds
/// as predicted.
struct ChunkSizes {
  int64_t rows, nextRows;
  double microseconds, nextMicroseconds;
};

/// The fastest of `cost::listChunks`, or what is pinned.
ChunkSizes getChunkSizes(machine::CoreAttr core,
                         const cost::Recurrence &problem, Choices &choices);

/// The smallest of 1, 2, 4, .. `most` that is at least `rows`.
int64_t roundUpRows(int64_t rows, int64_t most);

/// The largest divisor of `extent` that is at most `most`.
int64_t getDivisor(int64_t extent, int64_t most);

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_TILESIZES_H
