// Tiles of generic ops and views, and the program of a product.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/GenericTiles.h"
#include "passes/schedule/Models.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::schedule {

namespace {
struct GenericModel
    : TileProgramOpInterface::ExternalModel<GenericModel, linalg::GenericOp> {
  FailureOr<Value> emitTile(Operation *op, Program &program, unsigned result,
                            const Box &box) const {
    FailureOr<SmallVector<Value>> tiles =
        emitGeneric(program, cast<linalg::GenericOp>(op), box);
    if (failed(tiles))
      return failure();
    for (auto [value, tile] : llvm::zip_equal(op->getResults(), *tiles))
      if (value.getResultNumber() != result)
        program.seed(value, box, tile);
    return (*tiles)[result];
  }
};

/// Reshapes keep whole groups of dimensions: a tile may cut only the outermost
/// dimension of a group that is wider than one.
static FailureOr<Box> mergeGroups(Program &program, Operation *op,
                                  const Box &box, ArrayRef<int64_t> shape,
                                  ArrayRef<ReassociationIndices> groups) {
  Box merged;
  for (const ReassociationIndices &group : groups) {
    OpFoldResult offset = box.offsets[group.front()];
    int64_t size = box.sizes[group.front()];
    bool aligned = box.aligned[group.front()];
    for (int64_t dim : ArrayRef(group).drop_front()) {
      bool whole = box.sizes[dim] == shape[dim];
      if (!whole && size != 1)
        return op->emitOpError(
            "is cut inside a group of dimensions that it merges");
      Value base = arith::MulIOp::create(program.builder, program.loc,
                                         program.value(offset),
                                         program.index(shape[dim]));
      offset = program.add(base, program.value(box.offsets[dim]));
      size *= box.sizes[dim];
    }
    merged.offsets.push_back(offset);
    merged.sizes.push_back(size);
    merged.aligned.push_back(aligned);
  }
  return merged;
}

struct ExpandShapeModel
    : TileProgramOpInterface::ExternalModel<ExpandShapeModel,
                                            tensor::ExpandShapeOp> {
  FailureOr<Value> emitTile(Operation *op, Program &program, unsigned,
                            const Box &box) const {
    auto expand = cast<tensor::ExpandShapeOp>(op);
    FailureOr<Box> source =
        mergeGroups(program, op, box, expand.getType().getShape(),
                    expand.getReassociationIndices());
    if (failed(source))
      return failure();
    FailureOr<Value> tile = program.tile(expand.getSrc(), *source);
    if (failed(tile))
      return failure();
    return program.reshape(*tile, box.sizes);
  }
};

struct MatmulModel
    : TileProgramOpInterface::ExternalModel<MatmulModel, linalg::MatmulOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    return buildProductProgram(kernel);
  }
};
} // namespace

void attachLinalgModels(MLIRContext *context) {
  linalg::GenericOp::attachInterface<GenericModel>(*context);
  linalg::MatmulOp::attachInterface<MatmulModel>(*context);
  tensor::ExpandShapeOp::attachInterface<ExpandShapeModel>(*context);
  attachMoveModels(context);
}

} // namespace sennit::schedule
