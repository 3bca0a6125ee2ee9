// The programs of quantised matrices: rounding at load, words read by products.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace sennit::schedule {

namespace {
/// One item: a group of some rows.
class Quantization {
public:
  Quantization(KernelBuilder &kernel, seq::QuantizeOp op)
      : op(op), program(kernel, kernel.kernel.getKind()), b(program.builder),
        group(op.getGroup()), count(op.getCount()) {}

  LogicalResult build() {
    SmallVector<Value> item = program.openGrid(
        {program.extent(op.getMatrix(), 0),
         program.index(op.getScales().getType().getDimSize(1))},
        {rows, 1}, {"n", "g"});
    Value first = multiplied(item[1], group),
          word = multiplied(item[1], words());
    Value matrix = program.toF32(
        program.load(op.getMatrix(), Box({item[0], first}, {rows, group})));
    Value most = reduce(program, tile::ReduceKind::Max,
                        math::AbsFOp::create(b, program.loc, matrix), 1);
    auto type1 = cast<VectorType>(most.getType());
    Value scale = arith::DivFOp::create(b, program.loc, most,
                                        program.splat(type1, largest()));
    store(program.reshape(scale, {rows, 1}), op.getScales(), item[0], item[1]);
    store(join(round(matrix, most)), op.getWords(), item[0], word);
    return program.finish();
  }

private:
  static constexpr int64_t rows = 16;

  double largest() { return double((1 << (op.getBits() - 1)) - 1); }
  int64_t words() { return group / count; }

  Value multiplied(Value index, int64_t by) {
    return arith::MulIOp::create(b, program.loc, index, program.index(by));
  }

  void store(Value tile, Value output, Value n, Value column) {
    Box box({n, column}, cast<VectorType>(tile.getType()).getShape());
    program.store(tile, output, program.outputView(output), box);
  }

  /// The group's integers as i32.
  Value round(Value matrix, Value most) {
    auto type = cast<VectorType>(matrix.getType());
    auto rowType = cast<VectorType>(most.getType());
    Value isZero =
        arith::CmpFOp::create(b, program.loc, arith::CmpFPredicate::OEQ, most,
                              program.splat(rowType, 0));
    most = arith::SelectOp::create(b, program.loc, isZero,
                                   program.splat(rowType, 1), most);
    Value number = arith::MulFOp::create(b, program.loc, matrix,
                                         program.splat(type, largest()));
    number = arith::DivFOp::create(
        b, program.loc, number, program.broadcast(most, type.getShape(), {0}));
    number = math::RoundEvenOp::create(b, program.loc, number);
    return arith::FPToSIOp::create(b, program.loc, type.clone(b.getI32Type()),
                                   number);
  }

  /// The integers of each word in their places.
  Value join(Value numbers) {
    SmallVector<int64_t> shape{rows, words(), count};
    auto type = VectorType::get(shape, b.getI32Type());
    Value mask = program.splatInt(cast<VectorType>(numbers.getType()),
                                  (1 << op.getBits()) - 1);
    Value parts = program.reshape(
        arith::AndIOp::create(b, program.loc, numbers, mask), shape);
    SmallVector<int32_t> shifts;
    for (int64_t i = 0; i < count; ++i)
      shifts.push_back(int32_t(tile::getNumberShift(i, op.getBits())));
    Value table = arith::ConstantOp::create(
        b, program.loc,
        DenseIntElementsAttr::get(VectorType::get({count}, b.getI32Type()),
                                  ArrayRef(shifts)));
    parts = arith::ShLIOp::create(b, program.loc, type, parts,
                                  program.broadcast(table, shape, {2}));
    return reduce(program, tile::ReduceKind::Or, parts, 2);
  }

  seq::QuantizeOp op;
  Program program;
  OpBuilder &b;
  int64_t group, count;
};

struct QuantizeModel
    : TileProgramOpInterface::ExternalModel<QuantizeModel, seq::QuantizeOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    return Quantization(kernel, cast<seq::QuantizeOp>(op)).build();
  }
};

/// The words and scales of a tile, which parts no group but the last.
struct DequantizeModel
    : TileProgramOpInterface::ExternalModel<DequantizeModel,
                                            seq::DequantizeOp> {
  FailureOr<Value> emitTile(Operation *op, Program &program, unsigned,
                            const Box &box) const {
    auto dequantize = cast<seq::DequantizeOp>(op);
    auto load = [&](Value part, int64_t each) {
      Value first = program.builder.createOrFold<arith::DivUIOp>(
          program.loc, program.value(box.offsets[1]), program.index(each));
      return program.load(
          part,
          Box({box.offsets[0], first},
              {box.sizes[0], int64_t(llvm::divideCeil(box.sizes[1], each))}));
    };
    Value words = load(dequantize.getWords(), dequantize.getCount()),
          scales = load(dequantize.getScales(), dequantize.getGroup());
    return tile::DequantizeOp::create(
               program.builder, program.loc,
               VectorType::get(box.sizes, program.builder.getF32Type()), words,
               scales, dequantize.getBits(), dequantize.getGroup())
        .getResult();
  }
};
} // namespace

void attachQuantizationModels(MLIRContext *context) {
  seq::QuantizeOp::attachInterface<QuantizeModel>(*context);
  seq::DequantizeOp::attachInterface<DequantizeModel>(*context);
}

} // namespace sennit::schedule
