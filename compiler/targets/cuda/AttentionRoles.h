// A program whose item multiplies, weighs and sums over streamed tiles, as
// attention does, and the roles and rings that run it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_ATTENTIONROLES_H
#define SENNIT_COMPILER_TARGETS_CUDA_ATTENTIONROLES_H

#include "compiler/targets/cuda/MaskedSteps.h"

namespace sennit::cuda {

/// A grid whose item streams two tiles: a fixed one times the first gives
/// scores, what the iteration makes of those times the second goes to a sum.
/// The products of one step run beside the arithmetic of the step before
/// (Shah et al. 2024, FlashAttention-3, section 3.2).
class AttentionRoles {
public:
  /// Nothing, and the reason, where the grid is something else.
  static std::optional<AttentionRoles> match(tile::GridOp grid,
                                             std::string &reason);

  /// Decides rings, and copies of the computing role, one for every 64 rows.
  /// The reason where a block has too little of something.
  std::string plan();

  /// One line: what `plan` decided.
  std::string describe() const;

  /// Puts the roles in the grid's place.
  void build();

private:
  /// Values that a step hands to the next, or the item's last to its stores.
  struct Step {
    llvm::SmallVector<mlir::Value> carried;
    /// The last group that read the fixed tile.
    mlir::Value token;
  };

  std::string matchProducts();
  std::string matchFixed();
  std::string matchStores();
  std::string matchStore(tile::StoreOp made);
  /// Whether `op` of the item makes tiles that threads hold.
  bool isHeldByThreads(mlir::Operation &op);
  /// Whether `op` of the iteration depends on the sum that the step before
  /// left.
  bool dependsOnSum(mlir::Operation *op);

  void buildCopies(RoleBuilder builder, ItemWalk &walk);
  void buildCompute(RoleBuilder builder, ItemWalk &walk);
  /// The first step: scores, weights, and the sum to add to.
  Step buildFirst(RoleBuilder &builder, mlir::IRMapping &mapping,
                  mlir::Value fixed, mlir::Value use);
  /// Whether a step's mask is computed, or known to hide nothing.
  enum class Mask { Computed, Clear };
  /// A loop over further steps, from `from` to before `to`, after step `before`
  /// of the item whose uses begin at `first`.
  Step buildSteps(RoleBuilder &builder, const mlir::IRMapping &mapping,
                  mlir::Value fixed, mlir::Value first, mlir::Value from,
                  mlir::Value to, const Step &before, Mask mask);
  Step buildNext(RoleBuilder &builder, mlir::IRMapping &mapping,
                 mlir::Value fixed, mlir::Value step, mlir::Value use,
                 mlir::ValueRange carried, Mask mask);
  tile::StartOp startScores(RoleBuilder &builder, mlir::Value fixed,
                            mlir::Value use);
  tile::StartOp startSum(RoleBuilder &builder, mlir::Value use,
                         mlir::Value accumulator);
  /// Gives up what the sum's group of `use` read.
  void closeSum(RoleBuilder &builder, mlir::Value use, mlir::Value token);
  /// Puts the weights where the next group reads them.
  void fillWeights(RoleBuilder &builder, mlir::Value use, mlir::Value weights);
  /// What threads load by themselves for the step at `position`.
  void loadOthers(RoleBuilder &builder, mlir::IRMapping &mapping,
                  mlir::Value position);
  /// Clones the iteration's arithmetic: what waits for the sum, or the rest.
  void cloneArithmetic(RoleBuilder &builder, mlir::IRMapping &mapping,
                       bool waitsForSum, Mask mask = Mask::Computed);
  void buildStores(RoleBuilder &builder, mlir::IRMapping &mapping,
                   mlir::Value item);
  /// Stores a tile by the copy engine, in panels.
  void buildStore(RoleBuilder &builder, mlir::IRMapping &mapping,
                  mlir::Value item);

  tile::GridOp grid;
  tile::StreamOp stream;
  tile::MmaOp scores, sum;
  mlir::arith::TruncFOp weights;
  /// Loads of the fixed tile and of the two streamed ones.
  tile::LoadOp fixedLoad, loads[2];
  CopiedView fixedView, views[2], target;
  /// The store by the copy engine, if there is one; the others are threads'.
  tile::StoreOp store;
  /// What that stores, as a matrix.
  mlir::Value output;
  /// The selection that hides keys, where some steps do without.
  std::optional<MaskedSteps> masked;
  /// The sum's place among the carried values.
  unsigned sumNumber = 0;
  int64_t copies = 0, registers = 0;
  tile::RingType fixedType, inTypes[2], weightType, outType;
  mlir::Value fixedRing, in[2], weightRing, out, fixedSource, sources[2],
      targetView;
};

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_ATTENTIONROLES_H
