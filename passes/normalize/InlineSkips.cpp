// Puts the region of a skip where the skip stood, on the rows of the tokens
// that it is for.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   seq.skip %chosen inputs(%x) { f }   =>   seq.dispatch, seq.embed (the
//   rows),
//                                            f, seq.combine (their return)
//
// Declines nothing.

#include "passes/normalize/Passes.h"

#include "dialects/seq/Seq.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_INLINESKIPS
#include "passes/normalize/Passes.h.inc"

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {
/// To go through and to be skipped are two experts, of which the second does
/// nothing: their dispatch orders the chosen tokens and counts them.
class Inliner {
public:
  explicit Inliner(seq::SkipOp skip)
      : skip(skip), b(skip.getLoc(), skip), chosen(skip.getChosen()),
        tokens(tensor::getMixedSize(b, b.getLoc(), chosen, 0)) {}

  void run() {
    orderTokens();
    IRMapping mapping;
    for (auto [input, argument] :
         llvm::zip_first(skip.getInputs(), skip.getBody().getArguments()))
      mapping.map(argument, takeRows(argument, input));
    mapping.map(
        skip.getBody().getArguments().take_back(skip.getStates().size()),
        skip.getStates());
    for (Operation &op : skip.getBody().front().without_terminator())
      inlineOp(op, mapping);
    SmallVector<Value> results;
    for (Value value : skip.getYield()->getOperands())
      results.push_back(mapping.lookupOrDefault(value));
    Value positions = choosePositions();
    for (unsigned i = 0; i != skip.getNumOutputs(); ++i)
      results[i] = returnRows(results[i], skip.getInputs()[i], positions);
    skip->replaceAllUsesWith(results);
    skip.erase();
  }

private:
  using Body = function_ref<Value(ValueRange)>;
  /// A map of rows: numbers of `chosen` and elements of the other inputs.
  Value mapRows(ValueRange others, RankedTensorType type, Body body) {
    SmallVector<Value> inputs{chosen};
    llvm::append_range(inputs, others);
    SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(2));
    maps.front() = maps.front().getMajorSubMap(1);
    SmallVector<OpFoldResult> sizes{tokens, b.getIndexAttr(type.getDimSize(1))};
    Value empty = tensor::EmptyOp::create(b, sizes, type.getElementType());
    SmallVector<utils::IteratorType> kinds(2, utils::IteratorType::parallel);
    auto map = linalg::GenericOp::create(
        b, empty.getType(), inputs, empty, maps, kinds,
        [&](OpBuilder &inner, Location, ValueRange arguments) {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(inner.getInsertionBlock(),
                              inner.getInsertionPoint());
          linalg::YieldOp::create(b, body(arguments));
        });
    return map.getResult(0);
  }

  /// One column of a number where a token is chosen and of another elsewhere.
  Value mark(TypedAttr there, TypedAttr elsewhere) {
    auto type = RankedTensorType::get({typeOf(chosen).getDimSize(0), 1},
                                      there.getType());
    return mapRows({}, type, [&](ValueRange a) -> Value {
      Value yes = arith::ConstantOp::create(b, there);
      Value no = arith::ConstantOp::create(b, elsewhere);
      return arith::SelectOp::create(b, a[0], yes, no);
    });
  }

  void orderTokens() {
    int64_t known = typeOf(chosen).getDimSize(0);
    Value experts = mark(b.getI32IntegerAttr(0), b.getI32IntegerAttr(1));
    Type i32 = b.getI32Type();
    auto dispatch = seq::DispatchOp::create(
        b, RankedTensorType::get({known}, i32), experts.getType(),
        RankedTensorType::get({3}, i32), experts, IntegerAttr());
    ordered = dispatch.getPositions();
    Value one = arith::ConstantIndexOp::create(b, 1);
    Value counted = tensor::ExtractOp::create(b, dispatch.getOffsets(), one);
    counted = arith::IndexCastOp::create(b, b.getIndexType(), counted);
    // Never less; it tells how much memory the rows can take.
    Value most = getValueOrCreateConstantIndexOp(b, b.getLoc(), tokens);
    count = arith::MinSIOp::create(b, counted, most);
    OpFoldResult zero = b.getIndexAttr(0), step = b.getIndexAttr(1);
    order = tensor::ExtractSliceOp::create(
        b, RankedTensorType::get({ShapedType::kDynamic}, i32),
        dispatch.getPairs(), ArrayRef(zero), ArrayRef<OpFoldResult>(count),
        ArrayRef(step));
  }

  Value takeRows(Value argument, Value input) {
    return seq::EmbedOp::create(b, argument.getType(), order, input);
  }

  /// The number of rows is known by its value, not by a tensor.
  void inlineOp(Operation &op, IRMapping &mapping) {
    auto dim = dyn_cast<tensor::DimOp>(op);
    bool countsRows = dim && dim.getConstantIndex() == 0 &&
                      isa<BlockArgument>(dim.getSource()) &&
                      dim.getSource().getParentRegion() == &skip.getBody() &&
                      typeOf(dim.getSource()).isDynamicDim(0);
    if (countsRows)
      mapping.map(dim.getResult(), count);
    else
      b.clone(op, mapping);
  }

  /// The places of the chosen tokens among the rows, -1 for the others.
  Value choosePositions() {
    return mapRows(ordered, typeOf(ordered), [&](ValueRange a) -> Value {
      Value none = arith::ConstantOp::create(b, b.getI32IntegerAttr(-1));
      return arith::SelectOp::create(b, a[0], a[1], none);
    });
  }

  Value returnRows(Value rows, Value input, Value positions) {
    if (!weights)
      weights = mark(b.getF32FloatAttr(1), b.getF32FloatAttr(0));
    Value spread =
        seq::CombineOp::create(b, input.getType(), rows, weights, positions);
    return mapRows({spread, input}, typeOf(input), [&](ValueRange a) -> Value {
      return arith::SelectOp::create(b, a[0], a[1], a[2]);
    });
  }

  seq::SkipOp skip;
  ImplicitLocOpBuilder b;
  Value chosen;
  OpFoldResult tokens;
  Value ordered, order, count, weights;
};

struct InlineSkips : impl::InlineSkipsBase<InlineSkips> {
  void runOnOperation() override {
    // Outer skips first: what they hold is then in the function's own block.
    SmallVector<seq::SkipOp> skips;
    auto collect = [&] {
      skips.clear();
      getOperation().walk<WalkOrder::PreOrder>([&](seq::SkipOp skip) {
        skips.push_back(skip);
        return WalkResult::skip();
      });
      return !skips.empty();
    };
    while (collect())
      for (seq::SkipOp skip : skips)
        Inliner(skip).run();
  }
};
} // namespace
} // namespace sennit
