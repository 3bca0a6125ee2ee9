// Reads the facts of a kernel out of its tile program.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_FACTS_KERNELFACTS_H
#define SENNIT_COMPILER_FACTS_KERNELFACTS_H

#include "compiler/cost/Facts.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/ArrayRef.h"

namespace sennit::facts {

/// Reads the facts of `kernel`, a function that holds one `tile.grid`, for a
/// launch with these arguments: the numbers of index arguments; of views that
/// hold a table of first rows, the number of rows in all; of other views 0.
/// Every item of the grid is visited for the trips of its streams; a grid of
/// more than 65536 items is sampled evenly. Bytes that loops touch together
/// follow from the ranges of their indices; gathers touch other rows each time.
/// A number read from a table, such as the first row of an expert, follows from
/// `routeTokens` with `skew`. Accesses bear the number of their argument as
/// name. Where code goes `isStepwise`, the threads of an item meet after each
/// op and each iteration of a stream waits for its loads. Nothing, and a
/// reason, where a grid's or a stream's bounds cannot be told.
std::optional<cost::KernelFacts>
readKernelFacts(mlir::func::FuncOp kernel, llvm::ArrayRef<double> arguments,
                double skew, std::string &reason, bool isStepwise = false);

} // namespace sennit::facts

#endif // SENNIT_COMPILER_FACTS_KERNELFACTS_H
