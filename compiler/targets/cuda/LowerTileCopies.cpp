// Turns copies into TMA, and writes what threads put into slots.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Fragment.h"
#include "compiler/targets/cuda/RingLowering.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

/// Calls `body` with where a thread names four 8x8 matrices of its part of a
/// tile, two above each other, then the two to their right, and the number of
/// the first of the four registers that hold them. What differs between threads
/// is added first, so that all tiles share its registers.
void RingLowering::forMatrices(
    DeviceBuilder &device, const Ring &ring, Value slot, unsigned part,
    RoleThreads threads,
    llvm::function_ref<void(Value place, int64_t first)> body) {
  auto tile = cast<VectorType>(ring.type.getTiles()[part]);
  Fragment fragment = *Fragment::get(tile, threads.role.getCopies());
  Value thread = threads.thread(device, /*isReadHere=*/true);
  Value lane = device.remainder(thread, warpThreads);
  Value inEight = device.remainder(lane, 8);
  Value warp = device.divide(thread, warpThreads);
  Value row = device.add(
      device.add(device.multiply(warp, 16), device.remainder(lane, 16)),
      device.multiply(threads.copy(device, roles), fragment.blocks * 64));
  Value rowStart = device.advance(base, device.multiply(row, panelRowBytes));
  Value right = device.divide(lane, 16);
  constexpr int64_t steps = panelColumns / 16;
  SmallVector<Value> starts;
  for (int64_t step = 0; step < steps; ++step) {
    Value chunk =
        device.create<arith::XOrIOp>(device.add(right, 2 * step), inEight);
    Value start = device.advance(rowStart, device.multiply(chunk, 16));
    if (ring.type.getDepth() > 1)
      start = device.advance(start, device.multiply(slot, ring.slotBytes));
    starts.push_back(start);
  }
  for (int64_t block = 0; block < fragment.blocks; ++block)
    for (int64_t step = 0; step < fragment.columns / 16; ++step)
      body(device.advance(starts[step % steps],
                          ring.storage + ring.partOffset(part) +
                              step / steps * getPanelBytes(tile) +
                              block * 64 * panelRowBytes),
           block * fragment.columns / 4 + step * 4);
}

static NVVM::LdStMatrixShapeAttr getMatrixShape(DeviceBuilder &device) {
  return NVVM::LdStMatrixShapeAttr::get(device.getContext(), 8, 8);
}

Value RingLowering::readFragment(DeviceBuilder &device, const Ring &ring,
                                 Value slot, unsigned part,
                                 RoleThreads threads) {
  auto tile = cast<VectorType>(ring.type.getTiles()[part]);
  Fragment fragment = *Fragment::get(tile, threads.role.getCopies());
  SmallVector<Value> pairs(fragment.registers() / 2);
  Type i32 = device.getI32Type();
  auto four = LLVM::LLVMStructType::getLiteral(device.getContext(),
                                               {i32, i32, i32, i32});
  forMatrices(device, ring, slot, part, threads,
              [&](Value place, int64_t first) {
                Value loaded = device.create<NVVM::LdMatrixOp>(
                    four, place, 4, NVVM::MMALayout::row,
                    getMatrixShape(device), NVVM::LdStMatrixEltType::B16);
                for (int64_t i = 0; i < 4; ++i)
                  pairs[first + i] = device.create<LLVM::ExtractValueOp>(
                      i32, loaded, device.getDenseI64ArrayAttr(i));
              });
  return device.create<LLVM::BitcastOp>(fragment.type(tile.getElementType()),
                                        device.vector(pairs));
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
  for (auto [part, tile] : llvm::enumerate(close.getTiles())) {
    Value operand = lookThroughCast(tile);
    auto type = VectorType::get(
        cast<VectorType>(operand.getType()).getNumElements() / 2,
        device.getI32Type());
    SmallVector<Value> pairs =
        device.elements(device.create<LLVM::BitcastOp>(type, operand));
    forMatrices(
        device, ring, slot, part, threads, [&](Value place, int64_t first) {
          device.create<NVVM::StMatrixOp>(
              place, ArrayRef(pairs).slice(first, 4), NVVM::MMALayout::row,
              getMatrixShape(device), NVVM::LdStMatrixEltType::B16);
        });
  }
  // What threads wrote is shown to the copy engine, then all have written.
  device.create<NVVM::FenceProxyOp>(
      NVVM::ProxyKind::async_shared,
      NVVM::SharedSpaceAttr::get(device.getContext(),
                                 NVVM::SharedSpace::shared_cta));
  threads.synchronize(device, roles);
  return success();
}

/// The scalars of the kernel whose sum an extent is; nothing where it is
/// something else.
static std::optional<SmallVector<int64_t>> getScalars(Value extent) {
  if (auto argument = dyn_cast<BlockArgument>(extent))
    return SmallVector<int64_t>{argument.getArgNumber()};
  auto sum = extent.getDefiningOp<arith::AddIOp>();
  if (!sum)
    return std::nullopt;
  auto left = getScalars(sum.getLhs()), right = getScalars(sum.getRhs());
  if (!left || !right)
    return std::nullopt;
  llvm::append_range(*left, *right);
  return left;
}

/// How a view that the kernel states itself lies in memory: an extent is a
/// number or a sum of scalars, strides are numbers of elements.
static LogicalResult describeView(memref::ReinterpretCastOp view,
                                  NamedAttrList &attributes) {
  Builder builder(view.getContext());
  SmallVector<Attribute> shape;
  for (OpFoldResult extent : view.getMixedSizes()) {
    if (auto number = dyn_cast<Attribute>(extent)) {
      shape.push_back(number);
      continue;
    }
    auto scalars = getScalars(cast<Value>(extent));
    if (!scalars)
      return view.emitOpError("has an extent that is no sum of the kernel's "
                              "scalars");
    shape.push_back(builder.getDictionaryAttr(builder.getNamedAttr(
        "scalars", builder.getDenseI64ArrayAttr(*scalars))));
  }
  if (llvm::any_of(view.getStaticStrides(), ShapedType::isDynamic))
    return view.emitOpError("has strides that are not known");
  attributes.append("cuda.shape", builder.getArrayAttr(shape));
  attributes.append("cuda.strides",
                    builder.getDenseI64ArrayAttr(view.getStaticStrides()));
  return success();
}

/// A view becomes an argument that the runtime makes from the view's address,
/// and from its shape or what the kernel says of that.
Value RingLowering::getTensorMap(tile::CopyOp copy, ArrayRef<int64_t> box) {
  Value view = copy.getView();
  Value &map = maps[{view.getAsOpaquePointer(), SmallVector<int64_t>(box)}];
  if (map)
    return map;
  auto stated = view.getDefiningOp<memref::ReinterpretCastOp>();
  auto argument = dyn_cast<BlockArgument>(stated ? stated.getSource() : view);
  NamedAttrList attributes;
  if (!argument) {
    copy.emitOpError("moves part of a view that is no argument of the kernel");
    return Value();
  }
  Builder builder(function.getContext());
  attributes.append("cuda.view",
                    builder.getI64IntegerAttr(argument.getArgNumber()));
  attributes.append("cuda.box", builder.getDenseI64ArrayAttr(box));
  attributes.append("cuda.element",
                    TypeAttr::get(copy.getTileType().getElementType()));
  if (stated && failed(describeView(stated, attributes)))
    return Value();
  unsigned position = function.getNumArguments();
  (void)function.insertArgument(
      position, LLVM::LLVMPointerType::get(function.getContext()),
      attributes.getDictionary(function.getContext()), view.getLoc());
  return map = function.getArgument(position);
}

LogicalResult RingLowering::lowerCopy(tile::CopyOp copy) {
  DeviceBuilder device(copy);
  VectorType tile = copy.getTileType();
  if (tile.getRank() != 2 ||
      cast<MemRefType>(copy.getView().getType()).getRank() > 5)
    return copy.emitOpError("moves other than a matrix of a view of at most 5 "
                            "dimensions");
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
  SmallVector<int64_t> box = copy.getExtents();
  int64_t &rows = box[getRowDim(copy)];
  rows = rows * slot.ring->rows[copy.getPart()] / tile.getDimSize(0);
  box.back() = panelColumns;
  Value map = getTensorMap(copy, box);
  if (!map)
    return failure();
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

// Each copy of the role stores the rows that it wrote: its part of the box's
// outermost dimension.
LogicalResult RingLowering::lowerStore(tile::CopyOp copy, const OpenSlot &slot,
                                       ArrayRef<Value> coordinates) {
  if (!slot.ring->isOwn)
    return copy.emitOpError("stores from a ring that another role wrote, which "
                            "has no rule yet");
  DeviceBuilder device(copy);
  RoleThreads threads = getRole(copy).second;
  VectorType tile = copy.getTileType();
  SmallVector<int64_t> box = copy.getExtents();
  int64_t copies = threads.role.getCopies();
  size_t split = getRowDim(copy);
  if (box[split] % copies)
    return copy.emitOpError()
           << "stores a box of " << ArrayRef(box) << " from " << copies
           << " copies, which share dimension " << split;
  box[split] /= copies;
  box.back() = panelColumns;
  Value map = getTensorMap(copy, box);
  if (!map)
    return failure();
  Value number = threads.copy(device, roles);
  SmallVector<Value> place(coordinates);
  Value &first = place[box.size() - 1 - split];
  first = device.add(first, device.multiply(number, box[split]));
  Value storage = device.advance(
      slot.storage,
      device.multiply(number, tile.getDimSize(0) / copies * panelRowBytes));
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
