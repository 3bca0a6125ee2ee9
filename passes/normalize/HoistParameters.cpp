// Moves computations on parameters alone into @initialize.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   use(-exp(seq.weight @A_log))   =>   rt.constant, filled in @initialize,
//   read by the users
//
// Declines scalars and splat constants, which cost nothing where they stand,
// and what quantised words stand for, which the product unfolds as it reads
// them.

#include "passes/normalize/Passes.h"

#include "dialects/rt/Rt.h"
#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_HOISTPARAMETERS
#include "passes/normalize/Passes.h.inc"

/// A dense table: a tensor constant that is not a splat.
static bool isTable(Operation *op) {
  auto constant = dyn_cast<arith::ConstantOp>(op);
  return constant && isa<RankedTensorType>(constant.getType()) &&
         !isa<SplatElementsAttr>(constant.getValue());
}

/// The operands of `op`, and what its bodies read from outside.
static SetVector<Value> getReadValues(Operation *op) {
  SetVector<Value> values(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), values);
  return values;
}

namespace {
/// Hoists out of the functions of one module.
class Hoister {
public:
  explicit Hoister(ModuleOp module)
      : module(module), constants(module.getBody(), module.getBody()->begin()) {
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    initialize = func::FuncOp::create(builder, module.getLoc(), "initialize",
                                      builder.getFunctionType({}, {}));
    Block *block = initialize.addEntryBlock();
    builder.setInsertionPointToEnd(block);
    func::ReturnOp::create(builder, module.getLoc());
  }

  void hoistFrom(func::FuncOp function) {
    DenseSet<Value> hoistable;
    for (Operation &op : function.getBody().front())
      if (dependsOnParametersAlone(&op, hoistable))
        hoistable.insert_range(op.getResults());
    // Whoever is not hoisted reads the constant instead.
    for (Operation &op : llvm::make_early_inc_range(function.getBody().front()))
      if (op.getNumResults() == 0 || !hoistable.contains(op.getResult(0)))
        op.walk([&](Operation *reader) {
          for (OpOperand &use : reader->getOpOperands())
            if (hoistable.contains(use.get()))
              use.set(readConstant(use.get(), &op));
        });
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

private:
  static bool dependsOnParametersAlone(Operation *op,
                                       const DenseSet<Value> &hoistable) {
    if (isa<seq::WeightOp>(op) || isTable(op))
      return true;
    if (op->getNumResults() == 0 || !isMemoryEffectFree(op) ||
        !isa<RankedTensorType>(op->getResult(0).getType()) ||
        isa<seq::DequantizeOp>(op))
      return false;
    bool any = false;
    for (Value operand : getReadValues(op)) {
      any |= hoistable.contains(operand);
      Operation *source = operand.getDefiningOp();
      if (!hoistable.contains(operand) && !(source && seq::isScaffold(source)))
        return false;
    }
    return any;
  }

  /// Clones what `value` depends on to the end of @initialize.
  Value cloneIntoInitialize(Value value) {
    if (Value done = clones.lookupOrNull(value))
      return done;
    Operation *op = value.getDefiningOp();
    if (auto weight = dyn_cast<seq::WeightOp>(op))
      if (Value done = weights.lookup(weight.getParameterAttr()))
        return done;
    for (Value operand : getReadValues(op))
      clones.map(operand, cloneIntoInitialize(operand));
    OpBuilder builder(initialize.getBody().front().getTerminator());
    Operation *clone = builder.clone(*op, clones);
    if (auto weight = dyn_cast<seq::WeightOp>(op))
      weights[weight.getParameterAttr()] = clone->getResult(0);
    return clone->getResult(0);
  }

  std::string nameFor(Value value) {
    if (auto weight = value.getDefiningOp<seq::WeightOp>())
      return weight.getParameter().str() + "!";
    return "constant." + std::to_string(count++);
  }

  Value readConstant(Value value, Operation *user) {
    Value source = cloneIntoInitialize(value);
    FlatSymbolRefAttr &name = names[source];
    Location loc = value.getLoc();
    if (!name) {
      auto constant = rt::ConstantOp::create(constants, loc, nameFor(value),
                                             value.getType());
      name = FlatSymbolRefAttr::get(constant.getSymNameAttr());
      OpBuilder builder(initialize.getBody().front().getTerminator());
      rt::AssignOp::create(builder, loc, name, source);
    }
    OpBuilder builder(user);
    return rt::ReadOp::create(builder, loc, value.getType(), name);
  }

  ModuleOp module;
  OpBuilder constants;
  func::FuncOp initialize;
  IRMapping clones;
  DenseMap<Attribute, Value> weights;
  DenseMap<Value, FlatSymbolRefAttr> names;
  int64_t count = 0;
};

struct HoistParameters : impl::HoistParametersBase<HoistParameters> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    Hoister hoister(getOperation());
    for (func::FuncOp function : functions)
      if (!function.isDeclaration())
        hoister.hoistFrom(function);
  }
};
} // namespace
} // namespace sennit
