// Lets small dispatches that need nothing of each other be one.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   %q = rt.dispatch @q(%x, %wq) ..
//   %k = rt.dispatch @k(%x, %wk) ..
//   becomes
//   func.func private @q_and_k(..) { tile.grid { .. }  tile.grid { .. } }
//   %q, %k = rt.dispatch @q_and_k(%x, %wq, %x, %wk) ..
//
// Declines dispatches with large results, which would live longer, and with
// products that an asynchronous matrix unit computes: their kernels are
// pipelines of their own.
#include "passes/schedule/Passes.h"

#include "dialects/machine/Machine.h"
#include "dialects/rt/Rt.h"
#include "dialects/seq/SeqForms.h"
#include "dialects/tile/Tile.h"
#include "passes/schedule/Extents.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_JOINDISPATCHES
#include "passes/schedule/Passes.h.inc"

/// Bytes of the results of a dispatch that may be joined, and dispatches that
/// become one.
static constexpr uint64_t mostBytes = 256 << 10;
static constexpr size_t mostMembers = 8;
/// Of a kernel's name.
static constexpr size_t mostLetters = 120;

/// The tensor whose memory a view shows.
static Value getMemory(Value value) {
  while (Operation *view = value.getDefiningOp()) {
    if (!seq::isView(view))
      break;
    value = view->getOperand(0);
  }
  return value;
}

/// Views that `dispatch` hands to its kernel for results.
static int64_t countResultViews(rt::DispatchOp dispatch) {
  return llvm::count_if(dispatch.getTies(),
                        [](int64_t tie) { return tie < 0; });
}

namespace {
/// Kernels of several grids, one for each list of kernels.
class JoinedKernels {
public:
  explicit JoinedKernels(ModuleOp module) : symbols(module) {}

  func::FuncOp lookup(rt::DispatchOp dispatch) {
    return symbols.lookup<func::FuncOp>(dispatch.getKernel());
  }

  func::FuncOp join(ArrayRef<rt::DispatchOp> members) {
    SmallVector<StringRef> names;
    for (rt::DispatchOp member : members)
      names.push_back(member.getKernel());
    std::string name = llvm::join(names, "_and_");
    func::FuncOp &joined = kernels[name];
    if (joined)
      return joined;
    if (name.size() > mostLetters)
      name =
          (names.front() + "_and_" + Twine(names.size() - 1) + "_more").str();
    joined = build(members, name);
    return joined;
  }

private:
  // Views of all inputs, then of all results, then all scalars.
  func::FuncOp build(ArrayRef<rt::DispatchOp> members, StringRef name) {
    func::FuncOp first = lookup(members.front());
    OpBuilder builder(first);
    auto joined = func::FuncOp::create(builder, first.getLoc(), name,
                                       builder.getFunctionType({}, {}));
    joined.setPrivate();
    Block *body = joined.addEntryBlock();
    SmallVector<IRMapping> mappings(members.size());
    auto addArguments = [&](auto getPart) {
      for (auto [member, mapping] : llvm::zip_equal(members, mappings)) {
        auto arguments = lookup(member).getArguments();
        auto [from, count] = getPart(member);
        for (BlockArgument argument : arguments.slice(from, count))
          mapping.map(argument,
                      body->addArgument(argument.getType(), argument.getLoc()));
      }
    };
    using Part = std::pair<int64_t, int64_t>;
    addArguments([](rt::DispatchOp member) {
      return Part(0, member.getInputs().size());
    });
    addArguments([](rt::DispatchOp member) {
      return Part(member.getInputs().size(), countResultViews(member));
    });
    addArguments([](rt::DispatchOp member) {
      return Part(member.getInputs().size() + countResultViews(member),
                  member.getScalars().size());
    });
    joined.setType(builder.getFunctionType(body->getArgumentTypes(), {}));
    builder.setInsertionPointToEnd(body);
    // What a grid's bounds are made of stands before all grids.
    for (bool isGrid : {false, true})
      for (auto [member, mapping] : llvm::zip_equal(members, mappings))
        for (Operation &op : lookup(member).getBody().front())
          if (isa<tile::GridOp>(op) == isGrid &&
              !op.hasTrait<OpTrait::IsTerminator>())
            builder.clone(op, mapping);
    func::ReturnOp::create(builder, first.getLoc());
    symbols.insert(joined);
    return joined;
  }

  SymbolTable symbols;
  llvm::StringMap<func::FuncOp> kernels;
};

/// The dispatches of one entry, in the order in which they may run.
class Joiner {
public:
  Joiner(func::FuncOp entry, JoinedKernels &kernels, machine::CoreAttr core)
      : block(entry.getBody().front()), kernels(kernels), core(core),
        extents(entry) {}

  void run() {
    // What reads numbers on the host or makes constants keeps its order.
    for (Operation &op : block.without_terminator())
      if (!isa<rt::DispatchOp>(op) && (!isPure(&op) || seq::isHostRead(&op)))
        return;
    for (auto dispatch : block.getOps<rt::DispatchOp>())
      place(dispatch);
    if (llvm::any_of(groups, [](const Group &group) {
          return group.members.size() > 1;
        }))
      rewrite();
  }

private:
  /// Dispatches that need nothing of each other.
  struct Group {
    SmallVector<rt::DispatchOp> members;
    bool mayGrow = false;
  };

  void place(rt::DispatchOp dispatch) {
    size_t first = 0;
    for (Value operand : dispatch->getOperands())
      first = std::max(first, findFirst(operand));
    for (int64_t tie : dispatch.getTies())
      if (tie >= 0)
        first =
            std::max(first, lastReaders[getMemory(dispatch.getInputs()[tie])]);
    size_t own = groups.size();
    bool mayGrow = isSmall(dispatch) && !isAsynchronous(dispatch);
    if (mayGrow)
      for (size_t i = first; i < groups.size() && own == groups.size(); ++i)
        if (groups[i].mayGrow && groups[i].members.size() < mostMembers)
          own = i;
    if (own == groups.size())
      groups.push_back({{}, mayGrow});
    groups[own].members.push_back(dispatch);
    behind[dispatch] = own + 1;
    for (Value input : dispatch.getInputs()) {
      size_t &last = lastReaders[getMemory(input)];
      last = std::max(last, own + 1);
    }
  }

  /// The first group that may read `value`.
  size_t findFirst(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op)
      return 0;
    auto [known, isNew] = behind.try_emplace(op, 0);
    if (!isNew)
      return known->second;
    size_t first = 0;
    for (Value operand : op->getOperands())
      first = std::max(first, findFirst(operand));
    return behind[op] = first;
  }

  bool isSmall(rt::DispatchOp dispatch) {
    // Of rows that a kernel counts the bound is the largest number.
    uint64_t bytes = 0;
    auto extent = dispatch.getExtents().begin();
    for (auto [result, tie] :
         llvm::zip_equal(dispatch.getOutputs(), dispatch.getTies())) {
      auto type = cast<RankedTensorType>(result.getType());
      uint64_t own = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
      for (int64_t size : type.getShape())
        own = llvm::SaturatingMultiply<uint64_t>(
            own, ShapedType::isDynamic(size) ? extents.bound(*extent++) : size);
      if (tie < 0)
        bytes = llvm::SaturatingAdd(bytes, own);
    }
    return bytes <= mostBytes;
  }

  bool isAsynchronous(rt::DispatchOp dispatch) {
    int64_t rows = core.getAsyncRows();
    return rows > 0 && kernels.lookup(dispatch)
                           .walk([&](tile::MmaOp mma) {
                             auto type =
                                 cast<VectorType>(mma.getResult().getType());
                             return type.getDimSize(type.getRank() - 2) >= rows
                                        ? WalkResult::interrupt()
                                        : WalkResult::advance();
                           })
                           .wasInterrupted();
  }

  /// Puts everything into the groups' order.
  void rewrite() {
    Operation *end = block.getTerminator();
    SmallVector<Operation *> others;
    for (Operation &op : block.without_terminator())
      if (!isa<rt::DispatchOp>(op))
        others.push_back(&op);
    for (Group &group : groups) {
      for (rt::DispatchOp member : group.members)
        for (Value operand : member->getOperands())
          moveToEnd(operand.getDefiningOp());
      if (group.members.size() == 1)
        group.members.front()->moveBefore(end);
      else
        join(group.members);
    }
    for (Operation *op : others)
      moveToEnd(op);
  }

  void moveToEnd(Operation *op) {
    if (!op || isa<rt::DispatchOp>(op) || !moved.insert(op).second)
      return;
    for (Value operand : op->getOperands())
      moveToEnd(operand.getDefiningOp());
    op->moveBefore(block.getTerminator());
  }

  void join(ArrayRef<rt::DispatchOp> members) {
    SmallVector<Value> inputs, scalars, lengths;
    SmallVector<int64_t> ties;
    SmallVector<Type> types;
    for (rt::DispatchOp member : members) {
      for (int64_t tie : member.getTies())
        ties.push_back(tie < 0 ? tie : tie + int64_t(inputs.size()));
      llvm::append_range(inputs, member.getInputs());
      llvm::append_range(scalars, member.getScalars());
      llvm::append_range(lengths, member.getExtents());
      llvm::append_range(types, member.getResultTypes());
    }
    OpBuilder builder(block.getTerminator());
    Location loc = rt::DispatchOp(members.front()).getLoc();
    auto joined = rt::DispatchOp::create(builder, loc, types,
                                         kernels.join(members).getName(),
                                         inputs, scalars, lengths, ties);
    remark::passed(
        loc, remark::RemarkOpts::name("JoinDispatches").category("schedule"))
        << std::to_string(members.size()) + " kernels are one launch";
    auto results = joined.getOutputs();
    for (rt::DispatchOp member : members) {
      size_t count = member.getNumResults();
      member.getOutputs().replaceAllUsesWith(results.take_front(count));
      results = results.drop_front(count);
      member.erase();
    }
  }

  Block &block;
  JoinedKernels &kernels;
  machine::CoreAttr core;
  schedule::Extents extents;
  SmallVector<Group> groups;
  /// Of an op, the first group that may read what it gives.
  DenseMap<Operation *, size_t> behind;
  /// Of a tensor, the first group that may overwrite it.
  DenseMap<Value, size_t> lastReaders;
  DenseSet<Operation *> moved;
};

struct JoinDispatches : impl::JoinDispatchesBase<JoinDispatches> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto core = module->getAttrOfType<machine::CoreAttr>("machine.target");
    if (!core)
      return;
    JoinedKernels kernels(module);
    for (auto entry : module.getOps<func::FuncOp>())
      if (!entry.isPrivate() && entry.getBody().hasOneBlock())
        Joiner(entry, kernels, core).run();
    eraseUnused(module);
  }

  /// Erases kernels that are only parts of others now.
  static void eraseUnused(ModuleOp module) {
    llvm::StringSet<> used;
    module.walk([&](rt::DispatchOp op) { used.insert(op.getKernel()); });
    for (auto kernel :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (kernel.isPrivate() && !used.contains(kernel.getName()))
        kernel.erase();
  }
};
} // namespace
} // namespace sennit
