// Merges cascades of reductions over one axis into one loop.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   m = max_j x;  l = sum_j exp(x - m)   =>   m, l = linalg.generic { one loop:
//     m' = max(m, x);  l' = l exp(m - m') + exp(x - m') }
//
// Declines reductions whose partial results have no correction, with the
// reason, and rows that stay in the nearest cache between two passes.

#include "passes/normalize/Cascades.h"
#include "passes/normalize/Passes.h"

#include "dialects/machine/Machine.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace sennit::normalize;

namespace sennit {
#define GEN_PASS_DEF_MERGEREDUCTIONS
#include "passes/normalize/Passes.h.inc"

using Correctable = seq::CorrectableReduction;
using Statistic = Correctable::Statistic;

/// The product of factors times `value`, which may be null for one.
static Value multiply(OpBuilder &b, Location loc, Value value,
                      ArrayRef<Factor> factors, TermEmitter &terms) {
  for (const Factor &factor : factors) {
    Value other = terms.emit(*factor.term);
    if (factor.isInverse && !value)
      value =
          arith::ConstantOp::create(b, loc, b.getFloatAttr(other.getType(), 1));
    if (!value)
      value = other;
    else if (factor.isInverse)
      value = arith::DivFOp::create(b, loc, value, other);
    else
      value = arith::MulFOp::create(b, loc, value, other);
  }
  return value;
}

namespace {
/// Tensors that a body reads, each once, and the places at which it does.
class Reads {
public:
  /// Adds what `whole` reads.
  void collect(const Term &whole) {
    visitTerms(whole, [&](const Term &term) {
      if (term.isElement() && !llvm::is_contained(list, key(term)))
        list.push_back(key(term));
    });
  }
  void collect(ArrayRef<Factor> factors) {
    for (const Factor &factor : factors)
      collect(*factor.term);
  }
  /// The values of leaves in a body whose first arguments are these reads.
  TermEmitter::Leaf leaf(OpBuilder &b, Location loc, ValueRange arguments,
                         AffineMap loops) {
    return [this, &b, loc, arguments, loops](const Term &term) -> Value {
      if (term.isElement())
        return arguments[llvm::find(list, key(term)) - list.begin()];
      if (term.kind != Term::Kind::Index)
        return term.value;
      AffineExpr at = term.map.compose(loops).getResult(0);
      if (auto constant = dyn_cast<AffineConstantExpr>(at))
        return arith::ConstantIndexOp::create(b, loc, constant.getValue());
      return linalg::IndexOp::create(b, loc,
                                     cast<AffineDimExpr>(at).getPosition());
    };
  }

  SmallVector<std::pair<Value, AffineMap>> list;

private:
  static std::pair<Value, AffineMap> key(const Term &term) {
    return {term.value, term.map};
  }
};

/// Writes a cascade as one loop, and its members as maps of its sums.
class Merger {
public:
  Merger(Cascade &cascade, llvm::MapVector<Value, Value> &replaced)
      : cascade(cascade), replaced(replaced), first(cascade.first.op),
        b(first.getLoc(), first), type(cascade.first.element.getType()) {}

  void merge() {
    linalg::GenericOp merged = buildLoop();
    replaced[first.getResult(0)] = merged.getResult(0);
    for (CascadeMember &member : cascade.members)
      replaced[member.reduction.op.getResult(0)] = finish(member, merged);
  }

private:
  /// What is left of a tensor that terms read.
  Value getLatest(Value tensor) {
    Value latest = replaced.lookup(tensor);
    return latest ? latest : tensor;
  }

  Value constant(double value) {
    return arith::ConstantOp::create(b, b.getFloatAttr(type, value));
  }

  linalg::GenericOp buildLoop() {
    reads.collect(*cascade.element);
    for (const CascadeSum &sum : cascade.sums)
      reads.collect(sum.elements);
    SmallVector<Value> inputs, inits{first.getDpsInits().front()};
    SmallVector<AffineMap> maps;
    for (auto &[tensor, map] : reads.list) {
      inputs.push_back(getLatest(tensor));
      maps.push_back(map);
    }
    auto start = inits.front().getDefiningOp<linalg::FillOp>();
    Value zero =
        linalg::FillOp::create(b, constant(0), start.getOutputs()).getResult(0);
    inits.append(cascade.sums.size(), zero);
    maps.append(inits.size(), cascade.at);
    auto merged = linalg::GenericOp::create(
        b, TypeRange(ValueRange(inits)), inputs, inits, maps,
        first.getIteratorTypesArray(),
        [&](OpBuilder &nested, Location loc, ValueRange arguments) {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToEnd(nested.getInsertionBlock());
          linalg::YieldOp::create(
              b, buildStep(arguments.take_front(inputs.size()),
                           arguments.drop_front(inputs.size())));
        });
    merged->setAttr(seq::kCorrectedAttrName, b.getUnitAttr());
    return merged;
  }

  /// Statistics before and after one element: the maximum, or count and sum.
  SmallVector<Value> getStatistic(ValueRange results) {
    if (cascade.centre->statistic == Statistic::Max)
      return {results[0]};
    return {results[1 + *cascade.findSum({})], results[0]};
  }

  /// What the results are after one element more.
  SmallVector<Value> buildStep(ValueRange inputs, ValueRange before) {
    Location loc = b.getLoc();
    TermEmitter terms(b, reads.leaf(b, loc, inputs,
                                    AffineMap::getMultiDimIdentityMap(
                                        first.getNumLoops(), b.getContext())));
    Value x = terms.emit(*cascade.element);
    Operation *plus = b.clone(*cascade.first.merge);
    plus->setOperands({before[0], x});
    SmallVector<Value> after(before);
    after[0] = plus->getResult(0);
    Value d, u;
    if (cascade.isRunning()) {
      bool isMean = cascade.centre->statistic == Statistic::Mean;
      if (isMean) {
        unsigned count = 1 + *cascade.findSum({});
        after[count] = arith::AddFOp::create(b, before[count], constant(1));
      }
      Value old = Correctable::getCentre(b, loc, cascade.centre->statistic,
                                         getStatistic(before));
      Value centre = Correctable::getCentre(b, loc, cascade.centre->statistic,
                                            getStatistic(after));
      d = arith::SubFOp::create(b, old, centre);
      u = arith::SubFOp::create(b, x, centre);
    }
    for (auto [i, sum] : llvm::enumerate(cascade.sums))
      if (after[1 + i] == before[1 + i])
        after[1 + i] = addElement(sum, before.drop_front(), d, u, terms);
    return after;
  }

  /// The corrected sum and one element more.
  Value addElement(const CascadeSum &sum, ValueRange before, Value d, Value u,
                   TermEmitter &terms) {
    Location loc = b.getLoc();
    Correctable correctable(cascade.centre->statistic, sum.rate);
    SmallVector<Value> powers;
    for (unsigned k = 0; k <= sum.power; ++k) {
      auto place = cascade.findSum({sum.rate, k, sum.elements});
      powers.push_back(place ? before[*place] : nullptr);
    }
    Value acted = powers.front(), lifted;
    if (sum.isCentred()) {
      acted =
          correctable.act(b, loc, correctable.getFactor(b, loc, d), d, powers);
      lifted = correctable.lift(b, loc, u, sum.power);
    }
    lifted = multiply(b, loc, lifted, sum.elements, terms);
    if (!lifted)
      lifted = constant(1);
    return arith::AddFOp::create(b, acted, lifted);
  }

  //===--------------------------------------------------------------------===//
  // What follows the loop
  //===--------------------------------------------------------------------===//

  /// The member's result: its sums, by their coefficients.
  Value finish(CascadeMember &member, linalg::GenericOp merged) {
    auto isPlain = [](const Monomial &part) {
      return part.coefficient == 1 && part.statistics.empty();
    };
    if (member.form.size() == 1 && isPlain(member.form.front()))
      return merged.getResult(1 + member.sums.front());
    Reads statistics;
    for (const Monomial &part : member.form)
      statistics.collect(part.statistics);
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    AffineMap loops = getLoopsOfResults();
    for (auto &[tensor, map] : statistics.list) {
      inputs.push_back(getLatest(tensor));
      maps.push_back(map.compose(loops));
    }
    for (unsigned sum : member.sums)
      inputs.push_back(merged.getResult(1 + sum));
    Value init = merged.getDpsInits().back();
    unsigned rank = cascade.at.getNumResults();
    maps.append(member.sums.size() + 1,
                AffineMap::getMultiDimIdentityMap(rank, b.getContext()));
    auto map = linalg::GenericOp::create(
        b, init.getType(), inputs, init, maps,
        SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
        [&](OpBuilder &nested, Location loc, ValueRange arguments) {
          TermEmitter terms(nested,
                            statistics.leaf(nested, loc, arguments, loops));
          ValueRange sums = arguments.drop_front(statistics.list.size());
          Value total;
          for (auto [part, sum] : llvm::zip(member.form, sums)) {
            Value value = multiply(nested, loc, sum, part.statistics, terms);
            if (part.coefficient != 1)
              value = arith::MulFOp::create(
                  nested, loc, value,
                  arith::ConstantOp::create(
                      nested, loc,
                      nested.getFloatAttr(type, part.coefficient)));
            total =
                total ? Value(arith::AddFOp::create(nested, loc, total, value))
                      : value;
          }
          linalg::YieldOp::create(nested, loc, total);
        });
    return map.getResult(0);
  }

  /// The loops of the cascade, but for its axis, in those of its results.
  AffineMap getLoopsOfResults() {
    SmallVector<AffineExpr> loops(first.getNumLoops(),
                                  b.getAffineConstantExpr(0));
    for (auto [position, expr] : llvm::enumerate(cascade.at.getResults()))
      loops[cast<AffineDimExpr>(expr).getPosition()] =
          b.getAffineDimExpr(position);
    return AffineMap::get(cascade.at.getNumResults(), 0, loops, b.getContext());
  }

  Cascade &cascade;
  llvm::MapVector<Value, Value> &replaced;
  linalg::GenericOp first;
  ImplicitLocOpBuilder b;
  Type type;
  Reads reads;
};

struct MergeReductions : impl::MergeReductionsBase<MergeReductions> {
  using MergeReductionsBase::MergeReductionsBase;

  void runOnOperation() override {
    getOperation().walk([&](func::FuncOp function) {
      if (!function.isDeclaration())
        mergeIn(function);
    });
  }

  /// What of a row stays in reach between two passes over it.
  int64_t getCacheBytes() {
    auto core = getOperation()->getAttrOfType<machine::CoreAttr>(
        machine::kTargetAttrName);
    return cacheBytes >= 0 || !core ? int64_t(cacheBytes) : core.getL1Bytes();
  }

  void mergeIn(func::FuncOp function) {
    DominanceInfo dominance(function);
    std::vector<Cascade> cascades;
    for (auto op : function.getBody().front().getOps<linalg::GenericOp>())
      if (auto reduction = op->getNumResults() == 1
                               ? Reduction::match(op.getResult(0))
                               : std::nullopt)
        assign(*reduction, cascades, dominance);
    llvm::MapVector<Value, Value> replaced;
    for (Cascade &cascade : cascades)
      if (!cascade.members.empty())
        Merger(cascade, replaced).merge();
    for (auto [old, result] : replaced)
      old.replaceAllUsesWith(result);
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (isa<linalg::LinalgOp>(op) && isOpTriviallyDead(&op))
        op.erase();
  }

  /// Lets a reduction join the cascade that it reads, or begin one.
  void assign(Reduction reduction, std::vector<Cascade> &cascades,
              const DominanceInfo &dominance) {
    auto options = remark::RemarkOpts::name("MergeReductions").category("fuse");
    Location loc = reduction.op.getLoc();
    DenseSet<Value> sources = getSources(reduction);
    for (Cascade &cascade : cascades) {
      if (llvm::none_of(sources,
                        [&](Value source) { return cascade.owns(source); }))
        continue;
      std::string reason = whyInReach(cascade);
      if (reason.empty() && cascade.join(reduction, dominance, reason)) {
        remark::passed(loc, options)
            << (cascade.isRunning()
                    ? "joins the loop of the statistic that it reads, which "
                      "corrects it"
                    : "joins the loop of the statistic that it reads, by which "
                      "it is scaled at the end");
        return;
      }
      remark::missed(loc, options) << reason;
      break;
    }
    if (auto cascade = Cascade::begin(reduction))
      cascades.push_back(std::move(*cascade));
  }

  std::string whyInReach(const Cascade &cascade) {
    int64_t extent = cascade.getExtent(), cache = getCacheBytes();
    auto first = cascade.first;
    int64_t bytes =
        extent * first.element.getType().getIntOrFloatBitWidth() / 8;
    if (ShapedType::isDynamic(extent) || bytes > cache)
      return "";
    return "rows of " + std::to_string(bytes) + " bytes stay in " +
           std::to_string(cache) + " bytes of cache between two passes";
  }

  /// The tensors of which elements are merged.
  DenseSet<Value> getSources(Reduction &reduction) {
    Tracer tracer(/*seesBehindReshapes=*/true);
    TermPtr element = reduction.traceElement(
        tracer, reduction.op.getIndexingMapsArray().back(),
        getAffineDimExpr(reduction.loop, &getContext()));
    DenseSet<Value> sources;
    visitTerms(*element, [&](const Term &term) {
      if (term.isElement())
        sources.insert(term.value);
    });
    return sources;
  }
};
} // namespace
} // namespace sennit
