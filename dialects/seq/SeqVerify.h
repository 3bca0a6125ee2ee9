// The checks that verifiers are made of: extents are static, extents agree.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQVERIFY_H
#define SENNIT_DIALECTS_SEQ_SEQVERIFY_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"

namespace sennit::seq {

/// One dimension of an operand or result, under its name in the op's
/// definition.
struct Extent {
  llvm::StringRef name;
  mlir::Value value;
  unsigned dim;

  int64_t get() const {
    return llvm::cast<mlir::RankedTensorType>(value.getType()).getDimSize(dim);
  }
  bool isDynamic() const { return mlir::ShapedType::isDynamic(get()); }
};

/// Fails unless both extents are equal or one of them is `?`. `what` names
/// what the dimension counts, in the plural.
llvm::LogicalResult verifySame(mlir::Operation *op, llvm::StringRef what,
                               Extent left, Extent right);

/// Fails unless all dimensions of `value` but the first `leading` are static.
llvm::LogicalResult verifyStatic(mlir::Operation *op, llvm::StringRef name,
                                 mlir::Value value, unsigned leading);

/// Fails unless the heads are a multiple of the groups, which read in turn.
llvm::LogicalResult verifyGroups(mlir::Operation *op, Extent groups,
                                 Extent heads);

/// Fails unless the one block of `body` takes values of the types `arguments`
/// and ends in a `seq.yield` of values of the types `yields`. `what` names
/// both.
llvm::LogicalResult verifyBody(mlir::Operation *op, llvm::StringRef what,
                               mlir::Region &body, mlir::TypeRange arguments,
                               mlir::TypeRange yields);

} // namespace sennit::seq

#endif // SENNIT_DIALECTS_SEQ_SEQVERIFY_H
