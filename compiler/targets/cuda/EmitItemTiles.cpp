// Fills the buffers of an item's standing tiles.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/ItemEmitter.h"

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
