// Decomposes a mixer on a batch of sequences into a loop over one sequence.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/SeqBatch.h"
#include "dialects/seq/SeqDecompose.h"

using namespace mlir;
using namespace sennit::seq;

/// What the op on one sequence reads in place of `operand`.
static Value takeSequence(MeaningBuilder &b, Value operand, Value sequence) {
  auto type = cast<RankedTensorType>(operand.getType());
  if (type.getRank() == 1 && type.getElementType().isInteger())
    return b.toIndex(b.extract(operand, sequence));
  return b.row(operand, sequence);
}

/// Memory for the results of all sequences.
static SmallVector<Value> createResults(MeaningBuilder &b,
                                        SequenceMixerOpInterface op) {
  auto states =
      llvm::zip_equal(op.getStatesAfter(), op.getStatesBeforeMutable());
  SmallVector<Value> results;
  for (Value result : op->getResults()) {
    Value like = op->getOperand(0);
    for (auto [after, before] : states)
      if (after == result)
        like = before.get();
    auto type = cast<RankedTensorType>(result.getType());
    MeaningBuilder::Extents extents;
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      extents.push_back(ShapedType::isDynamic(size)
                            ? b.extent(like, dim)
                            : OpFoldResult(b.getIndexAttr(size)));
    results.push_back(b.empty(extents, type.getElementType()));
  }
  return results;
}

SmallVector<Value>
sennit::seq::decomposeBatch(SequenceMixerOpInterface op, OpBuilder &builder,
                            ArrayRef<unsigned> shared,
                            function_ref<void(Operation *, Value)> adjust) {
  MeaningBuilder b(builder, op);
  auto body = [&](Value sequence, ValueRange carried) -> SmallVector<Value> {
    SmallVector<Value> operands(op->getOperands());
    for (auto [i, operand] : llvm::enumerate(operands))
      if (isa<RankedTensorType>(operand.getType()) &&
          !llvm::is_contained(shared, i))
        operand = takeSequence(b, operand, sequence);
    Operation *one = b.clone(*op);
    one->setOperands(operands);
    for (Value result : one->getResults()) {
      auto type = cast<RankedTensorType>(result.getType());
      result.setType(RankedTensorType::get(type.getShape().drop_front(),
                                           type.getElementType()));
    }
    if (adjust)
      adjust(one, sequence);
    SmallVector<Value> results =
        cast<DecomposableOpInterface>(one).decompose(b);
    one->erase();
    for (auto [result, all] : llvm::zip_equal(results, carried))
      result = b.insertRow(result, all, sequence);
    return results;
  };
  Value batch = b.toValue(b.extent(op->getOperand(0), 0));
  return b.asResults(b.loop(b.index(0), batch, createResults(b, op), body));
}
