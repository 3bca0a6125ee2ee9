// Derives from a scan's region the map that a token applies to the states.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_NORMALIZE_SCANMAPS_H
#define SENNIT_PASSES_NORMALIZE_SCANMAPS_H

#include "dialects/seq/SeqScanAlgebra.h"

namespace sennit::normalize {

/// `value`, or 0 where it is -inf: what may be taken off before an exponential
/// and added after the logarithm.
mlir::Value makeFinite(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value value);

/// The two operations of an algebra on scalars and their neutral elements:
/// (+, *, 0, 1) of `affine`, (max, +, -inf, 0) of `max_plus`, and
/// (log(exp + exp), +, -inf, 0) of `log_sum_exp`, where -inf plus -inf is -inf.
struct Semiring {
  seq::ScanAlgebra algebra;

  double zero() const;
  double one() const { return algebra == seq::ScanAlgebra::Affine ? 1 : 0; }
  mlir::Value plus(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value a,
                   mlir::Value b) const;
  mlir::Value times(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value a,
                    mlir::Value b) const;
};

/// A token takes the states h to M h + b in the declared algebra. Where the
/// region works by element, with n states, M is n x n numbers an element: it is
/// carried as n columns, each a set of states. Elsewhere there is one state, of
/// shape S, and M is one tensor of shape S x S, whose leading S tells the
/// element of the state before (Blelloch 1990, section 1.4).
class ScanMap {
public:
  explicit ScanMap(seq::ScanOp scan);

  /// Why the map cannot be derived, or is of a state of more than `most`
  /// elements; empty where it can.
  std::string whyNot(int64_t most);

  bool isByElement() const { return byElement; }
  Semiring getSemiring() const { return {seq::ScanOp(scan).getAlgebra()}; }
  /// The type of one column of a state, or of its M.
  mlir::RankedTensorType getColumnType(mlir::Value state);
  /// Columns after a token: the region's ops without what they add that does
  /// not depend on the states. `mapping` has the inputs' slices, `columns` are
  /// one set, in the states' order.
  llvm::SmallVector<mlir::Value> emit(mlir::OpBuilder &builder,
                                      mlir::IRMapping mapping,
                                      mlir::ValueRange columns);

private:
  std::string whyNotWidened(mlir::Operation *op);
  bool isConstant(mlir::Value value) const {
    return forms.lookup(value).isConstant();
  }
  /// The neutral element of what `value` is summed in.
  double getZero(mlir::Value value) const;
  void widen(mlir::OpBuilder &builder, mlir::linalg::GenericOp op,
             mlir::IRMapping &mapping);
  void emitScalar(mlir::OpBuilder &builder, mlir::Operation *op,
                  mlir::IRMapping &mapping);
  mlir::Value makeFilled(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::RankedTensorType type, double value);
  mlir::RankedTensorType widened(mlir::Type type);

  seq::ScanOp scan;
  bool byElement;
  seq::StateForms forms;
  /// The shape of the columns' leading dimensions.
  llvm::SmallVector<int64_t> columnShape;
  /// The ops on which the next states depend, in order.
  llvm::SmallVector<mlir::Operation *> needed;
};

} // namespace sennit::normalize

#endif // SENNIT_PASSES_NORMALIZE_SCANMAPS_H
