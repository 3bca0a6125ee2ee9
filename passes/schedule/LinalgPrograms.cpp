// Tiles of elementwise maps, row reductions and views, and the program of a
// product.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/Program.h"
#include "passes/schedule/TileSizes.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace sennit::schedule {

/// The tile of an input of a generic op, brought to the shape of its loops.
static FailureOr<Value> getInputTile(Program &program, linalg::GenericOp op,
                                     OpOperand *input, const Box &domain) {
  AffineMap map = op.getMatchingIndexingMap(input);
  if (!isa<RankedTensorType>(input->get().getType()))
    return program.broadcast(input->get(), domain.sizes, {});
  Box box;
  SmallVector<int64_t> dims;
  for (AffineExpr expr : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    box.offsets.push_back(dim ? domain.offsets[dim.getPosition()]
                              : OpFoldResult(program.builder.getIndexAttr(0)));
    box.sizes.push_back(dim ? domain.sizes[dim.getPosition()] : 1);
    box.aligned.push_back(dim ? domain.aligned[dim.getPosition()] : true);
    if (dim)
      dims.push_back(dim.getPosition());
  }
  FailureOr<Value> tile = program.tile(input->get(), box);
  if (failed(tile))
    return failure();
  // Drop the dimensions that the map holds at zero, then order the others.
  Value value = program.reshape(
      *tile,
      llvm::map_to_vector(dims, [&](int64_t d) { return domain.sizes[d]; }));
  SmallVector<int64_t> order(dims.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](int64_t a, int64_t b) { return dims[a] < dims[b]; });
  if (!llvm::is_sorted(dims)) {
    SmallVector<int64_t> shape = llvm::map_to_vector(
        order, [&](int64_t i) { return domain.sizes[dims[i]]; });
    auto type = VectorType::get(shape, getElementTypeOrSelf(value.getType()));
    value = tile::TransposeOp::create(program.builder, program.loc, type, value,
                                      order);
    llvm::sort(dims);
  }
  return program.broadcast(value, domain.sizes, dims);
}

/// Clones the ops of a generic's body on tiles; `skip` is left out. Returns the
/// mapping from scalars to tiles.
static FailureOr<IRMapping> cloneBody(Program &program, linalg::GenericOp op,
                                      const Box &domain, Operation *skip) {
  IRMapping mapping;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (op.getMatchingBlockArgument(input).use_empty())
      continue;
    FailureOr<Value> tile = getInputTile(program, op, input, domain);
    if (failed(tile))
      return failure();
    mapping.map(op.getMatchingBlockArgument(input), *tile);
  }
  auto tileOf = [&](Value scalar) {
    if (Value tile = mapping.lookupOrNull(scalar))
      return tile;
    // A constant from outside the body.
    Operation *constant = program.builder.clone(*scalar.getDefiningOp());
    Value tile = program.broadcast(constant->getResult(0), domain.sizes, {});
    mapping.map(scalar, tile);
    return tile;
  };
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (&inner == skip)
      continue;
    if (auto constant = dyn_cast<arith::ConstantOp>(inner)) {
      auto type = VectorType::get(domain.sizes, constant.getType());
      mapping.map(constant.getResult(),
                  arith::ConstantOp::create(
                      program.builder, program.loc,
                      DenseElementsAttr::get(type, constant.getValue())));
      continue;
    }
    if (!OpTrait::hasElementwiseMappableTraits(&inner))
      return inner.emitOpError("does not apply to tiles element by element");
    for (Value operand : inner.getOperands())
      tileOf(operand);
    Operation *clone = program.builder.clone(inner, mapping);
    for (Value result : clone->getResults())
      result.setType(VectorType::get(domain.sizes, result.getType()));
  }
  for (Value yielded : op.getBody()->getTerminator()->getOperands())
    if (!skip && yielded.getDefiningOp() && !mapping.contains(yielded))
      tileOf(yielded);
  return mapping;
}

static FailureOr<Value> emitMap(Program &program, linalg::GenericOp op,
                                const Box &box) {
  FailureOr<IRMapping> mapping = cloneBody(program, op, box, nullptr);
  if (failed(mapping))
    return failure();
  return mapping->lookup(op.getBody()->getTerminator()->getOperand(0));
}

static FailureOr<Value> emitRowReduction(Program &program, linalg::GenericOp op,
                                         const Box &box) {
  Box domain = box;
  int64_t width = op.getStaticLoopRanges().back();
  if (ShapedType::isDynamic(width))
    return op.emitOpError(
        "reduces rows whose length is not known at compile time");
  domain.offsets.push_back(program.builder.getIndexAttr(0));
  domain.sizes.push_back(width);
  domain.aligned.push_back(true);
  Operation *merge = seq::getMergeOp(op);
  FailureOr<IRMapping> mapping = cloneBody(program, op, domain, merge);
  if (failed(mapping))
    return failure();
  BlockArgument acc = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  Value element =
      merge->getOperand(0) == acc ? merge->getOperand(1) : merge->getOperand(0);
  auto kind =
      isa<arith::AddFOp>(merge) ? tile::ReduceKind::Add : tile::ReduceKind::Max;
  auto type = VectorType::get(box.sizes, acc.getType());
  return tile::ReduceOp::create(program.builder, program.loc, type, kind,
                                mapping->lookup(element), int64_t(box.rank()))
      .getResult();
}

namespace {
struct GenericModel
    : TileProgramOpInterface::ExternalModel<GenericModel, linalg::GenericOp> {
  FailureOr<Value> emitTile(Operation *op, Program &program, unsigned,
                            const Box &box) const {
    auto generic = cast<linalg::GenericOp>(op);
    return seq::isRowReduction(op) ? emitRowReduction(program, generic, box)
                                   : emitMap(program, generic, box);
  }
};

struct ExtractSliceModel
    : TileProgramOpInterface::ExternalModel<ExtractSliceModel,
                                            tensor::ExtractSliceOp> {
  FailureOr<Value> emitTile(Operation *op, Program &program, unsigned,
                            const Box &box) const {
    auto slice = cast<tensor::ExtractSliceOp>(op);
    if (!slice.hasUnitStride() ||
        slice.getType().getRank() != slice.getSourceType().getRank())
      return op->emitOpError("takes a slice with strides or of lower rank");
    Box source = box;
    for (auto [dim, offset] : llvm::enumerate(slice.getMixedOffsets())) {
      if (isConstantIntValue(offset, 0))
        continue;
      Value start = isa<Attribute>(offset)
                        ? program.value(offset)
                        : program.scalar(cast<Value>(offset));
      source.offsets[dim] = program.add(start, program.value(box.offsets[dim]));
      source.aligned[dim] = false;
    }
    return program.tile(slice.getSource(), source);
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
  tensor::ExtractSliceOp::attachInterface<ExtractSliceModel>(*context);
  tensor::ExpandShapeOp::attachInterface<ExpandShapeModel>(*context);
}

} // namespace sennit::schedule
