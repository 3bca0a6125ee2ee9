// How fusion passes edit kernels: wrap an op, take in a consumer or producer,
// join two.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_FUSE_KERNELS_H
#define SENNIT_PASSES_FUSE_KERNELS_H

#include "dialects/seq/Seq.h"
#include "mlir/IR/Remarks.h"

namespace sennit::fuse {

/// Puts `op` alone into a new kernel of that kind, which takes its place.
seq::KernelOp wrapInKernel(mlir::Operation *op, llvm::StringRef kind);

/// The kernel that computes `value`, or null.
seq::KernelOp getProducingKernel(mlir::Value value);

/// The op inside a kernel whose result stands behind this result of the kernel.
mlir::Operation *getInnerOp(mlir::OpResult kernelResult);

/// The op that decides the kernel's loops: its last root, or its first op.
mlir::Operation *getRoot(seq::KernelOp kernel);

/// Why `consumer` cannot move into `kernel` without breaking the order of
/// values, or an empty string.
std::string whyNotAbsorbConsumer(seq::KernelOp kernel,
                                 mlir::Operation *consumer);

/// Moves `consumer` to the end of `kernel`; results of the kernel that nobody
/// else reads cease to be results. Returns the kernel that replaces `kernel`.
seq::KernelOp absorbConsumer(seq::KernelOp kernel, mlir::Operation *consumer,
                             llvm::StringRef suffix);

/// Clones `producer` to the start of `kernel` and lets the kernel's ops read
/// the clone. The original stays for its other users, or is erased.
void absorbProducer(seq::KernelOp kernel, mlir::Operation *producer);

/// Moves the ops of `first` into `second`, which stands later and may read it;
/// results that nobody else reads cease to be results.
seq::KernelOp joinKernels(seq::KernelOp first, seq::KernelOp second,
                          llvm::StringRef kind);

/// Whether an engine copies tiles of `rows` to a matrix unit that works beside
/// the threads, so that they must stand in memory: the machine has such a unit,
/// rows have 16 bits an element, and an entry brings enough of them.
bool areCopied(mlir::Value rows);

/// Whether all uses of `value` lie inside `kernel`.
bool isOnlyReadBy(mlir::Value value, seq::KernelOp kernel);

/// A remark in the category `fuse`, at `op`.
mlir::remark::detail::InFlightRemark fused(llvm::StringRef pass,
                                           mlir::Operation *op);
mlir::remark::detail::InFlightRemark missed(llvm::StringRef pass,
                                            mlir::Operation *op);

} // namespace sennit::fuse

#endif // SENNIT_PASSES_FUSE_KERNELS_H
