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
