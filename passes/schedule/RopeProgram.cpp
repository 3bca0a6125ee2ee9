// The tiles of rotary positions.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::schedule {

namespace {
struct RopeModel
    : TileProgramOpInterface::ExternalModel<RopeModel, seq::RopeOp> {
  FailureOr<Value> emitTile(Operation *op, Program &program, unsigned,
                            const Box &box) const {
    auto rope = cast<seq::RopeOp>(op);
    int64_t width = rope.getInput().getType().getDimSize(2);
    if (box.sizes[2] != width)
      return op->emitOpError("needs a tile of whole heads");
    FailureOr<Value> tile = program.tileF32(rope.getInput(), box);
    if (failed(tile))
      return failure();
    FailureOr<Value> cosine = getAngles(program, rope, rope.getCosine(), box),
                     sine = getAngles(program, rope, rope.getSine(), box);
    if (failed(cosine) || failed(sine))
      return failure();
    int64_t rows = box.sizes[0] * box.sizes[1];
    return program.reshape(rotate(program, rope,
                                  program.reshape(*tile, {rows, width}),
                                  *cosine, *sine),
                           box.sizes);
  }

  /// The tokens' row of a table, once for each head: [token * head, plane].
  static FailureOr<Value> getAngles(Program &program, seq::RopeOp rope,
                                    Value table, const Box &box) {
    int64_t planes = rope.getCosine().getType().getDimSize(1);
    int64_t tokens = box.sizes[0], heads = box.sizes[1];
    if (rope.getPositions())
      return program.reshape(
          program.broadcast(gatherAngles(program, rope, table, box),
                            {tokens, heads, planes}, {0, 2}),
          {tokens * heads, planes});
    Box rows({program.add(program.scalar(rope.getPast()),
                          program.value(box.offsets[0])),
              program.builder.getIndexAttr(0)},
             {tokens, planes});
    rows.aligned[0] = false;
    FailureOr<Value> angles = program.tileF32(table, rows);
    if (failed(angles))
      return failure();
    return program.reshape(
        program.broadcast(*angles, {tokens, heads, planes}, {0, 2}),
        {tokens * heads, planes});
  }

  /// The rows of a table at the tokens' positions on the axes, [token, plane]:
  /// runs of planes of the same axis, one after the other.
  static Value gatherAngles(Program &program, seq::RopeOp rope, Value table,
                            const Box &box) {
    int64_t planes = rope.getCosine().getType().getDimSize(1);
    Value all;
    for (int64_t from = 0; from != planes;) {
      int64_t axis = rope.getAxisOf(from), to = from;
      while (to != planes && rope.getAxisOf(to) == axis)
        ++to;
      auto type = VectorType::get({box.sizes[0], to - from},
                                  program.builder.getF32Type());
      Value row = loadPositions(program, rope, axis, box);
      Value run = tile::LoadOp::create(
          program.builder, program.loc, type, program.view(table),
          ValueRange{row, program.index(from)}, ArrayRef<int64_t>{0, 1},
          ArrayRef<std::pair<int64_t, Value>>{});
      all = all ? join(program, all, run) : run;
      from = to;
    }
    return all;
  }

  /// The tokens' positions on an axis; -1 where the tables have no such row.
  static Value loadPositions(Program &program, seq::RopeOp rope, int64_t axis,
                             const Box &box) {
    OpBuilder &b = program.builder;
    auto type = VectorType::get({box.sizes[0]}, b.getI32Type());
    SmallVector<std::pair<int64_t, Value>> bounds;
    if (box.sizes[0] > 1)
      bounds.push_back({0, program.extent(rope.getPositions(), 0)});
    Value row = tile::LoadOp::create(
        b, program.loc, type, program.view(rope.getPositions()),
        ValueRange{program.value(box.offsets[0]), program.index(axis)},
        ArrayRef<int64_t>{0}, bounds, b.getI32IntegerAttr(-1));
    Value end = program.broadcast(program.extent(rope.getCosine(), 0),
                                  type.getShape(), {});
    Value isRow = arith::CmpIOp::create(b, program.loc,
                                        arith::CmpIPredicate::slt, row, end);
    return arith::SelectOp::create(b, program.loc, isRow, row,
                                   program.splatInt(type, -1));
  }

  static Value slice(Program &program, Value x, int64_t from, int64_t size) {
    int64_t rows = cast<VectorType>(x.getType()).getDimSize(0);
    auto type = VectorType::get({rows, size}, program.builder.getF32Type());
    return tile::SliceOp::create(program.builder, program.loc, type, x,
                                 ArrayRef<int64_t>{0, from});
  }

  static Value join(Program &program, Value a, Value b) {
    auto type = cast<VectorType>(a.getType());
    int64_t size =
        type.getDimSize(1) + cast<VectorType>(b.getType()).getDimSize(1);
    return tile::ConcatOp::create(
        program.builder, program.loc,
        VectorType::get({type.getDimSize(0), size}, type.getElementType()), a,
        b, 1);
  }

  /// Components of a row as [rows, planes, 2] and [rows, 2, planes] in turn.
  static Value exchange(Program &program, Value x, int64_t inner) {
    auto type = cast<VectorType>(x.getType());
    int64_t rows = type.getDimSize(0), outer = type.getDimSize(1) / inner;
    Value split = program.reshape(x, {rows, outer, inner});
    Value turned = tile::TransposeOp::create(
        program.builder, program.loc,
        VectorType::get({rows, inner, outer}, type.getElementType()), split,
        ArrayRef<int64_t>{0, 2, 1});
    return program.reshape(turned, type.getShape());
  }

  /// x, [rows, width]; neighbours that form a plane are brought apart first.
  static Value rotate(Program &program, seq::RopeOp rope, Value x, Value cosine,
                      Value sine) {
    OpBuilder &b = program.builder;
    Location loc = program.loc;
    int64_t planes = cast<VectorType>(cosine.getType()).getDimSize(1);
    int64_t width = cast<VectorType>(x.getType()).getDimSize(1);
    auto times = [&](Value a, Value c) -> Value {
      return arith::MulFOp::create(b, loc, a, c);
    };
    Value turning = slice(program, x, 0, 2 * planes);
    if (rope.getInterleaved())
      turning = exchange(program, turning, 2);
    Value first = slice(program, turning, 0, planes),
          second = slice(program, turning, planes, planes);
    Value result = join(program,
                        arith::SubFOp::create(b, loc, times(first, cosine),
                                              times(second, sine)),
                        arith::AddFOp::create(b, loc, times(second, cosine),
                                              times(first, sine)));
    if (rope.getInterleaved())
      result = exchange(program, result, planes);
    if (width == 2 * planes)
      return result;
    return join(program, result,
                slice(program, x, 2 * planes, width - 2 * planes));
  }
};
} // namespace

void attachRopeModels(MLIRContext *context) {
  seq::RopeOp::attachInterface<RopeModel>(*context);
}

} // namespace sennit::schedule
