// Tiles of generic ops: elementwise maps in any order, and folds over any of
// their loops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/GenericMerges.h"
#include "passes/schedule/TileSizes.h"

#include "dialects/seq/SeqForms.h"
#include "dialects/seq/SeqReductions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

#include <numeric>

using namespace mlir;

namespace sennit::schedule {

// What a tile of the loops holds at most, unless a row reduction wants its row.
static constexpr int64_t mostElements = 16384;

//===----------------------------------------------------------------------===//
// One tile
//===----------------------------------------------------------------------===//

namespace {
class GenericEmitter {
public:
  GenericEmitter(Program &program, linalg::GenericOp op, const Box &box)
      : program(program), op(op), box(box), b(program.builder),
        map(op.getMatchingIndexingMap(op.getDpsInitOperand(0))) {}

  FailureOr<SmallVector<Value>> emit();

private:
  void walkResults();
  void chooseOrder();
  void chooseSteps();
  bool isWalkedByRows() {
    return seq::isRowReduction(op) && !seq::isCorrected(op);
  }
  SmallVector<int64_t> getReductions();
  SmallVector<int64_t> getParallelDims();

  FailureOr<SmallVector<Value>> emitMap();
  FailureOr<SmallVector<Value>> emitMerges(ArrayRef<Merge> merges);
  FailureOr<SmallVector<Value>> emitSerially();
  FailureOr<SmallVector<Value>> mergeStep(ArrayRef<Merge> merges,
                                          ValueRange carries);
  Value mergeTile(const Merge &merge, Value tile);
  Value sumConstants(const Merge &merge, VectorType type);
  Value countElements();
  Value maskOutside(Value tile, Operation *merge);
  Value combine(const Merge &merge, Value a, Value b);
  using Step = function_ref<FailureOr<SmallVector<Value>>(ValueRange)>;
  FailureOr<SmallVector<Value>> fold(ArrayRef<int64_t> reductions,
                                     ValueRange carries, Step step);
  FailureOr<Value> readInit(OpOperand &init);
  Value getExtent(int64_t loop);
  Value toBox(Value tile);
  Type getAccumulated(Type element);

  Program &program;
  linalg::GenericOp op;
  const Box &box;
  OpBuilder &b;
  AffineMap map;
  Loops loops;
};
} // namespace

SmallVector<int64_t> GenericEmitter::getReductions() {
  SmallVector<int64_t> reductions;
  for (int64_t loop : loops.order)
    if (op.getIteratorTypesArray()[loop] == utils::IteratorType::reduction)
      reductions.push_back(loop);
  return reductions;
}

/// Parallel loops begin where the box does; reductions at zero, one wide.
void GenericEmitter::walkResults() {
  int64_t count = op.getNumLoops();
  loops.box.offsets.assign(count, b.getIndexAttr(0));
  loops.box.sizes.assign(count, 1);
  loops.box.aligned.assign(count, true);
  for (auto [position, expr] : llvm::enumerate(map.getResults()))
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      loops.box.offsets[dim.getPosition()] = box.offsets[position];
      loops.box.sizes[dim.getPosition()] = box.sizes[position];
      loops.box.aligned[dim.getPosition()] = box.aligned[position];
    }
  loops.order.resize(count);
  std::iota(loops.order.begin(), loops.order.end(), 0);
}

/// Lanes run along the loop that most of the largest operands walk last. Maps
/// of the identity and row reductions stay as they are.
void GenericEmitter::chooseOrder() {
  if (map.isIdentity() || isWalkedByRows())
    return;
  SmallVector<int64_t> votes(op.getNumLoops(), 0);
  unsigned most = 0;
  for (AffineMap read : op.getIndexingMapsArray())
    most = std::max(most, read.getNumResults());
  for (AffineMap read : op.getIndexingMapsArray()) {
    if (read.getNumResults() != most || most == 0)
      continue;
    auto last = dyn_cast<AffineDimExpr>(read.getResults().back());
    if (last && op.getStaticLoopRanges()[last.getPosition()] != 1)
      ++votes[last.getPosition()];
  }
  if (votes.empty())
    return;
  int64_t lanes = votes.size() - 1;
  for (int64_t loop = lanes; loop >= 0; --loop)
    if (votes[loop] > votes[lanes])
      lanes = loop;
  llvm::erase(loops.order, lanes);
  loops.order.push_back(lanes);
}

/// How far a step goes along each reduced loop: whole loops from the lanes
/// outwards while the tile stays small.
void GenericEmitter::chooseSteps() {
  int64_t room = mostElements;
  // A step of a corrected loop walks its elements more than once.
  if (seq::isCorrected(op))
    room = std::min(room, program.kernel.core.getL1Bytes() / 2 / 4);
  for (int64_t size : loops.box.sizes)
    room = std::max<int64_t>(room / size, 1);
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  for (int64_t loop : llvm::reverse(getReductions())) {
    int64_t extent = extents[loop], &size = loops.box.sizes[loop];
    if (ShapedType::isDynamic(extent))
      size = std::min<int64_t>(room, 64);
    else if (extent <= room || isWalkedByRows())
      size = extent;
    else
      size = getDivisor(extent, room) >= room / 4 ? getDivisor(extent, room)
                                                  : room;
    room = std::max<int64_t>(room / size, 1);
  }
}

Value GenericEmitter::getExtent(int64_t loop) {
  int64_t extent = op.getStaticLoopRanges()[loop];
  if (!ShapedType::isDynamic(extent))
    return program.index(extent);
  for (OpOperand &operand : op->getOpOperands())
    for (auto [dim, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (expr == b.getAffineDimExpr(loop))
        return program.extent(operand.get(), dim);
  llvm_unreachable("the loops of a structured op have extents");
}

/// The tile of the parallel loops, in the shape of the box.
Value GenericEmitter::toBox(Value tile) {
  SmallVector<int64_t> have, permutation, shape;
  for (int64_t loop : loops.order)
    if (op.getIteratorTypesArray()[loop] == utils::IteratorType::parallel)
      have.push_back(loop);
  for (AffineExpr expr : map.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      permutation.push_back(llvm::find(have, int64_t(dim.getPosition())) -
                            have.begin());
      shape.push_back(loops.box.sizes[dim.getPosition()]);
    }
  if (!llvm::is_sorted(permutation)) {
    auto type = VectorType::get(shape, getElementTypeOrSelf(tile.getType()));
    tile = tile::TransposeOp::create(b, program.loc, type, tile, permutation);
  }
  return program.reshape(tile, box.sizes);
}

FailureOr<Value> GenericEmitter::readInit(OpOperand &init) {
  return readOperand(program, op, init, loops);
}

FailureOr<SmallVector<Value>> GenericEmitter::emitMap() {
  BodyEmitter body(program, op, loops);
  if (failed(body.run()))
    return failure();
  SmallVector<Value> tiles;
  for (Value yielded : op.getBody()->getTerminator()->getOperands())
    tiles.push_back(toBox(body.lookup(yielded)));
  return tiles;
}

//===----------------------------------------------------------------------===//
// Folds
//===----------------------------------------------------------------------===//

/// Sums and products of narrow floats are kept in f32.
Type GenericEmitter::getAccumulated(Type element) {
  bool isNarrow =
      isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32;
  return isNarrow ? b.getF32Type() : element;
}

/// Steps through the loops of which a tile holds a part only, outermost first.
FailureOr<SmallVector<Value>> GenericEmitter::fold(ArrayRef<int64_t> reductions,
                                                   ValueRange carries,
                                                   Step step) {
  if (reductions.empty())
    return step(carries);
  int64_t loop = reductions.front(), size = loops.box.sizes[loop];
  if (op.getStaticLoopRanges()[loop] == size)
    return fold(reductions.drop_front(), carries, step);
  auto results = buildStream(
      program, "d" + std::to_string(loop), program.index(0), getExtent(loop),
      size, carries,
      [&](Value position, ValueRange inner) -> FailureOr<SmallVector<Value>> {
        loops.box.offsets[loop] = position;
        return fold(reductions.drop_front(), inner, step);
      });
  loops.box.offsets[loop] = b.getIndexAttr(0);
  if (failed(results))
    return failure();
  return SmallVector<Value>(results->begin(), results->end());
}

/// `tile` with the neutral element where a step reaches past its loops.
Value GenericEmitter::maskOutside(Value tile, Operation *merge) {
  auto type = cast<VectorType>(tile.getType());
  for (int64_t loop : getReductions()) {
    int64_t extent = op.getStaticLoopRanges()[loop],
            size = loops.box.sizes[loop];
    if (size == 1 || (!ShapedType::isDynamic(extent) && extent % size == 0))
      continue;
    SmallVector<int64_t> dims{loops.dimOf(loop)};
    Value position = program.iota(program.value(loops.box.offsets[loop]), size);
    Value end = program.broadcast(getExtent(loop), {size}, {});
    Value isInside = arith::CmpIOp::create(
        b, program.loc, arith::CmpIPredicate::slt, position, end);
    isInside = program.broadcast(isInside, type.getShape(), dims);
    Value neutral = arith::ConstantOp::create(
        b, program.loc,
        DenseElementsAttr::get(
            type, Attribute(getNeutral(merge, type.getElementType()))));
    tile = arith::SelectOp::create(b, program.loc, isInside, tile, neutral);
  }
  return tile;
}

Value GenericEmitter::combine(const Merge &merge, Value left, Value right) {
  Operation *clone = b.clone(*merge.op);
  clone->setOperands({left, right});
  clone->getResult(0).setType(left.getType());
  return clone->getResult(0);
}

/// How many elements of each result this step has.
Value GenericEmitter::countElements() {
  Value count = program.index(1);
  for (int64_t loop : getReductions()) {
    int64_t extent = op.getStaticLoopRanges()[loop],
            size = loops.box.sizes[loop];
    Value inside = program.index(size);
    if (size != 1 && (ShapedType::isDynamic(extent) || extent % size != 0))
      inside = arith::MinSIOp::create(
          b, program.loc, inside,
          arith::SubIOp::create(b, program.loc, getExtent(loop),
                                program.value(loops.box.offsets[loop])));
    count = b.createOrFold<arith::MulIOp>(program.loc, count, inside);
  }
  return count;
}

/// A sum of as many constants as this step has elements, for each result.
Value GenericEmitter::sumConstants(const Merge &merge, VectorType type) {
  Value count = arith::IndexCastOp::create(b, program.loc, b.getI32Type(),
                                           countElements());
  count = arith::SIToFPOp::create(b, program.loc, type.getElementType(), count);
  auto constant = merge.element.getDefiningOp<arith::ConstantOp>();
  Value each = arith::ConstantOp::create(b, program.loc, constant.getValue());
  count = arith::MulFOp::create(b, program.loc, count, each);
  return program.broadcast(count, type.getShape(), {});
}

/// This step's elements of one result, merged along all reduced loops.
Value GenericEmitter::mergeTile(const Merge &merge, Value tile) {
  auto type = cast<VectorType>(tile.getType());
  Type element = getAccumulated(type.getElementType());
  if (element != type.getElementType())
    tile = arith::ExtFOp::create(b, program.loc, type.clone(element), tile);
  tile = maskOutside(tile, merge.op);
  SmallVector<int64_t> shape = loops.shape();
  for (int64_t dim = shape.size() - 1; dim >= 0; --dim) {
    if (op.getIteratorTypesArray()[loops.order[dim]] !=
        utils::IteratorType::reduction)
      continue;
    shape.erase(shape.begin() + dim);
    tile = tile::ReduceOp::create(
        b, program.loc, VectorType::get(shape, element), merge.kind, tile, dim);
  }
  return tile;
}

/// The results after a step, from those before it: null is the neutral one.
/// What depends on results alone is computed once a row, and read by all of its
/// elements.
FailureOr<SmallVector<Value>> GenericEmitter::mergeStep(ArrayRef<Merge> merges,
                                                        ValueRange carries) {
  Loops parallel{loops.box, {}};
  llvm::append_range(parallel.order, getParallelDims());
  SmallVector<int64_t> rowDims = llvm::map_to_vector(
      parallel.order, [&](int64_t loop) { return loops.dimOf(loop); });
  BodyEmitter rows(program, op, parallel), body(program, op, loops);
  DenseSet<Value> perRow = findValuesOfRows(op);
  for (auto [init, carry] : llvm::zip_equal(op.getDpsInitsMutable(), carries))
    if (carry)
      rows.map(op.getMatchingBlockArgument(&init), carry);
  if (failed(body.readInputs()))
    return failure();
  for (Operation &inner : op.getBody()->without_terminator()) {
    auto *merge = llvm::find_if(
        merges, [&](const Merge &merge) { return merge.op == &inner; });
    if (merge != merges.end()) {
      Value before =
          rows.isMapped(merge->before) ? rows.lookup(merge->before) : Value();
      Value tile =
          before && merge->addsConstants()
              ? sumConstants(*merge, cast<VectorType>(before.getType()))
              : mergeTile(*merge, body.lookup(merge->element));
      if (before)
        tile = combine(*merge, before, tile);
      rows.map(inner.getResult(0), tile);
      continue;
    }
    if (perRow.contains(inner.getResult(0))) {
      if (failed(rows.emitOp(&inner)))
        return failure();
      continue;
    }
    for (Value operand : inner.getOperands())
      if (perRow.contains(operand) && !body.isMapped(operand))
        body.map(operand, program.broadcast(rows.lookup(operand), loops.shape(),
                                            rowDims));
    if (failed(body.emitOp(&inner)))
      return failure();
  }
  return llvm::map_to_vector(merges, [&](const Merge &merge) {
    return rows.lookup(merge.op->getResult(0));
  });
}

/// The tile of an init is that of its parallel loops.
static Value dropReduced(Program &program, Value tile, linalg::GenericOp op,
                         const Loops &loops) {
  SmallVector<int64_t> shape;
  for (int64_t loop : loops.order)
    if (op.getIteratorTypesArray()[loop] == utils::IteratorType::parallel)
      shape.push_back(loops.box.sizes[loop]);
  return program.reshape(tile, shape);
}

FailureOr<SmallVector<Value>>
GenericEmitter::emitMerges(ArrayRef<Merge> merges) {
  SmallVector<Value> inits;
  for (auto [init, merge] : llvm::zip_equal(op.getDpsInitsMutable(), merges)) {
    if (isNeutralInit(init, merge.op)) {
      inits.push_back(nullptr);
      continue;
    }
    FailureOr<Value> tile = readInit(init);
    if (failed(tile))
      return failure();
    Value start = dropReduced(program, *tile, op, loops);
    auto type = cast<VectorType>(start.getType());
    Type wide = getAccumulated(type.getElementType());
    if (wide != type.getElementType())
      start = arith::ExtFOp::create(b, program.loc, type.clone(wide), start);
    inits.push_back(start);
  }
  chooseSteps();
  auto step = [&](ValueRange carries) { return mergeStep(merges, carries); };
  SmallVector<int64_t> reductions = getReductions();
  bool isWhole = llvm::all_of(reductions, [&](int64_t loop) {
    return op.getStaticLoopRanges()[loop] == loops.box.sizes[loop];
  });
  SmallVector<Value> carries;
  for (auto [init, merge] : llvm::zip_equal(inits, merges)) {
    Type element = getAccumulated(merge.element.getType());
    auto type =
        VectorType::get(llvm::map_to_vector(getParallelDims(),
                                            [&](int64_t loop) {
                                              return loops.box.sizes[loop];
                                            }),
                        element);
    if (!init && (!isWhole || seq::isCorrected(op)))
      init = arith::ConstantOp::create(
          b, program.loc,
          DenseElementsAttr::get(type,
                                 Attribute(getNeutral(merge.op, element))));
    carries.push_back(init);
  }
  auto results = isWhole ? step(carries) : fold(reductions, carries, step);
  if (failed(results))
    return failure();
  for (auto [result, merge] : llvm::zip_equal(*results, merges)) {
    auto type = cast<VectorType>(result.getType());
    Type element = merge.element.getType();
    if (type.getElementType() != element)
      result =
          arith::TruncFOp::create(b, program.loc, type.clone(element), result);
    result = toBox(result);
  }
  return *results;
}

SmallVector<int64_t> GenericEmitter::getParallelDims() {
  SmallVector<int64_t> parallel;
  for (int64_t loop : loops.order)
    if (op.getIteratorTypesArray()[loop] == utils::IteratorType::parallel)
      parallel.push_back(loop);
  return parallel;
}

/// One position of the reduced loops after the other: right for any body.
FailureOr<SmallVector<Value>> GenericEmitter::emitSerially() {
  SmallVector<Value> carries;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    FailureOr<Value> tile = readInit(init);
    if (failed(tile))
      return failure();
    carries.push_back(*tile);
  }
  auto results =
      fold(getReductions(), carries,
           [&](ValueRange inner) -> FailureOr<SmallVector<Value>> {
             BodyEmitter body(program, op, loops);
             for (auto [init, carry] :
                  llvm::zip_equal(op.getDpsInitsMutable(), inner))
               body.map(op.getMatchingBlockArgument(&init), carry);
             if (failed(body.run()))
               return failure();
             return llvm::map_to_vector(
                 op.getBody()->getTerminator()->getOperands(),
                 [&](Value yielded) { return body.lookup(yielded); });
           });
  if (failed(results))
    return failure();
  for (Value &result : *results)
    result = toBox(dropReduced(program, result, op, loops));
  return *results;
}

FailureOr<SmallVector<Value>> GenericEmitter::emit() {
  walkResults();
  chooseOrder();
  if (getReductions().empty())
    return emitMap();
  // Nothing to merge leaves the inits.
  bool isEmpty = llvm::any_of(getReductions(), [&](int64_t loop) {
    return op.getStaticLoopRanges()[loop] == 0;
  });
  if (isEmpty) {
    SmallVector<Value> tiles;
    for (OpOperand &init : op.getDpsInitsMutable()) {
      FailureOr<Value> tile = readInit(init);
      if (failed(tile))
        return failure();
      tiles.push_back(toBox(dropReduced(program, *tile, op, loops)));
    }
    return tiles;
  }
  if (auto merges = findMerges(op))
    return emitMerges(*merges);
  return emitSerially();
}

FailureOr<SmallVector<Value>>
emitGeneric(Program &program, linalg::GenericOp op, const Box &box) {
  std::string reason = seq::whyNotStructured(op);
  if (!reason.empty())
    return op.emitOpError("cannot be computed tile by tile: ") << reason;
  auto product = matchProduct(op);
  if (!product || !fitsProduct(*product, box))
    return GenericEmitter(program, op, box).emit();
  FailureOr<Value> tile = emitProduct(program, *product, box);
  if (failed(tile))
    return failure();
  return SmallVector<Value>{*tile};
}

} // namespace sennit::schedule
