// Builds a tile program for each kernel, and dispatches it on the host.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   %y = seq.kernel "matmul" { .. }   =>   func.func private @matmul {
//   tile.grid .. };  %y = rt.dispatch @matmul(..)
//
// Declines, with an error that names it, an op that cannot be computed tile by
// tile.

#include "passes/schedule/Passes.h"

#include "dialects/rt/Rt.h"
#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/schedule/Program.h"
#include "passes/schedule/TileSizes.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_BUILDTILEPROGRAMS
#include "passes/schedule/Passes.h.inc"

/// A kernel before `user` that copies `value` into memory of its own.
static Value copyBefore(Operation *user, Value value) {
  OpBuilder builder(user);
  auto kernel =
      seq::KernelOp::create(builder, user->getLoc(), TypeRange(value), "copy");
  builder.setInsertionPointToEnd(&kernel.getBody().emplaceBlock());
  seq::YieldOp::create(builder, user->getLoc(), value);
  return kernel.getResult(0);
}

/// The value behind views.
static Value getSource(Value value) {
  while (value.getDefiningOp() && seq::isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

/// Whether a kernel writes `value` over the state that it replaces.
static bool isState(Value value) {
  auto kernel = value.getDefiningOp<seq::KernelOp>();
  if (!kernel)
    return false;
  Value inner = kernel.getBody().front().getTerminator()->getOperand(
      cast<OpResult>(value).getResultNumber());
  auto mixer = inner.getDefiningOp<seq::SequenceMixerOpInterface>();
  return mixer && llvm::is_contained(mixer.getStatesAfter(), inner);
}

/// Puts plain copies into kernels: a constant needs memory of its own, and so
/// does an output that no kernel writes, or that another output has taken.
static void wrapCopies(func::FuncOp entry) {
  for (auto assign : entry.getOps<rt::AssignOp>())
    if (!assign.getValue().getDefiningOp<seq::KernelOp>())
      assign.getValueMutable().assign(copyBefore(assign, assign.getValue()));
  unsigned states =
      llvm::count_if(entry.getArguments(), [&](BlockArgument argument) {
        return entry.getArgAttr(argument.getArgNumber(), "seq.state");
      });
  Operation *end = entry.getBody().front().getTerminator();
  DenseSet<Value> taken;
  for (Value state : end->getOperands().take_back(states))
    taken.insert(getSource(state));
  for (OpOperand &output : end->getOpOperands().drop_back(states)) {
    Value source = getSource(output.get());
    // What has no elements is never written.
    auto type = cast<RankedTensorType>(source.getType());
    if (type.hasStaticShape() && type.getNumElements() == 0)
      continue;
    if (!source.getDefiningOp<seq::KernelOp>() || isState(source) ||
        !taken.insert(source).second)
      output.set(copyBefore(end, output.get()));
  }
}

/// Whether a mixer may write its next state over `before`: it is a state of the
/// model, or what only this mixer reads of another kernel.
static bool isOverwritable(func::FuncOp entry, Value before) {
  while (before.getDefiningOp() && seq::isView(before.getDefiningOp()) &&
         before.hasOneUse())
    before = before.getDefiningOp()->getOperand(0);
  if (auto argument = dyn_cast<BlockArgument>(before))
    return bool(entry.getArgAttr(argument.getArgNumber(), seq::kStateAttrName));
  return before.getDefiningOp<seq::KernelOp>() && before.hasOneUse();
}

/// Gives mixers states of their own where theirs are read elsewhere too.
static void ownStates(func::FuncOp entry) {
  for (auto kernel : llvm::to_vector(entry.getOps<seq::KernelOp>()))
    for (auto mixer :
         kernel.getBody().front().getOps<seq::SequenceMixerOpInterface>())
      for (OpOperand &state : mixer.getStatesBeforeMutable())
        if (!isOverwritable(entry, state.get()))
          state.set(copyBefore(kernel, state.get()));
}

/// The text of a function without its name.
static std::string printBody(func::FuncOp function) {
  std::string text;
  llvm::raw_string_ostream os(text);
  StringAttr name = function.getSymNameAttr();
  function.setName("");
  function.print(os, OpPrintingFlags().useLocalScope());
  function.setSymNameAttr(name);
  return text;
}

/// Keeps one of equal programs; layers repeat. Returns under which name each
/// goes on.
static DenseMap<Attribute, StringAttr> mergeEqualPrograms(ModuleOp module) {
  llvm::StringMap<StringAttr> programs;
  DenseMap<Attribute, StringAttr> renamed;
  for (auto function :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (!function.isPrivate() || function.isDeclaration())
      continue;
    auto [entry, isNew] =
        programs.try_emplace(printBody(function), function.getSymNameAttr());
    renamed[function.getSymNameAttr()] = entry->second;
    if (!isNew)
      function.erase();
  }
  module.walk([&](rt::DispatchOp dispatch) {
    dispatch.setKernel(renamed.lookup(dispatch.getKernelAttr().getAttr()));
  });
  return renamed;
}

/// The functions that are dispatched between two ops of a block.
static SmallVector<StringAttr>
listDispatched(func::FuncOp entry, Operation *before, Operation *after) {
  SmallVector<StringAttr> names;
  Operation *op = before ? before->getNextNode() : &entry.front().front();
  for (; op != after; op = op->getNextNode())
    if (auto dispatch = dyn_cast<rt::DispatchOp>(op))
      names.push_back(dispatch.getKernelAttr().getAttr());
  return names;
}

/// Erases tensors that only stated shapes.
static void eraseScaffolds(func::FuncOp entry) {
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(entry.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

namespace {
struct BuildTilePrograms : impl::BuildTileProgramsBase<BuildTilePrograms> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto core = module->getAttrOfType<machine::CoreAttr>("machine.target");
    if (!core) {
      module.emitError("module names no `machine.target` to schedule for");
      return signalPassFailure();
    }
    if (failed(schedule::checkMachine(module, core)))
      return signalPassFailure();
    SymbolTable symbols(module);
    schedule::Choices choices(module);
    SmallVector<func::FuncOp> entries(module.getOps<func::FuncOp>());
    for (func::FuncOp entry : entries) {
      wrapCopies(entry);
      ownStates(entry);
      schedule::Extents extents(entry);
      SmallVector<seq::KernelOp> kernels(entry.getOps<seq::KernelOp>());
      for (seq::KernelOp kernel : kernels) {
        Operation *before = kernel->getPrevNode(),
                  *after = kernel->getNextNode();
        if (failed(
                schedule::KernelBuilder(kernel, symbols, core, extents, choices)
                    .build()))
          return signalPassFailure();
        choices.attribute(listDispatched(entry, before, after));
      }
      eraseScaffolds(entry);
    }
    if (failed(choices.finish(mergeEqualPrograms(module))))
      signalPassFailure();
  }
};
} // namespace
} // namespace sennit
