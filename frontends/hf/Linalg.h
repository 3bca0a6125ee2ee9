// The linalg idioms of an imported model: linear maps, pointwise maps, norms,
// heads.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_HF_LINALG_H
#define SENNIT_FRONTENDS_HF_LINALG_H

#include "frontends/hf/Config.h"
#include "frontends/hf/ModelBuilder.h"

namespace sennit::hf {

/// An input of a pointwise map: which of the result's dimensions it runs over,
/// by default the leading ones.
struct Operand {
  Operand(mlir::Value value);
  Operand(mlir::Value value, llvm::ArrayRef<int64_t> dimensions)
      : value(value), dimensions(dimensions) {}

  mlir::Value value;
  llvm::SmallVector<int64_t, 3> dimensions;
};

using Body = llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                            mlir::ValueRange)>;

/// A parallel `linalg.generic` into a new f32 tensor of `shape`; `body` sees
/// f32 scalars. A dynamic leading extent is `extent`, or the number of tokens.
mlir::Value pointwise(ModelBuilder &model, llvm::ArrayRef<Operand> inputs,
                      llvm::ArrayRef<int64_t> shape, Body body,
                      mlir::Value extent = nullptr);

/// An f32 tensor of zeros, of the number of tokens where its leading extent is
/// dynamic.
mlir::Value zeros(ModelBuilder &model, llvm::ArrayRef<int64_t> shape);

/// `a + b` of equal shapes.
mlir::Value add(ModelBuilder &model, mlir::Value a, mlir::Value b);

/// x weight^T, and plus `bias` if there is one. x: [token, in], weight: [out,
/// in], bias: [out].
mlir::Value linear(ModelBuilder &model, mlir::Value x, mlir::Value weight,
                   mlir::Value bias = nullptr);

/// The linear layer `name.weight` (and `name.bias`) with `width` outputs.
mlir::Value linear(ModelBuilder &model, mlir::Value x, const llvm::Twine &name,
                   int64_t width, bool hasBias = false);

/// A linear layer whose outputs are blocks with a use each.
llvm::SmallVector<mlir::Value> linearBlocks(ModelBuilder &model, mlir::Value x,
                                            const llvm::Twine &name,
                                            llvm::ArrayRef<RowBlock> blocks,
                                            bool hasBias);

/// x / sqrt(mean(x^2) + epsilon) over the last dimension, times `weight` over
/// the trailing dimensions (Zhang and Sennrich 2019).
mlir::Value rmsNorm(ModelBuilder &model, mlir::Value x, mlir::Value weight,
                    double epsilon);

/// [token, heads * width] to [token, heads, width] and back.
mlir::Value splitHeads(ModelBuilder &model, mlir::Value x, int64_t heads);
mlir::Value mergeHeads(ModelBuilder &model, mlir::Value x);

/// `@head`: the final norm and the map to logits.
void buildHead(ModelBuilder &model, llvm::StringRef norm, double epsilon,
               llvm::StringRef matrix);

enum class Activation { Silu, Gelu, GeluTanh, Relu };

/// Reads an activation's name as `transformers` spells it; refuses one that is
/// not listed above.
Activation readActivation(Config &config, llvm::StringRef key);

mlir::Value constant(mlir::ImplicitLocOpBuilder &builder, double value);
mlir::Value silu(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
/// log(1 + exp(x)) without overflow.
mlir::Value softplus(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value activate(mlir::ImplicitLocOpBuilder &builder, Activation activation,
                     mlir::Value x);

} // namespace sennit::hf

#endif // SENNIT_FRONTENDS_HF_LINALG_H
