// Turns rings into shared memory and barriers, copies into TMA.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Cuda.h"
#include "compiler/targets/cuda/Fragment.h"
#include "compiler/targets/cuda/Passes.h"
#include "compiler/targets/cuda/RingLowering.h"

#include "llvm/ADT/TypeSwitch.h"

namespace sennit {
#define GEN_PASS_DEF_CUDALOWERTILERINGS
#include "compiler/targets/cuda/Passes.h.inc"
} // namespace sennit

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

LogicalResult RingLowering::run() {
  DeviceBuilder device(roles);
  auto module = function->getParentOfType<ModuleOp>();
  if (!module.lookupSymbol(sharedSymbol)) {
    OpBuilder::InsertionGuard guard(device);
    device.setInsertionPointToStart(module.getBody());
    device.create<LLVM::GlobalOp>(
        LLVM::LLVMArrayType::get(device.getI8Type(), 0), false,
        LLVM::Linkage::External, sharedSymbol, Attribute(), 1024, sharedSpace);
  }
  base = device.create<LLVM::AddressOfOp>(
      LLVM::LLVMPointerType::get(device.getContext(), sharedSpace),
      sharedSymbol);
  initializeBarriers();
  function->setAttr("cuda.shared", device.getI64IntegerAttr(plan.bytes));
  SmallVector<Operation *> ops;
  roles->walk([&](Operation *op) {
    if (isa<tile::OpenOp, tile::CloseOp, tile::CopyOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops)
    if (failed(lower(op)))
      return failure();
  for (Region &body : roles.getBodies()) {
    bool stores = llvm::any_of(ops, [&](Operation *op) {
      auto copy = dyn_cast<tile::CopyOp>(op);
      return copy && copy.getStore() && body.isAncestor(op->getParentRegion());
    });
    if (stores)
      finishStores(getRole(roles, body.getRegionNumber()), body.front());
  }
  for (Operation *op : llvm::reverse(ops))
    op->erase();
  for (auto &[ring, _] : llvm::reverse(plan.rings))
    ring.getDefiningOp()->erase();
  return success();
}

void RingLowering::initializeBarriers() {
  DeviceBuilder device(roles);
  Value thread = device.create<NVVM::ThreadIdXOp>(device.getI32Type());
  auto first = device.create<scf::IfOp>(device.equals(thread, 0));
  device.setInsertionPointToStart(first.thenBlock());
  for (auto &[_, ring] : plan.rings) {
    if (ring.type.getPlace() != tile::Place::Shared || ring.isOwn)
      continue;
    for (int64_t slot = 0; slot < ring.type.getDepth(); ++slot) {
      device.create<NVVM::MBarrierInitOp>(
          device.advance(base, ring.full + 8 * slot), device.i32(1), Value());
      device.create<NVVM::MBarrierInitOp>(
          device.advance(base, ring.empty + 8 * slot), device.i32(ring.readers),
          Value());
    }
  }
  device.create<NVVM::FenceMbarrierInitOp>();
  device.setInsertionPointAfter(first);
  for (auto &[_, ring] : plan.rings)
    if (ring.getCopiedBytes() < ring.slotBytes)
      clearRows(device, ring, thread);
  device.create<NVVM::Barrier0Op>();
}

void RingLowering::clearRows(DeviceBuilder &device, const Ring &ring,
                             Value thread) {
  constexpr int64_t bytes = 16;
  auto four = VectorType::get(4, device.getI32Type());
  Value zeros = device.create<arith::ConstantOp>(device.getZeroAttr(four));
  for (auto [part, count] : llvm::enumerate(ring.rows)) {
    VectorType tile = ring.getTile(part);
    int64_t skipped = count * panelRowBytes;
    if (skipped == getPanelBytes(tile))
      continue;
    int64_t panels = tile.getDimSize(1) / panelColumns;
    for (int64_t panel = 0; panel < ring.type.getDepth() * panels; ++panel) {
      Value start = device.advance(
          base, ring.storage + panel / panels * ring.slotBytes +
                    ring.partOffset(part) +
                    panel % panels * getPanelBytes(tile) + skipped);
      auto loop =
          device.create<scf::ForOp>(device.multiply(thread, bytes),
                                    device.i32(getPanelBytes(tile) - skipped),
                                    device.i32(bytes * countThreads(roles)));
      OpBuilder::InsertionGuard guard(device);
      device.setInsertionPointToStart(loop.getBody());
      device.create<LLVM::StoreOp>(
          zeros, device.advance(start, loop.getInductionVar()), bytes);
    }
  }
  // The matrix unit reads what threads wrote.
  device.create<NVVM::FenceProxyOp>(
      NVVM::ProxyKind::async_shared,
      NVVM::SharedSpaceAttr::get(device.getContext(),
                                 NVVM::SharedSpace::shared_cta));
}

std::pair<Value, Value> RingLowering::locate(DeviceBuilder &device,
                                             const Ring &ring, Value use) {
  Value count = device.narrow(use);
  int64_t depth = ring.type.getDepth();
  return {device.remainder(count, depth),
          device.remainder(device.divide(count, depth), 2)};
}

Value RingLowering::getStorage(DeviceBuilder &device, const Ring &ring,
                               Value slot) {
  return device.advance(device.advance(base, ring.storage),
                        device.multiply(slot, ring.slotBytes));
}

Value RingLowering::barrier(DeviceBuilder &device, int64_t first, Value slot) {
  return device.advance(device.advance(base, first), device.multiply(slot, 8));
}

void RingLowering::wait(DeviceBuilder &device, Value barrier, Value parity) {
  // Nanoseconds that a try may sleep before it looks again.
  constexpr int64_t patience = 10000000;
  device.create<NVVM::MBarrierTryWaitParityOp>(barrier, parity,
                                               device.i32(patience));
}

void RingLowering::byLeader(DeviceBuilder &device, RoleThreads threads,
                            function_ref<void(DeviceBuilder &)> build) {
  auto leader =
      device.create<scf::IfOp>(device.equals(threads.thread(device), 0));
  DeviceBuilder inner(leader.thenBlock()->getTerminator());
  build(inner);
}

LogicalResult RingLowering::lower(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](tile::OpenOp op) { return lowerOpen(op); })
      .Case([&](tile::CloseOp op) { return lowerClose(op); })
      .Case([&](tile::CopyOp op) { return lowerCopy(op); });
}

//===----------------------------------------------------------------------===//
// Opening and closing
//===----------------------------------------------------------------------===//

VectorType sennit::cuda::getOperandType(tile::RingType ring,
                                        RoleThreads threads) {
  auto fragment = Fragment::get(cast<VectorType>(ring.getTiles()[0]),
                                threads.role.getCopies());
  return VectorType::get(fragment->registers() / 2,
                         IntegerType::get(ring.getContext(), 32));
}

// LLVM promotes the stack slot to registers; the PTX lint and the assembler's
// report show that it did.
Value RingLowering::getOperandStorage(Value ring, RoleThreads threads) {
  Value &storage = operands[ring];
  if (!storage) {
    DeviceBuilder device(roles);
    storage = device.create<LLVM::AllocaOp>(
        LLVM::LLVMPointerType::get(device.getContext()),
        getOperandType(cast<tile::RingType>(ring.getType()), threads),
        device.i32(1));
  }
  return storage;
}

/// The barrier waits for the bytes of the whole slot: each of its tiles is
/// copied once, whenever the slot is opened.
static LogicalResult checkCopies(tile::OpenOp open) {
  SmallVector<int64_t> copied;
  for (Operation *user : open->getUsers()) {
    auto copy = dyn_cast<tile::CopyOp>(user);
    if (copy && copy->getBlock() == open->getBlock())
      copied.push_back(copy.getPart());
  }
  llvm::sort(copied);
  int64_t tiles = open.getRing().getType().getTiles().size();
  if (copied == llvm::to_vector(llvm::seq<int64_t>(tiles)))
    return success();
  return open.emitOpError()
         << "opens a slot of " << tiles << " tiles, " << copied.size()
         << " copies follow in its block; each tile needs one";
}

LogicalResult RingLowering::lowerOpen(tile::OpenOp open) {
  DeviceBuilder device(open);
  const Ring &ring = plan.rings.find(open.getRing())->second;
  RoleThreads threads = getRole(open).second;
  bool isRead = open.getAccess() == tile::SlotAccess::Read;
  if (ring.type.getPlace() == tile::Place::Registers) {
    if (!isRead)
      return success();
    Value storage = getOperandStorage(open.getRing(), threads);
    Value operand = device.create<LLVM::LoadOp>(
        getOperandType(ring.type, threads), storage);
    open.getResult(0).replaceAllUsesWith(
        device.cast(operand, open.getResult(0).getType()));
    return success();
  }
  auto [slot, parity] = locate(device, ring, open.getUse());
  Value storage = getStorage(device, ring, slot);
  Value full = barrier(device, ring.full, slot);
  slots[open.getResult(0)] = {storage, full, &ring};
  if (ring.isOwn) {
    if (!isRead) {
      if (ring.isStored)
        byLeader(device, threads, [&](DeviceBuilder &device) {
          device.create<NVVM::CpAsyncBulkWaitGroupOp>(ring.type.getDepth() - 1,
                                                      device.getUnitAttr());
        });
      threads.synchronize(device, roles);
    }
  } else if (isRead) {
    wait(device, full, parity);
  } else {
    if (failed(checkCopies(open)))
      return failure();
    Value other = device.create<arith::XOrIOp>(parity, device.i32(1));
    wait(device, barrier(device, ring.empty, slot), other);
    device.create<NVVM::MBarrierArriveExpectTxOp>(
        Type(), full, device.i32(ring.getCopiedBytes()),
        NVVM::MemScopeKind::CTA, false, Value());
  }
  if (isRead)
    for (auto [part, tile] : llvm::enumerate(open.getOpened())) {
      Value place = device.advance(storage, ring.partOffset(part));
      for (Operation *user : llvm::make_early_inc_range(tile.getUsers()))
        if (auto read = dyn_cast<UnrealizedConversionCastOp>(user)) {
          readByThreads.insert(&ring);
          DeviceBuilder reader(user);
          read.getResult(0).replaceAllUsesWith(
              readFragment(reader, ring, slot, part, threads));
          read.erase();
        }
      Value marked = device.cast(device.address(place), tile.getType());
      // A copy from the tile needs its pointer too.
      slots[marked] = {place, full, &ring};
      tile.replaceAllUsesWith(marked);
    }
  return success();
}

LogicalResult RingLowering::lowerClose(tile::CloseOp close) {
  DeviceBuilder device(close);
  const Ring &ring = plan.rings.find(close.getRing())->second;
  RoleThreads threads = getRole(close).second;
  if (close.getAccess() == tile::SlotAccess::Write)
    return close.getTiles().empty() ? success() : fill(close, ring);
  if (ring.type.getPlace() == tile::Place::Registers)
    return success();
  if (ring.isOwn && !ring.isStored)
    return success();
  if (readByThreads.contains(&ring))
    threads.synchronize(device, roles);
  byLeader(device, threads, [&](DeviceBuilder &device) {
    if (ring.isOwn)
      device.create<NVVM::CpAsyncBulkCommitGroupOp>();
    else
      // Reads by matrix units need no release: see docs/rationale/hopper.md.
      device.create<NVVM::MBarrierArriveOp>(
          Type(),
          barrier(device, ring.empty,
                  locate(device, ring, close.getUse()).first),
          Value(), NVVM::MemScopeKind::CTA);
  });
  return success();
}

namespace {
struct LowerTileRings : sennit::impl::CudaLowerTileRingsBase<LowerTileRings> {
  using CudaLowerTileRingsBase::CudaLowerTileRingsBase;

  void runOnOperation() override {
    WalkResult walk = getOperation().walk([&](tile::RolesOp roles) {
      FailureOr<RingPlan> plan = planRings(roles);
      if (failed(plan))
        return WalkResult::interrupt();
      RingLowering lowering(roles->getParentOfType<func::FuncOp>(), roles,
                            *plan);
      return failed(lowering.run()) ? WalkResult::interrupt()
                                    : WalkResult::skip();
    });
    if (walk.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
