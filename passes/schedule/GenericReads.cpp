// Reads operands of generic ops: parts of tensors, or elements at computed
// places.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/GenericTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <numeric>

using namespace mlir;

namespace sennit::schedule {

SmallVector<int64_t> Loops::shape() const {
  return llvm::map_to_vector(order,
                             [&](int64_t loop) { return box.sizes[loop]; });
}

int64_t Loops::dimOf(int64_t loop) const {
  return llvm::find(order, loop) - order.begin();
}

//===----------------------------------------------------------------------===//
// Elements at computed places
//===----------------------------------------------------------------------===//

std::optional<TypedAttr> getSplatValue(Value tensor) {
  Value scalar;
  if (auto fill = tensor.getDefiningOp<linalg::FillOp>())
    scalar = fill.getInputs().front();
  auto constant = (scalar ? scalar : tensor).getDefiningOp<arith::ConstantOp>();
  if (!constant)
    return std::nullopt;
  if (scalar)
    return cast<TypedAttr>(constant.getValue());
  auto splat = dyn_cast<SplatElementsAttr>(constant.getValue());
  if (!splat)
    return std::nullopt;
  return cast<TypedAttr>(splat.getSplatValue<Attribute>());
}

/// `tensor` on the host as a row of its elements.
static Value flatten(KernelBuilder &kernel, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getRank() == 1)
    return tensor;
  for (Operation *user : tensor.getUsers())
    if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(user) &&
        cast<RankedTensorType>(user->getResult(0).getType()).getRank() == 1 &&
        user->getBlock() == kernel.kernel->getBlock() &&
        user->isBeforeInBlock(kernel.kernel))
      return user->getResult(0);
  OpBuilder host(kernel.kernel);
  Location loc = kernel.kernel.getLoc();
  if (type.getRank() == 0)
    return tensor::ExpandShapeOp::create(host, loc, type.clone({1}), tensor,
                                         ArrayRef<ReassociationIndices>());
  ReassociationIndices all(type.getRank());
  std::iota(all.begin(), all.end(), 0);
  return tensor::CollapseShapeOp::create(host, loc, tensor,
                                         ArrayRef<ReassociationIndices>(all));
}

/// The number of the last element, in i32.
static Value getLast(Program &program, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  OpBuilder &b = program.builder;
  Value count = program.index(1);
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    count = b.createOrFold<arith::MulIOp>(program.loc, count,
                                          program.extent(tensor, dim));
  return b.createOrFold<arith::SubIOp>(program.loc, count, program.index(1));
}

FailureOr<Value> gather(Program &program, Operation *reader, Value tensor,
                        Value linear) {
  OpBuilder &b = program.builder;
  auto type = cast<RankedTensorType>(tensor.getType());
  auto places = cast<VectorType>(linear.getType());
  auto result = places.clone(type.getElementType());
  if (auto value = getSplatValue(tensor))
    return arith::ConstantOp::create(b, program.loc,
                                     DenseElementsAttr::get(result, *value))
        .getResult();
  if (type.hasStaticShape() && type.getNumElements() > INT32_MAX)
    return reader->emitOpError("reads elements of ")
           << type << ", which are more than 32 bits can count";
  Value host = tensor;
  if (program.kernel.isInside(tensor))
    host = program.kernel.written.lookup(tensor);
  if (!host)
    return reader->emitOpError("reads its operand at computed places, but the "
                               "kernel keeps that operand in no memory");
  // Lanes past the end of a tile hold any position.
  Value last =
      program.broadcast(getLast(program, tensor), places.getShape(), {});
  linear = arith::MinSIOp::create(b, program.loc, linear, last);
  linear = arith::MaxSIOp::create(b, program.loc, linear,
                                  program.splatInt(places, 0));
  int64_t count = places.getNumElements();
  linear = program.reshape(linear, {count});
  auto row = VectorType::get({count}, type.getElementType());
  Value loaded = tile::LoadOp::create(
      b, program.loc, row, program.view(flatten(program.kernel, host)),
      ValueRange{linear}, ArrayRef<int64_t>{0});
  return program.reshape(loaded, places.getShape());
}

//===----------------------------------------------------------------------===//
// Operands by their maps
//===----------------------------------------------------------------------===//

namespace {
/// constant + sum of coefficients[d] * d.
struct Sum {
  int64_t constant = 0;
  SmallVector<int64_t> coefficients;
};
} // namespace

static void addTo(Sum &sum, AffineExpr expr, int64_t factor) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    sum.coefficients[dim.getPosition()] += factor;
    return;
  }
  if (auto number = dyn_cast<AffineConstantExpr>(expr)) {
    sum.constant += factor * number.getValue();
    return;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  if (binary.getKind() == AffineExprKind::Mul) {
    auto number = cast<AffineConstantExpr>(binary.getRHS());
    addTo(sum, binary.getLHS(), factor * number.getValue());
    return;
  }
  addTo(sum, binary.getLHS(), factor);
  addTo(sum, binary.getRHS(), factor);
}

static Sum getSum(AffineExpr expr, int64_t loops) {
  Sum sum;
  sum.coefficients.assign(loops, 0);
  addTo(sum, expr, 1);
  return sum;
}

/// The sum at the first position of the loops.
static OpFoldResult getOffset(Program &program, AffineExpr expr,
                              const Box &box) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return box.offsets[dim.getPosition()];
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return program.builder.getIndexAttr(number.getValue());
  OpBuilder &b = program.builder;
  Sum sum = getSum(expr, box.rank());
  Value offset = program.index(sum.constant);
  for (auto [loop, factor] : llvm::enumerate(sum.coefficients))
    if (factor != 0) {
      Value term = b.createOrFold<arith::MulIOp>(
          program.loc, program.value(box.offsets[loop]), program.index(factor));
      offset = b.createOrFold<arith::AddIOp>(program.loc, offset, term);
    }
  return getAsOpFoldResult(offset);
}

/// For each dimension of the operand the loop that walks it, or -1; nothing
/// when the loops of this tile do not walk it one by one.
static std::optional<SmallVector<int64_t>> getWalks(AffineMap map,
                                                    const Box &box) {
  SmallVector<int64_t> walks;
  for (AffineExpr expr : map.getResults()) {
    Sum sum = getSum(expr, box.rank());
    int64_t walk = isa<AffineDimExpr>(expr)
                       ? int64_t(cast<AffineDimExpr>(expr).getPosition())
                       : -1;
    for (auto [loop, factor] : llvm::enumerate(sum.coefficients)) {
      if (factor == 0 || box.sizes[loop] == 1)
        continue;
      if (factor != 1 || (walk >= 0 && walk != int64_t(loop)))
        return std::nullopt;
      walk = loop;
    }
    if (walk >= 0 && llvm::is_contained(walks, walk)) {
      if (box.sizes[walk] != 1)
        return std::nullopt;
      walk = -1;
    }
    walks.push_back(walk);
  }
  return walks;
}

/// Row-major positions of the operand's elements, an i32 tile.
static Value getPositions(Program &program, AffineMap map,
                          RankedTensorType type, const Loops &loops) {
  OpBuilder &b = program.builder;
  Sum linear;
  linear.coefficients.assign(loops.box.rank(), 0);
  int64_t stride = 1;
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    addTo(linear, map.getResult(dim), stride);
    stride *= type.isDynamicDim(dim) ? 1 : type.getDimSize(dim);
  }
  SmallVector<int64_t> shape = loops.shape();
  Value base = program.index(linear.constant), positions;
  for (auto [loop, factor] : llvm::enumerate(linear.coefficients)) {
    if (factor == 0)
      continue;
    Value term = b.createOrFold<arith::MulIOp>(
        program.loc, program.value(loops.box.offsets[loop]),
        program.index(factor));
    base = b.createOrFold<arith::AddIOp>(program.loc, base, term);
    if (loops.box.sizes[loop] == 1)
      continue;
    Value steps = program.iota(program.index(0), loops.box.sizes[loop]);
    steps = arith::MulIOp::create(
        b, program.loc, steps,
        program.splatInt(cast<VectorType>(steps.getType()), factor));
    steps = program.broadcast(steps, shape, {loops.dimOf(loop)});
    positions = positions ? program.add(positions, steps) : steps;
  }
  Value first = program.broadcast(base, shape, {});
  return positions ? program.add(positions, first) : first;
}

/// A tile whose dimensions are the loops `walks`, brought to the shape of all
/// loops.
static Value spread(Program &program, Value tile, ArrayRef<int64_t> walks,
                    const Loops &loops) {
  SmallVector<int64_t> dims = llvm::map_to_vector(
      walks, [&](int64_t loop) { return loops.dimOf(loop); });
  SmallVector<int64_t> order(dims.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](int64_t a, int64_t b) { return dims[a] < dims[b]; });
  SmallVector<int64_t> shape = loops.shape();
  if (!llvm::is_sorted(dims)) {
    llvm::sort(dims);
    auto type = VectorType::get(
        llvm::map_to_vector(dims, [&](int64_t dim) { return shape[dim]; }),
        getElementTypeOrSelf(tile.getType()));
    tile = tile::TransposeOp::create(program.builder, program.loc, type, tile,
                                     order);
  }
  return program.broadcast(tile, shape, dims);
}

FailureOr<Value> readOperand(Program &program, linalg::GenericOp op,
                             OpOperand &operand, const Loops &loops) {
  auto type = dyn_cast<RankedTensorType>(operand.get().getType());
  if (!type)
    return BodyEmitter(program, op, loops).lookup(operand.get());
  AffineMap map = op.getMatchingIndexingMap(&operand);
  auto walks = getWalks(map, loops.box);
  if (!walks)
    return gather(program, op, operand.get(),
                  getPositions(program, map, type, loops));
  Box box;
  SmallVector<int64_t> shape, kept;
  for (auto [walk, expr] : llvm::zip_equal(*walks, map.getResults())) {
    box.offsets.push_back(getOffset(program, expr, loops.box));
    box.sizes.push_back(walk < 0 ? 1 : loops.box.sizes[walk]);
    bool isPlain = isa<AffineDimExpr>(expr) && walk >= 0;
    box.aligned.push_back(isPlain ? bool(loops.box.aligned[walk]) : walk < 0);
    if (walk < 0)
      continue;
    kept.push_back(walk);
    shape.push_back(loops.box.sizes[walk]);
  }
  FailureOr<Value> tile = program.tile(operand.get(), box);
  if (failed(tile))
    return failure();
  // The dimensions that no loop walks are of extent one.
  return spread(program, program.reshape(*tile, shape), kept, loops);
}

} // namespace sennit::schedule
