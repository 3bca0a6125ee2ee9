// Affine maps as arithmetic on whole numbers: strides where they are linear, a
// walk of the expression elsewhere.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_REFERENCE_INDICES_H
#define SENNIT_COMPILER_REFERENCE_INDICES_H

#include "compiler/reference/Value.h"
#include "mlir/IR/AffineMap.h"

namespace sennit::reference {

/// A map from loops (and symbols after them) to indices of a tensor.
class IndexMap {
public:
  explicit IndexMap(mlir::AffineMap map);

  unsigned size() const { return expressions.size(); }
  /// One index at `point`.
  int64_t evaluate(unsigned result, llvm::ArrayRef<int64_t> point) const;
  /// Every index is a sum of multiples of loops.
  bool isLinear() const { return linear; }
  /// How much an index grows with a loop; for linear maps.
  int64_t slope(unsigned result, unsigned loop) const {
    return slopes[result][loop];
  }
  /// The index at loops of 0; for linear maps.
  int64_t start(unsigned result) const { return starts[result]; }
  bool dependsOn(unsigned loop) const { return loops[loop]; }

private:
  unsigned numLoops;
  llvm::SmallVector<mlir::AffineExpr> expressions;
  bool linear;
  llvm::SmallVector<Tensor::Shape> slopes;
  Tensor::Shape starts;
  llvm::SmallVector<bool> loops;
};

} // namespace sennit::reference

#endif // SENNIT_COMPILER_REFERENCE_INDICES_H
