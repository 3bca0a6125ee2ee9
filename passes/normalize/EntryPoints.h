// The entry that a language model has besides those that derive from its body.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_NORMALIZE_ENTRYPOINTS_H
#define SENNIT_PASSES_NORMALIZE_ENTRYPOINTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace sennit::normalize {

/// @sample(logits f32[1, vocabulary], uniform f64[1], temperature f32[1],
/// top_k i32[1], top_p f32[1]) -> token i32[1], by `seq.sample`. The settings
/// are tensors, since they are given anew with each call.
mlir::func::FuncOp buildSampleEntry(mlir::OpBuilder &builder,
                                    mlir::Location loc, int64_t vocabulary);

} // namespace sennit::normalize

#endif // SENNIT_PASSES_NORMALIZE_ENTRYPOINTS_H
