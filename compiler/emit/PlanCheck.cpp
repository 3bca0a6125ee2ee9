// Says, before anything is emitted, what the target has no loops for.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Planner.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

static LogicalResult checkView(Operation *op, MemRefType view, int64_t lanes) {
  auto blocked = dyn_cast<tile::BlockedAttr>(view.getLayout());
  bool isRowMajor = view.getLayout().isIdentity();
  for (int64_t i = 1, rank = view.getRank(); i < rank; ++i)
    if ((blocked || isRowMajor) && view.isDynamicDim(i))
      return op->emitOpError()
             << "reads or writes " << view << ", of which dim " << i
             << " is dynamic; only the leading one may be";
  if (isRowMajor)
    return success();
  if (blocked) {
    if (blocked.getRows() % lanes != 0)
      return op->emitOpError()
             << "reads panels of " << blocked.getRows()
             << " rows, which are not whole vectors of " << lanes;
    return success();
  }
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(view.getStridesAndOffset(strides, offset)) ||
      ShapedType::isDynamic(offset) ||
      llvm::any_of(strides, ShapedType::isDynamic))
    return op->emitOpError()
           << "reads or writes " << view << ", whose strides are not static";
  return success();
}

static LogicalResult checkElement(Operation *op, Type type) {
  Type element = getElementTypeOrSelf(type);
  if (element.isF32() || element.isBF16() || element.isF16() ||
      element.isF64() || element.isIndex() || element.isInteger(1) ||
      element.isInteger(8) || element.isInteger(16) || element.isInteger(32) ||
      element.isInteger(64))
    return success();
  return op->emitOpError() << "has elements " << element
                           << ", which no target computes";
}

// A vector of rows is contiguous in a panel; along the other dimension it
// would be scattered element by element.
static LogicalResult checkBlockedStore(tile::StoreOp store) {
  auto view = cast<MemRefType>(store.getView().getType());
  auto blocked = dyn_cast<tile::BlockedAttr>(view.getLayout());
  int64_t rank = store.getTileDims().size();
  auto type = cast<VectorType>(store.getValue().getType());
  if (blocked && blocked.getGroup() != 1 &&
      (rank != 2 || blocked.getGroup() != 2 ||
       !view.getElementType().isBF16() || type.getDimSize(0) % 2 != 0))
    return store.emitOpError()
           << "writes " << type << " to " << view
           << "; groups are written two bf16 at once, from matrices of even "
              "depth";
  if (blocked && store.getTileDims().back() != view.getRank() - 2)
    return store.emitOpError() << "writes blocked memory across its panels; "
                                  "its last tile dimension must walk view "
                                  "dimension "
                               << view.getRank() - 2;
  return success();
}

// Products unfold words vector by vector; nobody else does.
static LogicalResult checkQuantized(tile::DequantizeOp op, int64_t lanes) {
  for (OpOperand &use : op.getResult().getUses()) {
    auto mma = dyn_cast<tile::MmaOp>(use.getOwner());
    if (!mma || mma.getForm() != tile::MmaForm::NT || use.get() == mma.getA())
      return op.emitOpError("is read by something other than a `tile.mma nt` "
                            "as its B");
  }
  if (lanes > 1)
    return success();
  return op.emitOpError("unfolds words, for which threads that compute an "
                        "element each have no form");
}

static LogicalResult checkOp(Operation *op, int64_t lanes) {
  for (Type type : op->getResultTypes())
    if (isa<VectorType>(type) && failed(checkElement(op, type)))
      return failure();
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return checkView(op, cast<MemRefType>(load.getView().getType()), lanes);
  if (auto store = dyn_cast<tile::StoreOp>(op)) {
    if (failed(checkBlockedStore(store)))
      return failure();
    return checkView(op, cast<MemRefType>(store.getView().getType()), lanes);
  }
  if (auto quantized = dyn_cast<tile::DequantizeOp>(op))
    return checkQuantized(quantized, lanes);
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return checkView(op, load.getMemRefType(), lanes);
  bool touchesTiles =
      llvm::any_of(op->getOperandTypes(), llvm::IsaPred<VectorType>) ||
      llvm::any_of(op->getResultTypes(), llvm::IsaPred<VectorType>);
  if (isa<tile::TileDialect>(op->getDialect()) ||
      isa<scf::ForOp, scf::IfOp, scf::YieldOp, arith::ConstantOp,
          vector::ExtractOp>(op))
    return success();
  if (touchesTiles && !OpTrait::hasElementwiseMappableTraits(op))
    return op->emitOpError() << "computes on tiles, but is not elementwise";
  if (!touchesTiles && (!isMemoryEffectFree(op) || op->getNumRegions() != 0))
    return op->emitOpError()
           << "is neither integer arithmetic nor an op on tiles";
  return success();
}

// Carries that take each other's places would need a third place to pass
// through.
static LogicalResult checkCarries(Operation *loop, ValueRange carried,
                                  ValueRange next) {
  auto follow = [&](Value value) -> Value {
    for (auto [argument, successor] : llvm::zip_equal(carried, next))
      if (argument == value)
        return successor == value ? Value() : successor;
    return Value();
  };
  for (auto [i, argument] : llvm::enumerate(carried)) {
    Value place =
        isa<VectorType>(argument.getType()) ? follow(argument) : Value();
    for (size_t steps = 0; steps < carried.size() && place; ++steps) {
      if (place == argument)
        return loop->emitOpError()
               << "yields carries in each other's places, carry " << i
               << " among them";
      place = follow(place);
    }
  }
  return success();
}

static LogicalResult checkLoop(Operation *op) {
  if (auto stream = dyn_cast<tile::StreamOp>(op))
    return checkCarries(
        op, ValueRange(stream.getCarriedArguments()),
        stream.getCompute().front().getTerminator()->getOperands());
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return checkCarries(op, ValueRange(loop.getRegionIterArgs()),
                        loop.getYieldedValues());
  return success();
}

LogicalResult Planner::check() {
  WalkResult result = grid.walk([&](Operation *op) {
    if (op != grid && isa<tile::GridOp>(op)) {
      op->emitOpError() << "stands inside another grid";
      return WalkResult::interrupt();
    }
    return failed(checkOp(op, options.lanes)) || failed(checkLoop(op))
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

bool Planner::isPanelOfMatrixUnit(OpOperand &use) const {
  Operation *user = use.getOwner();
  if (auto mma = dyn_cast<tile::MmaOp>(user))
    return use.get() == mma.getB() && use.get() != mma.getA() &&
           usesMatrixUnit(mma);
  auto reachesOnly = [&](Value value) {
    return llvm::all_of(value.getUses(), [&](OpOperand &inner) {
      return isPanelOfMatrixUnit(inner);
    });
  };
  if (isa<arith::ExtFOp>(user))
    return reachesOnly(user->getResult(0));
  auto stream = dyn_cast<tile::StreamOp>(user->getParentOp());
  return stream && isa<tile::YieldOp>(user) &&
         user->getParentRegion() == &stream.getFetch() &&
         reachesOnly(stream.getFetchedArguments()[use.getOperandNumber()]);
}

// Whether the unit may read a tile of groups by whole steps: it is cut into
// them, or it ends where the matrix does, whose excess holds zeros.
static bool isReadBySteps(tile::LoadOp load) {
  auto view = cast<MemRefType>(load.getView().getType());
  int64_t size = cast<VectorType>(load.getResult().getType()).getDimSize(1);
  return size % matrixUnitDepth == 0 ||
         (size == view.getShape().back() &&
          getDivisor(load.getIndices().back()) % size == 0);
}

// Groups are read by the matrix unit alone, a whole panel's step at a time.
LogicalResult Planner::checkGroups() {
  WalkResult result = grid.walk([&](tile::LoadOp load) {
    auto view = cast<MemRefType>(load.getView().getType());
    auto blocked = dyn_cast<tile::BlockedAttr>(view.getLayout());
    if (!blocked || blocked.getGroup() == 1)
      return WalkResult::advance();
    auto type = cast<VectorType>(load.getResult().getType());
    bool isPanel =
        llvm::all_of(load.getResult().getUses(),
                     [&](OpOperand &use) { return isPanelOfMatrixUnit(use); });
    if (!options.hasMatrixUnit || blocked.getGroup() != 2 ||
        !view.getElementType().isBF16())
      load.emitOpError() << "reads " << view << ", for which level `"
                         << options.level << "` has no matrix unit";
    else if (!isPanel)
      load.emitOpError() << "reads " << view
                         << " for something other than the second operand of "
                            "`tile.mma nt`";
    else if (type.getRank() != 2 || load.getBoundOf(1) || !isReadBySteps(load))
      load.emitOpError() << "reads " << type << " of " << view
                         << "; the matrix unit takes matrices of whole steps "
                            "of "
                         << matrixUnitDepth << ", or up to the depth's end";
    else
      return WalkResult::advance();
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}
