// Turns kernels of tiles into loops over vectors of 16 lanes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   func.func @k(%x: memref<?x64xf32>, %t: index) {
//     tile.grid (%m) = (%c0) to (%t) step [16] dims ["m"] {
//       tile.load .. tile.store
//   becomes
//   llvm.func @k.items(%arguments: !llvm.ptr) -> i64          // ceildiv(t, 16)
//   llvm.func @k(%arguments, %begin, %end, %scratch) {
//     scf.for %item = %begin to %end { loops over vectors }
//
// Declines functions without a grid silently (they are not kernels), and
// kernels with other work beside their grids, or with what `Plan` refuses, with
// a diagnostic.
#include "compiler/emit/Items.h"
#include "compiler/targets/cpu/Emitter.h"
#include "compiler/targets/cpu/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

namespace sennit {
#define GEN_PASS_DEF_CPULOWERTILES
#include "compiler/targets/cpu/Passes.h.inc"
} // namespace sennit

static Block *addEntry(LLVM::LLVMFuncOp function) {
  OpBuilder builder(function.getContext());
  return function.addEntryBlock(builder);
}

namespace {
/// One of the two functions made from a kernel.
class Function {
public:
  Function(func::FuncOp kernel, ArrayRef<tile::GridOp> grids,
           ArrayRef<emit::Plan> plans, const CpuMachine &machine,
           LLVM::LLVMFuncOp function)
      : kernel(kernel), grids(grids), function(function),
        builder(OpBuilder::atBlockEnd(addEntry(function))),
        loc(kernel.getLoc()) {
    Value scratch =
        function.getNumArguments() > 3 ? function.getArgument(3) : Value();
    for (const emit::Plan &plan : plans) {
      emitters.push_back(std::make_unique<Emitter>(
          builder, loc, plan, machine, scalars, function.getBody(), scratch));
      // Each grid's scratch is its own: pads stand in it from item to item.
      if (scratch)
        scratch = LLVM::GEPOp::create(
            builder, loc, scratch.getType(), builder.getI8Type(), scratch,
            ArrayRef<LLVM::GEPArg>{int32_t(getScratchBytes(plan))});
    }
  }

  static int64_t getScratchBytes(const emit::Plan &plan) {
    return llvm::alignTo(plan.getScratchBytes(), 64);
  }

  // `i64 k.items(ptr arguments)`.
  void emitItems() {
    emitArguments();
    LLVM::ReturnOp::create(builder, loc, items.emitCounts());
  }

  // `void k(ptr arguments, i64 begin, i64 end, ptr scratch)`.
  void emitKernel() {
    emitArguments();
    (void)items.emitCounts();
    Value control = flushDenormals();
    for (auto &emitter : emitters)
      emitter->emitPads();
    auto loop = scf::ForOp::create(builder, loc, function.getArgument(1),
                                   function.getArgument(2), integer(1));
    callIntrinsic("llvm.x86.sse.ldmxcsr", control);
    LLVM::ReturnOp::create(builder, loc, ValueRange());
    builder.setInsertionPointToStart(loop.getBody());
    items.emitItem(loop.getInductionVar(), [&](size_t i) {
      tile::GridOp grid = grids[i];
      emitters[i]->emitBlock(*grid.getBody().begin());
    });
  }

private:
  void callIntrinsic(StringRef name, Value argument) {
    LLVM::CallIntrinsicOp::create(builder, loc, builder.getStringAttr(name),
                                  ValueRange{argument});
  }

  // Numbers below the normal ones take the processor 150 cycles each, and both
  // softmax's tails and decaying states are full of them. Returns the place of
  // the caller's setting.
  Value flushDenormals() {
    Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
    Type i32 = builder.getI32Type();
    auto place = [&]() -> Value {
      return LLVM::AllocaOp::create(builder, loc, pointer, i32, integer(1));
    };
    Value old = place(), changed = place();
    callIntrinsic("llvm.x86.sse.stmxcsr", old);
    Value control = LLVM::LoadOp::create(builder, loc, i32, old);
    Value flags = arith::ConstantOp::create(builder, loc,
                                            builder.getI32IntegerAttr(0x8040));
    control = arith::OrIOp::create(builder, loc, control, flags);
    LLVM::StoreOp::create(builder, loc, control, changed);
    callIntrinsic("llvm.x86.sse.ldmxcsr", changed);
    return old;
  }

  Value integer(int64_t value) {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getI64IntegerAttr(value));
  }

  // Reads the slots, and repeats what stands before the grids.
  void emitArguments() {
    Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
    Type i64 = builder.getI64Type();
    for (auto [i, argument] : llvm::enumerate(kernel.getArguments())) {
      Value slot = LLVM::GEPOp::create(
          builder, loc, pointer, i64, function.getArgument(0),
          ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
      bool isView = isa<MemRefType>(argument.getType());
      Value value =
          LLVM::LoadOp::create(builder, loc, isView ? pointer : i64, slot);
      if (!isView)
        value = arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                           value);
      scalars.map(argument, value);
    }
    for (Operation &op : kernel.getBody().front())
      if (!isa<tile::GridOp>(op) && !op.hasTrait<OpTrait::IsTerminator>())
        emitters.front()->emitScalar(&op);
  }

  func::FuncOp kernel;
  ArrayRef<tile::GridOp> grids;
  LLVM::LLVMFuncOp function;
  OpBuilder builder;
  Location loc;
  IRMapping scalars;
  emit::Items items{builder, loc, grids, scalars};
  /// One for each grid.
  SmallVector<std::unique_ptr<Emitter>> emitters;
};

struct CpuLowerTiles : sennit::impl::CpuLowerTilesBase<CpuLowerTiles> {
  using CpuLowerTilesBase::CpuLowerTilesBase;

  void runOnOperation() override {
    llvm::Expected<CpuMachine> machine = getMachine(level);
    if (!machine) {
      getOperation().emitError() << llvm::toString(machine.takeError());
      return signalPassFailure();
    }
    for (auto kernel : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (!kernel.getBody().getOps<tile::GridOp>().empty() &&
          failed(lower(kernel, *machine)))
        return signalPassFailure();
  }

  static LogicalResult lower(func::FuncOp kernel, const CpuMachine &machine) {
    FailureOr<SmallVector<tile::GridOp>> grids = emit::getGrids(kernel);
    if (failed(grids))
      return failure();
    emit::PlanOptions options{machine.level, lanes, machine.rows};
    options.hasMatrixUnit = machine.unit != MatrixUnit::none;
    std::vector<emit::Plan> plans;
    int64_t scratchBytes = 0;
    for (tile::GridOp grid : *grids) {
      FailureOr<emit::Plan> plan = emit::Plan::make(grid, options);
      if (failed(plan))
        return failure();
      scratchBytes += Function::getScratchBytes(*plan);
      plans.push_back(std::move(*plan));
    }
    OpBuilder builder(kernel);
    Location loc = kernel.getLoc();
    Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
    Type i64 = builder.getI64Type();
    Type none = LLVM::LLVMVoidType::get(builder.getContext());
    auto items = LLVM::LLVMFuncOp::create(
        builder, loc, (kernel.getName() + ".items").str(),
        LLVM::LLVMFunctionType::get(i64, {pointer}));
    Function(kernel, *grids, plans, machine, items).emitItems();
    auto lowered = LLVM::LLVMFuncOp::create(
        builder, loc, kernel.getName(),
        LLVM::LLVMFunctionType::get(none, {pointer, i64, i64, pointer}));
    // Only the kernel's own thread knows its scratch.
    lowered.setArgAttr(3, "llvm.noalias", builder.getUnitAttr());
    lowered->setAttr(scratchAttrName, builder.getI64IntegerAttr(scratchBytes));
    Function(kernel, *grids, plans, machine, lowered).emitKernel();
    kernel.erase();
    return success();
  }
};
} // namespace
