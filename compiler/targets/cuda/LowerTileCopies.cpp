// Turns copies into TMA, and writes what threads put into slots.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Fragment.h"
#include "compiler/targets/cuda/RingLowering.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

/// Writes one thread's part of a tile by stmatrix: four 8x8 matrices at a time,
/// two above each other, then the two to their right.
static void storeFragment(DeviceBuilder &device, Value storage, Value operand,
                          VectorType tile, Fragment fragment, Value copy,
                          Value thread) {
  SmallVector<Value> pairs = device.elements(operand);
  Value lane = device.remainder(thread, warpThreads);
  Value inEight = device.remainder(lane, 8);
  Value warp = device.divide(thread, warpThreads);
  Value row = device.add(
      device.add(device.multiply(warp, 16), device.remainder(lane, 16)),
      device.multiply(copy, fragment.blocks * 64));
  Value rowStart = device.advance(storage, device.multiply(row, panelRowBytes));
  Value right = device.divide(lane, 16);
  constexpr int64_t steps = panelColumns / 16;
  SmallVector<Value> starts;
  for (int64_t step = 0; step < steps; ++step) {
    Value chunk =
        device.create<arith::XOrIOp>(device.add(right, 2 * step), inEight);
    starts.push_back(device.advance(rowStart, device.multiply(chunk, 16)));
  }
  auto shape = NVVM::LdStMatrixShapeAttr::get(device.getContext(), 8, 8);
  for (int64_t block = 0; block < fragment.blocks; ++block)
    for (int64_t step = 0; step < fragment.columns / 16; ++step) {
      Value place = device.advance(starts[step % steps],
                                   step / steps * getPanelBytes(tile) +
                                       block * 64 * panelRowBytes);
      ArrayRef<Value> four =
          ArrayRef(pairs).slice(block * fragment.columns / 4 + step * 4, 4);
      device.create<NVVM::StMatrixOp>(place, four, NVVM::MMALayout::row, shape,
                                      NVVM::LdStMatrixEltType::B16);
    }
}

LogicalResult RingLowering::fill(tile::CloseOp close, const Ring &ring) {
  DeviceBuilder device(close);
  RoleThreads threads = getRole(close).second;
  if (ring.type.getPlace() == tile::Place::Registers) {
    Value part = lookThroughCast(close.getTiles()[0]);
    VectorType type = getOperandType(ring.type, threads);
    device.create<LLVM::StoreOp>(device.create<LLVM::BitcastOp>(type, part),
                                 getOperandStorage(close.getRing(), threads));
    return success();
  }
  if (!ring.isOwn)
    return close.emitOpError("fills a ring that another role reads, which has "
                             "no rule yet; use copies");
  auto [slot, parity] = locate(device, ring, close.getUse());
  Value storage = getStorage(device, ring, slot);
  Value copy = threads.copy(device, roles), thread = threads.thread(device);
  for (auto [part, tile] : llvm::enumerate(close.getTiles())) {
    auto type = cast<VectorType>(tile.getType());
    Value operand = lookThroughCast(tile);
    auto pairs = VectorType::get(
        cast<VectorType>(operand.getType()).getNumElements() / 2,
        device.getI32Type());
    storeFragment(device, device.advance(storage, ring.partOffset(part)),
                  device.create<LLVM::BitcastOp>(pairs, operand), type,
                  *Fragment::get(type, threads.role.getCopies()), copy, thread);
  }
  // What threads wrote is shown to the copy engine, then all have written.
  device.create<NVVM::FenceProxyOp>(
      NVVM::ProxyKind::async_shared,
      NVVM::SharedSpaceAttr::get(device.getContext(),
                                 NVVM::SharedSpace::shared_cta));
  threads.synchronize(device, roles);
  return success();
}

/// A view that is copied in boxes of `rows` by one panel's columns becomes an
/// argument that the runtime makes from the view's address and shape.
Value RingLowering::getTensorMap(Value view, VectorType tile, int64_t rows) {
  auto argument = cast<BlockArgument>(view);
  auto type = cast<MemRefType>(view.getType());
  Value &map = maps[{argument.getArgNumber(), rows, type.getRank()}];
  if (map)
    return map;
  Builder builder(function.getContext());
  SmallVector<int64_t> box(type.getRank(), 1);
  box[type.getRank() - 2] = rows;
  box[type.getRank() - 1] = panelColumns;
  NamedAttribute attributes[] = {
      builder.getNamedAttr("cuda.view",
                           builder.getI64IntegerAttr(argument.getArgNumber())),
      builder.getNamedAttr("cuda.box", builder.getDenseI64ArrayAttr(box)),
      builder.getNamedAttr("cuda.element",
                           TypeAttr::get(tile.getElementType()))};
  unsigned position = function.getNumArguments();
  (void)function.insertArgument(
      position, LLVM::LLVMPointerType::get(function.getContext()),
      builder.getDictionaryAttr(attributes), view.getLoc());
  return map = function.getArgument(position);
}

LogicalResult RingLowering::lowerCopy(tile::CopyOp copy) {
  DeviceBuilder device(copy);
  VectorType tile = copy.getTileType();
  if (!isa<BlockArgument>(copy.getView()) || tile.getRank() != 2 ||
      cast<MemRefType>(copy.getView().getType()).getRank() > 5)
    return copy.emitOpError("moves other than a matrix of a kernel argument of "
                            "at most 5 dimensions");
  auto found = slots.find(copy.getTile());
  if (found == slots.end())
    return copy.emitOpError("moves a tile that lies in no shared ring");
  OpenSlot slot = found->second;
  slot.storage =
      device.advance(slot.storage, slot.ring->partOffset(copy.getPart()));
  SmallVector<Value> coordinates;
  for (Value index : llvm::reverse(copy.getIndices()))
    coordinates.push_back(device.narrow(index));
  if (copy.getStore())
    return lowerStore(copy, slot, coordinates);
  Value map = getTensorMap(copy.getView(), tile, tile.getDimSize(0));
  Value column = coordinates[0];
  for (int64_t panel = 0; panel < tile.getDimSize(1) / panelColumns; ++panel) {
    coordinates[0] = device.add(column, panel * panelColumns);
    device.create<NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp>(
        device.advance(slot.storage, panel * getPanelBytes(tile)), map,
        coordinates, slot.full, ValueRange(), Value(), Value(),
        NVVM::TMALoadMode::TILE, true, NVVM::CTAGroupKindAttr(), Value());
  }
  return success();
}

// Each copy of the role stores the rows that it wrote.
LogicalResult RingLowering::lowerStore(tile::CopyOp copy, const OpenSlot &slot,
                                       ArrayRef<Value> coordinates) {
  if (!slot.ring->isOwn)
    return copy.emitOpError("stores from a ring that another role wrote, which "
                            "has no rule yet");
  DeviceBuilder device(copy);
  RoleThreads threads = getRole(copy).second;
  VectorType tile = copy.getTileType();
  int64_t rows = tile.getDimSize(0) / threads.role.getCopies();
  Value map = getTensorMap(copy.getView(), tile, rows);
  Value first = device.multiply(threads.copy(device, roles), rows);
  SmallVector<Value> place(coordinates);
  place[1] = device.add(place[1], first);
  Value storage =
      device.advance(slot.storage, device.multiply(first, panelRowBytes));
  byLeader(device, threads, [&](DeviceBuilder &device) {
    for (int64_t panel = 0; panel < tile.getDimSize(1) / panelColumns;
         ++panel) {
      place[0] = device.add(coordinates[0], panel * panelColumns);
      device.create<NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp>(
          map, device.advance(storage, panel * getPanelBytes(tile)), place,
          Value(), NVVM::TMAStoreMode::TILE, Value());
    }
  });
  return success();
}

void RingLowering::finishStores(RoleThreads threads, Block &body) {
  DeviceBuilder device(body.getTerminator());
  byLeader(device, threads, [](DeviceBuilder &device) {
    device.create<NVVM::CpAsyncBulkWaitGroupOp>(0, UnitAttr());
  });
}
