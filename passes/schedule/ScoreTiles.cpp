// Computes the score region of attention on a tile of scores.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/ScoreTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace sennit::schedule {

/// Numbers of the place's tokens, or of its heads, one a row of scores.
static Value spreadRows(Program &program, const ScorePlace &place,
                        Value numbers, int64_t dim) {
  Value each = program.broadcast(numbers, {place.tokens, place.heads}, {dim});
  return program.broadcast(program.reshape(each, {place.rows}),
                           {place.rows, place.keys}, {0});
}

/// A number of each token, `start` and on, as a tile of scores.
static Value spreadTokens(Program &program, const ScorePlace &place,
                          Value start) {
  if (place.tokens == 1)
    return program.broadcast(start, {place.rows, place.keys}, {});
  return spreadRows(program, place, program.iota(start, place.tokens), 0);
}

/// The same of each head.
static Value spreadHeads(Program &program, const ScorePlace &place,
                         Value start) {
  SmallVector<int64_t> shape{place.rows, place.keys};
  if (place.tokens == 1)
    return program.broadcast(program.iota(start, place.rows), shape, {0});
  if (place.heads == 1)
    return program.broadcast(start, shape, {});
  return spreadRows(program, place, program.iota(start, place.heads), 1);
}

static Value spreadKeys(Program &program, const ScorePlace &place) {
  return program.broadcast(program.iota(place.key, place.keys),
                           {place.rows, place.keys}, {1});
}

namespace {
class ScoreTiles {
public:
  ScoreTiles(Program &program, seq::AttentionOp op, const ScorePlace &place)
      : program(program), op(op), place(place), shape{place.rows, place.keys},
        box{place.tokens, place.heads, place.keys} {}

  FailureOr<Value> emit(Value products) {
    Block &block = op.getScore().front();
    tiles.map(block.getArgument(0), products);
    for (Operation &inner : block.without_terminator())
      if (failed(emitOp(&inner)))
        return failure();
    return tileOf(block.getTerminator()->getOperand(0));
  }

private:
  /// The place of a region's index: where it starts, and along which of tokens,
  /// heads and keys it runs; none for the sequence.
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
      if (!index->dim)
        tile = program.broadcast(index->start, shape, {});
      else if (*index->dim == 0)
        tile = spreadTokens(program, place, index->start);
      else if (*index->dim == 1)
        tile = spreadHeads(program, place, index->start);
      else
        tile = spreadKeys(program, place);
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
    // Products of 16 bits ask for few bits of a score.
    auto tanh = dyn_cast<math::TanhOp>(clone);
    if (tanh &&
        getElementTypeOrSelf(op.getKey().getType()).getIntOrFloatBitWidth() ==
            16)
      tanh.setFastmath(arith::FastMathFlags::afn);
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
    Box source;
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
      source.offsets.push_back(index->start);
      source.sizes.push_back(index->dim ? box[*index->dim] : 1);
      source.aligned.push_back(false);
      if (index->dim)
        dims.push_back(*index->dim);
    }
    if (llvm::SmallDenseSet<int64_t>(dims.begin(), dims.end()).size() !=
        dims.size())
      return extract.emitOpError(
          "in a score region reads at one index twice, a diagonal");
    FailureOr<Value> tile =
        program.tile(getCaptured(extract.getTensor()), source);
    if (failed(tile))
      return failure();
    tiles.map(extract.getResult(), spread(*tile, dims));
    return success();
  }

  /// A tile whose dimensions run along `dims` of tokens, heads and keys, as a
  /// tile of scores.
  Value spread(Value tile, SmallVector<int64_t> dims) {
    SmallVector<int64_t> sizes =
        llvm::map_to_vector(dims, [&](int64_t dim) { return box[dim]; });
    tile = program.reshape(tile, sizes);
    if (dims.size() == 1)
      return dims[0] == 2 ? program.broadcast(tile, shape, {1})
                          : spreadRows(program, place, tile, dims[0]);
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
    return program.reshape(program.broadcast(tile, box, dims), shape);
  }

  Program &program;
  seq::AttentionOp op;
  ScorePlace place;
  /// Of a tile of scores, and the same with tokens and heads apart.
  SmallVector<int64_t> shape, box;
  IRMapping tiles;
};
} // namespace

bool readsLines(seq::AttentionOp op) {
  if (op.getScore().empty())
    return true;
  Block &block = op.getScore().front();
  return llvm::all_of(block.getOps<tensor::ExtractOp>(), [](auto extract) {
    return llvm::count_if(extract.getIndices(), [](Value index) {
             return isa<BlockArgument>(index);
           }) <= 1;
  });
}

FailureOr<Value> emitScore(Program &program, seq::AttentionOp op,
                           Value products, const ScorePlace &place) {
  return ScoreTiles(program, op, place).emit(products);
}

Value findSeen(Program &program, seq::AttentionOp op, const ScorePlace &place,
               Value first, Value existing) {
  OpBuilder &b = program.builder;
  Value key = spreadKeys(program, place);
  Value position = spreadTokens(program, place, first);
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
            program.broadcast(existing, {place.rows, place.keys}, {}));
  return seen;
}

} // namespace sennit::schedule
