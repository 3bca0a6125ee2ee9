// Turns entries into functions that the runtime calls, as sennit/abi.h says.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   func @decode { rt.launch @k(..) }   =>   llvm.func
//   @sennit_decode(invocation) { parallel_for(k, slots, items) }
//
// Declines, with the reason, what the host cannot compute, and with `device`
// what it would read of memory that is not its own.

#include "compiler/emit/Passes.h"

#include "dialects/rt/Rt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "sennit/abi.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_LOWERENTRIES
#include "compiler/emit/Passes.h.inc"

namespace {
/// The kernels by their numbers, and their declarations.
class KernelTable {
public:
  KernelTable(ModuleOp module, bool onDevice)
      : onDevice(onDevice), module(module) {}

  int64_t number(StringAttr name) {
    auto [entry, isNew] = numbers.insert({name, int64_t(numbers.size())});
    if (isNew)
      declare(name);
    return entry->second;
  }

  ArrayAttr names() {
    SmallVector<Attribute> list;
    for (auto &[name, number] : numbers)
      list.push_back(name);
    return ArrayAttr::get(module.getContext(), list);
  }

  /// Whether the kernels have no functions on the host.
  const bool onDevice;

private:
  void declare(StringAttr name) {
    if (Operation *kernel = module.lookupSymbol(name))
      kernel->erase();
    if (onDevice)
      return;
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    auto ptr = LLVM::LLVMPointerType::get(module.getContext());
    Type i64 = builder.getI64Type();
    auto none = LLVM::LLVMVoidType::get(module.getContext());
    LLVM::LLVMFuncOp::create(
        builder, module.getLoc(), name,
        LLVM::LLVMFunctionType::get(none, {ptr, i64, i64, ptr}));
    LLVM::LLVMFuncOp::create(builder, module.getLoc(),
                             (name.getValue() + ".items").str(),
                             LLVM::LLVMFunctionType::get(i64, {ptr}));
  }

  ModuleOp module;
  llvm::MapVector<StringAttr, int64_t> numbers;
};

/// Lowers one entry.
class EntryLowering {
public:
  EntryLowering(func::FuncOp entry, KernelTable &kernels)
      : entry(entry), kernels(kernels), builder(entry), loc(entry.getLoc()),
        ptr(LLVM::LLVMPointerType::get(entry.getContext())),
        i64(builder.getI64Type()) {}

  /// Fails with a diagnostic on what the host cannot compute.
  LogicalResult lower() {
    if (Operation *op = findRefused()) {
      if (isa<memref::LoadOp>(op))
        return op->emitError("reads on the host what a kernel has counted, "
                             "which no target does whose kernels run on a "
                             "device");
      return op->emitError("host arithmetic has no lowering for `")
             << op->getName() << "`";
    }
    auto type = LLVM::LLVMFunctionType::get(builder.getI32Type(), {ptr});
    auto function = LLVM::LLVMFuncOp::create(
        builder, loc, ("sennit_" + entry.getName()).str(), type);
    Block *checked = openChecked(function);
    builder.setInsertionPointToEnd(checked);
    bindings = loadField(8, ptr);
    Value scalars = loadField(16, ptr);
    parallelFor = loadField(24, ptr);
    for (auto [position, argument] : llvm::enumerate(entry.getArguments()))
      values[argument] = load(at(scalars, position), i64);
    bindSignature("rt.inputs", rt::Memory::Input);
    bindSignature("rt.outputs", rt::Memory::Output);
    for (Operation &op : entry.getBody().front())
      lowerOp(&op);
    LLVM::ReturnOp::create(builder, loc, constant(0, builder.getI32Type()));
    function->setAttr("rt.bindings", builder.getArrayAttr(bindingTable));
    for (StringRef name : {"rt.inputs", "rt.outputs", "seq.max_tokens"})
      if (Attribute value = entry->getAttr(name))
        function->setAttr(name, value);
    if (entry.getNumArguments() > 0 && !entry->hasAttr("seq.max_tokens"))
      function->setAttr("seq.max_tokens", builder.getI64IntegerAttr(1));
    entry.erase();
    return success();
  }

private:
  Operation *findRefused() {
    for (Operation &op : entry.getBody().front()) {
      bool isKnown = isa<arith::ConstantOp, arith::AddIOp, arith::SubIOp,
                         arith::MulIOp, arith::MinSIOp, arith::IndexCastOp>(op);
      if (isa<memref::LoadOp>(op) && kernels.onDevice)
        return &op;
      if (isa<arith::ArithDialect>(op.getDialect()) && !isKnown)
        return &op;
    }
    return nullptr;
  }

  /// Emits the check of the caller's version; returns the block behind it.
  Block *openChecked(LLVM::LLVMFuncOp function) {
    Block *start = function.addEntryBlock(builder);
    invocation = start->getArgument(0);
    Block *refuse = new Block, *go = new Block;
    function.getBody().push_back(refuse);
    function.getBody().push_back(go);
    builder.setInsertionPointToEnd(start);
    int64_t most = 1;
    for (auto launch : entry.getOps<rt::LaunchOp>())
      most = std::max<int64_t>(most, launch.getArguments().size());
    slots =
        LLVM::AllocaOp::create(builder, loc, ptr, i64, constant(most, i64), 8);
    Value version = loadField(0, i64);
    Value equal =
        LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, version,
                             constant(SENNIT_ABI_VERSION, i64));
    LLVM::CondBrOp::create(builder, loc, equal, go, ValueRange{}, refuse,
                           ValueRange{});
    builder.setInsertionPointToEnd(refuse);
    LLVM::ReturnOp::create(builder, loc, constant(1, builder.getI32Type()));
    return go;
  }

  Value constant(int64_t value, Type type) {
    return LLVM::ConstantOp::create(builder, loc, type,
                                    builder.getIntegerAttr(type, value));
  }
  Value at(Value base, int64_t slot) {
    return LLVM::GEPOp::create(builder, loc, ptr, i64, base,
                               ArrayRef<LLVM::GEPArg>{int32_t(slot)});
  }
  Value load(Value address, Type type) {
    return LLVM::LoadOp::create(builder, loc, type, address);
  }
  Value loadField(int64_t offset, Type type) {
    return load(at(invocation, offset / 8), type);
  }

  void lowerOp(Operation *op) {
    if (auto buffer = dyn_cast<rt::BufferOp>(op)) {
      Value base = load(at(bindings, bindingOf(buffer)), ptr);
      Value address = LLVM::GEPOp::create(
          builder, loc, ptr, builder.getI8Type(), base,
          ArrayRef<LLVM::GEPArg>{constant(buffer.getOffset(), i64)});
      values[buffer.getView()] =
          LLVM::PtrToIntOp::create(builder, loc, i64, address);
    } else if (auto launch = dyn_cast<rt::LaunchOp>(op)) {
      lowerLaunch(launch);
    } else if (auto read = dyn_cast<memref::LoadOp>(op)) {
      lowerRead(read);
    } else if (isa<arith::ArithDialect>(op->getDialect())) {
      lowerArith(op);
    }
  }

  /// Inputs and outputs are bound in their order, also those that no kernel
  /// reads or writes.
  void bindSignature(StringRef list, rt::Memory memory) {
    if (auto tensors = entry->getAttrOfType<ArrayAttr>(list))
      for (auto tensor : tensors.getAsRange<DictionaryAttr>())
        bindingOf(memory, tensor.getAs<StringAttr>("name"));
  }

  int64_t bindingOf(rt::BufferOp buffer) {
    return bindingOf(buffer.getMemory(), buffer.getNameAttr());
  }

  /// The position of a memory among the entry's bindings.
  int64_t bindingOf(rt::Memory memory, StringAttr name) {
    auto key = builder.getDictionaryAttr(
        {builder.getNamedAttr(
             "kind", builder.getStringAttr(rt::stringifyMemory(memory))),
         builder.getNamedAttr("name",
                              name ? name : builder.getStringAttr(""))});
    auto *found = llvm::find(bindingTable, key);
    if (found == bindingTable.end()) {
      bindingTable.push_back(key);
      return bindingTable.size() - 1;
    }
    return found - bindingTable.begin();
  }

  /// A number that a kernel wrote before: launches return when all is done.
  void lowerRead(memref::LoadOp read) {
    Value base = LLVM::IntToPtrOp::create(builder, loc, ptr,
                                          values.lookup(read.getMemRef()));
    Value address = LLVM::GEPOp::create(
        builder, loc, ptr, read.getType(), base,
        ArrayRef<LLVM::GEPArg>{values.lookup(read.getIndices().front())});
    values[read] =
        LLVM::SExtOp::create(builder, loc, i64, load(address, read.getType()));
  }

  /// Index arithmetic of the host: constants, sums, products, the lesser.
  void lowerArith(Operation *op) {
    auto operand = [&](unsigned i) { return values.lookup(op->getOperand(i)); };
    Value result;
    if (auto constantOp = dyn_cast<arith::ConstantOp>(op))
      result = constant(cast<IntegerAttr>(constantOp.getValue()).getInt(), i64);
    else if (isa<arith::AddIOp>(op))
      result = LLVM::AddOp::create(builder, loc, operand(0), operand(1));
    else if (isa<arith::SubIOp>(op))
      result = LLVM::SubOp::create(builder, loc, operand(0), operand(1));
    else if (isa<arith::MulIOp>(op))
      result = LLVM::MulOp::create(builder, loc, operand(0), operand(1));
    else if (isa<arith::MinSIOp>(op))
      result = LLVM::SMinOp::create(builder, loc, operand(0), operand(1));
    else
      result = operand(0);
    values[op->getResult(0)] = result;
  }

  void lowerLaunch(rt::LaunchOp launch) {
    StringAttr name = launch.getKernelAttr().getAttr();
    int64_t number = kernels.number(name);
    for (auto [slot, argument] : llvm::enumerate(launch.getArguments()))
      LLVM::StoreOp::create(builder, loc, values.lookup(argument),
                            at(slots, slot));
    Value kernel, count;
    if (kernels.onDevice) {
      kernel = LLVM::ZeroOp::create(builder, loc, ptr);
      count = constant(launch.getArguments().size(), i64);
    } else {
      kernel = LLVM::AddressOfOp::create(builder, loc, ptr, name.getValue());
      count = LLVM::CallOp::create(builder, loc, TypeRange(i64),
                                   (name.getValue() + ".items").str(), slots)
                  .getResult();
    }
    auto none = LLVM::LLVMVoidType::get(builder.getContext());
    auto type = LLVM::LLVMFunctionType::get(none, {ptr, i64, ptr, ptr, i64});
    LLVM::CallOp::create(builder, loc, type,
                         ValueRange{parallelFor, invocation,
                                    constant(number, i64), kernel, slots,
                                    count});
  }

  func::FuncOp entry;
  KernelTable &kernels;
  OpBuilder builder;
  Location loc;
  Type ptr, i64;
  Value invocation, bindings, parallelFor, slots;
  DenseMap<Value, Value> values;
  SmallVector<Attribute> bindingTable;
};

struct LowerEntries : impl::LowerEntriesBase<LowerEntries> {
  using LowerEntriesBase::LowerEntriesBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    KernelTable kernels(module, device);
    SmallVector<func::FuncOp> entries;
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isPrivate())
        entries.push_back(function);
    for (func::FuncOp entry : entries)
      if (failed(EntryLowering(entry, kernels).lower()))
        return signalPassFailure();
    module->setAttr("rt.kernels", kernels.names());
  }
};
} // namespace
} // namespace sennit
