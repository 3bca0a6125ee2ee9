// Lays out the matrices of products in panels, once, at load.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   rt.constant @w : tensor<NxK>   =>   rt.constant @w : tensor<NxK,
//   #tile.blocked<32>>, packed in @initialize
//
// So are the words and scales of quantised ones. Declines a constant that
// something other than a product reads: the product gets a packed copy of its
// own.

#include "passes/schedule/Passes.h"

#include "dialects/rt/Rt.h"
#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "passes/schedule/TileSizes.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_PACKWEIGHTS
#include "passes/schedule/Passes.h.inc"

/// Whether the use is the matrix of a product, or words and scales of one.
static bool isMatrixOfProduct(OpOperand &use) {
  Operation *user = use.getOwner();
  if (isa<seq::DequantizeOp>(user))
    return true;
  return seq::isContraction(user) && &seq::getMatrix(user) == &use;
}

namespace {
struct PackWeights : impl::PackWeightsBase<PackWeights> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto core = module->getAttrOfType<machine::CoreAttr>("machine.target");
    if (!core) {
      module.emitError("module names no `machine.target` to schedule for");
      return signalPassFailure();
    }
    if (core.getThreads() > 1) {
      if (failed(refuseQuantized(module)))
        return signalPassFailure();
      remark::missed(
          module.getLoc(),
          remark::RemarkOpts::name("PackWeights").category("schedule"))
          << "threads that share an item read rows as they lie";
      return;
    }
    if (failed(schedule::checkMachine(module, core)))
      return signalPassFailure();
    this->core = core;
    module.walk([&](rt::ReadOp read) {
      reads[read.getConstantAttr()].push_back(read);
    });
    SmallVector<rt::AssignOp> assigns;
    module.walk([&](rt::AssignOp assign) { assigns.push_back(assign); });
    for (rt::AssignOp assign : assigns)
      packFor(assign);
  }

  /// Words are panels of a CPU's vectors.
  static LogicalResult refuseQuantized(ModuleOp module) {
    WalkResult result = module.walk([](seq::DequantizeOp op) {
      op.emitError("products of quantised weights have no form for machines "
                   "whose threads share an item");
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  void packFor(rt::AssignOp assign) {
    SmallVector<OpOperand *> matrices;
    bool others = false;
    for (rt::ReadOp read : reads.lookup(assign.getConstantAttr()))
      for (OpOperand &use : read.getValue().getUses())
        if (isMatrixOfProduct(use))
          matrices.push_back(&use);
        else
          others = true;
    if (matrices.empty())
      return;
    auto plain = cast<RankedTensorType>(assign.getValue().getType());
    bool isQuantized = isa<seq::DequantizeOp>(matrices.front()->getOwner());
    auto panels = tile::BlockedAttr::get(
        &getContext(), schedule::getPanelRows(core),
        isQuantized ? 1 : schedule::chooseGroup(core, plain));
    auto type =
        RankedTensorType::get(plain.getShape(), plain.getElementType(), panels);
    auto constant = SymbolTable::lookupNearestSymbolFrom<rt::ConstantOp>(
        assign, assign.getConstantAttr());
    Value packed = pack(assign, type, /*inPlace=*/!others);
    if (!others) {
      constant.setType(type);
      assign.getValueMutable().assign(packed);
      for (OpOperand *use : matrices)
        use->get().setType(type);
      return;
    }
    remark::missed(assign.getLoc(),
                   remark::RemarkOpts::name("PackWeights").category("schedule"))
        << "something other than a product reads the matrix, so it is kept "
           "twice";
    OpBuilder builder(constant);
    auto copy =
        rt::ConstantOp::create(builder, constant.getLoc(),
                               (constant.getSymName() + ".packed").str(), type);
    builder.setInsertionPointAfter(assign);
    auto symbol = FlatSymbolRefAttr::get(copy.getSymNameAttr());
    rt::AssignOp::create(builder, assign.getLoc(), symbol, packed);
    for (OpOperand *use : matrices) {
      builder.setInsertionPoint(use->get().getDefiningOp());
      use->set(
          rt::ReadOp::create(builder, use->getOwner()->getLoc(), type, symbol));
    }
  }

  /// The assigned value in panels. A stack of matrices is stacked in panels at
  /// once.
  Value pack(rt::AssignOp assign, RankedTensorType type, bool inPlace) {
    Value value = assign.getValue();
    if (auto kernel = value.getDefiningOp<seq::KernelOp>(); kernel && inPlace)
      if (auto stack =
              dyn_cast<seq::PackOp>(kernel.getBody().front().front())) {
        stack.getOutput().setType(type);
        value.setType(type);
        return value;
      }
    OpBuilder builder(assign);
    auto kernel = seq::KernelOp::create(builder, assign.getLoc(),
                                        TypeRange(type), "pack");
    builder.setInsertionPointToEnd(&kernel.getBody().emplaceBlock());
    Value packed = seq::PackOp::create(builder, assign.getLoc(), type, value);
    seq::YieldOp::create(builder, assign.getLoc(), packed);
    return kernel.getResult(0);
  }

  machine::CoreAttr core;
  DenseMap<Attribute, SmallVector<rt::ReadOp>> reads;
};
} // namespace
} // namespace sennit
