// What the roles of one kernel share: the walk over a grid's items, the views
// that the copy engine moves, the roles themselves.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_ITEMWALK_H
#define SENNIT_COMPILER_TARGETS_CUDA_ITEMWALK_H

#include "dialects/tile/TileAsync.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <string>

namespace sennit::cuda {

using RoleBuilder = mlir::ImplicitLocOpBuilder;

mlir::Value index(RoleBuilder &builder, int64_t value);
mlir::Value add(RoleBuilder &builder, mlir::Value a, mlir::Value b);
mlir::Value multiply(RoleBuilder &builder, mlir::Value a, mlir::Value b);
/// How many steps there are from `lower` to `upper`.
mlir::Value count(RoleBuilder &builder, mlir::Value lower, mlir::Value upper,
                  int64_t step);

/// The one stream of an item; null where there are none or several.
tile::StreamOp getOnlyStream(tile::GridOp grid);
/// The stream's position in a step of the item that `mapping` knows.
mlir::Value locateStep(RoleBuilder &builder, const mlir::IRMapping &mapping,
                       tile::StreamOp stream, mlir::Value step);
/// Opens a slot of a ring of one tile, to read that or to write it.
mlir::Value openToRead(RoleBuilder &builder, mlir::Value ring, mlir::Value use);
mlir::Value openToWrite(RoleBuilder &builder, mlir::Value ring,
                        mlir::Value use);

/// The persistent walk of blocks over the items of a grid, in waves of one item
/// a block.
class ItemWalk {
public:
  /// Which items come first: where the last have the most to do, it is they.
  enum class Order { FirstFirst, LastFirst };

  /// Positions of the second last dimension are lines, of which `group` run
  /// beside each other, so that what runs at once shares tiles in L2.
  ///
  /// With the last first, every block shall have as much to do as the others:
  /// one that had the largest item of a wave has the smallest of the next, and
  /// nowhere does a wave differ much from the next. So all outer dimensions
  /// make lines, a group has as many as fill some waves, and every second group
  /// goes from small items to large ones.
  ItemWalk(tile::GridOp grid, int64_t group, Order order = Order::FirstFirst);

  /// Opens the loop over the waves, which carries `inits`.
  mlir::scf::ForOp openItems(RoleBuilder &builder, mlir::ValueRange inits);
  /// Maps the grid's positions in a wave, and clones the item's scalars.
  mlir::IRMapping enter(RoleBuilder &builder, mlir::Value wave);

private:
  /// How many items and blocks there are. Made anew in each wave: what lives
  /// across an item takes registers from its tiles.
  struct Numbers {
    llvm::SmallVector<mlir::Value> counts;
    /// How many lines there are, items of them, and items in all.
    mlir::Value lines, inside, items, block, blocks;
  };
  Numbers number(RoleBuilder &builder);
  /// The number of this block's item in a wave.
  mlir::Value findItem(RoleBuilder &builder, const Numbers &all,
                       mlir::Value wave);
  /// An item's line and its place there.
  std::pair<mlir::Value, mlir::Value>
  locate(RoleBuilder &builder, const Numbers &all, mlir::Value item);

  tile::GridOp grid;
  int64_t group;
  Order order;
  /// Dimensions, and how many of them lie outside of lines.
  size_t rank, outer;
};

/// Opens `tile.roles` of one role that copies, on 24 registers, and one that
/// computes, in `copies` copies of `registers`.
tile::RolesOp openRoles(RoleBuilder &builder, int64_t registers, int64_t copies,
                        bool turns);
/// At the end of a role.
RoleBuilder enterRole(tile::RolesOp roles, unsigned role);

/// Registers that a thread of `copies` computing roles can have, where `blocks`
/// share a processor.
int64_t getComputeRegisters(int64_t copies, int64_t blocks = 1);

/// A memory op's view as the copy engine sees it: dimensions that it walks
/// last, each as long as the op's bound says.
class CopiedView {
public:
  /// Why the engine cannot move what `op` moves, or an empty string. The op's
  /// tile runs along `rank` dimensions of its view.
  template <typename MemoryOp> std::string match(MemoryOp op);

  /// The view, made where the builder stands, outside of the roles.
  mlir::Value build(RoleBuilder &builder);
  /// The op's indices in the order of the view's dimensions.
  llvm::SmallVector<mlir::Value> order(mlir::ValueRange indices) const;
  /// The box of the op's tile in that order.
  llvm::SmallVector<int64_t> getBox(llvm::ArrayRef<int64_t> tile) const;

private:
  std::string matchExtents(mlir::ValueRange bounds,
                           llvm::ArrayRef<int64_t> boundDims);

  mlir::Value view;
  /// The view's dimensions, those of the tile last.
  llvm::SmallVector<int64_t> dims;
  int64_t tileRank = 0;
  /// One a dimension of the view; empty where the view is moved as it is.
  llvm::SmallVector<mlir::OpFoldResult> extents;
};

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_ITEMWALK_H
