// Decides which reductions of a cascade merge into one loop, and in what gauge.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/normalize/Cascades.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::normalize {

using Kind = seq::CorrectableReduction::Statistic;

/// Sums that one reduction may need.
static constexpr unsigned mostSums = 4;

std::optional<Cascade> Cascade::begin(const Reduction &first) {
  Cascade cascade(first);
  Reduction &reduction = cascade.first;
  Type type = reduction.element.getType();
  // Tiles reduce by maximumf; maxnumf would take the sums along one by one.
  bool isMaximum =
      reduction.isMaximum() && isa<arith::MaximumFOp>(reduction.merge);
  if (!(type.isF32() || type.isF64()) || !(isMaximum || reduction.isSum()))
    return std::nullopt;
  MLIRContext *context = type.getContext();
  cascade.at = reduction.op.getIndexingMapsArray().back();
  cascade.loop = getAffineDimExpr(reduction.loop, context);
  cascade.element =
      reduction.traceElement(cascade.tracer, cascade.at, cascade.loop);
  Value tensor = reduction.op.getResult(0);
  cascade.statistics.insert(tensor);
  int64_t extent = cascade.getExtent();
  cascade.centre = Centre{isMaximum ? Kind::Max : Kind::Mean, cascade.element,
                          tensor, double(extent)};
  return cascade;
}

int64_t Cascade::getExtent() const {
  auto op = first.op;
  return op.getStaticLoopRanges()[first.loop];
}

bool Cascade::isRunning() const {
  return llvm::any_of(sums,
                      [](const CascadeSum &sum) { return sum.isCentred(); });
}

//===----------------------------------------------------------------------===//
// Joining
//===----------------------------------------------------------------------===//

std::string Cascade::whyOtherRows(Reduction reduction) const {
  auto op = first.op;
  SmallVector<int64_t> ours = op.getStaticLoopRanges(),
                       theirs = reduction.op.getStaticLoopRanges();
  AffineMap theirResults = reduction.op.getIndexingMapsArray().back();
  if (theirResults.getNumResults() != at.getNumResults())
    return "it reduces other rows than the statistic that it reads";
  AffineMap loops = reduction.inLoopsOf(at, loop);
  for (auto [range, expr] : llvm::zip_equal(theirs, loops.getResults()))
    if (range != ours[cast<AffineDimExpr>(expr).getPosition()])
      return "it reduces other rows than the statistic that it reads";
  if (ShapedType::isDynamic(getExtent()))
    return "the length of its rows is not known at compile time";
  return "";
}

/// Why the merged loop, which stands at the first reduction, cannot read what
/// `whole` reads, or empty.
std::string Cascade::whyLate(const Term &whole,
                             const DominanceInfo &dominance) const {
  std::string reason;
  visitTerms(whole, [&](const Term &term) {
    if (term.kind == Term::Kind::Index &&
        !isa<AffineDimExpr, AffineConstantExpr>(term.map.getResult(0)))
      reason = "it reads a sum of positions";
    bool isOwn = term.isElement() && owns(term.value);
    Operation *op = term.value ? term.value.getDefiningOp() : nullptr;
    bool isFree = isOwn || !op || op->hasTrait<OpTrait::ConstantLike>();
    if (!isFree && !dominance.properlyDominates(term.value, first.op))
      reason = "it reads what is computed behind the statistic";
  });
  return reason;
}

static bool isEqual(ArrayRef<Factor> a, ArrayRef<Factor> b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [](auto pair) {
           auto &[left, right] = pair;
           return left.isInverse == right.isInverse &&
                  *left.term == *right.term;
         });
}

/// Whether one product is another times more elements, so that both are large
/// where their difference is small.
static bool extends(const Monomial &longer, const Monomial &shorter) {
  if (longer.power != shorter.power || longer.rate != shorter.rate ||
      longer.elements.size() <= shorter.elements.size())
    return false;
  SmallVector<Factor> rest = longer.elements;
  for (const Factor &factor : shorter.elements) {
    auto *same = llvm::find_if(
        rest, [&](const Factor &other) { return isEqual(factor, other); });
    if (same == rest.end())
      return false;
    rest.erase(same);
  }
  return true;
}

std::string Cascade::whyNotSums(const Monomials &form) const {
  for (const Monomial &longer : form)
    for (const Monomial &shorter : form)
      if (extends(longer, shorter))
        return "its products cancel, since elements are not taken from their "
               "mean";
  unsigned count = 0;
  for (auto [i, part] : llvm::enumerate(form)) {
    bool isHigher = true;
    for (auto [j, other] : llvm::enumerate(form))
      if (i != j && part.rate == other.rate &&
          isEqual(part.elements, other.elements) &&
          (other.power > part.power || (other.power == part.power && j < i)))
        isHigher = false;
    count += isHigher ? part.power + 1 : 0;
  }
  if (count > mostSums)
    return "it needs " + std::to_string(count) + " sums, more than " +
           std::to_string(mostSums);
  return "";
}

std::optional<unsigned> Cascade::findSum(const CascadeSum &wanted) const {
  for (auto [i, sum] : llvm::enumerate(sums))
    if (sum.rate == wanted.rate && sum.power == wanted.power &&
        isEqual(sum.elements, wanted.elements))
      return i;
  return std::nullopt;
}

bool Cascade::isZero(const CascadeSum &sum) const {
  return centre->statistic == Kind::Mean && sum.rate == 0 && sum.power == 1 &&
         sum.elements.empty();
}

/// The place of a sum, which is new as a rule, and of what corrects it: the
/// sums of smaller powers.
unsigned Cascade::addSum(const CascadeSum &wanted) {
  if (auto known = findSum(wanted))
    return *known;
  CascadeSum smaller = wanted;
  while (smaller.power > 0) {
    --smaller.power;
    if (isZero(smaller))
      continue;
    addSum(smaller);
    break;
  }
  sums.push_back(wanted);
  return sums.size() - 1;
}

bool Cascade::join(Reduction reduction, const DominanceInfo &dominance,
                   std::string &reason) {
  if (!reduction.isSum()) {
    reason = "its merge is no sum: `" +
             reduction.merge->getName().getStringRef().str() + "`";
    return false;
  }
  reason = whyOtherRows(reduction);
  if (reason.empty() && reduction.element.getType() != first.element.getType())
    reason = "it adds numbers of another type than the statistic's";
  if (!reason.empty())
    return false;
  TermPtr term = reduction.traceElement(tracer, at, loop);
  Separator separator(loop, at, statistics, centre);
  std::optional<Monomials> form = separator.separate(term, reason);
  if (!form)
    return false;
  reason = whyLate(*element, dominance);
  if (reason.empty())
    reason = whyLate(*term, dominance);
  if (reason.empty())
    reason = whyNotSums(*form);
  if (!reason.empty())
    return false;
  bool isCentred = llvm::any_of(
      *form, [](const Monomial &part) { return part.isCentred(); });
  // A running mean needs the count, which f32 holds up to there.
  constexpr int64_t largestCount = 1 << 24;
  if (isCentred && centre->statistic == Kind::Mean &&
      getExtent() > largestCount) {
    reason = "rows of " + std::to_string(getExtent()) +
             " elements are more than f32 counts";
    return false;
  }
  if (isCentred && centre->statistic == Kind::Mean)
    addSum({});
  CascadeMember member{reduction, *form, {}};
  for (const Monomial &part : *form)
    member.sums.push_back(addSum({part.rate, part.power, part.elements}));
  members.push_back(member);
  statistics.insert(reduction.op.getResult(0));
  return true;
}

} // namespace sennit::normalize
