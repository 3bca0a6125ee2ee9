// Matches softmax attention in plain linalg.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/normalize/AttentionTerms.h"

#include "passes/normalize/SeparableTerms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace sennit::normalize {

namespace {
/// A sum of products of two tensors.
struct Product {
  Reduction sum;
  OpOperand *left, *right;

  static std::optional<Product> match(Value tensor) {
    std::optional<Reduction> sum = Reduction::match(tensor);
    if (!sum || !sum->isSum())
      return std::nullopt;
    auto product = sum->element.getDefiningOp<arith::MulFOp>();
    if (!product)
      return std::nullopt;
    auto operand = [&](Value value) -> OpOperand * {
      if (auto widened = value.getDefiningOp<arith::ExtFOp>())
        value = widened.getIn();
      auto argument = dyn_cast<BlockArgument>(value);
      bool isInput = argument && argument.getOwner() == sum->op.getBody() &&
                     argument.getArgNumber() <
                         static_cast<unsigned>(sum->op.getNumDpsInputs());
      return isInput ? sum->op.getMatchingOpOperand(argument) : nullptr;
    };
    OpOperand *left = operand(product.getLhs()),
              *right = operand(product.getRhs());
    if (!left || !right)
      return std::nullopt;
    return Product{*sum, left, right};
  }
};

/// The op if it only casts each element, by `Cast`.
template <typename... Cast> static linalg::GenericOp getCast(Operation *op) {
  auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
  if (!generic || generic->getNumResults() != 1 ||
      generic.getNumDpsInputs() != 1 ||
      !llvm::all_of(generic.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return nullptr;
  Operation *cast =
      generic.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  return isa_and_nonnull<Cast...>(cast) &&
                 cast->getOperand(0) == generic.getBody()->getArgument(0)
             ? generic
             : nullptr;
}

/// Whether one op reads a tensor, and each cast that it came through too.
static bool isReadOnce(Value tensor) {
  while (tensor.hasOneUse()) {
    auto cast = getCast<arith::TruncFOp, arith::ExtFOp>(tensor.getDefiningOp());
    if (!cast)
      return true;
    tensor = cast.getInputs().front();
  }
  return false;
}

/// The steps of the match; each fails with `reason` once it looks like
/// attention.
class Matcher {
public:
  Matcher(Product last, std::string &reason)
      : last(last), reason(reason), context(last.sum.op.getContext()),
        loops(last.sum.op.getNumLoops() + 1),
        key(getAffineDimExpr(last.sum.loop, context)),
        depth(getAffineDimExpr(loops - 1, context)) {}

  std::optional<SoftmaxAttention> match(OpOperand *weights, OpOperand *values) {
    found.output = last.sum.op.getResult(0);
    found.outputMap = widen(last.sum.op.getIndexingMapsArray().back());
    if (!matchSoftmax(tracer.trace(weights->get(), mapOf(weights))))
      return std::nullopt;
    found.values = see(values->get(), mapOf(values));
    if (!matchScore() || !sortLoops())
      return std::nullopt;
    if (!isReadOnce(weights->get())) {
      reason = "something else reads the softmax's weights, so they are stored "
               "anyway";
      return std::nullopt;
    }
    return found;
  }

private:
  bool decline(const char *why) {
    reason = why;
    return false;
  }

  AffineMap widen(AffineMap map) {
    return AffineMap::get(loops, 0, map.getResults(), context);
  }
  AffineMap mapOf(OpOperand *operand) {
    return widen(last.sum.op.getMatchingIndexingMap(operand));
  }

  /// The tensor behind maps that only rename dimensions. Inserted dimensions
  /// stay: they may be the only sequence or head.
  Operand see(Value tensor, AffineMap map) {
    TermPtr term = Tracer().trace(tensor, map);
    return term->isElement() ? Operand{term->value, term->map}
                             : Operand{tensor, map};
  }

  /// The maximum or the sums over the keys among the leaves of a term.
  void collectReductions(const Term &term, const Term *&most,
                         DenseSet<Value> &statistics) {
    std::optional<Reduction> merged =
        term.isElement() && !term.map.isFunctionOfDim(last.sum.loop)
            ? Reduction::match(term.value)
            : std::nullopt;
    if (merged && (merged->isMaximum() || merged->isSum()))
      statistics.insert(term.value);
    if (merged && merged->isMaximum())
      most = &term;
    for (const TermPtr &child : term.children)
      collectReductions(*child, most, statistics);
  }

  /// Whether a term is exp(s - m), but for factors that wait for the end.
  static bool isExponential(const std::optional<Monomials> &form) {
    return form && form->size() == 1 && form->front().power == 0 &&
           std::fabs(form->front().rate - 1) < 1e-6 &&
           form->front().coefficient == 1 && form->front().elements.empty();
  }

  /// The sum l of a factor 1 / l, behind exp(log(l)) and the guard of rows that
  /// see nothing.
  static const Term &findDivisor(const Term &factor) {
    bool isLogarithm =
        factor.is<math::ExpOp>() && factor.children[0]->is<math::LogOp>();
    const Term &term = isLogarithm ? *factor.children[0]->children[0] : factor;
    return unguard(term, 0, 1);
  }

  /// The weights are exp(s - m) / l: an exponential about the maximum, whose
  /// sum and whose products with values have one correction, and what is
  /// divided behind the loop.
  bool matchSoftmax(const TermPtr &weight) {
    const Term *most = nullptr;
    DenseSet<Value> statistics;
    collectReductions(*weight, most, statistics);
    if (!most)
      return false;
    Reduction maximum = *Reduction::match(most->value);
    found.score = maximum.traceElement(tracer, most->map, key);
    Centre centre{seq::CorrectableReduction::Statistic::Max, found.score,
                  most->value, double(getExtent(last.sum.loop))};
    Separator separator(key, most->map, statistics, centre);
    std::optional<Monomials> form = separator.separate(weight, reason);
    if (!form)
      return false;
    if (!isExponential(form) || form->front().statistics.size() != 1 ||
        !form->front().statistics.front().isInverse)
      return decline("the weights are no exponentials divided by one sum");
    const Term &divisor = findDivisor(*form->front().statistics.front().term);
    std::optional<Reduction> sum =
        divisor.isElement() ? Reduction::match(divisor.value) : std::nullopt;
    if (!sum || !sum->isSum())
      return decline("exponentials are divided by something else than a sum");
    form =
        separator.separate(sum->traceElement(tracer, divisor.map, key), reason);
    if (!isExponential(form) || !form->front().statistics.empty())
      return decline("the divisor is not the sum of the same exponentials, so "
                     "it has no common correction with them");
    return true;
  }

  /// The first product of two tensors in the score that runs along the keys.
  const Term *findProduct(const Term &term) {
    if (term.isElement() && Product::match(term.value) &&
        term.map.isFunctionOfDim(last.sum.loop))
      return &term;
    for (const TermPtr &child : term.children)
      if (const Term *product = findProduct(*child))
        return product;
    return nullptr;
  }

  bool matchScore() {
    found.product = findProduct(*found.score);
    if (!found.product)
      return decline("the scores hold no product of queries and keys");
    std::optional<Product> product = Product::match(found.product->value);
    AffineMap own = product->sum.inLoopsOf(found.product->map, depth);
    Operand sides[2];
    for (auto [side, operand] :
         llvm::zip(sides, ArrayRef<OpOperand *>{product->left, product->right}))
      side = see(operand->get(),
                 product->sum.op.getMatchingIndexingMap(operand).compose(own));
    bool isSwapped = sides[0].map.isFunctionOfDim(last.sum.loop);
    found.keys = sides[isSwapped ? 0 : 1];
    found.queries = sides[isSwapped ? 1 : 0];
    return true;
  }

  int64_t getExtent(unsigned loop) {
    return last.sum.op.getStaticLoopRanges()[loop];
  }

  static bool isLoop(const Term &term, unsigned loop) {
    return term.kind == Term::Kind::Index &&
           term.map.getResult(0) ==
               getAffineDimExpr(loop, term.map.getContext());
  }

  /// j <= i ? score : -inf is a side of the window and needs no region.
  void matchCausal() {
    const Term &term = *found.score;
    if (!term.is<arith::SelectOp>() ||
        !isNumber(*term.children[2], -std::numeric_limits<double>::infinity()))
      return;
    const Term &condition = *term.children[0];
    auto compare = dyn_cast_or_null<arith::CmpIOp>(condition.op);
    if (!compare)
      return;
    bool isUpper = compare.getPredicate() == arith::CmpIPredicate::sle,
         isLower = compare.getPredicate() == arith::CmpIPredicate::sge;
    if (!(isUpper || isLower) ||
        !isLoop(*condition.children[isUpper ? 0 : 1], found.key) ||
        !isLoop(*condition.children[isUpper ? 1 : 0], found.query))
      return;
    found.isCausal = true;
    found.score = TermPtr(term.children[1]);
  }

  /// A constant factor alone needs no region.
  void matchScale() {
    const Term &term = *found.score;
    if (!term.is<arith::MulFOp>())
      return;
    for (unsigned i : {0, 1}) {
      std::optional<APFloat> factor = getConstant(*term.children[1 - i]);
      if (term.children[i].get() != found.product || !factor)
        continue;
      found.scale = factor->convertToFloat();
      found.score = TermPtr(term.children[i]);
      return;
    }
  }

  /// Gives each loop its part, by who runs along it.
  bool sortLoops() {
    found.key = last.sum.loop;
    found.depth = loops - 1;
    SmallVector<unsigned> queries, columns;
    for (unsigned loop = 0; loop != loops; ++loop) {
      bool q = found.queries.map.isFunctionOfDim(loop),
           k = found.keys.map.isFunctionOfDim(loop),
           v = found.values.map.isFunctionOfDim(loop);
      if (loop == found.key ? (q || !k || !v) : false)
        return decline("queries run along the keys");
      if (loop == found.depth ? (!q || !k || v) : false)
        return decline("the depth of the scores' product is not its own");
      if (loop == found.key || loop == found.depth)
        continue;
      if (q && k && v)
        found.heads.push_back(loop);
      else if (q && !k && !v)
        queries.push_back(loop);
      else if (v && !q && !k)
        columns.push_back(loop);
      else
        return decline("a dimension is shared by two of queries, keys and "
                       "values");
    }
    return matchParts(queries, columns);
  }

  /// One type of operands, to which the result is rounded, if it has more bits.
  bool matchTypes() {
    Type element = getElementTypeOrSelf(found.queries.tensor.getType());
    if (!element.isF32() && !element.isF16() && !element.isBF16())
      return decline("queries are not of f32, f16 or bf16");
    for (Value tensor : {found.keys.tensor, found.values.tensor})
      if (getElementTypeOrSelf(tensor.getType()) != element)
        return decline("queries, keys and values are of several types");
    if (element.isF32() && tracer.hasRounded())
      return decline("scores or weights of f32 operands are rounded");
    bool canWiden = true;
    visitTerms(*found.score, [&](const Term &term) {
      canWiden &= !term.op || TermEmitter::canWiden(term.op);
    });
    if (!canWiden)
      return decline("an op between product and softmax means something else "
                     "of f32");
    if (getElementTypeOrSelf(found.output.getType()) == element)
      return true;
    SmallVector<Operation *> users(found.output.getUsers());
    for (size_t i = 0; i != users.size(); ++i) {
      if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(users[i])) {
        llvm::append_range(users, users[i]->getUsers());
        continue;
      }
      auto rounding = getCast<arith::TruncFOp>(users[i]);
      if (!rounding ||
          getElementTypeOrSelf(rounding.getResult(0).getType()) != element)
        return decline("the result has more bits than queries, keys and "
                       "values, and something reads them");
      if (rounding.getInputs().front() == found.output)
        found.roundings.push_back(rounding);
    }
    return true;
  }

  /// Tokens may be counted at run time, where there is one sequence.
  bool matchExtents() {
    bool isOne = llvm::all_of(
        found.sequences, [&](unsigned loop) { return getExtent(loop) == 1; });
    for (const Operand &operand : {found.queries, found.keys, found.values}) {
      auto type = cast<RankedTensorType>(operand.tensor.getType());
      for (auto [dim, expr] : llvm::enumerate(operand.map.getResults())) {
        unsigned loop = cast<AffineDimExpr>(expr).getPosition();
        if (!type.isDynamicDim(dim))
          continue;
        if (loop != found.query && loop != found.key)
          return decline("an extent other than that of tokens is not static");
        if (!isOne)
          return decline("the tokens of several sequences are counted at run "
                         "time");
        found.isOneSequence = !found.sequences.empty();
      }
    }
    return true;
  }

  bool matchParts(SmallVector<unsigned> queries, ArrayRef<unsigned> columns) {
    for (AffineMap map : {found.queries.map, found.keys.map, found.values.map})
      if (!map.isProjectedPermutation())
        return decline("queries, keys or values are read along sums of loops");
    if (!matchTypes())
      return false;
    if (found.heads.size() == 2) {
      found.sequences.push_back(found.heads.front());
      found.heads.erase(found.heads.begin());
    }
    // With two loops over queries alone, the shorter is a group of heads.
    if (queries.size() == 2) {
      // What is counted at run time is the longer.
      auto length = [&](unsigned loop) { return uint64_t(getExtent(loop)); };
      unsigned shorter = length(queries[0]) < length(queries[1]) ? 0 : 1;
      found.groups.push_back(queries[shorter]);
      queries.erase(queries.begin() + shorter);
    }
    if (found.heads.size() > 1 || queries.size() != 1 || columns.size() != 1)
      return decline("there are more dimensions than sequences, heads, "
                     "queries, keys and components");
    found.query = queries.front();
    found.column = columns.front();
    if (!matchExtents())
      return false;
    matchCausal();
    matchScale();
    if (!found.groups.empty() && readsHeads(*found.score))
      return decline("the score region would read at a group of heads");
    return true;
  }

  /// Whether a leaf other than the product runs along the heads.
  bool readsHeads(const Term &term) {
    if (&term != found.product && term.map)
      for (unsigned loop : llvm::concat<unsigned>(found.heads, found.groups))
        if (term.map.isFunctionOfDim(loop))
          return true;
    return llvm::any_of(term.children, [&](const TermPtr &child) {
      return readsHeads(*child);
    });
  }

  Product last;
  std::string &reason;
  MLIRContext *context;
  /// Loops of the last product and the depth of the first; the keys' one.
  unsigned loops;
  AffineExpr key, depth;
  Tracer tracer{/*seesBehindReshapes=*/true, /*seesBehindRoundings=*/true};
  SoftmaxAttention found;
};
} // namespace

std::optional<SoftmaxAttention>
SoftmaxAttention::match(linalg::GenericOp product, std::string &reason) {
  if (product->getNumResults() != 1)
    return std::nullopt;
  std::optional<Product> last = Product::match(product.getResult(0));
  if (!last)
    return std::nullopt;
  if (auto found = Matcher(*last, reason).match(last->left, last->right))
    return found;
  if (!reason.empty())
    return std::nullopt;
  return Matcher(*last, reason).match(last->right, last->left);
}

} // namespace sennit::normalize
