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
// kernels with more than one, with other work beside the grid, or with what
// `Plan` refuses, with a diagnostic.
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
  Function(func::FuncOp kernel, tile::GridOp grid, const emit::Plan &plan,
           const CpuMachine &machine, LLVM::LLVMFuncOp function)
      : kernel(kernel), grid(grid), function(function),
        builder(OpBuilder::atBlockEnd(addEntry(function))),
        loc(kernel.getLoc()),
        scratch(function.getNumArguments() > 3 ? function.getArgument(3)
                                               : Value()),
        emitter(builder, loc, plan, machine, scalars, function.getBody(),
                scratch) {}

  // `i64 k.items(ptr arguments)`.
  void emitItems() {
    emitArguments();
    LLVM::ReturnOp::create(builder, loc, items.emitCount(items.emitExtents()));
  }

  // `void k(ptr arguments, i64 begin, i64 end, ptr scratch)`.
  void emitKernel() {
    emitArguments();
    SmallVector<Value> extents = items.emitExtents();
    Value control = flushDenormals();
    emitter.emitPads();
    auto loop = scf::ForOp::create(builder, loc, function.getArgument(1),
                                   function.getArgument(2), integer(1));
    callIntrinsic("llvm.x86.sse.ldmxcsr", control);
    LLVM::ReturnOp::create(builder, loc, ValueRange());
    builder.setInsertionPointToStart(loop.getBody());
    items.emitIndices(loop.getInductionVar(), extents);
    emitter.emitBlock(*grid.getBody().begin());
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

  // Reads the slots, and repeats what stands before the grid.
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
      if (&op != grid && !op.hasTrait<OpTrait::IsTerminator>())
        emitter.emitScalar(&op);
  }

  func::FuncOp kernel;
  tile::GridOp grid;
  LLVM::LLVMFuncOp function;
  OpBuilder builder;
  Location loc;
  IRMapping scalars;
  emit::Items items{builder, loc, grid, scalars};
  Value scratch;
  Emitter emitter;
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
    FailureOr<tile::GridOp> grid = emit::getGrid(kernel);
    if (failed(grid))
      return failure();
    emit::PlanOptions options{machine.level, lanes, machine.rows};
    options.hasMatrixUnit = machine.hasMatrixUnit;
    FailureOr<emit::Plan> plan = emit::Plan::make(*grid, options);
    if (failed(plan))
      return failure();
    OpBuilder builder(kernel);
    Location loc = kernel.getLoc();
    Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
    Type i64 = builder.getI64Type();
    Type none = LLVM::LLVMVoidType::get(builder.getContext());
    auto items = LLVM::LLVMFuncOp::create(
        builder, loc, (kernel.getName() + ".items").str(),
        LLVM::LLVMFunctionType::get(i64, {pointer}));
    Function(kernel, *grid, *plan, machine, items).emitItems();
    auto lowered = LLVM::LLVMFuncOp::create(
        builder, loc, kernel.getName(),
        LLVM::LLVMFunctionType::get(none, {pointer, i64, i64, pointer}));
    // Only the kernel's own thread knows its scratch.
    lowered.setArgAttr(3, "llvm.noalias", builder.getUnitAttr());
    lowered->setAttr(scratchAttrName,
                     builder.getI64IntegerAttr(plan->getScratchBytes()));
    Function(kernel, *grid, *plan, machine, lowered).emitKernel();
    kernel.erase();
    return success();
  }
};
} // namespace
