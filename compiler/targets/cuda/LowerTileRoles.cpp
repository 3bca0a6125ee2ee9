// Branches the warps of a block to their roles, and makes the kernel.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Cuda.h"
#include "compiler/targets/cuda/DeviceBuilder.h"
#include "compiler/targets/cuda/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

#include <map>

namespace sennit {
#define GEN_PASS_DEF_CUDALOWERTILEROLES
#include "compiler/targets/cuda/Passes.h.inc"
} // namespace sennit

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

/// Registers of a processor.
constexpr int64_t processorRegisters = 65536;

/// Blocks that share a processor.
static int64_t getBlocks(Operation *function) {
  auto blocks = function->getAttrOfType<IntegerAttr>(blocksAttrName);
  return blocks ? blocks.getInt() : 1;
}

/// Registers a thread starts with: an even share in steps of 8.
static int64_t getLaunchRegisters(int64_t threads, int64_t blocks) {
  return std::min<int64_t>(processorRegisters / blocks / threads / 8 * 8, 248);
}

static LogicalResult checkRoles(tile::RolesOp roles, int64_t blocks) {
  int64_t registers = 0;
  for (auto role : roles.getRoles().getAsRange<tile::RoleAttr>()) {
    registers +=
        role.getRegisters() * role.getWarps() * role.getCopies() * warpThreads;
    if (role.getWarps() % groupWarps)
      return roles.emitOpError()
             << "gives role `" << role.getName().strref() << "` "
             << role.getWarps()
             << " warps; registers are shared out to groups of 4";
  }
  int64_t most = processorRegisters / blocks;
  if (registers > most)
    return roles.emitOpError()
           << "asks for " << registers << " registers, a block has " << most;
  return success();
}

/// Whether all that the role does is for one thread: waits and copies.
static bool runsOnOneThread(Region &body) {
  WalkResult walk = body.walk([](Operation *op) {
    bool holdsVectors =
        llvm::any_of(op->getResultTypes(), llvm::IsaPred<VectorType>);
    return holdsVectors || isa<NVVM::BarrierOp, LLVM::InlineAsmOp>(op)
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return !walk.wasInterrupted();
}

/// Moves a role's body to `device`'s insertion point.
static void placeBody(DeviceBuilder &device, Region &body, RoleThreads threads,
                      Value warp, int64_t launchRegisters) {
  int64_t registers = threads.role.getRegisters();
  if (registers != launchRegisters)
    device.create<NVVM::SetMaxRegisterOp>(
        registers, registers > launchRegisters
                       ? NVVM::SetMaxRegisterAction::increase
                       : NVVM::SetMaxRegisterAction::decrease);
  Operation *before = &*device.getInsertionPoint();
  if (runsOnOneThread(body)) {
    auto first =
        device.create<scf::IfOp>(device.equals(warp, threads.firstWarp));
    DeviceBuilder inner(first.thenBlock()->getTerminator());
    Value elected = inner.create<NVVM::ElectSyncOp>(inner.getI1Type(), Value());
    before = inner.create<scf::IfOp>(elected).thenBlock()->getTerminator();
  }
  Block &block = body.front();
  block.getTerminator()->erase();
  before->getBlock()->getOperations().splice(Block::iterator(before),
                                             block.getOperations());
}

static void lowerRoles(tile::RolesOp roles, int64_t blocks) {
  Value warp = getWarp(roles);
  int64_t launch = getLaunchRegisters(countThreads(roles), blocks);
  DeviceBuilder device(roles);
  for (Region &body : roles.getBodies()) {
    RoleThreads threads = getRole(roles, body.getRegionNumber());
    if (&body == &roles.getBodies().back()) {
      placeBody(device, body, threads, warp, launch);
      break;
    }
    // One branch of a single if for each role: setmaxnreg needs it so.
    int64_t end =
        threads.firstWarp + threads.role.getWarps() * threads.role.getCopies();
    Value mine = device.create<arith::CmpIOp>(arith::CmpIPredicate::ult, warp,
                                              device.i32(end));
    auto branch = device.create<scf::IfOp>(mine, /*withElse=*/true);
    DeviceBuilder inner(branch.thenBlock()->getTerminator());
    placeBody(inner, body, threads, warp, launch);
    device.setInsertionPoint(branch.elseBlock()->getTerminator());
  }
  roles.erase();
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// How the runtime makes an argument: a map of a view, a view's extent, the
/// address of a view, or the scalar of that number.
static Attribute describeParameter(func::FuncOp function, unsigned position,
                                   ArrayRef<unsigned> numbers) {
  Builder builder(function.getContext());
  DictionaryAttr attributes = function.getArgAttrDict(position);
  NamedAttrList parameter;
  if (attributes)
    for (StringRef name :
         {"view", "slot", "extent", "box", "element", "shape", "strides"})
      if (Attribute value = attributes.get(("cuda." + name).str()))
        parameter.append(name, value);
  if (parameter.empty())
    parameter.append("scalar", builder.getI64IntegerAttr(numbers[position]));
  return parameter.getDictionary(function.getContext());
}

static void lowerIds(func::FuncOp function) {
  function.walk([](Operation *op) {
    if (!isa<gpu::BlockIdOp, gpu::GridDimOp>(op))
      return;
    DeviceBuilder device(op);
    Value id = device.read(isa<gpu::BlockIdOp>(op) ? "%ctaid.x" : "%nctaid.x");
    op->getResult(0).replaceAllUsesWith(
        device.create<arith::IndexCastOp>(device.getIndexType(), id));
    op->erase();
  });
}

/// Extents of views become arguments of their own.
static void passExtents(func::FuncOp function) {
  SmallVector<memref::DimOp> sizes;
  function.walk([&](memref::DimOp size) { sizes.push_back(size); });
  Builder builder(function.getContext());
  std::map<std::pair<unsigned, int64_t>, Value> extents;
  for (memref::DimOp size : sizes) {
    if (size.use_empty()) {
      size.erase();
      continue;
    }
    auto view = dyn_cast<BlockArgument>(size.getSource());
    std::optional<int64_t> dim = size.getConstantIndex();
    if (!view || !dim)
      continue;
    Value &extent = extents[{view.getArgNumber(), *dim}];
    if (!extent) {
      unsigned position = function.getNumArguments();
      NamedAttribute attributes[] = {
          builder.getNamedAttr("cuda.view",
                               builder.getI64IntegerAttr(view.getArgNumber())),
          builder.getNamedAttr("cuda.extent", builder.getI64IntegerAttr(*dim))};
      (void)function.insertArgument(position, builder.getIndexType(),
                                    builder.getDictionaryAttr(attributes),
                                    size.getLoc());
      extent = function.getArgument(position);
    }
    size.getResult().replaceAllUsesWith(extent);
    size.erase();
  }
}

/// Views that threads read and write by themselves become addresses.
static void passAddresses(func::FuncOp function) {
  Builder builder(function.getContext());
  for (unsigned view = 0, count = function.getNumArguments(); view < count;
       ++view) {
    BlockArgument argument = function.getArgument(view);
    Value address;
    for (Operation *user : llvm::make_early_inc_range(argument.getUsers())) {
      if (isa<memref::ReinterpretCastOp>(user) && user->use_empty()) {
        user->erase();
        continue;
      }
      auto cast = dyn_cast<UnrealizedConversionCastOp>(user);
      if (!cast)
        continue;
      if (!address) {
        unsigned position = function.getNumArguments();
        (void)function.insertArgument(
            position, cast.getType(0),
            builder.getDictionaryAttr(builder.getNamedAttr(
                "cuda.slot", builder.getI64IntegerAttr(view))),
            cast.getLoc());
        address = function.getArgument(position);
      }
      cast.getResult(0).replaceAllUsesWith(address);
      cast.erase();
    }
  }
}

/// Single numbers that are read from views.
static LogicalResult lowerReads(func::FuncOp function) {
  auto walk = function.walk([](memref::LoadOp read) -> WalkResult {
    SmallVector<int64_t> strides;
    int64_t offset = 0;
    if (failed(read.getMemRefType().getStridesAndOffset(strides, offset)) ||
        llvm::any_of(strides, ShapedType::isDynamic))
      return read.emitOpError("reads a view whose strides are not known");
    DeviceBuilder device(read);
    Value place = device.i64(0);
    for (auto [index, stride] : llvm::zip_equal(read.getIndices(), strides)) {
      Value wide = device.create<arith::ExtSIOp>(device.getI64Type(),
                                                 device.narrow(index));
      place = device.add(
          place, device.create<arith::MulIOp>(wide, device.i64(stride)));
    }
    Value base = device.cast(read.getMemRef(),
                             LLVM::LLVMPointerType::get(device.getContext()));
    Value address = device.create<LLVM::GEPOp>(base.getType(), read.getType(),
                                               base, ValueRange{place});
    read.replaceAllUsesWith(
        device.create<LLVM::LoadOp>(read.getType(), address).getResult());
    read.erase();
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

/// All threads wait for the end of the kernels ahead, and let those behind
/// start; nothing of memory is read before.
static void waitForKernels(func::FuncOp function) {
  DeviceBuilder device(&function.getBody().front().front());
  for (auto kind : {NVVM::GridDepActionKind::wait,
                    NVVM::GridDepActionKind::launch_dependents})
    device.create<NVVM::GriddepcontrolOp>(kind);
}

static LogicalResult makeKernel(func::FuncOp function, int64_t threads) {
  DeviceBuilder device(function);
  int64_t blocks = getBlocks(function);
  lowerIds(function);
  if (failed(lowerReads(function)))
    return failure();
  passExtents(function);
  passAddresses(function);
  SmallVector<unsigned> numbers;
  llvm::BitVector views(function.getNumArguments());
  for (BlockArgument argument : function.getArguments()) {
    if (isa<MemRefType>(argument.getType())) {
      if (!argument.use_empty())
        return function.emitOpError() << "uses view " << argument.getArgNumber()
                                      << " other than by copies";
      views.set(argument.getArgNumber());
    } else {
      numbers.push_back(argument.getArgNumber());
    }
  }
  if (failed(function.eraseArguments(views)))
    return failure();
  SmallVector<Type> types;
  SmallVector<Attribute> parameters;
  DeviceBuilder entry(&function.getBody().front().front());
  for (BlockArgument argument : function.getArguments()) {
    parameters.push_back(
        describeParameter(function, argument.getArgNumber(), numbers));
    if (argument.getType().isIndex()) {
      argument.setType(entry.getI32Type());
      auto wide =
          entry.create<arith::IndexCastOp>(entry.getIndexType(), argument);
      argument.replaceAllUsesExcept(wide, wide);
    }
    types.push_back(argument.getType());
  }
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(device.getContext()), types);
  auto kernel = device.create<LLVM::LLVMFuncOp>(function.getName(), type);
  kernel->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                  device.getUnitAttr());
  // Tensor maps are passed by value, where the copy engine reads them; what
  // stands in the device's memory begins at 64 bytes: see sennit/abi.h.
  for (auto [position, parameter] : llvm::enumerate(parameters))
    if (cast<DictionaryAttr>(parameter).contains("slot")) {
      kernel.setArgAttr(position, "llvm.align", device.getI64IntegerAttr(64));
    } else if (cast<DictionaryAttr>(parameter).contains("box")) {
      auto bytes = LLVM::LLVMArrayType::get(device.getI8Type(), 128);
      kernel.setArgAttr(position, "llvm.byval", TypeAttr::get(bytes));
      kernel.setArgAttr(position, "llvm.align", device.getI64IntegerAttr(64));
      kernel.setArgAttr(position, "nvvm.grid_constant", device.getUnitAttr());
    }
  kernel.getBody().takeBody(function.getBody());
  kernel.walk([](func::ReturnOp op) {
    DeviceBuilder(op).create<LLVM::ReturnOp>(ValueRange());
    op.erase();
  });
  auto shared = function->getAttrOfType<IntegerAttr>("cuda.shared");
  kernel->setAttr("nvvm.maxntid",
                  device.getDenseI32ArrayAttr(static_cast<int32_t>(threads)));
  kernel->setAttr("nvvm.minctasm", device.getI32IntegerAttr(blocks));
  kernel.setDenormalFpMathF32("preserve-sign,preserve-sign");
  kernel->setAttr(
      launchAttrName,
      device.getDictionaryAttr(
          {device.getNamedAttr("threads", device.getI64IntegerAttr(threads)),
           device.getNamedAttr("shared", shared),
           device.getNamedAttr("early", device.getI64IntegerAttr(1)),
           device.getNamedAttr("parameters",
                               device.getArrayAttr(parameters))}));
  function.erase();
  return success();
}

namespace {
struct LowerTileRoles : sennit::impl::CudaLowerTileRolesBase<LowerTileRoles> {
  using CudaLowerTileRolesBase::CudaLowerTileRolesBase;

  void runOnOperation() override {
    SmallVector<tile::RolesOp> all;
    getOperation().walk([&](tile::RolesOp roles) { all.push_back(roles); });
    for (tile::RolesOp roles : all) {
      auto function = roles->getParentOfType<func::FuncOp>();
      int64_t threads = countThreads(roles);
      int64_t blocks = getBlocks(function);
      if (failed(checkRoles(roles, blocks)))
        return signalPassFailure();
      lowerRoles(roles, blocks);
      waitForKernels(function);
      if (failed(makeKernel(function, threads)))
        return signalPassFailure();
    }
  }
};
} // namespace
