// Decides what is recomputed at its uses and what waits in scratch.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Planner.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

//===----------------------------------------------------------------------===//
// Questions about types and ops
//===----------------------------------------------------------------------===//

Type sennit::emit::getComputeType(Type element) {
  bool narrow = isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32;
  return narrow ? Float32Type::get(element.getContext()) : element;
}

Type sennit::emit::getStorageType(Type element) {
  if (element.isInteger(1))
    return IntegerType::get(element.getContext(), 8);
  return getComputeType(element);
}

bool sennit::emit::isIndexMap(tile::ReshapeOp op, int64_t lanes) {
  auto from = cast<VectorType>(op.getValue().getType());
  auto to = cast<VectorType>(op.getResult().getType());
  if (from.getRank() == 0 || to.getRank() == 0)
    return true;
  int64_t fromLanes = from.getShape().back(), toLanes = to.getShape().back();
  return lanes == 1 || fromLanes % toLanes == 0 ||
         (toLanes % fromLanes == 0 && fromLanes % lanes == 0);
}

bool sennit::emit::hasContiguousLanes(MemRefType view, ArrayRef<int64_t> dims) {
  if (dims.empty())
    return true;
  int64_t rank = view.getRank();
  // Panels hold consecutive rows side by side.
  if (isa<tile::BlockedAttr>(view.getLayout()))
    return dims.back() == rank - 2;
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(view.getStridesAndOffset(strides, offset)) &&
         strides[dims.back()] == 1;
}

static bool isTile(Value value) { return isa<VectorType>(value.getType()); }

bool Planner::isElementwise(Operation *op) {
  return op->getNumResults() == 1 && isTile(op->getResult(0)) &&
         OpTrait::hasElementwiseMappableTraits(op);
}

// Ops that only say where an element comes from.
static bool isShapeOp(Operation *op) {
  return isa<tile::BroadcastOp, tile::SliceOp, tile::ReshapeOp,
             tile::TransposeOp>(op);
}

bool sennit::emit::keepsLanes(tile::TransposeOp op, int64_t lanes) {
  ArrayRef<int64_t> permutation = op.getPermutation();
  return lanes == 1 || permutation.empty() ||
         permutation.back() == static_cast<int64_t>(permutation.size()) - 1;
}

bool Planner::canBeInline(Operation *op) const {
  if (auto reshape = dyn_cast<tile::ReshapeOp>(op))
    return isIndexMap(reshape, options.lanes);
  if (auto transpose = dyn_cast<tile::TransposeOp>(op))
    return keepsLanes(transpose, options.lanes);
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return isTile(constant.getResult());
  return isElementwise(op) || isa<tile::LoadOp, tile::IotaOp, tile::BroadcastOp,
                                  tile::SliceOp, tile::DequantizeOp>(op);
}

//===----------------------------------------------------------------------===//
// Costs
//===----------------------------------------------------------------------===//

// In vector instructions, roughly; only the comparison with `costly` matters.
static constexpr int64_t costly = 8;

static int64_t getOwnCost(Operation *op) {
  if (auto load = dyn_cast<tile::LoadOp>(op);
      load && load.getTileDims().empty())
    return 1;
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return hasContiguousLanes(cast<MemRefType>(load.getView().getType()),
                              load.getTileDims()) &&
                   !load.isIndexed(load.getTileDims().size() - 1)
               ? 1
               : costly;
  if (isa<arith::ConstantOp>(op) || isShapeOp(op))
    return 0;
  if (isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp,
          arith::RemUIOp, arith::RemFOp>(op))
    return costly;
  if (isa_and_nonnull<math::MathDialect>(op->getDialect()) &&
      !isa<math::AbsFOp, math::FloorOp, math::CeilOp, math::FmaOp,
           math::RoundEvenOp, math::CopySignOp, math::AbsIOp>(op))
    return costly;
  return 1;
}

int64_t Planner::getCost(Value value) {
  value = plan.resolve(value);
  Operation *op = value.getDefiningOp();
  if (!op || !isTile(value) || plan.find(value) || !canBeInline(op))
    return 1;
  auto [known, isNew] = costs.try_emplace(value, 0);
  if (!isNew)
    return known->second;
  int64_t cost = getOwnCost(op);
  for (Value operand : op->getOperands())
    if (isTile(operand))
      cost += getCost(operand);
  return costs[value] = std::min<int64_t>(cost, 1000);
}

//===----------------------------------------------------------------------===//
// Where a value is read
//===----------------------------------------------------------------------===//

Contexts Planner::getContexts(Value value) {
  Contexts contexts;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    auto stream = dyn_cast<tile::StreamOp>(user->getParentOp());
    if (stream && isa<tile::YieldOp>(user) &&
        user->getParentRegion() == &stream.getFetch()) {
      Value argument = stream.getFetchedArguments()[use.getOperandNumber()];
      contexts.merge(getContexts(argument));
      continue;
    }
    bool isInline = user->getNumResults() == 1 && isTile(user->getResult(0)) &&
                    canBeInline(user) && !plan.find(user->getResult(0));
    if (!isInline) {
      contexts.insert({getEmissionPoint(user), nullptr});
      continue;
    }
    for (Context context : getContexts(user->getResult(0)))
      contexts.insert(
          {context.root, isShapeOp(user) ? user : context.reshaped});
  }
  return contexts;
}

Operation *Planner::getEmissionPoint(Operation *op) const {
  for (auto [reduce, scan] : plan.fusedScans)
    if (scan == op)
      return reduce;
  return op;
}

// The last position at which `root` may run for a value defined by
// `definition`: a loop that does not hold the definition runs it again and
// again.
int64_t Planner::getLastPosition(Operation *root, Region *definition) const {
  int64_t last = positions.lookup(root);
  // `fetch` and `do` run as one iteration.
  auto stream = dyn_cast<tile::StreamOp>(definition->getParentOp());
  if (stream && definition == &stream.getFetch())
    definition = &stream.getCompute();
  for (Operation *op = root; op->getParentRegion() != definition;) {
    op = op->getParentOp();
    if (!op || isa<tile::GridOp>(op))
      break;
    last = ends.lookup(op);
  }
  return last;
}

//===----------------------------------------------------------------------===//
// The decision
//===----------------------------------------------------------------------===//

// A store between the load and a use of it would be seen too early.
bool Planner::isOvertakenByStore(tile::LoadOp load, const Contexts &contexts) {
  int64_t first = positions.lookup(load);
  auto element = cast<MemRefType>(load.getView().getType()).getElementType();
  for (tile::StoreOp store : stores) {
    auto stored = cast<MemRefType>(store.getView().getType());
    if (stored.getElementType() != element)
      continue;
    int64_t position = positions.lookup(store);
    for (Context context : contexts) {
      int64_t last = getLastPosition(context.root, load->getParentRegion());
      if (first < position && position < last)
        return true;
      // In place: elementwise at the same places is in order, all else is not.
      if (context.root == store && store.getView() == load.getView() &&
          (context.reshaped || store.getIndices() != load.getIndices() ||
           store.getTileDims() != load.getTileDims()))
        return true;
    }
  }
  return false;
}

// Asking bounds for every element costs more there than a copy that asks once.
static bool asksBounds(tile::LoadOp load) {
  return !load.getBounds().empty() || llvm::any_of(load.getIndices(), isTile);
}

static bool isWidenedLoad(const Plan &plan, Value value) {
  value = plan.resolve(value);
  while (Operation *op = value.getDefiningOp()) {
    if (auto load = dyn_cast<tile::LoadOp>(op))
      return true;
    if (!isa<arith::ExtFOp, tile::SliceOp>(op))
      return false;
    value = plan.resolve(op->getOperand(0));
  }
  return false;
}

static int64_t getRows(tile::MmaOp mma) {
  auto type = cast<VectorType>(mma.getResult().getType());
  return type.getDimSize(type.getRank() - 2);
}

// Uses that read an element so often, or so oddly, that it must stand in
// scratch.
bool Planner::isWantedInScratch(Value value, OpOperand &use) {
  Operation *user = use.getOwner();
  if (auto mma = dyn_cast<tile::MmaOp>(user)) {
    if (options.stagesOperands && options.stagesOperands(mma) &&
        use.get() != mma.getAcc())
      return false;
    // Lanes of many threads read the same row of memory as fast.
    if (options.lanes == 1 && use.get() == mma.getA() &&
        isWidenedLoad(plan, value))
      return false;
    if (use.get() == mma.getA())
      return !hasTurnedA(mma) || !usesMatrixUnit(mma);
    if (usesMatrixUnit(mma))
      return false;
    // A turned operand is copied anyway, and one that many rows read is worth
    // it.
    return use.get() == mma.getB() && !hasTurnedB(mma) &&
           (!isWidenedLoad(plan, value) || getRows(mma) > options.productRows);
  }
  if (isa<tile::BroadcastOp>(user))
    return getCost(value) >= costly;
  if (auto slice = dyn_cast<tile::SliceOp>(user))
    return !slice.getOffsets().empty() &&
           slice.getOffsets().back() % options.lanes != 0 &&
           !isWidenedLoad(plan, value);
  auto stream = dyn_cast<tile::StreamOp>(user->getParentOp());
  if (stream && isa<tile::YieldOp>(user)) {
    if (user->getParentRegion() != &stream.getFetch())
      return true;
    Value argument = stream.getFetchedArguments()[use.getOperandNumber()];
    return llvm::any_of(argument.getUses(), [&](OpOperand &inner) {
      return isWantedInScratch(argument, inner);
    });
  }
  return isa<scf::YieldOp>(user);
}

// Products read packed weights as they lie; all other readers would gather.
static bool isReadAsPanels(const Contexts &contexts) {
  return llvm::all_of(contexts, [](Context context) {
    return isa<tile::MmaOp>(context.root) && !context.reshaped;
  });
}

bool Planner::standsInScratch(Operation *op, Value value) {
  if (!canBeInline(op))
    return true;
  if (llvm::any_of(value.getUses(), [&](OpOperand &use) {
        return isWantedInScratch(value, use);
      }))
    return true;
  Contexts contexts = getContexts(value);
  auto load = dyn_cast<tile::LoadOp>(op);
  if (load && isOvertakenByStore(load, contexts))
    return true;
  if (load && asksBounds(load) && llvm::any_of(contexts, [&](Context context) {
        auto reduce = dyn_cast<tile::ReduceOp>(context.root);
        return reduce && plan.findFusedScan(reduce);
      }))
    return true;
  auto type = cast<VectorType>(value.getType());
  int64_t bytes =
      type.getNumElements() *
      getStorageType(type.getElementType()).getIntOrFloatBitWidth() / 8;
  if (bytes > options.largestTile)
    return false;
  bool costs = getCost(value) >= costly;
  if (load && isa<tile::BlockedAttr>(
                  cast<MemRefType>(load.getView().getType()).getLayout()))
    costs = !isReadAsPanels(contexts);
  if (costs && contexts.size() > 1)
    return true;
  return llvm::any_of(contexts, [&](Context context) {
    bool inInnerLoop = getLastPosition(context.root, op->getParentRegion()) >
                       positions.lookup(context.root);
    return costs && inInnerLoop;
  });
}
