// Computes the score region of attention on a tile of scores.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/ScoreTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace sennit::schedule {

namespace {
/// Scores as [tokens, heads, keys], so that each index of the region runs
/// along one dimension, or along none.
class ScoreTiles {
public:
  ScoreTiles(Program &program, seq::AttentionOp op, const ScorePlace &place)
      : program(program), op(op), place(place),
        shape{place.tokens, place.heads, place.keys} {}

  FailureOr<Value> emit(Value products) {
    Block &block = op.getScore().front();
    SmallVector<int64_t> flat{place.tokens * place.heads, place.keys};
    tiles.map(block.getArgument(0), program.reshape(products, shape));
    for (Operation &inner : block.without_terminator())
      if (failed(emitOp(&inner)))
        return failure();
    Value result = tileOf(block.getTerminator()->getOperand(0));
    return program.reshape(result, flat);
  }

private:
  /// The place of a region's index: where it starts, and the dimension of the
  /// tile along which it runs; none for the sequence.
  struct Index {
    Value start;
    std::optional<int64_t> dim;
  };

  std::optional<Index> getIndex(Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument)
      return std::nullopt;
    switch (argument.getArgNumber()) {
    case 1:
      return Index{place.sequence, std::nullopt};
    case 2:
      return Index{place.head, 1};
    case 3:
      return Index{place.token, 0};
    case 4:
      return Index{place.key, 2};
    default:
      return std::nullopt;
    }
  }

  /// What stands outside for a captured value.
  Value getCaptured(Value argument) {
    return op.getCaptures()[cast<BlockArgument>(argument).getArgNumber() - 5];
  }

  /// The value as a tile: indices and captured scalars become tiles here.
  Value tileOf(Value value) {
    if (Value tile = tiles.lookupOrNull(value))
      return tile;
    Value tile;
    if (std::optional<Index> index = getIndex(value)) {
      Value numbers = index->dim
                          ? program.iota(index->start, shape[*index->dim])
                          : index->start;
      SmallVector<int64_t> dims;
      if (index->dim)
        dims.push_back(*index->dim);
      tile = program.broadcast(numbers, shape, dims);
    } else {
      tile = program.broadcast(program.scalar(getCaptured(value)), shape, {});
    }
    tiles.map(value, tile);
    return tile;
  }

  /// The type of a value's tile; indices are i32.
  VectorType tileType(Type type) {
    return VectorType::get(shape, type.isIndex() ? program.builder.getI32Type()
                                                 : type);
  }

  LogicalResult emitOp(Operation *inner) {
    if (auto constant = dyn_cast<arith::ConstantOp>(inner))
      return emitConstant(constant);
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner))
      return emitExtract(extract);
    if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(inner))
      return emitIndexCast(inner);
    if (!OpTrait::hasElementwiseMappableTraits(inner))
      return inner->emitOpError(
          "in a score region does not apply to tiles element by element");
    for (Value operand : inner->getOperands())
      tileOf(operand);
    Operation *clone = program.builder.clone(*inner, tiles);
    for (Value result : clone->getResults())
      result.setType(tileType(result.getType()));
    return success();
  }

  LogicalResult emitConstant(arith::ConstantOp constant) {
    VectorType type = tileType(constant.getType());
    if (auto number = dyn_cast<IntegerAttr>(constant.getValue()))
      tiles.map(constant.getResult(), program.splatInt(type, number.getInt()));
    else
      tiles.map(constant.getResult(),
                arith::ConstantOp::create(
                    program.builder, program.loc,
                    DenseElementsAttr::get(type, constant.getValue())));
    return success();
  }

  /// Between index, which is i32 here, and integers.
  LogicalResult emitIndexCast(Operation *cast) {
    Value tile = tileOf(cast->getOperand(0));
    VectorType type = tileType(cast->getResult(0).getType());
    unsigned from =
                 getElementTypeOrSelf(tile.getType()).getIntOrFloatBitWidth(),
             to = type.getElementTypeBitWidth();
    if (from < to)
      tile = arith::ExtSIOp::create(program.builder, program.loc, type, tile);
    else if (from > to)
      tile = arith::TruncIOp::create(program.builder, program.loc, type, tile);
    tiles.map(cast->getResult(0), tile);
    return success();
  }

  LogicalResult emitExtract(tensor::ExtractOp extract) {
    Value source = getCaptured(extract.getTensor());
    Box box;
    SmallVector<int64_t> dims;
    for (Value position : extract.getIndices()) {
      APInt constant;
      std::optional<Index> index = getIndex(position);
      if (!index && matchPattern(position, m_ConstantInt(&constant)))
        index = Index{program.index(constant.getSExtValue()), std::nullopt};
      if (!index)
        return extract.emitOpError(
            "in a score region reads at a computed index; read at the "
            "region's indices, or give the scores as a tensor");
      box.offsets.push_back(index->start);
      box.sizes.push_back(index->dim ? shape[*index->dim] : 1);
      box.aligned.push_back(false);
      if (index->dim)
        dims.push_back(*index->dim);
    }
    if (llvm::SmallDenseSet<int64_t>(dims.begin(), dims.end()).size() !=
        dims.size())
      return extract.emitOpError(
          "in a score region reads at one index twice, a diagonal");
    FailureOr<Value> tile = program.tile(source, box);
    if (failed(tile))
      return failure();
    tiles.map(extract.getResult(), spread(*tile, dims));
    return success();
  }

  /// A tile whose dimensions run along `dims` of the scores, as [tokens, heads,
  /// keys].
  Value spread(Value tile, SmallVector<int64_t> dims) {
    SmallVector<int64_t> sizes =
        llvm::map_to_vector(dims, [&](int64_t dim) { return shape[dim]; });
    tile = program.reshape(tile, sizes);
    if (!llvm::is_sorted(dims)) {
      SmallVector<int64_t> order =
          llvm::to_vector(llvm::seq<int64_t>(0, dims.size()));
      llvm::sort(order,
                 [&](int64_t a, int64_t b) { return dims[a] < dims[b]; });
      auto type = VectorType::get(
          llvm::map_to_vector(order, [&](int64_t i) { return sizes[i]; }),
          getElementTypeOrSelf(tile.getType()));
      tile = tile::TransposeOp::create(program.builder, program.loc, type, tile,
                                       order);
      llvm::sort(dims);
    }
    return program.broadcast(tile, shape, dims);
  }

  Program &program;
  seq::AttentionOp op;
  ScorePlace place;
  SmallVector<int64_t> shape;
  IRMapping tiles;
};
} // namespace

FailureOr<Value> emitScore(Program &program, seq::AttentionOp op,
                           Value products, const ScorePlace &place) {
  return ScoreTiles(program, op, place).emit(products);
}

Value findSeen(Program &program, seq::AttentionOp op, const ScorePlace &place,
               int64_t rows, Value first, Value existing) {
  OpBuilder &b = program.builder;
  SmallVector<int64_t> shape{rows, place.keys};
  Value key =
      program.broadcast(program.iota(place.key, place.keys), shape, {1});
  Value position;
  if (place.tokens == 1) {
    position = program.broadcast(first, shape, {});
  } else {
    Value each = program.broadcast(program.iota(first, place.tokens),
                                   {place.tokens, place.heads}, {0});
    position = program.broadcast(program.reshape(each, {rows}), shape, {0});
  }
  auto type = cast<VectorType>(key.getType());
  auto shifted = [&](Value tile, int64_t by) -> Value {
    if (by == 0)
      return tile;
    return arith::AddIOp::create(b, program.loc, tile,
                                 program.splatInt(type, by));
  };
  Value seen;
  auto require = [&](arith::CmpIPredicate predicate, Value left, Value right) {
    Value condition =
        arith::CmpIOp::create(b, program.loc, predicate, left, right);
    seen = seen ? Value(arith::AndIOp::create(b, program.loc, seen, condition))
                : condition;
  };
  if (auto right = op.getWindowRight())
    require(arith::CmpIPredicate::sle, key, shifted(position, *right));
  if (auto left = op.getWindowLeft())
    require(arith::CmpIPredicate::sge, shifted(key, *left), position);
  // A causal query with a state sees nothing that does not exist.
  bool isBounded = op.hasState() && op.getWindowRight() == 0;
  if (!isBounded || op.getLengths())
    require(arith::CmpIPredicate::slt, key,
            program.broadcast(existing, shape, {}));
  return seen;
}

} // namespace sennit::schedule
