// The scan's verifier, states, costs and reference meaning.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/SeqDecompose.h"
#include "dialects/seq/SeqScanAlgebra.h"
#include "dialects/seq/SeqVerify.h"

using namespace mlir;
using namespace sennit::seq;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

/// `inputs`: tokens agree, and only their extent may be dynamic.
static LogicalResult verifyTensors(ScanOp op) {
  if (op.getInputs().empty())
    return op.emitOpError("has no inputs, whose tokens it would walk");
  if (op.getNumResults() < op.getStates().size())
    return op.emitOpError() << "has " << op.getNumResults() << " results for "
                            << op.getStates().size() << " states";
  Extent tokens{"inputs", op.getInputs().front(), 0};
  auto check = [&](StringRef name, ValueRange tensors) -> LogicalResult {
    for (Value tensor : tensors) {
      if (typeOf(tensor).getRank() == 0)
        return op.emitOpError() << "one of `" << name << "` is "
                                << tensor.getType() << ", without tokens";
      if (failed(verifyStatic(op, name, tensor, 1)) ||
          failed(verifySame(op, "tokens", tokens, {name, tensor, 0})))
        return failure();
    }
    return success();
  };
  if (failed(check("inputs", op.getInputs())) ||
      failed(check("outputs", op.getOutputs())))
    return failure();
  for (auto [before, after] :
       llvm::zip_equal(op.getStates(), op.getStatesAfter())) {
    if (failed(verifyStatic(op, "states", before, 0)))
      return failure();
    if (before.getType() != after.getType())
      return op.emitOpError() << "returns the state " << before.getType()
                              << " as " << after.getType();
  }
  return success();
}

/// `segments`: positive, and the leading extent of every state.
static LogicalResult verifySegments(ScanOp op) {
  if (!op.getSegments())
    return success();
  int64_t segments = *op.getSegments();
  if (segments < 1)
    return op.emitOpError() << "`segments` is " << segments << ", not positive";
  for (Value state : op.getStates())
    if (typeOf(state).getRank() == 0 || typeOf(state).getDimSize(0) != segments)
      return op.emitOpError() << "has the state " << state.getType() << " for "
                              << segments << " segments";
  return success();
}

/// `directions`: one for each input, and for each output.
static LogicalResult verifyDirections(ScanOp op, StringRef name,
                                      std::optional<ArrayRef<bool>> directions,
                                      size_t count) {
  if (!directions || directions->size() == count)
    return success();
  return op.emitOpError() << "`" << name << "` has " << directions->size()
                          << " entries for " << count << " tensors";
}

LogicalResult ScanOp::verify() {
  if (failed(verifyTensors(*this)) || failed(verifySegments(*this)) ||
      failed(verifyDirections(*this, "reverse_inputs", getReverseInputs(),
                              getInputs().size())))
    return failure();
  return verifyDirections(*this, "reverse_outputs", getReverseOutputs(),
                          getNumOutputs());
}

/// The type of a tensor at one token, or of a state in one segment.
static Type sliceOf(Value tensor) {
  return RankedTensorType::get(typeOf(tensor).getShape().drop_front(),
                               typeOf(tensor).getElementType());
}

LogicalResult ScanOp::verifyRegions() {
  SmallVector<Type> arguments, yields;
  for (Value input : getInputs())
    arguments.push_back(sliceOf(input));
  for (Value output : getOutputs())
    yields.push_back(sliceOf(output));
  for (Value state : getStates()) {
    arguments.push_back(getSegments() ? sliceOf(state) : state.getType());
    yields.push_back(arguments.back());
  }
  if (failed(
          verifyBody(*this, "slices and states", getBody(), arguments, yields)))
    return failure();
  return verifyAlgebra(*this);
}

//===----------------------------------------------------------------------===//
// States and costs
//===----------------------------------------------------------------------===//

MutableOperandRange ScanOp::getStatesBeforeMutable() {
  return getStatesMutable();
}

ResultRange ScanOp::getStatesAfter() {
  return getScanned().drop_front(getNumOutputs());
}

/// Evaluations a token of the ops that `counts` accepts: those in the body of a
/// structured op once for each point of its loops.
static double countOps(ScanOp scan, function_ref<bool(Operation *)> counts) {
  double total = 0;
  scan.getBody().walk([&](Operation *op) {
    if (!counts(op))
      return;
    double points = 1;
    if (auto loops = dyn_cast<linalg::LinalgOp>(op->getParentOp()))
      for (int64_t extent : loops.getStaticLoopRanges())
        points *= ShapedType::isDynamic(extent) ? 1 : extent;
    total += points;
  });
  return total;
}

double ScanOp::countFlops(int64_t tokens, int64_t) {
  return tokens * countOps(*this, [](Operation *op) {
           return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp,
                      arith::DivFOp, arith::MaximumFOp, arith::MinimumFOp,
                      arith::MaxNumFOp, arith::MinNumFOp>(op);
         });
}

double ScanOp::countExponentials(int64_t tokens, int64_t) {
  return tokens * countOps(*this, [](Operation *op) {
           return isa<math::ExpOp, math::Exp2Op, math::ExpM1Op, math::LogOp,
                      math::Log1pOp, math::Log2Op, math::TanhOp, math::ErfOp>(
               op);
         });
}

//===----------------------------------------------------------------------===//
// Meaning
//===----------------------------------------------------------------------===//

SmallVector<Value> ScanOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  OpFoldResult extent = b.extent(getInputs().front(), 0);
  Value tokens = b.toValue(extent);
  SmallVector<Value> inits;
  for (Value output : getOutputs()) {
    MeaningBuilder::Extents extents{extent};
    for (int64_t size : typeOf(output).getShape().drop_front())
      extents.push_back(b.getIndexAttr(size));
    inits.push_back(b.empty(extents, typeOf(output).getElementType()));
  }
  llvm::append_range(inits, getStates());
  // Tokens of a run; the loop has none where this would be zero.
  Value run;
  if (getSegments())
    run = arith::CeilDivUIOp::create(b, tokens, b.index(*getSegments()));
  auto step = [&](Value t, ValueRange carried) -> SmallVector<Value> {
    ValueRange states = carried.drop_front(getNumOutputs());
    Value segment = run ? arith::DivUIOp::create(b, t, run) : Value();
    Value last = arith::SubIOp::create(b, tokens, b.index(1));
    Value mirrored = arith::SubIOp::create(b, last, t);
    SmallVector<Value> arguments;
    for (auto [i, input] : llvm::enumerate(getInputs()))
      arguments.push_back(b.row(input, isReversedInput(i) ? mirrored : t));
    for (Value state : states)
      arguments.push_back(segment ? b.row(state, segment) : state);
    SmallVector<Value> next = b.inlined(getBody(), arguments);
    for (unsigned i = 0; i != getNumOutputs(); ++i)
      next[i] =
          b.insertRow(next[i], carried[i], isReversedOutput(i) ? mirrored : t);
    for (unsigned i = getNumOutputs(); segment && i != next.size(); ++i)
      next[i] = b.insertRow(next[i], carried[i], segment);
    return next;
  };
  return b.asResults(b.loop(b.index(0), tokens, inits, step));
}
