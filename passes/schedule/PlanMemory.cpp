// Gives every tensor a place in one of the runtime's memories.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   %y = rt.dispatch @k(%x)   =>   rt.buffer arena ..; rt.launch @k(buffers)
//
// Declines nothing; a state returned from elsewhere than its own argument is an
// error.

#include "passes/schedule/Passes.h"

#include "dialects/rt/Rt.h"
#include "dialects/seq/Seq.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/schedule/Arena.h"
#include "passes/schedule/Extents.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/schedule/Passes.h.inc"

using schedule::Arena;

/// The memory of a tensor: the same shape, the encoding as layout.
static MemRefType getViewType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return MemRefType::get(
      tensor.getShape(), tensor.getElementType(),
      dyn_cast_if_present<MemRefLayoutAttrInterface>(tensor.getEncoding()));
}

/// Bytes of a tensor with at most `rows` rows where the extent is dynamic.
static int64_t getBytes(Type type, int64_t rows) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  for (int64_t &extent : shape)
    extent = ShapedType::isDynamic(extent) ? rows : extent;
  auto blocked = dyn_cast_if_present<tile::BlockedAttr>(tensor.getEncoding());
  int64_t elements = blocked ? blocked.getStorageElements(shape)
                             : ShapedType::getNumElements(shape);
  return elements * llvm::divideCeil(tensor.getElementTypeBitWidth(), 8);
}

namespace {
/// A place: a memory, and for all but the arena, where in it.
struct Place {
  rt::Memory memory;
  StringAttr name;
  int64_t offset = 0;
  /// The interval in the arena, planned after all uses are known.
  std::optional<unsigned> interval = std::nullopt;
  bool operator==(const Place &other) const {
    return memory == other.memory && name == other.name &&
           offset == other.offset && interval == other.interval;
  }
};

/// Offsets of the memories that entries share.
struct SharedMemories {
  llvm::MapVector<Attribute, Place> constants, states;
  int64_t constantBytes = 0, stateBytes = 0;
  SmallVector<Attribute> stateTable;
  int64_t tables = 0;
};

/// Places the tensors of one entry and rewrites it to launches.
class EntryPlanner {
public:
  EntryPlanner(func::FuncOp entry, SharedMemories &shared)
      : entry(entry), shared(shared), extents(entry),
        builder(entry.getContext()) {}

  LogicalResult plan() {
    Block &block = entry.getBody().front();
    for (BlockArgument argument : block.getArguments())
      if (isa<RankedTensorType>(argument.getType()))
        placeArgument(argument);
    if (failed(findOutputs(block.getTerminator())))
      return failure();
    for (auto [position, op] : llvm::enumerate(block))
      if (failed(placeOp(&op, position)))
        return failure();
    if (failed(checkStates(block.getTerminator())))
      return failure();
    arena.plan();
    rewrite();
    return success();
  }

  int64_t arenaBytes() const { return arena.bytes(); }

private:
  void placeArgument(BlockArgument argument) {
    auto name = entry.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                   "seq.state");
    if (!name) {
      unsigned number = argument.getArgNumber();
      name = nameOf(entry.getArgAttrOfType<StringAttr>(number, "seq.name"),
                    "input", number);
      places[argument] = {rt::Memory::Input, name};
      inputs.push_back(describe(name, argument.getType()));
      return;
    }
    Place &place = shared.states[name];
    if (!place.name) {
      place = {rt::Memory::State, name, shared.stateBytes};
      NamedAttrList row;
      row.set("name", name);
      row.set("offset", builder.getI64IntegerAttr(place.offset));
      row.set("type", TypeAttr::get(argument.getType()));
      Attribute way =
          entry.getArgAttr(argument.getArgNumber(), "seq.roll_back");
      row.set("roll_back", way ? way : builder.getStringAttr("copy"));
      shared.stateTable.push_back(row.getDictionary(builder.getContext()));
      shared.stateBytes += llvm::alignTo(getBytes(argument.getType(), 0), 64);
    }
    places[argument] = place;
  }

  static Value getViewed(Value value) {
    while (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
        value.getDefiningOp()))
      value = value.getDefiningOp()->getOperand(0);
    return value;
  }

  /// The tensor behind views, and behind the programs that write it part by
  /// part: the first of them gives it its place.
  static Value getSource(Value value) {
    value = getViewed(value);
    Value first = value;
    while (auto dispatch = first.getDefiningOp<rt::DispatchOp>()) {
      int64_t tie = dispatch.getTies()[cast<OpResult>(first).getResultNumber()];
      if (tie < 0)
        return first;
      first = getViewed(dispatch.getInputs()[tie]);
    }
    // What overwrites an argument is a state.
    return value;
  }

  /// The name that a tensor was given, or its kind and number.
  StringAttr nameOf(StringAttr given, StringRef kind, unsigned number) {
    return given ? given : builder.getStringAttr(kind + std::to_string(number));
  }

  /// A tensor of the entry's signature.
  Attribute describe(StringAttr name, Type type) {
    return builder.getDictionaryAttr(
        {builder.getNamedAttr("name", name),
         builder.getNamedAttr("type", TypeAttr::get(type))});
  }

  /// The results that are not states, which come last, are outputs.
  LogicalResult findOutputs(Operation *end) {
    unsigned states =
        llvm::count_if(entry.getArguments(), [&](BlockArgument argument) {
          return entry.getArgAttr(argument.getArgNumber(), "seq.state");
        });
    unsigned count = end->getNumOperands() - states;
    for (auto [number, value] :
         llvm::enumerate(end->getOperands().take_front(count))) {
      StringAttr name =
          nameOf(entry.getResultAttrOfType<StringAttr>(number, "seq.name"),
                 "output", number);
      outputTypes[name] = value.getType();
      auto type = cast<RankedTensorType>(value.getType());
      if (type.hasStaticShape() && type.getNumElements() == 0)
        continue;
      Value source = getSource(value);
      bool isWritten = isa_and_nonnull<rt::DispatchOp>(source.getDefiningOp());
      if (!isWritten || !outputNames.try_emplace(source, name).second)
        return end->emitError("output `")
               << name.getValue()
               << "` is not the only use that a kernel's result has as one";
    }
    for (auto assign : entry.getOps<rt::AssignOp>())
      assigned[getSource(assign.getValue())] =
          placeConstant(assign.getConstantAttr());
    return success();
  }

  Place placeConstant(FlatSymbolRefAttr symbol) {
    Place &place = shared.constants[symbol];
    if (!place.name) {
      auto constant =
          SymbolTable::lookupNearestSymbolFrom<rt::ConstantOp>(entry, symbol);
      place = {rt::Memory::Constants, symbol.getAttr(), shared.constantBytes};
      shared.constantBytes +=
          llvm::alignTo(getBytes(constant.getType(), 0), 64);
    }
    return place;
  }

  LogicalResult placeOp(Operation *op, int64_t position) {
    for (Value operand : op->getOperands())
      if (auto place = places.find(operand);
          place != places.end() && place->second.interval)
        arena.extend(*place->second.interval, position);
    if (auto read = dyn_cast<rt::ReadOp>(op))
      places[read.getValue()] = placeConstant(read.getConstantAttr());
    else if (auto weight = dyn_cast<seq::WeightOp>(op))
      places[weight.getOutput()] = {rt::Memory::Weight,
                                    weight.getParameterAttr().getAttr()};
    else if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      places[op->getResult(0)] = places.lookup(op->getOperand(0));
    else if (auto dispatch = dyn_cast<rt::DispatchOp>(op))
      placeResults(dispatch, position);
    else if (auto constant = dyn_cast<arith::ConstantOp>(op);
             constant && isa<RankedTensorType>(constant.getType()))
      placeTable(constant);
    return success();
  }

  void placeTable(arith::ConstantOp constant) {
    OpBuilder top(entry);
    std::string name = "data." + std::to_string(shared.tables++);
    rt::DataOp::create(top, constant.getLoc(), name,
                       cast<ElementsAttr>(constant.getValue()));
    places[constant.getResult()] = {rt::Memory::Weight,
                                    builder.getStringAttr(name)};
  }

  void placeResults(rt::DispatchOp dispatch, int64_t position) {
    auto extent = dispatch.getExtents().begin();
    for (auto [result, tie] :
         llvm::zip_equal(dispatch.getOutputs(), dispatch.getTies())) {
      bool isDynamic =
          !cast<RankedTensorType>(result.getType()).hasStaticShape();
      int64_t rows = isDynamic ? extents.bound(*extent++) : 0;
      if (tie >= 0)
        places[result] = places.lookup(dispatch.getInputs()[tie]);
      else if (auto constant = assigned.find(result);
               constant != assigned.end())
        places[result] = constant->second;
      else if (auto name = outputNames.find(result); name != outputNames.end())
        placeOutput(result, name->second, rows);
      else
        places[result] = {
            rt::Memory::Arena, nullptr, 0,
            arena.add(getBytes(result.getType(), rows), position)};
    }
  }

  void placeOutput(Value result, StringAttr name, int64_t rows) {
    places[result] = {rt::Memory::Output, name};
    auto type = cast<RankedTensorType>(outputTypes[name]);
    // The logits of a last token alone are one row, whatever their type says.
    if (type.getRank() == 0 || !type.isDynamicDim(0) || rows != 1)
      return;
    SmallVector<int64_t> shape(type.getShape());
    shape.front() = 1;
    outputTypes[name] = type.clone(shape);
  }

  LogicalResult checkStates(Operation *end) {
    SmallVector<BlockArgument> states;
    for (BlockArgument argument : entry.getArguments())
      if (entry.getArgAttr(argument.getArgNumber(), "seq.state"))
        states.push_back(argument);
    if (states.empty())
      return success();
    for (auto [state, value] :
         llvm::zip_equal(states, end->getOperands().take_back(states.size())))
      if (!(places.lookup(state) == places.lookup(value)))
        return end->emitError("state `")
               << places.lookup(state).name.getValue()
               << "` is returned from other memory than its own";
    return success();
  }

  Value makeBuffer(Value tensor) {
    Place place = places.lookup(tensor);
    int64_t offset =
        place.interval ? arena.offset(*place.interval) : place.offset;
    bool isNamed = llvm::is_contained(
        {rt::Memory::Input, rt::Memory::Output, rt::Memory::Weight},
        place.memory);
    return rt::BufferOp::create(builder, tensor.getLoc(),
                                getViewType(tensor.getType()), place.memory,
                                isNamed ? place.name : StringAttr(), offset);
  }

  void rewriteDispatch(rt::DispatchOp dispatch) {
    builder.setInsertionPoint(dispatch);
    SmallVector<Value> arguments;
    for (Value input : dispatch.getInputs())
      arguments.push_back(makeBuffer(input));
    for (auto [result, tie] :
         llvm::zip_equal(dispatch.getOutputs(), dispatch.getTies()))
      if (tie < 0)
        arguments.push_back(makeBuffer(result));
    llvm::append_range(arguments, dispatch.getScalars());
    rt::LaunchOp::create(builder, dispatch.getLoc(), dispatch.getKernel(),
                         arguments);
  }

  /// The host reads a number where its tensor lies.
  void rewriteRead(tensor::ExtractOp read) {
    builder.setInsertionPoint(read);
    Value number =
        memref::LoadOp::create(builder, read.getLoc(),
                               makeBuffer(read.getTensor()), read.getIndices());
    read.replaceAllUsesWith(number);
    read.erase();
  }

  /// Whether a call has tokens: an extent or a position depends on them.
  bool hasTokens() {
    return llvm::any_of(entry.getArgumentTypes(), [](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return isa<IndexType>(type) || (tensor && !tensor.hasStaticShape());
    });
  }

  /// Entries keep their scalars: the number of tokens, and the tokens before.
  void rewrite() {
    Block &block = entry.getBody().front();
    for (auto dispatch : entry.getOps<rt::DispatchOp>())
      rewriteDispatch(dispatch);
    for (auto read :
         llvm::make_early_inc_range(entry.getOps<tensor::ExtractOp>()))
      rewriteRead(read);
    unsigned old = block.getNumArguments();
    SmallVector<Type> types;
    if (hasTokens()) {
      Location loc = entry.getLoc();
      types = {builder.getIndexType(), builder.getIndexType()};
      Value tokens = block.addArgument(types[0], loc),
            past = block.addArgument(types[1], loc);
      for (auto dim :
           llvm::make_early_inc_range(block.getOps<tensor::DimOp>())) {
        dim.getResult().replaceAllUsesWith(tokens);
        dim.erase();
      }
      for (BlockArgument argument : block.getArguments().take_front(old))
        if (isa<IndexType>(argument.getType()))
          argument.replaceAllUsesWith(past);
    }
    builder.setInsertionPointToEnd(&block);
    block.getTerminator()->erase();
    func::ReturnOp::create(builder, entry.getLoc());
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isa<rt::DispatchOp, rt::AssignOp>(op) || isOpTriviallyDead(&op))
        op.erase();
    block.eraseArguments(0, old);
    entry.setType(builder.getFunctionType(types, {}));
    entry.removeArgAttrsAttr();
    entry.removeResAttrsAttr();
    entry->setAttr("rt.inputs", builder.getArrayAttr(inputs));
    SmallVector<Attribute> outputs;
    for (auto &[name, type] : outputTypes)
      outputs.push_back(describe(name, type));
    entry->setAttr("rt.outputs", builder.getArrayAttr(outputs));
  }

  func::FuncOp entry;
  SharedMemories &shared;
  schedule::Extents extents;
  OpBuilder builder;
  Arena arena;
  SmallVector<Attribute> inputs;
  DenseMap<Value, StringAttr> outputNames;
  llvm::MapVector<StringAttr, Type> outputTypes; // In the results' order.
  DenseMap<Value, Place> places, assigned;
};

struct PlanMemory : impl::PlanMemoryBase<PlanMemory> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SharedMemories shared;
    int64_t arenaBytes = 0;
    for (auto entry : module.getOps<func::FuncOp>()) {
      if (entry.isPrivate())
        continue;
      EntryPlanner planner(entry, shared);
      if (failed(planner.plan()))
        return signalPassFailure();
      arenaBytes = std::max(arenaBytes, planner.arenaBytes());
    }
    for (auto constant :
         llvm::make_early_inc_range(module.getOps<rt::ConstantOp>()))
      constant.erase();
    Builder builder(&getContext());
    auto bytes = [&](StringRef name, int64_t value) {
      return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
    };
    module->setAttr("rt.memory", builder.getDictionaryAttr(
                                     {bytes("constants", shared.constantBytes),
                                      bytes("state", shared.stateBytes),
                                      bytes("arena", arenaBytes)}));
    module->setAttr("rt.state", builder.getArrayAttr(shared.stateTable));
  }
};
} // namespace
} // namespace sennit
