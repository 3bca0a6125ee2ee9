// Clones cheap producers of a mixer's operands into the mixer's kernel.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   q' = rope(q);  kernel { attention q', .. }   =>   kernel { rope; attention
//   }
//
// Declines producers that something outside the kernel reads as well.

#include "passes/fuse/Kernels.h"
#include "passes/fuse/Passes.h"

#include "dialects/seq/SeqForms.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_FUSEMIXERPROLOGUE
#include "passes/fuse/Passes.h.inc"

/// Whether a mixer's tile program can compute `op` at a load.
static bool isInlinable(Operation *op) {
  return seq::isElementwise(op) || seq::isRowReduction(op) ||
         isa_and_nonnull<seq::RopeOp>(op);
}

/// Views are free outside; inside they only carry a chain to its next op.
static bool leadsToInlinable(Operation *op) {
  return seq::isView(op) && isInlinable(op->getOperand(0).getDefiningOp());
}

/// Whether all readers of `op` are in `kernel`, extents apart.
static bool isPrivate(Operation *op, seq::KernelOp kernel) {
  return llvm::all_of(op->getUsers(), [&](Operation *user) {
    return kernel->isProperAncestor(user) || seq::isScaffold(user);
  });
}

/// The next producer outside `kernel` that one of its ops reads and that can
/// move in; those that cannot are reported once.
static Operation *findProducer(seq::KernelOp kernel,
                               DenseSet<Operation *> &declined) {
  Operation *found = nullptr;
  kernel.getBody().walk([&](Operation *inner) {
    for (Value operand : inner->getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (!producer || kernel->isProperAncestor(producer) ||
          declined.contains(producer) ||
          !(isInlinable(producer) || leadsToInlinable(producer)))
        continue;
      if (isPrivate(producer, kernel)) {
        found = producer;
        return WalkResult::interrupt();
      }
      declined.insert(producer);
      fuse::missed("FuseMixerPrologue", producer)
          << "something outside the mixer reads it too, so it is stored anyway";
    }
    return WalkResult::advance();
  });
  return found;
}

namespace {
struct FuseMixerPrologue : impl::FuseMixerPrologueBase<FuseMixerPrologue> {
  void runOnOperation() override {
    SmallVector<seq::KernelOp> kernels;
    getOperation().walk([&](seq::SequenceMixerOpInterface mixer) {
      if (auto kernel = mixer->getParentOfType<seq::KernelOp>())
        kernels.push_back(kernel);
    });
    for (seq::KernelOp kernel : kernels) {
      DenseSet<Operation *> declined;
      while (Operation *producer = findProducer(kernel, declined)) {
        fuse::fused("FuseMixerPrologue", producer)
            << "into " + fuse::getRoot(kernel)->getName().getStringRef().str();
        fuse::absorbProducer(kernel, producer);
      }
    }
  }
};
} // namespace
} // namespace sennit
