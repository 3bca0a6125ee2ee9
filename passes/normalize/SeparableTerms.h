// Terms of elements and a statistic of them, as sums of products of functions
// of one or the other.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_NORMALIZE_SEPARABLETERMS_H
#define SENNIT_PASSES_NORMALIZE_SEPARABLETERMS_H

#include "dialects/seq/SeqReductions.h"
#include "passes/normalize/Terms.h"

namespace sennit::normalize {

/// A term, or one over it.
struct Factor {
  TermPtr term;
  bool isInverse = false;
};

/// coefficient * u^power * exp(rate u) * elements * statistics, where u is an
/// element less the centre.
struct Monomial {
  double coefficient = 1;
  unsigned power = 0;
  double rate = 0;
  /// Functions of the element alone, and of statistics alone.
  llvm::SmallVector<Factor> elements, statistics;

  bool isCentred() const { return power > 0 || rate != 0; }
  bool isConstant() const {
    return !isCentred() && elements.empty() && statistics.empty();
  }
};
using Monomials = llvm::SmallVector<Monomial>;

/// What elements are taken from before they are squared or exponentiated.
struct Centre {
  seq::CorrectableReduction::Statistic statistic;
  /// The values of which the statistic is, and the tensor that holds their
  /// maximum or sum.
  TermPtr element;
  mlir::Value tensor;
  /// How many there are.
  double count;
};

/// Separates terms of one loop, or says why they cannot be.
class Separator {
public:
  /// `loop` tells elements from each other; `statistics` are tensors of merged
  /// elements, read at `at`.
  Separator(mlir::AffineExpr loop, mlir::AffineMap at,
            const llvm::DenseSet<mlir::Value> &statistics,
            std::optional<Centre> centre)
      : loop(loop), at(at), statistics(statistics), centre(centre) {}

  std::optional<Monomials> separate(const TermPtr &term, std::string &reason);
  bool readsStatistic(const Term &term) { return look(term) & Statistic; }

private:
  enum Reads : unsigned { Nothing = 0, Element = 1, Statistic = 2, Both = 3 };
  using Result = std::optional<Monomials>;

  struct Summand {
    TermPtr term;
    bool isNegative;
  };

  unsigned look(const Term &term);
  Result decline(const llvm::Twine &why);
  Result rewrite(const TermPtr &term);
  Result rewriteOnce(const TermPtr &term);
  void collectSummands(const TermPtr &term, bool isNegative,
                       llvm::SmallVectorImpl<Summand> &summands);
  Result rewriteSum(const TermPtr &term);
  Result rewriteProduct(const Term &term);
  Result rewriteQuotient(const Term &term);
  Result rewritePower(const Term &term);
  Result rewriteExponential(const Term &term);
  Result rewriteLogarithm(const Term &term);
  Result rewriteHomogeneous(const Term &term);
  Result declineTerm(const Term &term);
  bool addExponent(const Monomial &part, const Term &exponential,
                   Monomial &product);
  bool isCentre(const Term &term);
  bool isPositive(const Term &term);
  bool findWhetherPositive(const Term &term);

  mlir::AffineExpr loop;
  mlir::AffineMap at;
  const llvm::DenseSet<mlir::Value> &statistics;
  std::optional<Centre> centre;
  /// What is known of terms, which may share parts many times over.
  llvm::DenseMap<const Term *, unsigned> known;
  llvm::DenseMap<const Term *, Result> rewritten;
  llvm::DenseMap<const Term *, bool> positive;
  /// Keeps the terms of sums that were looked into.
  Tracer tracer;
  std::string reason;
};

} // namespace sennit::normalize

#endif // SENNIT_PASSES_NORMALIZE_SEPARABLETERMS_H
