// A program of streamed products, and the roles and rings that run it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_PRODUCTROLES_H
#define SENNIT_COMPILER_TARGETS_CUDA_PRODUCTROLES_H

#include "compiler/targets/cuda/ItemWalk.h"

#include <optional>

namespace sennit::cuda {

/// A grid whose item streams tiles into sums of products and stores what it
/// makes of the sums.
class ProductRoles {
public:
  /// Nothing, and the reason, where the grid is something else.
  static std::optional<ProductRoles> match(tile::GridOp grid,
                                           std::string &reason);

  /// Decides rings and registers for at most `mostCopies` copies of the
  /// computing role, each with rows of its own; `group` rows of tiles are run
  /// beside each other. The reason where a block has too little of something.
  std::string plan(int64_t mostCopies, int64_t group);

  /// One line: what `plan` decided.
  std::string describe() const;

  /// Puts the roles in the grid's place.
  void build();

private:
  std::string matchStream();
  std::string matchLoads();
  /// Why part of the columns of `tile`, which the store's value is made of,
  /// cannot be computed alone, or empty.
  std::string matchEpilogue(mlir::Value tile);

  void buildCopies(RoleBuilder builder, ItemWalk &walk);
  void buildCompute(RoleBuilder builder, ItemWalk &walk);
  /// One step's products onto `accumulators`, where there are some.
  tile::StartOp startProducts(RoleBuilder &builder, mlir::Value use,
                              mlir::ValueRange accumulators);
  /// The sums of an item, and the number of the last use.
  std::pair<llvm::SmallVector<mlir::Value>, mlir::Value>
  buildSums(RoleBuilder &builder, mlir::Value first);
  /// Stores an item in parts of its columns; stores through a ring begin at use
  /// `stored`.
  mlir::Value buildStores(RoleBuilder &builder, mlir::IRMapping &mapping,
                          mlir::ValueRange sums, mlir::Value stored);
  /// Columns `at` .. of a tile, as wide as a part; `parts` holds those that are
  /// made already.
  mlir::Value buildPart(RoleBuilder &builder, mlir::IRMapping &mapping,
                        mlir::IRMapping &parts, mlir::Value tile, int64_t at);
  mlir::Value buildStore(RoleBuilder &builder, mlir::IRMapping &mapping,
                         mlir::Value part, int64_t at, mlir::Value stored);

  tile::GridOp grid;
  tile::StreamOp stream;
  llvm::SmallVector<tile::MmaOp> products;
  llvm::SmallVector<tile::LoadOp> loads;
  llvm::SmallVector<CopiedView> views;
  tile::StoreOp store;
  /// Where the copy engine moves the stored tile too.
  std::optional<CopiedView> target;
  tile::RingType inType, outType;
  int64_t copies = 0, registers = 0, group = 0, partColumns = 0;
  mlir::Value in, out, trips, targetView;
  llvm::SmallVector<mlir::Value> sources;
};

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_PRODUCTROLES_H
