// Clones a row norm into the products that read it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   s = sum x*x;  n = x * rsqrt(s/D + eps) * w;  kernel { n W }
//     =>  kernel { sum x*x; normalise; multiply }
//
// Declines when the normalised rows have a reader other than products, when a
// product gathers its rows, and when an engine copies them from memory.

#include "passes/fuse/Kernels.h"
#include "passes/fuse/Passes.h"

#include "dialects/seq/SeqForms.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_FUSENORMMATMUL
#include "passes/fuse/Passes.h.inc"

/// The row reductions that an elementwise op reads.
static SetVector<Operation *> findStatistics(Operation *map) {
  SetVector<Operation *> statistics;
  for (Value input : cast<linalg::GenericOp>(map).getDpsInputs())
    if (seq::isRowReduction(input.getDefiningOp()))
      statistics.insert(input.getDefiningOp());
  return statistics;
}

/// Whether `user` reads `norm` as the activations of a plain product.
static bool isProductOf(Operation *user, Operation *norm) {
  return isa<linalg::MatmulOp>(user) && seq::isContraction(user) &&
         user->getParentOfType<seq::KernelOp>() &&
         seq::getActivations(user) == norm->getResult(0);
}

namespace {
struct FuseNormMatmul : impl::FuseNormMatmulBase<FuseNormMatmul> {
  void runOnOperation() override {
    SmallVector<Operation *> norms;
    for (Operation &op : getOperation().getBody().front())
      if (seq::isElementwise(&op) && !findStatistics(&op).empty())
        norms.push_back(&op);
    for (Operation *norm : norms)
      fuseNorm(norm);
  }

  void fuseNorm(Operation *norm) {
    SetVector<Operation *> kernels;
    Operation *other = nullptr;
    for (Operation *user : norm->getUsers())
      if (isProductOf(user, norm))
        kernels.insert(user->getParentOfType<seq::KernelOp>());
      else
        other = user;
    if (kernels.empty() && !seq::isContraction(other))
      return;
    if (other) {
      fuse::missed("FuseNormMatmul", norm)
          << ("`" + other->getName().getStringRef() +
              "` reads the normalised rows too, so they are stored anyway")
                 .str();
      return;
    }
    if (fuse::areCopied(norm->getResult(0))) {
      fuse::missed("FuseNormMatmul", norm)
          << "the copy engine brings the products their rows from memory";
      return;
    }
    fuse::fused("FuseNormMatmul", norm)
        << "into " + std::to_string(kernels.size()) + " products";
    SetVector<Operation *> statistics = findStatistics(norm);
    for (Operation *op : kernels) {
      auto kernel = cast<seq::KernelOp>(op);
      kernel.setKind(("norm_" + kernel.getKind()).str());
      fuse::absorbProducer(kernel, norm);
      for (Operation *statistic : statistics)
        if (llvm::any_of(statistic->getUsers(), [&](Operation *user) {
              return kernel->isProperAncestor(user);
            }))
          fuse::absorbProducer(kernel, statistic);
    }
  }
};
} // namespace
} // namespace sennit
