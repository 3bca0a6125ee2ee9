// What products of quantised words need of scratch.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Planner.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

tile::DequantizeOp
sennit::emit::findQuantized(tile::MmaOp mma,
                            function_ref<Value(Value)> resolve) {
  return resolve(mma.getB()).getDefiningOp<tile::DequantizeOp>();
}

bool sennit::emit::takesIntegers(tile::MmaOp mma,
                                 function_ref<Value(Value)> resolve) {
  auto type = cast<VectorType>(mma.getResult().getType());
  return findQuantized(mma, resolve) && type.getDimSize(0) <= matrixUnitRows;
}

// Sums of 128 products of 16 by 8 bits fit in 32; blocks divide groups.
IntegerRows::IntegerRows(int64_t rows, int64_t depth, int64_t group) {
  constexpr int64_t line = 64, most = 128;
  block = most;
  while (group % block != 0)
    block -= 32;
  blocks = llvm::divideCeil(depth, block);
  stride = llvm::alignTo(depth, most) + line;
  plane = rows * stride;
  factors = 2 * plane;
  biases = factors + llvm::alignTo(rows * blocks * sizeof(float), line);
  words = biases + llvm::alignTo(rows * blocks * sizeof(int32_t), line);
  constexpr int64_t tile = matrixUnitRows * line, steps = 2, columns = 2;
  sums = words + steps * columns * tile;
  bytes = sums + steps * 2 * columns * tile;
}
