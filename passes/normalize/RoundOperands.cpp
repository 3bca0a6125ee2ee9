// Rounds what products and attention multiply to the type of the matrices.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   matmul(x : f32, w : bf16)   =>   matmul(truncf x : bf16, w : bf16)
//
// Declines a matrix of f32, experts, whose rows are gathered, and attention
// whose caches somebody outside the model keeps.

#include "passes/normalize/Passes.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_ROUNDOPERANDS
#include "passes/normalize/Passes.h.inc"

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The type that a product's activations are rounded to, or null.
static Type getRoundedType(Operation *op) {
  if (!isa<linalg::MatmulOp>(op) || !seq::isContraction(op) ||
      !typeOf(seq::getActivations(op)).getElementType().isF32())
    return Type();
  Type matrix = getElementTypeOrSelf(seq::getMatrix(op).get().getType());
  return matrix.isBF16() || matrix.isF16() ? matrix : Type();
}

/// The extents of a tensor, by no other name of the tensor: a reader that asks
/// for an extent would stand between the kernels of maker and rounding.
static SmallVector<OpFoldResult> getSizes(OpBuilder &builder, Value tensor) {
  if (auto result = dyn_cast<OpResult>(tensor))
    if (auto op = dyn_cast<DestinationStyleOpInterface>(result.getOwner()))
      return getSizes(builder, op.getTiedOpOperand(result)->get());
  if (auto empty = tensor.getDefiningOp<tensor::EmptyOp>())
    return empty.getMixedSizes();
  if (auto expand = tensor.getDefiningOp<tensor::ExpandShapeOp>())
    return expand.getMixedOutputShape();
  if (auto rope = tensor.getDefiningOp<seq::RopeOp>())
    return getSizes(builder, rope.getInput());
  return tensor::getMixedSizes(builder, tensor.getLoc(), tensor);
}

namespace {
/// Rounds in one function.
class Rounding {
public:
  explicit Rounding(func::FuncOp function) : function(function) {}

  void run(Type attended) {
    function.walk([&](Operation *op) {
      if (Type type = getRoundedType(op))
        operands.push_back({&op->getOpOperand(0), type});
    });
    if (attended)
      function.walk([&](Operation *op) {
        if (auto attention = dyn_cast<seq::AttentionOp>(op))
          collect(attention, attended);
        else if (auto linear = dyn_cast<seq::LinearAttentionOp>(op))
          collect(linear, attended);
      });
    SmallVector<Value> values;
    for (auto [operand, type] : operands)
      values.push_back(narrow(operand->get(), type));
    for (auto [operand, value] : llvm::zip_equal(operands, values)) {
      operand.first->set(value);
      if (auto product = dyn_cast<linalg::MatmulOp>(operand.first->getOwner()))
        rebuild(product);
    }
    for (seq::AttentionOp op : attentions)
      retype(op, attended);
    function.setType(FunctionType::get(
        function.getContext(), function.getBody().getArgumentTypes(),
        function.getBody().front().getTerminator()->getOperandTypes()));
  }

private:
  /// The product's body takes elements of its operands' types.
  static void rebuild(linalg::MatmulOp product) {
    OpBuilder builder(product);
    auto fresh = linalg::MatmulOp::create(
        builder, product.getLoc(), product->getResultTypes(),
        product.getInputs(), product.getOutputs());
    fresh.setIndexingMapsAttr(product.getIndexingMapsAttr());
    product->replaceAllUsesWith(fresh);
    product.erase();
  }

  /// A cache is a state of the model, which only the op reads and writes.
  static bool ownsCache(seq::AttentionOp op, unsigned which) {
    auto cache = dyn_cast<BlockArgument>(op.getCaches()[which]);
    auto function = op->getParentOfType<func::FuncOp>();
    return cache && cache.hasOneUse() &&
           cache.getOwner() == &function.getBody().front() &&
           function.getArgAttr(cache.getArgNumber(), seq::kStateAttrName) &&
           llvm::all_of(op.getCachesAfter()[which].getUsers(),
                        llvm::IsaPred<func::ReturnOp>);
  }

  void collect(seq::AttentionOp op, Type type) {
    bool isOurs =
        typeOf(op.getQuery()).getElementType().isF32() &&
        llvm::all_of(llvm::seq<unsigned>(0, op.getCaches().size()),
                     [&](unsigned which) { return ownsCache(op, which); });
    if (!isOurs)
      return;
    attentions.push_back(op);
    for (OpOperand &operand : op->getOpOperands())
      if (operand.get() == op.getQuery() || operand.get() == op.getKey() ||
          operand.get() == op.getValue())
        operands.push_back({&operand, type});
  }

  /// Rows of a plain sum; state and output stay f32.
  void collect(seq::LinearAttentionOp op, Type type) {
    if (!op.isPlain() || !typeOf(op.getQuery()).getElementType().isF32())
      return;
    for (OpOperand *operand :
         {&op.getQueryMutable(), &op.getKeyMutable(), &op.getValueMutable()})
      operands.push_back({operand, type});
  }

  /// Caches and the output follow the operands; the output's readers read it
  /// widened.
  void retype(seq::AttentionOp op, Type type) {
    auto rounded = [&](Value value) { return typeOf(value).clone(type); };
    for (auto [before, after] :
         llvm::zip_equal(op.getCaches(), op.getCachesAfter())) {
      before.setType(rounded(before));
      after.setType(rounded(after));
    }
    Value output = op.getOutput();
    auto wide = typeOf(output);
    output.setType(rounded(output));
    OpBuilder builder(op);
    builder.setInsertionPointAfter(op);
    SmallVector<OpOperand *> readers;
    for (OpOperand &use : output.getUses())
      readers.push_back(&use);
    Value widened;
    for (OpOperand *use : readers) {
      if (isa<tensor::DimOp>(use->getOwner()))
        continue;
      if (!widened)
        widened = convert(builder, output, wide.getElementType());
      use->set(widened);
    }
    if (widened)
      simplify(widened);
  }

  /// Products that read the widened output through views read it as it is.
  void simplify(Value widened) {
    for (Operation *user : llvm::make_early_inc_range(widened.getUsers())) {
      Operation *rounding = user;
      SmallVector<Operation *> views;
      while (seq::isView(rounding) && rounding->hasOneUse()) {
        views.push_back(rounding);
        rounding = *rounding->getUsers().begin();
      }
      auto generic = dyn_cast<linalg::GenericOp>(rounding);
      Value source = widened.getDefiningOp()->getOperand(0);
      if (!generic || !isRounding(generic) ||
          typeOf(generic.getResult(0)).getElementType() !=
              typeOf(source).getElementType())
        continue;
      OpBuilder builder(generic);
      for (Operation *view : views)
        source = cloneView(builder, view, source);
      generic.getResult(0).replaceAllUsesWith(source);
      generic.erase();
      for (Operation *view : llvm::reverse(views))
        view->erase();
    }
    if (widened.use_empty())
      widened.getDefiningOp()->erase();
  }

  static bool isRounding(linalg::GenericOp op) {
    Block &body = *op.getBody();
    return seq::isElementwise(op) && op.getNumDpsInputs() == 1 &&
           body.getOperations().size() == 2 &&
           isa<arith::TruncFOp>(body.front());
  }

  static Value cloneView(OpBuilder &builder, Operation *view, Value source) {
    IRMapping mapping;
    mapping.map(view->getOperand(0), source);
    Operation *clone = builder.clone(*view, mapping);
    clone->getResult(0).setType(
        typeOf(view->getResult(0)).clone(typeOf(source).getElementType()));
    return clone->getResult(0);
  }

  /// An elementwise conversion of `value`.
  static Value convert(OpBuilder &builder, Value value, Type element) {
    Location loc = value.getLoc();
    RankedTensorType type = typeOf(value);
    Value init = tensor::EmptyOp::create(builder, loc, getSizes(builder, value),
                                         element);
    AffineMap map = builder.getMultiDimIdentityMap(type.getRank());
    bool isWider =
        type.getElementTypeBitWidth() < element.getIntOrFloatBitWidth();
    return linalg::GenericOp::create(
               builder, loc, init.getType(), value, init,
               ArrayRef<AffineMap>{map, map},
               SmallVector<utils::IteratorType>(type.getRank(),
                                                utils::IteratorType::parallel),
               [&](OpBuilder &inner, Location loc, ValueRange elements) {
                 Value result =
                     isWider ? Value(arith::ExtFOp::create(inner, loc, element,
                                                           elements[0]))
                             : Value(arith::TruncFOp::create(
                                   inner, loc, element, elements[0]));
                 linalg::YieldOp::create(inner, loc, result);
               })
        .getResult(0);
  }

  /// Whether everything that reads `value` reads it rounded to `type`.
  bool isOnlyReadAs(Value value, Type type) {
    return llvm::all_of(value.getUses(), [&](OpOperand &use) {
      return isa<tensor::DimOp>(use.getOwner()) ||
             llvm::any_of(operands, [&](auto &operand) {
               return operand.first == &use && operand.second == type;
             });
    });
  }

  /// `value` rounded: below views, and in the map that computes it where
  /// nothing else reads that.
  Value narrow(Value value, Type type) {
    if (Value known = rounded.lookup({value, type}))
      return known;
    Value result = makeNarrow(value, type);
    rounded[{value, type}] = result;
    return result;
  }

  Value makeNarrow(Value value, Type type) {
    Operation *producer = value.getDefiningOp();
    OpBuilder builder(function.getContext());
    builder.setInsertionPointAfterValue(value);
    if (seq::isView(producer)) {
      Value source = narrow(producer->getOperand(0), type);
      builder.setInsertionPointAfter(producer);
      return cloneView(builder, producer, source);
    }
    if (seq::isElementwise(producer) && isOnlyReadAs(value, type))
      return narrowMap(cast<linalg::GenericOp>(producer), type);
    return convert(builder, value, type);
  }

  /// The map with its rounding in it.
  static Value narrowMap(linalg::GenericOp map, Type type) {
    OpBuilder builder(map);
    IRMapping mapping;
    Value init = map.getDpsInits().front();
    mapping.map(init, tensor::EmptyOp::create(builder, map.getLoc(),
                                              getSizes(builder, init), type));
    auto clone = cast<linalg::GenericOp>(builder.clone(*map, mapping));
    clone.getResult(0).setType(typeOf(map.getResult(0)).clone(type));
    Block *body = clone.getBody();
    body->getArguments().back().setType(type);
    Operation *yield = body->getTerminator();
    builder.setInsertionPoint(yield);
    yield->setOperand(0, arith::TruncFOp::create(builder, map.getLoc(), type,
                                                 yield->getOperand(0)));
    return clone.getResult(0);
  }

  func::FuncOp function;
  SmallVector<std::pair<OpOperand *, Type>> operands;
  SmallVector<seq::AttentionOp> attentions;
  DenseMap<std::pair<Value, Type>, Value> rounded;
};

struct RoundOperands : impl::RoundOperandsBase<RoundOperands> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!module->hasAttr(seq::kRoundsOperandsAttrName))
      return;
    // What attention multiplies is made by products with these matrices.
    Type attended;
    module.walk([&](Operation *op) {
      if (Type type = getRoundedType(op); type && !attended)
        attended = type;
    });
    for (auto function : module.getOps<func::FuncOp>())
      Rounding(function).run(attended);
  }
};
} // namespace
} // namespace sennit
