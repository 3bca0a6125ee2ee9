// Which steps of a stream a mask leaves as they are.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_MASKEDSTEPS_H
#define SENNIT_COMPILER_TARGETS_CUDA_MASKEDSTEPS_H

#include "compiler/targets/cuda/ItemWalk.h"

#include <optional>

namespace sennit::cuda {

/// A selection in a stream's iteration whose condition compares positions along
/// the stream with positions of rows or with scalars: causal masks, windows,
/// lengths. Its condition is true everywhere in one run of steps.
class MaskedSteps {
public:
  /// Nothing where the iteration selects by something else, or not at all.
  static std::optional<MaskedSteps> match(tile::StreamOp stream);

  /// The selection.
  mlir::arith::SelectOp select;

  /// The first step in which the condition holds everywhere, and the first
  /// after it in which it may not, both from 1 to `trips`; `mapping` knows the
  /// item's scalars.
  std::pair<mlir::Value, mlir::Value>
  buildClear(RoleBuilder &builder, mlir::IRMapping &mapping, mlir::Value trips);
  /// Whether steps before the clear ones may be masked.
  bool hasMaskedBefore() const { return !lowest.empty(); }

private:
  /// A tile's smallest or largest element: an index, where there is one, and a
  /// number added to it.
  struct Extreme {
    mlir::Value base;
    int64_t offset = 0;
  };
  /// What a tile of integers holds: base + 0, 1, .. extent - 1, and a number.
  struct Positions {
    mlir::Value base;
    int64_t offset = 0, extent = 1;
  };

  static std::optional<Positions> getPositions(mlir::Value tile);
  bool addCondition(mlir::Value condition);
  mlir::Value buildStep(RoleBuilder &builder, mlir::IRMapping &mapping,
                        Extreme position);

  tile::StreamOp stream;
  /// The stream's position of a clear step is less than each of `highest`, and
  /// at least each of `lowest`.
  llvm::SmallVector<Extreme> highest, lowest;
};

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_MASKEDSTEPS_H
