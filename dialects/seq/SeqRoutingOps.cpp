// Verifiers of routing: choices, pairs and the experts that own them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "dialects/seq/SeqVerify.h"

using namespace mlir;
using namespace sennit::seq;

static int64_t extentOf(Value value, unsigned dim) {
  return cast<RankedTensorType>(value.getType()).getDimSize(dim);
}

/// Fails unless `pairs` counts as many pairs as `choices`, [token, k], makes.
static LogicalResult verifyPairs(Operation *op, Extent choices, Extent pairs) {
  if (choices.isDynamic() || pairs.isDynamic())
    return success();
  int64_t tokens = choices.get(), topK = extentOf(choices.value, 1);
  if (pairs.get() == tokens * topK)
    return success();
  InFlightDiagnostic diagnostic =
      op->emitOpError() << "`" << pairs.name << "` has " << pairs.get()
                        << " rows, " << tokens << " tokens make "
                        << tokens * topK << " pairs";
  diagnostic.attachNote(choices.value.getLoc())
      << "`" << choices.name << "` is " << choices.value.getType();
  return diagnostic;
}

/// Fails unless `offsets` has one place more than there are experts.
static LogicalResult verifyOffsets(Operation *op, Extent experts,
                                   Value offsets) {
  if (extentOf(offsets, 0) == experts.get() + 1)
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError()
                                  << "`offsets` has " << extentOf(offsets, 0)
                                  << " places, " << experts.get()
                                  << " experts need " << experts.get() + 1;
  diagnostic.attachNote(experts.value.getLoc())
      << "`" << experts.name << "` is " << experts.value.getType();
  return diagnostic;
}

/// Groups and what is chosen of them, or neither. `kept` becomes the number of
/// experts that remain to choose from.
static LogicalResult verifyExpertGroups(RouteOp op, int64_t &kept) {
  if (op.getGroups().has_value() != op.getTopGroups().has_value() ||
      op.getGroups().has_value() != op.getGroupValue().has_value())
    return op.emitOpError("has one of `groups`, `top_groups` and "
                          "`group_value` without the others");
  if (!op.getGroups())
    return success();
  int64_t groups = *op.getGroups(), topGroups = *op.getTopGroups();
  if (groups < 1 || kept % groups != 0)
    return op.emitOpError()
           << "has " << groups << " groups of " << kept << " experts";
  if (topGroups < 1 || topGroups > groups)
    return op.emitOpError()
           << "chooses " << topGroups << " of " << groups << " groups";
  int64_t size = kept / groups;
  if (op.getGroupValue() == GroupValue::BestTwo && size < 2)
    return op.emitOpError("sums the best two of groups of one expert");
  kept = topGroups * size;
  return success();
}

LogicalResult RouteOp::verify() {
  if (failed(verifyStatic(*this, "logits", getLogits(), 1)) ||
      failed(verifyStatic(*this, "weights", getWeights(), 1)) ||
      failed(verifyStatic(*this, "experts", getExperts(), 1)))
    return failure();
  Extent tokens{"logits", getLogits(), 0};
  if (failed(
          verifySame(*this, "tokens", tokens, {"weights", getWeights(), 0})) ||
      failed(verifySame(*this, "tokens", tokens, {"experts", getExperts(), 0})))
    return failure();
  if (failed(verifySame(*this, "choices", {"weights", getWeights(), 1},
                        {"experts", getExperts(), 1})))
    return failure();
  if (getBias() &&
      failed(verifySame(*this, "experts", {"logits", getLogits(), 1},
                        {"bias", getBias(), 0})))
    return failure();
  int64_t experts = extentOf(getLogits(), 1), topK = extentOf(getWeights(), 1);
  if (failed(verifyExpertGroups(*this, experts)))
    return failure();
  if (topK < 1 || topK > experts)
    return emitOpError() << "chooses " << topK << " of " << experts
                         << " experts";
  return success();
}

LogicalResult DispatchOp::verify() {
  if (failed(verifyStatic(*this, "experts", getExperts(), 1)) ||
      failed(verifyStatic(*this, "positions", getPositions(), 1)) ||
      failed(verifyStatic(*this, "offsets", getOffsets(), 0)))
    return failure();
  Extent choices{"experts", getExperts(), 0};
  if (failed(verifyPairs(*this, choices, {"pairs", getPairs(), 0})))
    return failure();
  if (failed(verifySame(*this, "tokens", choices,
                        {"positions", getPositions(), 0})) ||
      failed(verifySame(*this, "choices", {"experts", getExperts(), 1},
                        {"positions", getPositions(), 1})))
    return failure();
  if (extentOf(getOffsets(), 0) < 2)
    return emitOpError() << "`offsets` has " << extentOf(getOffsets(), 0)
                         << " places, one expert needs 2";
  if (getCapacity() && *getCapacity() < 1)
    return emitOpError() << "`capacity` is " << *getCapacity()
                         << ", not positive";
  return success();
}

/// The output's rows are the pairs, or the input's rows when nothing is
/// gathered.
static LogicalResult verifyRows(ExpertsOp op) {
  Extent rows{"output", op.getOutput(), 0};
  if (!op.getPairs())
    return verifySame(op, "rows", {"input", op.getInput(), 0}, rows);
  return verifySame(op, "rows", {"pairs", op.getPairs(), 0}, rows);
}

LogicalResult ExpertsOp::verify() {
  if (failed(verifyStatic(*this, "input", getInput(), 1)) ||
      failed(verifyStatic(*this, "weight", getWeight(), 0)) ||
      failed(verifyStatic(*this, "offsets", getOffsets(), 0)) ||
      failed(verifyStatic(*this, "output", getOutput(), 1)))
    return failure();
  if (failed(verifySame(*this, "components", {"weight", getWeight(), 2},
                        {"input", getInput(), 1})) ||
      failed(verifySame(*this, "components", {"weight", getWeight(), 1},
                        {"output", getOutput(), 1})))
    return failure();
  if (failed(verifyOffsets(*this, {"weight", getWeight(), 0}, getOffsets())))
    return failure();
  if (getPairs() && !getTopK())
    return emitOpError("gathers without `top_k`");
  if (!getPairs() && getTopK())
    return emitOpError("has `top_k` and gathers nothing");
  if (getTopK() && *getTopK() <= 0)
    return emitOpError() << "`top_k` is " << *getTopK() << ", not positive";
  return verifyRows(*this);
}

LogicalResult CombineOp::verify() {
  if (failed(verifyStatic(*this, "rows", getRows(), 1)) ||
      failed(verifyStatic(*this, "weights", getWeights(), 1)) ||
      failed(verifyStatic(*this, "positions", getPositions(), 1)) ||
      failed(verifyStatic(*this, "output", getOutput(), 1)))
    return failure();
  Extent tokens{"weights", getWeights(), 0};
  if (failed(verifySame(*this, "tokens", tokens,
                        {"positions", getPositions(), 0})) ||
      failed(verifySame(*this, "choices", {"weights", getWeights(), 1},
                        {"positions", getPositions(), 1})) ||
      failed(verifyPairs(*this, tokens, {"rows", getRows(), 0})))
    return failure();
  if (failed(verifySame(*this, "tokens", tokens, {"output", getOutput(), 0})))
    return failure();
  return verifySame(*this, "components", {"rows", getRows(), 1},
                    {"output", getOutput(), 1});
}

LogicalResult SkipOp::verify() {
  if (getInputs().empty())
    return emitOpError("has no inputs, whose rows it would choose");
  Extent tokens{"chosen", getChosen(), 0};
  for (Value input : getInputs())
    if (failed(verifyStatic(*this, "inputs", input, 1)) ||
        failed(verifySame(*this, "tokens", tokens, {"inputs", input, 0})))
      return failure();
  if (getNumResults() < getStates().size() ||
      getNumOutputs() > getInputs().size())
    return emitOpError() << "has " << getNumResults() << " results for "
                         << getInputs().size() << " inputs and "
                         << getStates().size() << " states";
  for (auto [input, output] : llvm::zip_first(getOutputs(), getInputs()))
    if (input.getType() != output.getType())
      return emitOpError() << "returns the input " << output.getType() << " as "
                           << input.getType();
  for (auto [before, after] : llvm::zip_equal(getStates(), getStatesAfter()))
    if (before.getType() != after.getType())
      return emitOpError() << "returns the state " << before.getType() << " as "
                           << after.getType();
  return success();
}

LogicalResult SkipOp::verifyRegions() {
  SmallVector<Type> arguments, yields;
  for (Value input : getInputs())
    arguments.push_back(RankedTensorType::get(
        {ShapedType::kDynamic, extentOf(input, 1)},
        cast<RankedTensorType>(input.getType()).getElementType()));
  yields.assign(arguments.begin(), arguments.begin() + getNumOutputs());
  llvm::append_range(arguments, getStates().getTypes());
  llvm::append_range(yields, getStates().getTypes());
  return verifyBody(*this, "rows and states", getBody(), arguments, yields);
}
