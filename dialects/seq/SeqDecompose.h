// A builder for reference meanings: formulas, slices, serial loops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQDECOMPOSE_H
#define SENNIT_DIALECTS_SEQ_SEQDECOMPOSE_H

#include "dialects/seq/Seq.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace sennit::seq {

/// Builds at one op's place and location. Everything it makes is plain: one
/// `linalg.generic` per formula, the reduced indices innermost.
class MeaningBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Extents = llvm::SmallVector<mlir::OpFoldResult>;
  /// Builds a body from its arguments and returns what it yields.
  using Body = llvm::function_ref<mlir::Value(mlir::ValueRange)>;
  /// The same for a loop, of one value per carried one.
  using LoopBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      mlir::Value, mlir::ValueRange)>;

  MeaningBuilder(mlir::OpBuilder &builder, mlir::Operation *op);

  /// `values` as the types of the op's results: extents that the op gives as
  /// static and the meaning as `?`, or the other way round, are cast.
  llvm::SmallVector<mlir::Value> asResults(mlir::ValueRange values);

  mlir::Value index(int64_t value);
  mlir::Value i32(int32_t value);
  mlir::Value f32(float value);
  /// `value`, an integer, as an index, and an index as i32.
  mlir::Value toIndex(mlir::Value value);
  mlir::Value toI32(mlir::Value value);
  /// `value` in f32, whatever float it is.
  mlir::Value toF32(mlir::Value value);

  mlir::OpFoldResult extent(mlir::Value tensor, unsigned dim);
  Extents extents(mlir::Value tensor);
  mlir::Value toValue(mlir::OpFoldResult extent);
  mlir::OpFoldResult sum(mlir::OpFoldResult left, mlir::OpFoldResult right);

  mlir::Value empty(const Extents &extents, mlir::Type element);
  mlir::Value filled(const Extents &extents, mlir::Value value);

  /// `tensor[offsets, offsets + sizes)`, every stride 1 but the last.
  mlir::Value slice(mlir::Value tensor, const Extents &offsets,
                    const Extents &sizes, int64_t lastStride = 1);
  mlir::Value insertSlice(mlir::Value part, mlir::Value tensor,
                          const Extents &offsets, int64_t lastStride = 1);
  /// Row `row` of `tensor`, without the leading dimension, and its return.
  mlir::Value row(mlir::Value tensor, mlir::Value row);
  mlir::Value insertRow(mlir::Value part, mlir::Value tensor, mlir::Value row);
  /// Dimension `dim` of `tensor` as `groups` of equal size, and the way back.
  mlir::Value splitHeads(mlir::Value tensor, int64_t groups, int64_t dim = 1);
  mlir::Value joinHeads(mlir::Value tensor, int64_t dim = 1);
  /// `tensor` as a batch of one sequence, and the way back.
  mlir::Value addBatch(mlir::Value tensor);
  mlir::Value dropBatch(mlir::Value tensor);

  mlir::Value extract(mlir::Value tensor, mlir::ValueRange indices);
  mlir::Value insert(mlir::Value scalar, mlir::Value tensor,
                     mlir::ValueRange indices);

  /// One formula by index letters, "td,dn->tn" as in Einstein's notation:
  /// letters absent from the right are reduced into `out`; "t+sd" reads row
  /// t + s. `body` takes the inputs' elements, then that of `out`; inside,
  /// `loopIndex` gives the loop of a letter of the right side by position.
  mlir::Value generic(llvm::StringRef letters, mlir::ValueRange inputs,
                      mlir::Value out, Body body);
  mlir::Value loopIndex(unsigned position);
  /// The sum over the missing letters of the product of two inputs, in f32.
  mlir::Value contract(llvm::StringRef letters, mlir::Value left,
                       mlir::Value right, mlir::Value out);

  /// A serial loop `lower <= i < upper`.
  mlir::ValueRange loop(mlir::Value lower, mlir::Value upper,
                        mlir::ValueRange inits, LoopBody body);

  /// The ops of a region of one block here, on `arguments`; what it yields.
  llvm::SmallVector<mlir::Value> inlined(mlir::Region &region,
                                         mlir::ValueRange arguments);

private:
  mlir::Operation *op;
};

/// The values and indices that `seq.top_k` chooses of each row of `input`.
mlir::ValueRange buildTopK(MeaningBuilder &b, mlir::Value input, int64_t count,
                           bool smallest);

} // namespace sennit::seq

#endif // SENNIT_DIALECTS_SEQ_SEQDECOMPOSE_H
