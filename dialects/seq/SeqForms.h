// Questions about ops that the stages ask in common: what form of computation
// is this?
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQFORMS_H
#define SENNIT_DIALECTS_SEQ_SEQFORMS_H

#include "dialects/seq/Seq.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace sennit::seq {

/// A `linalg.generic` of one result that computes each element from the
/// elements that projections of its indices select: all loops parallel, the
/// result's map the identity.
bool isElementwise(mlir::Operation *op);

/// A `linalg.generic` of one result that merges the last dimension of its
/// domain: `out = out (+) f(inputs)` with (+) one of addf and maximumf, started
/// from a fill with the neutral element; or of several, where sums are
/// corrected as a statistic moves (SeqReductions.h).
bool isRowReduction(mlir::Operation *op);

/// A product of activations with a matrix: `linalg.matmul` of the form
/// y[m, n] = sum_k x[m, k] w[n, k], or `seq.experts`.
bool isContraction(mlir::Operation *op);

/// The activations and the matrix of a contraction.
mlir::Value getActivations(mlir::Operation *contraction);
mlir::OpOperand &getMatrix(mlir::Operation *contraction);

/// The op behind a contraction's matrix that unfolds quantised words, or null.
DequantizeOp getQuantized(mlir::Operation *contraction);

/// A `linalg.generic` whose results can be computed part by part, whatever its
/// maps, reductions and body.
bool isStructured(mlir::Operation *op);

/// What about `op` keeps it from being structured, or an empty string.
std::string whyNotStructured(mlir::linalg::GenericOp op);

/// An op that puts whole tensors beside or into each other: concat, pad,
/// insert_slice.
bool isMove(mlir::Operation *op);

/// Whether `op` stands in a body and reads elements of a tensor from memory.
bool readsMemory(mlir::Operation *op);

/// An op that only renames elements: expand_shape, collapse_shape.
bool isView(mlir::Operation *op);

/// An op whose result at a tile can be computed from tiles of its operands at
/// little cost, wherever it is needed: elementwise, rope, views, slices.
bool isCheapProducer(mlir::Operation *op);

/// An op that decides the loops of a kernel: contractions, mixers, routers,
/// look-ups, packing, quantising, moves, and what is structured but neither
/// elementwise nor a row reduction.
bool isRoot(mlir::Operation *op);

/// An op that only serves to state another: constants, extents, empty and
/// filled tensors, parameters.
bool isScaffold(mlir::Operation *op);

/// A number of a tensor that the host reads: how many rows there are, where
/// that is known only when a kernel has counted them.
bool isHostRead(mlir::Operation *op);

/// Taps that are added up at once, in registers. Those of a longer convolution
/// go block by block or by spectra, which its own kernel's schedule chooses.
inline constexpr int64_t mostTapsAtOnce = 16;

/// The value that is merged with the accumulator in a row reduction's body, and
/// the op that merges.
mlir::Operation *getMergeOp(mlir::linalg::GenericOp reduction);

} // namespace sennit::seq

#endif // SENNIT_DIALECTS_SEQ_SEQFORMS_H
