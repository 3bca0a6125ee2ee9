// Whether a scan's region has the algebra that the scan declares.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQSCANALGEBRA_H
#define SENNIT_DIALECTS_SEQ_SEQSCANALGEBRA_H

#include "dialects/seq/Seq.h"

namespace sennit::seq {

/// What a value in a scan's region is with respect to the states. Sums and
/// products are those of the algebra: in `max_plus` the sum is the maximum and
/// the product is +; in `log_sum_exp` values stand for their exponentials.
struct StateForm {
  enum Kind {
    Zero,        // the literal 0, neutral in a sum
    Constant,    // does not depend on the states
    Term,        // degree at most 1 in the states
    Exponential, // log_sum_exp: the exponential of a term
    Other        // none of these, or not shown to be
  };
  Kind kind = Constant;
  /// Of a term or exponential: what was taken off before the exponential, to be
  /// added after the logarithm. Of another value: the value itself.
  mlir::Value offset = {};
  /// Where the form was lost.
  mlir::Operation *lostAt = nullptr;

  bool isConstant() const { return kind == Zero || kind == Constant; }
  bool operator==(const StateForm &other) const {
    return kind == other.kind && offset == other.offset;
  }
};

/// The forms of all values in the region of a scan that is not `general`.
class StateForms {
public:
  explicit StateForms(ScanOp scan);
  /// Values from outside the region, and inputs, are constants.
  StateForm lookup(mlir::Value value) const;

private:
  llvm::DenseMap<mlir::Value, StateForm> forms;
};

/// Whether every element of what the region yields depends on the same element
/// of its arguments alone: all of one shape, all ops elementwise.
bool worksByElement(ScanOp op);

/// Fails unless every next state has the declared form, which is decided by the
/// structure of the region alone: what cannot be shown is refused, with a note
/// at the op that lost the form.
llvm::LogicalResult verifyAlgebra(ScanOp op);

} // namespace sennit::seq

#endif // SENNIT_DIALECTS_SEQ_SEQSCANALGEBRA_H
