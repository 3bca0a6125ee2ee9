// Reductions whose partial results can be corrected: one algebra for softmax,
// log-sum-exp, entropy, mean and variance.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQREDUCTIONS_H
#define SENNIT_DIALECTS_SEQ_SEQREDUCTIONS_H

#include "dialects/seq/Seq.h"

namespace sennit::seq {

/// Marks a `linalg.generic` that merges a statistic and sums about it. Its body
/// is right one element after the other; the mark says that it is right too
/// with many elements for one, each sum corrected once for all of them.
inline constexpr llvm::StringLiteral kCorrectedAttrName = "seq.corrected";

/// Whether `op` bears that mark.
bool isCorrected(mlir::Operation *op);

/// The monoid (M, R) of a statistic m and of sums about its centre c(m):
///
///   r_k = sum over i of w_i exp(rate u_i) u_i^k,  u_i = x_i - c,  k =
///   0..degree
///
/// When more elements move the centre from c to c', d = c - c', then
///
///   r'_k = exp(rate d) sum over j of binomial(k, j) d^(k-j) r_j,
///
/// linear in r, and twice in a row the same as once: the conditions under which
/// loops merge (C1 to C3 of docs/rationale/reductions.md). Softmax and
/// log-sum-exp are rate 1 and degree 0 about the maximum, entropy adds degree
/// 1, the variance is rate 0 and degree 2 about the mean. Values are scalars or
/// tiles of floats.
class CorrectableReduction {
public:
  /// What the terms are centred by: their maximum, one number; or their mean,
  /// the pair of their count and their sum.
  enum class Statistic { Max, Mean };
  /// Whether exponentials are powers of e or of two.
  enum class Base { E, Two };

  CorrectableReduction(Statistic statistic, double rate, Base base = Base::E)
      : statistic(statistic), base(base), rate(rate) {}

  Statistic statistic;
  Base base;
  double rate;

  /// The least finite number instead of minus infinity, the count one instead
  /// of zero, so that centres of no elements have differences.
  static mlir::Value getCentre(mlir::OpBuilder &builder, mlir::Location loc,
                               Statistic statistic, mlir::ValueRange m);
  /// Whether the action is at most one, so that it never overflows.
  bool isBounded() const { return statistic == Statistic::Max && rate > 0; }

  /// exp(rate d), or null where that is one.
  mlir::Value getFactor(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value d) const;
  /// What one element adds to r_k, but for its weight. Null is one.
  mlir::Value lift(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value u,
                   unsigned k) const;
  /// r'_k of r_0 .. r_k, of which null ones are zero, but not the first. `d`
  /// may be null for k = 0.
  mlir::Value act(mlir::OpBuilder &builder, mlir::Location loc,
                  mlir::Value factor, mlir::Value d, mlir::ValueRange r) const;

private:
  mlir::Value keepFinite(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value u) const;
};

} // namespace sennit::seq

#endif // SENNIT_DIALECTS_SEQ_SEQREDUCTIONS_H
