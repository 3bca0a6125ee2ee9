// Recognises softmax attention in plain linalg and writes it as seq.attention.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   s = f(q k^T);  m = max_j s;  l = sum_j exp(s - m)   =>   o = seq.attention
//   o = sum_j exp(s - m) / l * v                             q, k, v score { f
//   }
//
// The three reductions over j merge into one loop because each has a
// correction: sums of exp(s - m) times anything change by exp(m - m') when the
// maximum moves from m to m', and the division by l waits for the end. Declines
// where the exponent's shift is not the maximum of the same scores, where the
// divisor is not the sum of the same exponentials, and where something else
// reads the weights, which are then stored anyway. Of operands of 16 bits, what
// rounds scores and weights to as many falls away, as in the op.

#include "passes/normalize/AttentionTerms.h"
#include "passes/normalize/Passes.h"

#include "dialects/seq/Seq.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace sennit::normalize;

namespace sennit {
#define GEN_PASS_DEF_RAISEATTENTION
#include "passes/normalize/Passes.h.inc"

namespace {
/// Builds the op for a matched computation, at the place of its last product.
class Raiser {
public:
  explicit Raiser(const SoftmaxAttention &found)
      : found(found), b(found.output.getLoc(), found.output.getDefiningOp()) {}

  Value build() {
    SmallVector<unsigned> q = found.sequences, k = found.sequences;
    q.push_back(found.query);
    q.append(found.heads);
    q.append(found.groups);
    k.push_back(found.key);
    k.append(found.heads);
    SmallVector<unsigned> v = k, o = q;
    q.push_back(found.depth);
    k.push_back(found.depth);
    v.push_back(found.column);
    o.push_back(found.column);
    Value query = take(found.queries, q);
    auto attention = seq::AttentionOp::create(
        b, query, take(found.keys, k), take(found.values, v), /*past=*/nullptr,
        /*lengths=*/nullptr, /*sinks=*/nullptr, /*caches=*/ValueRange{},
        /*pages=*/nullptr, captures, b.getF32FloatAttr(found.scale),
        /*value_width=*/nullptr, /*window_left=*/nullptr,
        found.isCausal ? b.getI64IntegerAttr(0) : nullptr);
    buildScore(attention);
    return restore(attention.getOutput(), o);
  }

  /// The output as wide as the matched result is.
  Value widenElements(Value output) {
    auto wide = cast<RankedTensorType>(output.getType()).clone(b.getF32Type());
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), output);
    Value empty = tensor::EmptyOp::create(b, sizes, b.getF32Type());
    SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(wide.getRank()));
    SmallVector<utils::IteratorType> kinds(wide.getRank(),
                                           utils::IteratorType::parallel);
    auto generic = linalg::GenericOp::create(
        b, empty.getType(), output, empty, maps, kinds,
        [&](OpBuilder &nested, Location loc, ValueRange elements) {
          Value element = arith::ExtFOp::create(nested, loc, b.getF32Type(),
                                                elements.front());
          linalg::YieldOp::create(nested, loc, element);
        });
    return generic.getResult(0);
  }

private:
  /// An operand as the op has it. The tokens of a batch must be static, so that
  /// its one sequence goes without.
  Value take(const Operand &operand, ArrayRef<unsigned> dims) {
    Value tensor = joinHeads(arrange(operand, dims));
    return found.isOneSequence
               ? Value(tensor::CollapseShapeOp::create(b, tensor, oneSequence))
               : tensor;
  }
  /// The tensor with its dimensions in the order of `dims`.
  Value arrange(const Operand &operand, ArrayRef<unsigned> dims) {
    SmallVector<int64_t> order;
    for (unsigned dim : dims)
      for (auto [position, expr] : llvm::enumerate(operand.map.getResults()))
        if (cast<AffineDimExpr>(expr).getPosition() == dim)
          order.push_back(position);
    return transpose(operand.tensor, order);
  }

  Value transpose(Value tensor, ArrayRef<int64_t> order) {
    if (llvm::is_sorted(order))
      return tensor;
    auto type = cast<RankedTensorType>(tensor.getType());
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), tensor);
    SmallVector<OpFoldResult> turned =
        llvm::map_to_vector(order, [&](int64_t dim) { return sizes[dim]; });
    Value empty = tensor::EmptyOp::create(b, turned, type.getElementType());
    // The result's map is the identity, so that it is an elementwise op.
    auto from = AffineMap::getPermutationMap(order, b.getContext());
    auto generic = linalg::GenericOp::create(
        b, empty.getType(), tensor, empty,
        ArrayRef<AffineMap>{
            inversePermutation(from),
            AffineMap::getMultiDimIdentityMap(order.size(), b.getContext())},
        SmallVector<utils::IteratorType>(order.size(),
                                         utils::IteratorType::parallel),
        [](OpBuilder &nested, Location loc, ValueRange elements) {
          linalg::YieldOp::create(nested, loc, elements.front());
        });
    return generic.getResult(0);
  }

  /// Groups of dimensions of a tensor [sequences, token, heads.., width] as the
  /// op has them: all heads are one dimension.
  SmallVector<ReassociationIndices> getGroups(int64_t rank) {
    SmallVector<ReassociationIndices> groups;
    int64_t next = 0;
    for (size_t i = 0; i != found.sequences.size() + 1; ++i)
      groups.push_back({next++});
    groups.emplace_back();
    while (next != rank - 1)
      groups.back().push_back(next++);
    groups.push_back({next});
    return groups;
  }

  Value joinHeads(Value tensor) {
    auto type = cast<RankedTensorType>(tensor.getType());
    int64_t plain = found.sequences.size() + 2, rank = type.getRank();
    if (rank == plain + 1)
      return tensor;
    if (rank > plain)
      return tensor::CollapseShapeOp::create(b, tensor, getGroups(rank));
    // A single head without a dimension of its own.
    SmallVector<int64_t> shape(type.getShape());
    shape.insert(shape.end() - 1, 1);
    SmallVector<ReassociationIndices> groups;
    for (int64_t dim = 0; dim + 1 != rank; ++dim)
      groups.push_back({dim});
    groups.back().push_back(rank - 1);
    groups.push_back({rank});
    return tensor::ExpandShapeOp::create(
        b, RankedTensorType::get(shape, type.getElementType()), tensor, groups);
  }

  /// The op's output with the heads apart, in the order of the matched result.
  Value restore(Value output, ArrayRef<unsigned> dims) {
    auto wanted = cast<RankedTensorType>(found.output.getType());
    SmallVector<int64_t> shape, order(dims.size());
    for (auto [position, dim] : llvm::enumerate(dims))
      for (auto [place, expr] : llvm::enumerate(found.outputMap.getResults()))
        if (cast<AffineDimExpr>(expr).getPosition() == dim) {
          shape.push_back(wanted.getDimSize(place));
          order[place] = position;
        }
    int64_t rank = dims.size();
    if (found.isOneSequence) {
      auto own = cast<RankedTensorType>(output.getType());
      SmallVector<int64_t> batch(own.getShape());
      batch.insert(batch.begin(), 1);
      output = tensor::ExpandShapeOp::create(b, own.clone(batch), output,
                                             oneSequence);
    }
    auto type = RankedTensorType::get(shape, getElementTypeOrSelf(output));
    int64_t own = cast<RankedTensorType>(output.getType()).getRank();
    if (own < rank)
      output = tensor::ExpandShapeOp::create(b, type, output, getGroups(rank));
    if (own > rank) {
      SmallVector<ReassociationIndices> groups;
      for (int64_t dim = 0; dim + 1 != rank; ++dim)
        groups.push_back({dim});
      groups.back().push_back(rank - 1);
      groups.push_back({rank});
      output = tensor::CollapseShapeOp::create(b, output, groups);
    }
    return transpose(output, order);
  }

  //===--------------------------------------------------------------------===//
  // The score region
  //===--------------------------------------------------------------------===//

  static bool isConstant(const Term &term) {
    Operation *op = term.value.getDefiningOp();
    return op && op->hasTrait<OpTrait::ConstantLike>();
  }

  void collectCaptures(const Term &term) {
    if (!visited.insert(&term).second)
      return;
    bool isCaptured = (term.isElement() && &term != found.product) ||
                      (term.kind == Term::Kind::Scalar && !isConstant(term));
    if (isCaptured && !llvm::is_contained(captures, term.value))
      captures.push_back(term.value);
    for (const TermPtr &child : term.children)
      collectCaptures(*child);
  }

  void buildScore(seq::AttentionOp attention) {
    if (found.score.get() == found.product)
      return;
    collectCaptures(*found.score);
    attention.getCapturesMutable().assign(captures);
    OpBuilder::InsertionGuard guard(b);
    SmallVector<Type> types(5, b.getIndexType());
    types.front() = b.getF32Type();
    llvm::append_range(types, ValueRange(captures).getTypes());
    Block *block =
        b.createBlock(&attention.getScore(), {}, types,
                      SmallVector<Location>(types.size(), b.getLoc()));
    TermEmitter emitter(b,
                        [&](const Term &term) { return leaf(term, *block); });
    seq::YieldOp::create(b, emitter.emit(*found.score));
  }

  /// The region's index for a loop.
  Value getIndex(AffineExpr expr, Block &block) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      return arith::ConstantIndexOp::create(b, constant.getValue());
    unsigned dim = cast<AffineDimExpr>(expr).getPosition();
    if (dim == found.query)
      return block.getArgument(3);
    if (dim == found.key)
      return block.getArgument(4);
    return block.getArgument(llvm::is_contained(found.sequences, dim) ? 1 : 2);
  }

  /// What the region has of the computation outside.
  Value leaf(const Term &term, Block &block) {
    if (&term == found.product)
      return block.getArgument(0);
    if (term.kind == Term::Kind::Index)
      return getIndex(term.map.getResult(0), block);
    auto *position = llvm::find(captures, term.value);
    Value captured = block.getArgument(5 + (position - captures.begin()));
    if (!term.isElement())
      return widen(captured);
    SmallVector<Value> indices;
    for (AffineExpr expr : term.map.getResults())
      indices.push_back(getIndex(expr, block));
    return widen(tensor::ExtractOp::create(b, captured, indices));
  }

  Value widen(Value number) {
    Type type = number.getType();
    bool isNarrow = isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32;
    return isNarrow ? arith::ExtFOp::create(b, b.getF32Type(), number) : number;
  }

  const SoftmaxAttention &found;
  ImplicitLocOpBuilder b;
  const SmallVector<ReassociationIndices> oneSequence{{0, 1}, {2}, {3}};
  SmallVector<Value> captures;
  DenseSet<const Term *> visited;
};

struct RaiseAttention : impl::RaiseAttentionBase<RaiseAttention> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> products;
    getOperation().walk([&](linalg::GenericOp op) { products.push_back(op); });
    auto options = remark::RemarkOpts::name("RaiseAttention").category("fuse");
    DenseSet<Operation *> erased;
    for (linalg::GenericOp product : products) {
      if (erased.contains(product))
        continue;
      std::string reason;
      std::optional<SoftmaxAttention> found =
          SoftmaxAttention::match(product, reason);
      if (!found) {
        if (!reason.empty())
          remark::missed(product.getLoc(), options) << reason;
        continue;
      }
      remark::passed(product.getLoc(), options)
          << "three reductions over the keys become one loop";
      Raiser raiser(*found);
      Value output = raiser.build(), wide = product.getResult(0);
      for (linalg::GenericOp rounding : found->roundings)
        rounding.getResult(0).replaceAllUsesWith(output);
      // What is left reads through views.
      if (output.getType() != wide.getType())
        output = raiser.widenElements(output);
      wide.replaceAllUsesWith(output);
      for (Operation &op :
           llvm::make_early_inc_range(llvm::reverse(*product->getBlock())))
        if (isa<linalg::LinalgOp, tensor::ExpandShapeOp>(op) &&
            isOpTriviallyDead(&op)) {
          erased.insert(&op);
          op.erase();
        }
    }
  }
};
} // namespace
} // namespace sennit
