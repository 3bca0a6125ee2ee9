// The sizes of tiles, from the machine and the extents.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_TILESIZES_H
#define SENNIT_PASSES_SCHEDULE_TILESIZES_H

#include "dialects/machine/Machine.h"
#include "mlir/IR/BuiltinTypes.h"

namespace sennit::schedule {

/// Tiles of a product: rows, columns, and the depth of one step.
struct ProductSizes {
  int64_t m, n, k;
};

/// Rows of a matrix panel: two vectors.
int64_t getPanelRows(machine::CoreAttr core);

/// Elements of a matrix's row to put side by side in its panels: two where the
/// core's matrix unit takes them, else one.
int64_t chooseGroup(machine::CoreAttr core, mlir::RankedTensorType matrix);

/// Elements of a matrix's row that stand side by side.
int64_t getGroup(mlir::RankedTensorType matrix);

/// Sizes for a product of at most `rows` rows by an [n, k] matrix, whose rows
/// stand in groups of `group`. The panel of one step stays in half of L1, the
/// rows of one step in half of L2; n divides the matrix's panels, k divides the
/// depth wherever a divisor of useful size exists, and always with groups.
ProductSizes getProductSizes(machine::CoreAttr core, int64_t rows, int64_t n,
                             int64_t k, int64_t group = 1);

/// Whether a product of at most `rows` rows of `activations` goes to a matrix
/// unit that works beside the threads, from tiles that an engine copies: both
/// operands lie in memory as the unit takes them, and the engine can walk them.
bool isAsynchronous(machine::CoreAttr core, int64_t rows,
                    mlir::RankedTensorType activations,
                    mlir::RankedTensorType matrix);

/// Sizes for such a product, one of `count` that share their activations.
ProductSizes getAsynchronousSizes(int64_t rows, int64_t n, int64_t count);

/// Rows of a tile of `width` elements a row that passes through L1 once.
int64_t getRowTile(machine::CoreAttr core, int64_t rows, int64_t width);

/// The smallest of 1, 2, 4, .. `most` that is at least `rows`.
int64_t roundUpRows(int64_t rows, int64_t most);

/// The largest divisor of `extent` that is at most `most`.
int64_t getDivisor(int64_t extent, int64_t most);

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_TILESIZES_H
