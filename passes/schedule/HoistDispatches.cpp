// Moves what kernels make of constants alone into @initialize.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   %v = rt.dispatch @conv_filters(%w) ..    =>   %v = rt.read @conv_filters.0
//                                                 // assigned in @initialize
//
// Declines results that a later kernel overwrites or that a function returns,
// and dispatches of numbers that a call brings.

#include "passes/schedule/Passes.h"

#include "dialects/rt/Rt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_HOISTDISPATCHES
#include "passes/schedule/Passes.h.inc"

/// Whether a later kernel reads the value and leaves it as it is.
static bool isOnlyRead(OpOperand &use) {
  auto reader = dyn_cast<rt::DispatchOp>(use.getOwner());
  return reader &&
         !llvm::is_contained(reader.getTies(), int64_t(use.getOperandNumber()));
}

static bool readsConstantsAlone(rt::DispatchOp dispatch) {
  auto isKnown = [](Value input) { return input.getDefiningOp<rt::ReadOp>(); };
  auto isNumber = [](Value scalar) {
    return scalar.getDefiningOp<arith::ConstantOp>();
  };
  return llvm::all_of(dispatch.getInputs(), isKnown) &&
         llvm::all_of(dispatch.getScalars(), isNumber) &&
         dispatch.getExtents().empty() &&
         llvm::all_of(dispatch.getTies(), [](int64_t tie) { return tie < 0; });
}

namespace {
class Hoister {
public:
  Hoister(ModuleOp module, func::FuncOp initialize)
      : module(module), initialize(initialize) {
    for (auto assign : initialize.getOps<rt::AssignOp>())
      values[assign.getConstantAttr()] = assign.getValue();
  }

  void hoistFrom(func::FuncOp entry) {
    for (auto dispatch :
         llvm::make_early_inc_range(entry.getOps<rt::DispatchOp>())) {
      if (!readsConstantsAlone(dispatch))
        continue;
      if (!llvm::all_of(dispatch->getUses(), isOnlyRead)) {
        remark::missed(
            dispatch.getLoc(),
            remark::RemarkOpts::name("HoistDispatches").category("schedule"))
            << "what the kernel makes of constants is overwritten or returned";
        continue;
      }
      replace(dispatch, assign(dispatch));
    }
  }

  /// Constants that only hoisted dispatches read are not kept.
  void dropUnread() {
    DenseSet<Attribute> read;
    module.walk([&](rt::ReadOp op) {
      if (op->use_empty())
        op.erase();
      else
        read.insert(op.getConstantAttr());
    });
    for (auto assign :
         llvm::make_early_inc_range(initialize.getOps<rt::AssignOp>())) {
      if (read.contains(assign.getConstantAttr()))
        continue;
      SymbolTable::lookupNearestSymbolFrom(module, assign.getConstantAttr())
          ->erase();
      assign.erase();
    }
  }

private:
  /// What tells a dispatch: its kernel, constants and numbers.
  Attribute getKey(rt::DispatchOp dispatch) {
    SmallVector<Attribute> parts{dispatch.getKernelAttr()};
    for (Value input : dispatch.getInputs())
      parts.push_back(input.getDefiningOp<rt::ReadOp>().getConstantAttr());
    for (Value scalar : dispatch.getScalars())
      parts.push_back(scalar.getDefiningOp<arith::ConstantOp>().getValue());
    return ArrayAttr::get(module.getContext(), parts);
  }

  /// The constants that hold the results, of which equal dispatches have the
  /// same.
  ArrayRef<FlatSymbolRefAttr> assign(rt::DispatchOp dispatch) {
    SmallVector<FlatSymbolRefAttr> &names = known[getKey(dispatch)];
    if (!names.empty())
      return names;
    OpBuilder builder(initialize.getBody().front().getTerminator());
    IRMapping mapping;
    for (Value input : dispatch.getInputs())
      mapping.map(
          input,
          values.lookup(input.getDefiningOp<rt::ReadOp>().getConstantAttr()));
    for (Value scalar : dispatch.getScalars())
      mapping.map(scalar, builder.clone(*scalar.getDefiningOp())->getResult(0));
    Operation *clone = builder.clone(*dispatch, mapping);
    for (Value result : clone->getResults()) {
      OpBuilder top(initialize);
      auto constant = rt::ConstantOp::create(
          top, dispatch.getLoc(),
          (dispatch.getKernel() + "." + Twine(count++)).str(),
          result.getType());
      names.push_back(FlatSymbolRefAttr::get(constant.getSymNameAttr()));
      rt::AssignOp::create(builder, dispatch.getLoc(), names.back(), result);
      values[names.back()] = result;
    }
    return names;
  }

  static void replace(rt::DispatchOp dispatch,
                      ArrayRef<FlatSymbolRefAttr> names) {
    OpBuilder builder(dispatch);
    for (auto [result, name] : llvm::zip_equal(dispatch.getResults(), names))
      result.replaceAllUsesWith(rt::ReadOp::create(builder, dispatch.getLoc(),
                                                   result.getType(), name));
    dispatch.erase();
  }

  ModuleOp module;
  func::FuncOp initialize;
  /// What @initialize gives each constant.
  DenseMap<Attribute, Value> values;
  DenseMap<Attribute, SmallVector<FlatSymbolRefAttr>> known;
  int64_t count = 0;
};

struct HoistDispatches : impl::HoistDispatchesBase<HoistDispatches> {
  void runOnOperation() override {
    auto initialize = getOperation().lookupSymbol<func::FuncOp>("initialize");
    if (!initialize)
      return;
    Hoister hoister(getOperation(), initialize);
    for (auto entry : getOperation().getOps<func::FuncOp>())
      if (entry != initialize && !entry.isPrivate())
        hoister.hoistFrom(entry);
    hoister.dropUnread();
  }
};
} // namespace
} // namespace sennit
