// Cascades of reductions over one axis: of elements, and of what the result of
// the first is needed for.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_NORMALIZE_CASCADES_H
#define SENNIT_PASSES_NORMALIZE_CASCADES_H

#include "passes/normalize/SeparableTerms.h"

#include "mlir/IR/Dominance.h"

namespace sennit::normalize {

/// One sum over the axis, of exp(rate u) u^power times functions of elements.
struct CascadeSum {
  double rate = 0;
  unsigned power = 0;
  llvm::SmallVector<Factor> elements;

  bool isCentred() const { return power > 0 || rate != 0; }
};

/// A reduction that is a combination of sums, its coefficients functions of
/// statistics.
struct CascadeMember {
  Reduction reduction;
  Monomials form;
  /// For each monomial the sum that it scales.
  llvm::SmallVector<unsigned> sums;
};

/// A statistic, and reductions of the same elements that read it.
class Cascade {
public:
  /// The cascade that begins with `first`, or nothing where it is neither a
  /// maximum nor a sum of floats from a neutral start.
  static std::optional<Cascade> begin(const Reduction &first);

  /// Takes a reduction that reads results of this cascade, or says why not.
  bool join(Reduction reduction, const mlir::DominanceInfo &dominance,
            std::string &reason);
  bool owns(mlir::Value tensor) const { return statistics.contains(tensor); }
  /// Whether some sum is corrected in the loop, in the running gauge. In the
  /// deferred one, sums do not depend on the statistic.
  bool isRunning() const;
  /// Elements of a row, or a dynamic size.
  int64_t getExtent() const;

  Reduction first;
  /// The loops and the results of the first reduction.
  mlir::AffineMap at;
  mlir::AffineExpr loop;
  TermPtr element;
  std::optional<Centre> centre;
  llvm::SmallVector<CascadeMember, 2> members;
  /// The sums; with one of them those of smaller powers, which correct it.
  llvm::SmallVector<CascadeSum> sums;
  /// The place of a sum, or nothing: of first powers about their own mean,
  /// which are zero.
  std::optional<unsigned> findSum(const CascadeSum &sum) const;

private:
  explicit Cascade(const Reduction &first) : first(first) {}

  std::string whyOtherRows(Reduction reduction) const;
  std::string whyLate(const Term &whole,
                      const mlir::DominanceInfo &dominance) const;
  std::string whyNotSums(const Monomials &form) const;
  bool isZero(const CascadeSum &sum) const;
  unsigned addSum(const CascadeSum &sum);

  llvm::DenseSet<mlir::Value> statistics;
  Tracer tracer{/*seesBehindReshapes=*/true};
};

} // namespace sennit::normalize

#endif // SENNIT_PASSES_NORMALIZE_CASCADES_H
