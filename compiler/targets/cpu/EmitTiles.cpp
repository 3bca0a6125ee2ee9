// Fills the buffers of tiles that stand: maps, reshapes, transposes, joins.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/Emitter.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

void Emitter::emitTile(Operation *op) {
  llvm::TypeSwitch<Operation *>(op)
      .Case<tile::MmaOp>([&](auto mma) { emitProduct(mma); })
      .Case<tile::ReduceOp>([&](auto reduce) { emitReduce(reduce); })
      .Case<tile::ScanOp>([&](auto scan) { emitScan(scan); })
      .Case<tile::ConcatOp>([&](auto concat) { emitConcat(concat); })
      .Default([&](Operation *op) {
        auto reshape = dyn_cast<tile::ReshapeOp>(op);
        auto transpose = dyn_cast<tile::TransposeOp>(op);
        if (reshape && !emit::isIndexMap(reshape, lanes))
          return emitReshape(reshape);
        if (transpose && !emit::keepsLanes(transpose, lanes))
          return emitTranspose(transpose);
        compute(op->getResult(0));
      });
}

// Rows stand in scratch without padding, so that another shape is another view.
// Each vector spills over the end of its row, and the next row mends it.
void Emitter::emitReshape(tile::ReshapeOp op) {
  const Buffer &buffer = *plan.find(op.getResult());
  ArrayRef<int64_t> shape =
      cast<VectorType>(op.getValue().getType()).getShape();
  Buffer asOperand = buffer;
  asOperand.shape.assign(shape.begin(), shape.end());
  asOperand.strides.assign(shape.size(), 1);
  for (int64_t i = int64_t(shape.size()) - 2; i >= 0; --i)
    asOperand.strides[i] = asOperand.strides[i + 1] * shape[i + 1];
  copyTo(asOperand, op.getValue());
}

//===----------------------------------------------------------------------===//
// Transposes
//===----------------------------------------------------------------------===//

// Four rounds of exchanging halves between rows 8, 4, 2 and 1 apart.
SmallVector<Value> Emitter::transposeBlock(SmallVector<Value> rows) {
  for (int64_t step = lanes / 2; step > 0; step /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < lanes; ++i) {
      bool fromSecond = i & step;
      low.push_back(fromSecond ? lanes + i - step : i);
      high.push_back(fromSecond ? lanes + i : i + step);
    }
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & step)
        continue;
      Value a = rows[i], b = rows[i + step];
      rows[i] = vector::ShuffleOp::create(builder, loc, a, b, low);
      rows[i + step] = vector::ShuffleOp::create(builder, loc, a, b, high);
    }
  }
  return rows;
}

// Writes element (r, c) of a matrix at (c, r), block by block. `load` gives a
// vector of row r from column c on, `store` takes one of column c from row r
// on.
void Emitter::emitTurned(
    int64_t rowCount, int64_t columnCount,
    function_ref<Value(Value row, Value column)> load,
    function_ref<void(Value column, Value row, Value value)> store) {
  auto emitBlockAt = [&](Value row, Value column, int64_t rowsHere,
                         int64_t columnsHere) {
    SmallVector<Value> vectors;
    for (int64_t i = 0; i < lanes; ++i)
      vectors.push_back(i < rowsHere ? load(add(row, i), column)
                                     : vectors.back());
    vectors = transposeBlock(vectors);
    for (int64_t i = 0; i < columnsHere; ++i)
      store(add(column, i), row, vectors[i]);
  };
  int64_t wholeRows = rowCount / lanes * lanes;
  int64_t wholeColumns = columnCount / lanes * lanes;
  auto emitRows = [&](Value row, int64_t rowsHere) {
    emitLoop(constant(0), constant(wholeColumns), lanes,
             [&](Value column) { emitBlockAt(row, column, rowsHere, lanes); });
    if (wholeColumns != columnCount)
      emitBlockAt(row, constant(wholeColumns), rowsHere,
                  columnCount - wholeColumns);
  };
  emitLoop(constant(0), constant(wholeRows), lanes,
           [&](Value row) { emitRows(row, lanes); });
  if (wholeRows != rowCount)
    emitRows(constant(wholeRows), rowCount - wholeRows);
}

// The dimension that becomes the lanes and the one that was them form matrices;
// the others are loops around.
void Emitter::emitTranspose(tile::TransposeOp op) {
  const Buffer &buffer = *plan.find(op.getResult());
  ArrayRef<int64_t> from = cast<VectorType>(op.getValue().getType()).getShape();
  ArrayRef<int64_t> permutation = op.getPermutation();
  int64_t rank = from.size();
  int64_t rowDim = permutation.back(), laneDim = rank - 1;
  SmallVector<int64_t> around(from);
  around[rowDim] = around[laneDim] = 1;
  emitScalarNest(around, [&](const Point &outer) {
    auto load = [&](Value row, Value column) {
      Point point{outer.at, true, int64_t(llvm::alignTo(from.back(), lanes))};
      point.at[rowDim] = row;
      point.at[laneDim] = column;
      return emit(op.getValue(), point);
    };
    auto store = [&](Value column, Value row, Value value) {
      Point point{{}, true, 0};
      for (int64_t dim : permutation)
        point.at.push_back(dim == rowDim    ? row
                           : dim == laneDim ? column
                                            : outer.at[dim]);
      storeBuffer(buffer, point, value);
    };
    emitTurned(from[rowDim], from[laneDim], load, store);
  });
}
