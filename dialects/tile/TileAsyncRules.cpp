// The rules of the asynchronous stratum that look beyond one op: what crosses
// roles, who reads a slot, what has passed through a wait.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "dialects/tile/TileAsync.h"

#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace sennit::tile;

using Values = llvm::SmallSetVector<Value, 8>;

/// The values that `value` may stand for: itself, and through loops that carry
/// it what they begin with and what they yield.
static void collectOrigins(Value value, Values &origins) {
  if (!origins.insert(value))
    return;
  auto carry = [&](LoopLikeOpInterface loop, unsigned position) {
    collectOrigins(loop.getInits()[position], origins);
    collectOrigins(loop.getYieldedValues()[position], origins);
  };
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop =
        dyn_cast<LoopLikeOpInterface>(argument.getOwner()->getParentOp());
    if (!loop)
      return;
    for (auto [position, carried] : llvm::enumerate(loop.getRegionIterArgs()))
      if (carried == argument)
        carry(loop, position);
  } else if (auto loop = value.getDefiningOp<LoopLikeOpInterface>()) {
    carry(loop, cast<OpResult>(value).getResultNumber());
  }
}

static Values getOrigins(ValueRange values) {
  Values origins;
  for (Value value : values)
    collectOrigins(value, origins);
  return origins;
}

/// Whether `first` has run whenever `second` runs.
static bool precedes(Operation *first, Operation *second) {
  Operation *ancestor = first->getBlock()->findAncestorOpInBlock(*second);
  return ancestor && ancestor != first && first->isBeforeInBlock(ancestor);
}

//===----------------------------------------------------------------------===//
// tile.roles
//===----------------------------------------------------------------------===//

static LogicalResult verifyCaptures(RolesOp roles, Operation *op) {
  for (Value operand : op->getOperands()) {
    if (roles->isAncestor(operand.getParentRegion()->getParentOp()) ||
        !isa<VectorType, PendingType, SlotType, TokenType>(operand.getType()) ||
        matchPattern(operand, m_Constant()))
      continue;
    return op->emitOpError()
           << "takes " << operand.getType()
           << " from outside its role; tiles pass from one role to another "
              "through rings";
  }
  return success();
}

static LogicalResult verifyInFlight(Value value) {
  if (isa<TokenType>(value.getType())) {
    int64_t finishes = llvm::count_if(
        value.getUsers(), [](Operation *user) { return isa<FinishOp>(user); });
    if (finishes > 1)
      return emitError(value.getLoc())
             << "a token is finished " << finishes << " times";
  }
  if (!isa<PendingType>(value.getType()))
    return success();
  if (!value.hasOneUse())
    return emitError(value.getLoc())
           << "a value in flight has " << llvm::range_size(value.getUses())
           << " uses, not 1";
  Operation *user = *value.getUsers().begin();
  // Lowerings mark by casts what they have already turned into registers.
  if (!isa<StartOp, FinishOp, LoopLikeOpInterface,
           RegionBranchTerminatorOpInterface, UnrealizedConversionCastOp>(user))
    return user->emitOpError("takes a value in flight; `tile.finish` it first");
  return success();
}

LogicalResult RolesOp::verifyRegions() {
  WalkResult walk = (*this)->walk([&](Operation *op) {
    if (op == getOperation())
      return WalkResult::advance();
    if (failed(verifyCaptures(*this, op)))
      return WalkResult::interrupt();
    for (Value result : op->getResults())
      if (failed(verifyInFlight(result)))
        return WalkResult::interrupt();
    for (Region &region : op->getRegions())
      for (Value argument : region.getArguments())
        if (failed(verifyInFlight(argument)))
          return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// tile.start, tile.finish
//===----------------------------------------------------------------------===//

LogicalResult StartOp::verifyRegions() {
  for (Operation &op : getBody().front()) {
    if (isa<YieldOp>(op))
      continue;
    auto mma = dyn_cast<MmaOp>(op);
    if (!mma)
      return op.emitOpError("stands in a group of products, which holds only "
                            "`tile.mma`");
    for (Value operand : {mma.getA(), mma.getB()}) {
      // A lowered `tile.open`.
      if (operand.getDefiningOp<UnrealizedConversionCastOp>())
        continue;
      auto open = operand.getDefiningOp<OpenOp>();
      if (!open)
        return mma.emitOpError("takes an operand that no `tile.open` read");
      if (operand == mma.getB() &&
          open.getRing().getType().getPlace() != Place::Shared)
        return mma.emitOpError("takes its second operand from registers");
    }
  }
  ValueRange yielded = getBody().front().getTerminator()->getOperands();
  if (yielded.size() != getPendings().size())
    return emitOpError() << "yields " << yielded.size() << " products for "
                         << getPendings().size() << " results";
  for (auto [value, pending] : llvm::zip_equal(yielded, getPendings()))
    if (!value.getDefiningOp<MmaOp>() ||
        value.getType() != cast<PendingType>(pending.getType()).getTile())
      return emitOpError() << "yields " << value.getType() << " as "
                           << pending.getType();
  return success();
}

LogicalResult FinishOp::verify() {
  // Groups of this block are younger than a token from outside it.
  Operation *start = getToken().getDefiningOp<StartOp>();
  int64_t younger = 0;
  for (Operation &op : *(*this)->getBlock()) {
    if (&op == getOperation())
      break;
    younger = &op == start ? 0 : younger + isa<StartOp>(op);
  }
  int64_t behind = getBehind();
  if (behind < 0 || behind > younger)
    return emitOpError() << "leaves " << behind << " younger groups in flight, "
                         << younger << " have been started";
  return success();
}

//===----------------------------------------------------------------------===//
// tile.close
//===----------------------------------------------------------------------===//

static bool isFinishedBefore(Value token, Operation *op) {
  return llvm::any_of(token.getUsers(), [&](Operation *user) {
    return isa<FinishOp>(user) && precedes(user, op);
  });
}

/// Matrix units read a slot until their group is finished: giving it up before
/// lets the next copy overwrite what they read.
static LogicalResult verifyLate(CloseOp close) {
  for (Value token : close.getAfter())
    if (!isFinishedBefore(token, close))
      return close.emitOpError(
          "comes before the `tile.finish` of a group that it lists");
  Values uses = getOrigins(close.getUse()),
         listed = getOrigins(close.getAfter());
  for (Operation *user : close.getRing().getUsers()) {
    auto open = dyn_cast<OpenOp>(user);
    if (!open || open.getAccess() != SlotAccess::Read ||
        !uses.contains(open.getUse()))
      continue;
    for (Operation *reader : open->getUsers()) {
      auto start = reader->getParentOfType<StartOp>();
      if (!start || listed.contains(start.getToken()))
        continue;
      InFlightDiagnostic error = close.emitOpError(
          "does not list a group of products that reads the slot");
      error.attachNote(start.getLoc()) << "the group";
      return error;
    }
  }
  return success();
}

/// Whether `value` is computed from nothing but constants and results of the
/// finishes of `tokens`.
static bool isAfter(Value value, const Values &tokens) {
  if (auto finish = value.getDefiningOp<FinishOp>())
    return tokens.contains(finish.getToken());
  Operation *op = value.getDefiningOp();
  if (!op || !isPure(op))
    return false;
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    return !isa<VectorType>(operand.getType()) || isAfter(operand, tokens);
  });
}

/// A product in flight still reads its operand's registers, which nothing below
/// this level knows: the next operand must not be made before the wait.
static LogicalResult verifyOperand(CloseOp close) {
  CloseOp last;
  for (Operation *user : close.getRing().getUsers())
    if (auto read = dyn_cast<CloseOp>(user))
      if (read.getAccess() == SlotAccess::Read && precedes(read, close) &&
          (!last || precedes(last, read)))
        last = read;
  if (!last)
    return success();
  Values tokens;
  tokens.insert_range(last.getAfter());
  if (isAfter(close.getTiles()[0], tokens))
    return success();
  return close.emitOpError("fills registers that a product reads with a value "
                           "that did not pass through its `tile.finish`; give "
                           "the value to `tie`");
}

LogicalResult CloseOp::verify() {
  RingType ring = getRing().getType();
  if (getAccess() == SlotAccess::Read) {
    if (!getTiles().empty())
      return emitOpError("fills a slot that it read");
    return verifyLate(*this);
  }
  if (!getAfter().empty())
    return emitOpError("lists groups of products for a slot that it wrote");
  if (getTiles().empty() ? ring.getPlace() == Place::Registers
                         : getTiles().getTypes() != TypeRange(ring.getTiles()))
    return emitOpError("fills the slot with other tiles than the ring holds");
  if (ring.getPlace() == Place::Registers)
    return verifyOperand(*this);
  return success();
}
