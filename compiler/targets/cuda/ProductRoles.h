// A program of one streamed product, and the roles and rings that run it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_PRODUCTROLES_H
#define SENNIT_COMPILER_TARGETS_CUDA_PRODUCTROLES_H

#include "dialects/tile/TileAsync.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <optional>
#include <string>

namespace sennit::cuda {

/// A grid whose item streams two tiles into one product and stores what it
/// makes of the sum.
class ProductRoles {
public:
  /// Nothing, and the reason, where the grid is something else.
  static std::optional<ProductRoles> match(tile::GridOp grid,
                                           std::string &reason);

  /// Decides rings and registers for `copies` copies of the computing role;
  /// `group` rows of tiles are run beside each other. The reason where a block
  /// has too little of something.
  std::string plan(int64_t copies, int64_t group);

  /// One line: what `plan` decided.
  std::string describe() const;

  /// Puts the roles in the grid's place.
  void build();

private:
  /// What both roles know of the persistent walk over items.
  struct Walk {
    mlir::Value items, block, blocks, trips;
    llvm::SmallVector<mlir::Value> counts;
  };

  Walk buildWalk(mlir::ImplicitLocOpBuilder &builder);
  /// Maps the grid's positions, and clones the item's scalars.
  mlir::IRMapping enterItem(mlir::ImplicitLocOpBuilder &builder,
                            const Walk &walk, mlir::Value item);
  void buildCopies(mlir::ImplicitLocOpBuilder builder, const Walk &walk);
  void buildCompute(mlir::ImplicitLocOpBuilder builder, const Walk &walk);
  /// One step's product onto `accumulator`, where there is one.
  tile::StartOp startProduct(mlir::ImplicitLocOpBuilder &builder,
                             mlir::Value use, mlir::Value accumulator);
  /// The sum of an item, and the number of the last use.
  std::pair<mlir::Value, mlir::Value>
  buildSum(mlir::ImplicitLocOpBuilder &builder, const Walk &walk,
           mlir::Value first);
  /// Stores of an item, from use `stored` of the ring on.
  mlir::Value buildStores(mlir::ImplicitLocOpBuilder &builder,
                          mlir::IRMapping &mapping, mlir::Value sum,
                          mlir::Value stored);

  tile::GridOp grid;
  tile::StreamOp stream;
  tile::MmaOp mma;
  llvm::SmallVector<tile::LoadOp> loads;
  tile::StoreOp store;
  tile::RingType inType, outType;
  int64_t copies = 0, registers = 0, group = 0;
  mlir::Value in, out;
};

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_PRODUCTROLES_H
