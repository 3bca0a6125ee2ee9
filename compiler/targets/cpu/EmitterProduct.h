// One matrix product of a tile, as the emitter's loops see it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CPU_EMITTERPRODUCT_H
#define SENNIT_COMPILER_TARGETS_CPU_EMITTERPRODUCT_H

#include "compiler/targets/cpu/Emitter.h"

namespace sennit::cpu {

/// One matrix of a product's batch.
struct Emitter::Product {
  mlir::Value a, b, accumulator;
  int64_t m, n, k;
  bool turnedA;
  llvm::SmallVector<mlir::Value> batch;
  const Buffer *result;
  /// B as [K, N], when it was turned into scratch.
  const Buffer *turnedB;
  /// B as [N, K] in panels, read as it lies.
  tile::LoadOp panels;
  /// What unfolds B, when it is quantised.
  tile::DequantizeOp quantized;
  /// Whether the sums so far stand in the result's place.
  bool resumes = false;
  /// A as bf16 in one or two parts, when a matrix unit reads it.
  const Buffer *parts = nullptr;
  /// B as the unit takes it, when it does not lie so in memory.
  const Buffer *packed = nullptr;

  llvm::SmallVector<mlir::Value> at(mlir::Value a, mlir::Value b) const {
    llvm::SmallVector<mlir::Value> indices(batch);
    indices.append({a, b});
    return indices;
  }
};

} // namespace sennit::cpu

#endif // SENNIT_COMPILER_TARGETS_CPU_EMITTERPRODUCT_H
