// Where each family of ops attaches its tile programs.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_MODELS_H
#define SENNIT_PASSES_SCHEDULE_MODELS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/schedule/Program.h"

namespace sennit::schedule {

void attachLinalgModels(mlir::MLIRContext *context);
void attachMoveModels(mlir::MLIRContext *context);
void attachAttentionModels(mlir::MLIRContext *context);
void attachRopeModels(mlir::MLIRContext *context);
void attachRecurrenceModels(mlir::MLIRContext *context);
void attachChoiceModels(mlir::MLIRContext *context);
void attachRoutingModels(mlir::MLIRContext *context);
void attachModelModels(mlir::MLIRContext *context);

/// The program of a kernel whose root is a matrix product or a pair of them.
llvm::LogicalResult buildProductProgram(KernelBuilder &kernel);

/// The program that keeps the last inputs of a convolution as its next window.
llvm::LogicalResult buildWindowProgram(KernelBuilder &kernel, seq::ConvOp conv);

/// acc + a b^T, from zero without `acc`; a [m, k], b [n, k].
mlir::Value multiply(Program &program, mlir::Value a, mlir::Value b,
                     mlir::Value acc, tile::MmaForm form);

/// The elements of `tile` merged along dimension `dim`.
mlir::Value reduce(Program &program, tile::ReduceKind kind, mlir::Value tile,
                   int64_t dim);

/// `tile` where its rows (dimension 0) lie before `extent`, else zero. The
/// tile's first row is row `start`.
mlir::Value zeroRowsPast(Program &program, mlir::Value tile, mlir::Value start,
                         mlir::Value extent);

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_MODELS_H
