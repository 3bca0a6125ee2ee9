// Which ops of a program a machine may have a unit of its own for.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_TILE_TILEUNITS_H
#define SENNIT_DIALECTS_TILE_TILEUNITS_H

#include "dialects/tile/Tile.h"

namespace sennit::tile {

/// The attribute of elementwise ops and reductions that are part of a task:
/// with such a unit they are its work, else that of vectors. `tile.scan` says
/// so by itself.
inline constexpr llvm::StringLiteral kUnitAttrName = "tile.unit";
/// Its values: Fourier transforms; choices of the largest in a row.
inline constexpr llvm::StringLiteral kTransformUnit = "fft";
inline constexpr llvm::StringLiteral kRouteUnit = "route";

/// Marks what a builder makes while this lives.
class UnitScope : mlir::OpBuilder::Listener {
public:
  UnitScope(mlir::OpBuilder &builder, llvm::StringRef unit)
      : builder(builder), unit(builder.getStringAttr(unit)),
        before(builder.getListener()) {
    builder.setListener(this);
  }
  ~UnitScope() override { builder.setListener(before); }

private:
  void notifyOperationInserted(mlir::Operation *op,
                               mlir::OpBuilder::InsertPoint point) override {
    if (op->hasTrait<mlir::OpTrait::Elementwise>() || llvm::isa<ReduceOp>(op))
      op->setAttr(kUnitAttrName, unit);
    if (before)
      before->notifyOperationInserted(op, point);
  }

  mlir::OpBuilder &builder;
  mlir::StringAttr unit;
  mlir::OpBuilder::Listener *before;
};

} // namespace sennit::tile

#endif // SENNIT_DIALECTS_TILE_TILEUNITS_H
