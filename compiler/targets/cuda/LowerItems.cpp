// Turns kernels of tiles into kernels whose blocks walk the items.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   func.func @k(%x: memref<?x64xf32>, %t: index) {
//     tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
//       tile.load .. tile.store
//   becomes
//   llvm.func @k(%x: !llvm.ptr, %t: i64) attributes {nvvm.kernel, cuda.launch}
//     scf.for %item = %block to %items step %blocks { loops over threads }
//
// Declines functions without a grid silently (they are not kernels), and with a
// diagnostic what `emit::getGrids` and `emit::Plan` refuse.
#include "compiler/emit/Items.h"
#include "compiler/targets/cuda/ColumnRing.h"
#include "compiler/targets/cuda/Cuda.h"
#include "compiler/targets/cuda/DeviceBuilder.h"
#include "compiler/targets/cuda/ItemProduct.h"
#include "compiler/targets/cuda/Passes.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

namespace sennit {
#define GEN_PASS_DEF_CUDALOWERITEMS
#include "compiler/targets/cuda/Passes.h.inc"
} // namespace sennit

namespace {
/// The kernel made from a program.
class ItemKernel {
public:
  ItemKernel(func::FuncOp program, ArrayRef<tile::GridOp> grids,
             ArrayRef<emit::Plan> plans, const CudaMachine &machine)
      : program(program), grids(grids), plans(plans), machine(machine),
        builder(program), loc(program.getLoc()), ring(grids, plans) {
    for (auto [grid, plan] : llvm::zip_equal(grids, plans)) {
      fixedBytes = std::max(fixedBytes, getFixedBytes(grid, plan));
      scratchBytes = std::max<int64_t>(scratchBytes, plan.getScratchBytes());
    }
    hasRing = ring && fixedBytes + ring.getBytes() + scratchBytes <=
                          machine.sharedBytes;
    ringOffset = fixedBytes;
    if (hasRing)
      fixedBytes += ring.getBytes();
    isShared = fixedBytes + scratchBytes <= machine.sharedBytes;
  }

  void lower() {
    LLVM::LLVMFuncOp kernel = makeFunction();
    builder.setInsertionPointToEnd(kernel.addEntryBlock(builder));
    // What stands in the device's memory begins at 64 bytes: see sennit/abi.h.
    for (auto [i, argument] : llvm::enumerate(program.getArguments()))
      if (isa<MemRefType>(argument.getType()))
        kernel.setArgAttr(i, "llvm.align", builder.getI64IntegerAttr(64));
    for (auto [argument, given] :
         llvm::zip(program.getArguments(), kernel.getArguments()))
      scalars.map(argument, isa<MemRefType>(argument.getType())
                                ? Value(given)
                                : toIndex(given));
    Value thread =
        toIndex(NVVM::ThreadIdXOp::create(builder, loc, builder.getI32Type()));
    Value block =
        toLong(NVVM::BlockIdXOp::create(builder, loc, builder.getI32Type()));
    Value blocks =
        toLong(NVVM::GridDimXOp::create(builder, loc, builder.getI32Type()));
    Value shared = getShared();
    Value scratch =
        isShared ? move(shared, fixedBytes) : getWorkspace(kernel, block);
    Emitters emitters;
    for (auto [i, plan] : llvm::enumerate(plans)) {
      emitters.push_back(std::make_unique<ItemEmitter>(
          builder, loc, plan, scalars, kernel.getBody(), scratch, shared,
          thread));
      if (hasRing)
        emitters.back()->useRing(ring, i, move(shared, ringOffset));
    }
    for (Operation &op : program.getBody().front())
      if (!isa<tile::GridOp>(op) && !op.hasTrait<OpTrait::IsTerminator>())
        emitters.front()->emitScalar(&op);
    emit::Items items(builder, loc, grids, scalars);
    Value count = items.emitCounts();
    // Constants are there already, and so is their time.
    bool startsEarly = hasRing && ring.readsConstants();
    if (!startsEarly)
      waitForOthers();
    if (hasRing)
      emitters.front()->fillRing(findColumns(items, emitters, block, count));
    if (startsEarly)
      waitForOthers();
    auto loop = scf::ForOp::create(builder, loc, block, count, blocks);
    LLVM::ReturnOp::create(builder, loc, ValueRange());
    builder.setInsertionPointToStart(loop.getBody());
    emitItem(items, emitters, loop.getInductionVar(), blocks, count);
    program.erase();
  }

private:
  using Emitters = SmallVector<std::unique_ptr<ItemEmitter>>;

  /// Waits for the end of the kernels ahead, and lets those behind start.
  void waitForOthers() {
    if (!machine.waitsForKernels)
      return;
    for (auto kind : {NVVM::GridDepActionKind::wait,
                      NVVM::GridDepActionKind::launch_dependents})
      NVVM::GriddepcontrolOp::create(builder, loc, kind);
  }

  /// Where this lane begins to read an item, if there is one.
  ItemEmitter::ColumnPlace findColumns(emit::Items &items, Emitters &emitters,
                                       Value item, Value count) {
    Type types[] = {LLVM::LLVMPointerType::get(builder.getContext(), 1),
                    builder.getIndexType(), builder.getI1Type()};
    Value isItem = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::ult, item, count);
    SmallVector<Value> place = items.emitItem(item, types, [&](size_t i) {
      auto [pointer, last, isThere] = emitters[i]->getFirstColumns();
      return SmallVector<Value>{pointer, last, isThere};
    });
    return {place[0], place[1],
            arith::AndIOp::create(builder, loc, isItem, place[2])};
  }

  void emitItem(emit::Items &items, Emitters &emitters, Value item,
                Value blocks, Value count) {
    ItemEmitter::ColumnPlace next;
    if (hasRing) {
      Value following = arith::AddIOp::create(builder, loc, item, blocks);
      next = findColumns(items, emitters, following, count);
    }
    items.emitItem(item, [&](size_t i) {
      if (hasRing) {
        emitters[i]->setNextItem(next);
        if (ring.getParts(i).empty())
          emitters[i]->fillRing(next);
      }
      tile::GridOp grid = grids[i];
      emitters[i]->emitBlock(*grid.getBody().begin());
    });
  }

  Value toLong(Value number) {
    return arith::ExtUIOp::create(builder, loc, builder.getI64Type(), number);
  }
  Value toIndex(Value number) {
    return arith::IndexCastUIOp::create(builder, loc, builder.getIndexType(),
                                        number);
  }

  /// One parameter a program's argument, and the workspace where there is one.
  LLVM::LLVMFuncOp makeFunction() {
    Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
    SmallVector<Type> types;
    SmallVector<Attribute> parameters;
    auto describe = [&](StringRef kind, int64_t number) {
      parameters.push_back(builder.getDictionaryAttr(
          builder.getNamedAttr(kind, builder.getI64IntegerAttr(number))));
    };
    for (BlockArgument argument : program.getArguments()) {
      types.push_back(isa<MemRefType>(argument.getType())
                          ? pointer
                          : Type(builder.getI64Type()));
      describe("slot", argument.getArgNumber());
    }
    if (!isShared) {
      types.push_back(pointer);
      describe("workspace", scratchBytes);
    }
    auto kernel = LLVM::LLVMFuncOp::create(
        builder, loc, program.getName(),
        LLVM::LLVMFunctionType::get(
            LLVM::LLVMVoidType::get(builder.getContext()), types));
    kernel->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                    builder.getUnitAttr());
    kernel->setAttr("nvvm.maxntid", builder.getDenseI32ArrayAttr(
                                        static_cast<int32_t>(itemThreads)));
    kernel.setDenormalFpMathF32("preserve-sign,preserve-sign");
    auto number = [&](int64_t value) {
      return builder.getI64IntegerAttr(value);
    };
    NamedAttrList launch;
    launch.append("threads", number(itemThreads));
    launch.append("shared", number(fixedBytes + (isShared ? scratchBytes : 0)));
    if (machine.waitsForKernels)
      launch.append("early", number(1));
    if (auto items = emit::countItems(grids))
      launch.append("items", number(*items));
    launch.append("parameters", builder.getArrayAttr(parameters));
    kernel->setAttr(launchAttrName, launch.getDictionary(builder.getContext()));
    return kernel;
  }

  /// Bytes of parts of reductions and of staged operands.
  static int64_t getFixedBytes(tile::GridOp grid, const emit::Plan &plan) {
    int64_t staging = 0;
    grid.walk([&](tile::MmaOp mma) {
      staging = std::max(staging, getStagingBytes(mma, plan));
    });
    return llvm::alignTo(partBytes + staging, 128);
  }

  Value move(Value pointer, int64_t bytes) {
    return LLVM::GEPOp::create(builder, loc, pointer.getType(),
                               builder.getI8Type(), pointer,
                               ArrayRef<LLVM::GEPArg>{int32_t(bytes)});
  }

  Value getShared() {
    auto module = program->getParentOfType<ModuleOp>();
    if (!module.lookupSymbol(sharedSymbol)) {
      OpBuilder top = OpBuilder::atBlockBegin(module.getBody());
      LLVM::GlobalOp::create(
          top, loc, LLVM::LLVMArrayType::get(builder.getI8Type(), 0),
          /*isConstant=*/false, LLVM::Linkage::External, sharedSymbol,
          Attribute(), /*alignment=*/128, sharedSpace);
    }
    auto space = LLVM::LLVMPointerType::get(builder.getContext(), sharedSpace);
    Value base = LLVM::AddressOfOp::create(builder, loc, space, sharedSymbol);
    return LLVM::AddrSpaceCastOp::create(
        builder, loc, LLVM::LLVMPointerType::get(builder.getContext()), base);
  }

  /// This block's part of the workspace, for scratch that is too large.
  Value getWorkspace(LLVM::LLVMFuncOp kernel, Value block) {
    Value bytes = arith::ConstantOp::create(
        builder, loc, builder.getI64IntegerAttr(scratchBytes));
    Value offset = arith::MulIOp::create(builder, loc, block, bytes);
    return LLVM::GEPOp::create(
        builder, loc, LLVM::LLVMPointerType::get(builder.getContext()),
        builder.getI8Type(), kernel.getArguments().back(), ValueRange{offset});
  }

  func::FuncOp program;
  ArrayRef<tile::GridOp> grids;
  ArrayRef<emit::Plan> plans;
  const CudaMachine &machine;
  OpBuilder builder;
  Location loc;
  IRMapping scalars;
  ColumnRing ring;
  /// Where the ring begins in shared memory, if there is room for it.
  int64_t ringOffset = 0;
  bool hasRing = false;
  /// Bytes that must be shared memory, those of the plans, of which one is in
  /// use at a time, and whether both fit.
  int64_t fixedBytes = 0, scratchBytes = 0;
  bool isShared = false;
};

struct CudaLowerItems : sennit::impl::CudaLowerItemsBase<CudaLowerItems> {
  using CudaLowerItemsBase::CudaLowerItemsBase;

  void runOnOperation() override {
    llvm::Expected<CudaMachine> machine = getMachine(level);
    if (!machine) {
      getOperation().emitError() << llvm::toString(machine.takeError());
      return signalPassFailure();
    }
    for (auto kernel : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      if (kernel.getBody().getOps<tile::GridOp>().empty())
        continue;
      FailureOr<SmallVector<tile::GridOp>> grids = emit::getGrids(kernel);
      if (failed(grids))
        return signalPassFailure();
      std::vector<emit::Plan> plans;
      for (tile::GridOp grid : *grids) {
        FailureOr<emit::Plan> plan = emit::Plan::make(
            grid, {machine->level, /*lanes=*/1, /*productRows=*/1, isStaged,
                   /*largestTile=*/64 << 10});
        if (failed(plan))
          return signalPassFailure();
        plans.push_back(std::move(*plan));
      }
      ItemKernel(kernel, *grids, plans, *machine).lower();
    }
  }
};
} // namespace
