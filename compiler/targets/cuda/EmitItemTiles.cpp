// Fills the buffers of an item's standing tiles.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/ItemEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

void ItemEmitter::emitTile(Operation *op) {
  llvm::TypeSwitch<Operation *>(op)
      .Case<tile::MmaOp>([&](auto mma) { emitProduct(mma); })
      .Case<tile::ReduceOp>([&](auto reduce) { emitReduce(reduce); })
      .Case<tile::ScanOp>([&](auto scan) { emitScan(scan); })
      .Case<tile::ConcatOp>([&](auto concat) { emitConcat(concat); })
      .Default([&](Operation *op) { compute(op->getResult(0)); });
}

void ItemEmitter::emitProduct(tile::MmaOp mma) {
  auto type = cast<VectorType>(mma.getResult().getType());
  auto a = cast<VectorType>(mma.getA().getType());
  tile::MmaForm form = mma.getForm();
  bool turnedA = form == tile::MmaForm::TN || form == tile::MmaForm::TT;
  bool turnedB = form == tile::MmaForm::NT || form == tile::MmaForm::TT;
  int64_t rank = type.getRank();
  int64_t depth = a.getShape()[turnedA ? rank - 2 : rank - 1];
  emitNest(type.getShape(), nullptr, [&](const Point &point) {
    Value start = mma.getAcc() ? emit(mma.getAcc(), point)
                               : constantOf(builder.getF32FloatAttr(0), false);
    int64_t unroll = depth % 4 == 0 ? 4 : 1;
    auto sum = emitFold(depth, unroll, start, [&](Value k, ValueRange carried) {
      Value sum = carried[0];
      for (int64_t i = 0; i < unroll; ++i) {
        Point left = point, right = point;
        left.at[rank - 1] = add(k, i);
        right.at[rank - 2] = add(k, i);
        if (turnedA)
          std::swap(left.at[rank - 1], left.at[rank - 2]);
        if (turnedB)
          std::swap(right.at[rank - 1], right.at[rank - 2]);
        sum = math::FmaOp::create(builder, loc, emit(mma.getA(), left),
                                  emit(mma.getB(), right), sum);
      }
      return SmallVector<Value>{sum};
    });
    storeBuffer(*plan.find(mma.getResult()), point, sum[0]);
  });
}
