// Turns groups of products into wgmma, and their ends into waits.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Fragment.h"
#include "compiler/targets/cuda/Passes.h"
#include "compiler/targets/cuda/Rings.h"
#include "compiler/targets/cuda/Wgmma.h"

#include "mlir/IR/IRMapping.h"

namespace sennit {
#define GEN_PASS_DEF_CUDALOWERTILEMATRIX
#include "compiler/targets/cuda/Passes.h.inc"
} // namespace sennit

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

using Registers = SmallVector<Value>;

/// The sizes of a product, and that wgmma has them.
static LogicalResult checkProduct(tile::MmaOp mma, int64_t copies) {
  auto a = cast<VectorType>(mma.getA().getType());
  auto b = cast<VectorType>(mma.getB().getType());
  auto result = mma.getType();
  if (result.getRank() != 2 || a.getElementType() != b.getElementType())
    return mma.emitOpError("multiplies other than two matrices of one element "
                           "type");
  int64_t rows = result.getDimSize(0), columns = result.getDimSize(1);
  if (rows % (wgmmaRows * copies) || columns % 8 || columns > 256)
    return mma.emitOpError()
           << "makes " << rows << "x" << columns << " by " << copies
           << " copies; wgmma has blocks of 64 rows a copy, "
              "columns in steps of 8 up to 256";
  return success();
}

static WgmmaOperand makeOperand(DeviceBuilder &device, Value tile,
                                bool isDepthMajor) {
  WgmmaOperand operand;
  Value source = lookThroughCast(tile);
  if (isa<VectorType>(source.getType())) {
    operand.registers = device.elements(source);
    return operand;
  }
  operand.isDepthMajor = isDepthMajor;
  operand.panelBytes = getPanelBytes(cast<VectorType>(tile.getType()));
  operand.descriptor =
      makeDescriptor(device, source, operand.panelBytes, isDepthMajor);
  return operand;
}

/// A product's registers, block after block.
static Registers lowerProduct(DeviceBuilder &device, tile::MmaOp mma,
                              tile::RolesOp roles, RoleThreads threads,
                              ArrayRef<Value> accumulator) {
  bool isATransposed =
      mma.getForm() == tile::MmaForm::TN || mma.getForm() == tile::MmaForm::TT;
  bool isBTransposed =
      mma.getForm() == tile::MmaForm::NT || mma.getForm() == tile::MmaForm::TT;
  WgmmaOperand a = makeOperand(device, mma.getA(), !isATransposed);
  WgmmaOperand b = makeOperand(device, mma.getB(), isBTransposed);
  auto type = cast<VectorType>(mma.getA().getType());
  Fragment fragment = *Fragment::get(mma.getType(), threads.role.getCopies());
  int64_t depth = type.getDimSize(isATransposed ? 0 : 1);
  int64_t steps = depth / wgmmaDepth, count = fragment.columns / 2;
  Value rowOffset;
  if (a.registers.empty()) {
    // A copy's rows begin where its first block begins.
    int64_t bytes = getDescriptorOffset(a, fragment.blocks * wgmmaRows, 0);
    rowOffset = device.multiply(threads.copy(device, roles), bytes);
  }
  Registers results;
  for (int64_t block = 0; block < fragment.blocks; ++block) {
    Registers sum;
    if (!accumulator.empty())
      sum = Registers(accumulator.slice(block * count, count));
    for (int64_t step = 0; step < steps; ++step)
      sum = issueWgmma(device, type.getElementType(), fragment.columns, a, b,
                       block, step, steps, rowOffset, sum);
    llvm::append_range(results, sum);
  }
  return results;
}

/// The group: a fence, through which pass the accumulators that threads wrote
/// (`isInFlight` says which they did not), the products, the commit.
static LogicalResult lowerStart(tile::StartOp start,
                                ArrayRef<bool> isInFlight) {
  DeviceBuilder device(start);
  auto [roles, threads] = getRole(start);
  auto arguments = start.getBody().getArguments();
  DenseMap<Value, Registers> sums;
  Registers written;
  for (auto [argument, accumulator, inFlight] :
       llvm::zip_equal(arguments, start.getAccumulators(), isInFlight)) {
    sums[argument] = device.elements(lookThroughCast(accumulator));
    if (!inFlight)
      llvm::append_range(written, sums[argument]);
  }
  Registers fenced = device.ptx("wgmma.fence.sync.aligned;", written);
  auto next = fenced.begin();
  for (auto [argument, inFlight] : llvm::zip_equal(arguments, isInFlight))
    if (!inFlight)
      for (Value &value : sums[argument])
        value = *next++;
  for (auto mma : start.getBody().getOps<tile::MmaOp>()) {
    if (failed(checkProduct(mma, threads.role.getCopies())))
      return failure();
    Registers accumulator;
    if (mma.getAcc())
      accumulator = sums[mma.getAcc()];
    sums[mma.getResult()] =
        lowerProduct(device, mma, roles, threads, accumulator);
  }
  device.ptx("wgmma.commit_group.sync.aligned;");
  Operation *yield = start.getBody().front().getTerminator();
  for (auto [value, pending] :
       llvm::zip_equal(yield->getOperands(), start.getPendings())) {
    Value vector = device.vector(sums[value]);
    // The cast from the whole tile to a thread's part.
    for (Operation *user : llvm::make_early_inc_range(pending.getUsers())) {
      user->getResult(0).replaceAllUsesWith(vector);
      user->erase();
    }
  }
  start->getResults().back().replaceAllUsesWith(device.i32(0));
  start.erase();
  return success();
}

static void lowerFinish(tile::FinishOp finish) {
  DeviceBuilder device(finish);
  SmallVector<Value> passing(finish.getPendings()), registers;
  llvm::append_range(passing, finish.getTies());
  for (Value vector : passing)
    llvm::append_range(registers, device.elements(vector));
  registers = device.ptx("wgmma.wait_group.sync.aligned " +
                             std::to_string(finish.getBehind()) + ";",
                         registers);
  size_t next = 0;
  for (Value result : finish.getResults()) {
    int64_t count = cast<VectorType>(result.getType()).getNumElements();
    result.replaceAllUsesWith(
        device.vector(ArrayRef(registers).slice(next, count)));
    next += count;
  }
  finish.erase();
}

/// What was in flight is registers like any other from here on, and a token is
/// nothing.
static void retype(Value value) {
  if (auto pending = dyn_cast<tile::PendingType>(value.getType()))
    value.setType(pending.getTile());
  else if (isa<tile::TokenType>(value.getType()))
    value.setType(IntegerType::get(value.getContext(), 32));
}

namespace {
struct LowerTileMatrix
    : sennit::impl::CudaLowerTileMatrixBase<LowerTileMatrix> {
  using CudaLowerTileMatrixBase::CudaLowerTileMatrixBase;

  void runOnOperation() override {
    SmallVector<std::pair<tile::StartOp, SmallVector<bool>>> starts;
    SmallVector<tile::FinishOp> finishes;
    getOperation()->walk([&](tile::StartOp start) {
      starts.push_back(
          {start, llvm::map_to_vector(start.getAccumulators(), [](Value value) {
             return isa<tile::PendingType>(value.getType());
           })});
    });
    getOperation()->walk([&](tile::FinishOp op) { finishes.push_back(op); });
    getOperation()->walk([](Operation *op) {
      for (Value result : op->getResults())
        retype(result);
      for (Region &region : op->getRegions())
        for (Value argument : region.getArguments())
          retype(argument);
    });
    for (auto &[start, isInFlight] : starts)
      if (failed(lowerStart(start, isInFlight)))
        return signalPassFailure();
    for (tile::FinishOp finish : finishes)
      lowerFinish(finish);
  }
};
} // namespace
