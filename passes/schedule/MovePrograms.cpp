// Moves parts of tensors: slices as tiles; concat and insert_slice as programs
// that write their parts.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/GenericTiles.h"
#include "passes/schedule/Models.h"
#include "passes/schedule/TileSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::schedule {

namespace {
/// Where the elements of a part lie in a whole: dimension d of the part walks
/// dimension `dims[d]`.
struct Part {
  SmallVector<OpFoldResult> offsets, strides;
  SmallVector<int64_t> dims;

  bool isStrided(int64_t dim) const {
    return !isConstantIntValue(strides[dim], 1);
  }
};
} // namespace

/// An offset or stride as the kernel sees it.
static Value getHostIndex(Program &program, OpFoldResult value) {
  return isa<Attribute>(value) ? program.value(value)
                               : program.scalar(cast<Value>(value));
}

static Value getPosition(Program &program, const Part &part, int64_t dim,
                         OpFoldResult at) {
  OpBuilder &b = program.builder;
  Value position = b.createOrFold<arith::MulIOp>(
      program.loc, program.value(at), getHostIndex(program, part.strides[dim]));
  return b.createOrFold<arith::AddIOp>(
      program.loc, position, getHostIndex(program, part.offsets[dim]));
}

/// Positions along a strided dimension of the whole, an i32 tile; `end` counts
/// the part's elements, and past it stands -1.
static Value getPositions(Program &program, const Part &part, int64_t dim,
                          OpFoldResult at, int64_t size, Value end) {
  OpBuilder &b = program.builder;
  auto type = VectorType::get({size}, b.getI32Type());
  Value number = program.iota(program.value(at), size);
  Value stride =
      program.broadcast(getHostIndex(program, part.strides[dim]), {size}, {});
  Value offset =
      program.broadcast(getHostIndex(program, part.offsets[dim]), {size}, {});
  Value position = arith::MulIOp::create(b, program.loc, number, stride);
  position = program.add(position, offset);
  Value isInside =
      arith::CmpIOp::create(b, program.loc, arith::CmpIPredicate::slt, number,
                            program.broadcast(end, {size}, {}));
  return arith::SelectOp::create(b, program.loc, isInside, position,
                                 program.splatInt(type, -1));
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

static Part getPart(tensor::ExtractSliceOp slice) {
  Part part{slice.getMixedOffsets(), slice.getMixedStrides(), {}};
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  for (int64_t dim = 0; dim < slice.getSourceType().getRank(); ++dim)
    if (!dropped[dim])
      part.dims.push_back(dim);
  return part;
}

/// Strided elements are gathered from memory, dimension by dimension.
static FailureOr<Value> loadStrided(Program &program,
                                    tensor::ExtractSliceOp slice,
                                    const Part &part, const Box &box) {
  Value source = slice.getSource();
  if (program.kernel.isInside(source) &&
      !program.kernel.written.contains(source))
    return slice.emitOpError(
        "takes strided elements of a value that the kernel keeps in no memory");
  SmallVector<Value> indices;
  for (OpFoldResult offset : part.offsets)
    indices.push_back(getHostIndex(program, offset));
  SmallVector<std::pair<int64_t, Value>> bounds;
  for (auto [i, dim] : llvm::enumerate(part.dims)) {
    Value end = program.extent(slice.getResult(), i);
    if (part.isStrided(dim) && box.sizes[i] != 1) {
      indices[dim] =
          getPositions(program, part, dim, box.offsets[i], box.sizes[i], end);
      continue;
    }
    indices[dim] = getPosition(program, part, dim, box.offsets[i]);
    if (box.sizes[i] != 1)
      bounds.push_back({i, program.extent(source, dim)});
  }
  auto type = VectorType::get(box.sizes, slice.getType().getElementType());
  return tile::LoadOp::create(program.builder, program.loc, type,
                              program.view(source), indices, part.dims, bounds)
      .getResult();
}

namespace {
struct ExtractSliceModel
    : TileProgramOpInterface::ExternalModel<ExtractSliceModel,
                                            tensor::ExtractSliceOp> {
  FailureOr<Value> emitTile(Operation *op, Program &program, unsigned,
                            const Box &box) const {
    auto slice = cast<tensor::ExtractSliceOp>(op);
    Part part = getPart(slice);
    if (!slice.hasUnitStride())
      return loadStrided(program, slice, part, box);
    Box source;
    for (OpFoldResult offset : part.offsets) {
      source.offsets.push_back(
          isa<Attribute>(offset)
              ? offset
              : OpFoldResult(program.scalar(cast<Value>(offset))));
      source.sizes.push_back(1);
      source.aligned.push_back(false);
    }
    for (auto [i, dim] : llvm::enumerate(part.dims)) {
      bool fromStart = isConstantIntValue(part.offsets[dim], 0);
      source.offsets[dim] =
          fromStart
              ? box.offsets[i]
              : OpFoldResult(program.add(program.value(source.offsets[dim]),
                                         program.value(box.offsets[i])));
      source.sizes[dim] = box.sizes[i];
      source.aligned[dim] = fromStart && box.aligned[i];
    }
    FailureOr<Value> tile = program.tile(slice.getSource(), source);
    if (failed(tile))
      return failure();
    return program.reshape(*tile, box.sizes);
  }
};

//===----------------------------------------------------------------------===//
// Parts of an output
//===----------------------------------------------------------------------===//

/// Writes the parts of one output, each by a program of its own.
class PartWriter {
public:
  PartWriter(KernelBuilder &kernel, Value output)
      : kernel(kernel), output(output) {}

  LogicalResult write(Value source, const Part &part) {
    Program program(kernel, kernel.kernel.getKind());
    auto type = cast<RankedTensorType>(source.getType());
    SmallVector<int64_t> sizes = getMoveSizes(source);
    SmallVector<Value> upper;
    SmallVector<std::string> names;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      upper.push_back(program.extent(source, dim));
      names.push_back("d" + std::to_string(dim));
    }
    if (upper.empty()) {
      program.openGrid({program.index(1)}, {1}, {"item"});
    } else {
      SmallVector<StringRef> dims(names.begin(), names.end());
      auto position = program.openGrid(upper, sizes, dims);
      Box box(llvm::to_vector_of<OpFoldResult>(position), sizes);
      return writeTile(program, source, part, box);
    }
    return writeTile(program, source, part, Box());
  }

private:
  /// Rows as long as they are, at most a few thousand elements at once.
  SmallVector<int64_t> getMoveSizes(Value source) {
    int64_t rank = cast<RankedTensorType>(source.getType()).getRank();
    SmallVector<int64_t> sizes(rank, 1);
    int64_t inner = 1;
    for (int64_t dim = rank - 1; dim >= 0; --dim) {
      int64_t extent = std::max<int64_t>(kernel.rowBound(source, dim), 1);
      bool isRow = dim + 1 == rank;
      int64_t most =
          isRow ? 1024 : getRowTile(kernel.core, extent, inner, kernel.choices);
      sizes[dim] = std::min(extent, most);
      inner *= sizes[dim];
    }
    return sizes;
  }

  LogicalResult writeTile(Program &program, Value source, const Part &part,
                          const Box &box) {
    FailureOr<Value> tile = program.tile(source, box);
    if (failed(tile))
      return failure();
    Value memory = kernel.written.contains(output)
                       ? program.stateView(output, output)
                       : program.outputView(output);
    SmallVector<Value> indices;
    for (OpFoldResult offset : part.offsets)
      indices.push_back(getHostIndex(program, offset));
    SmallVector<std::pair<int64_t, Value>> bounds;
    auto type = cast<RankedTensorType>(source.getType());
    for (auto [i, dim] : llvm::enumerate(part.dims)) {
      Value end = program.extent(source, i);
      if (part.isStrided(dim) && box.sizes[i] != 1) {
        indices[dim] =
            getPositions(program, part, dim, box.offsets[i], box.sizes[i], end);
        continue;
      }
      indices[dim] = getPosition(program, part, dim, box.offsets[i]);
      bool isWhole =
          !type.isDynamicDim(i) && type.getDimSize(i) % box.sizes[i] == 0;
      if (box.sizes[i] != 1 && !isWhole)
        bounds.push_back(
            {i, getPosition(program, part, dim, getAsOpFoldResult(end))});
    }
    tile::StoreOp::create(program.builder, program.loc, *tile, memory, indices,
                          part.dims, bounds);
    return program.finish();
  }

  KernelBuilder &kernel;
  Value output;
};

static Part getWhole(OpBuilder &b, int64_t rank) {
  Part part;
  part.offsets.assign(rank, b.getIndexAttr(0));
  part.strides.assign(rank, b.getIndexAttr(1));
  part.dims = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  return part;
}

struct ConcatModel
    : TileProgramOpInterface::ExternalModel<ConcatModel, tensor::ConcatOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    auto concat = cast<tensor::ConcatOp>(op);
    OpBuilder b(op);
    PartWriter writer(kernel, concat.getResult());
    Part part = getWhole(b, concat.getResultType().getRank());
    int64_t offset = 0, dim = concat.getDim();
    for (auto [number, input] : llvm::enumerate(concat.getInputs())) {
      auto type = cast<RankedTensorType>(input.getType());
      part.offsets[dim] = b.getIndexAttr(offset);
      offset += type.getDimSize(dim);
      bool isNeeded = !llvm::is_contained(type.getShape(), 0) ||
                      (number + 1 == concat.getInputs().size() &&
                       !kernel.written.contains(concat.getResult()));
      if (isNeeded && failed(writer.write(input, part)))
        return failure();
    }
    return success();
  }
};

struct InsertSliceModel
    : TileProgramOpInterface::ExternalModel<InsertSliceModel,
                                            tensor::InsertSliceOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    auto insert = cast<tensor::InsertSliceOp>(op);
    OpBuilder b(op);
    PartWriter writer(kernel, insert.getResult());
    // The destination keeps its elements: it is copied, unless it has none.
    if (!insert.getDest().getDefiningOp<tensor::EmptyOp>() &&
        failed(writer.write(insert.getDest(),
                            getWhole(b, insert.getDestType().getRank()))))
      return failure();
    Part part{insert.getMixedOffsets(), insert.getMixedStrides(), {}};
    llvm::SmallBitVector dropped = insert.getDroppedDims();
    for (int64_t dim = 0; dim < insert.getDestType().getRank(); ++dim)
      if (!dropped[dim])
        part.dims.push_back(dim);
    return writer.write(insert.getSource(), part);
  }
};
} // namespace

void attachMoveModels(MLIRContext *context) {
  tensor::ExtractSliceOp::attachInterface<ExtractSliceModel>(*context);
  tensor::ConcatOp::attachInterface<ConcatModel>(*context);
  tensor::InsertSliceOp::attachInterface<InsertSliceModel>(*context);
}

} // namespace sennit::schedule
