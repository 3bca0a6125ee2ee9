// Clones a row norm into the products that read it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   s = sum x*x;  n = x * rsqrt(s/D + eps) * w;  kernel { n W }
//     =>  kernel { sum x*x; normalise; multiply }
//
// Declines when the normalised rows have a reader other than products, and when
// a product gathers its rows.

#include "passes/fuse/Kernels.h"
#include "passes/fuse/Passes.h"

#include "dialects/seq/SeqForms.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_FUSENORMMATMUL
#include "passes/fuse/Passes.h.inc"

/// The row reductions that an elementwise op reads.
static SmallVector<Operation *> findStatistics(Operation *map) {
  SmallVector<Operation *> statistics;
  for (Value input : cast<linalg::GenericOp>(map).getDpsInputs())
    if (seq::isRowReduction(input.getDefiningOp()))
      statistics.push_back(input.getDefiningOp());
  return statistics;
}

/// The kernels that read `norm` as the activations of plain products, or why
/// some reader is none.
static std::string collectProducts(Operation *norm,
                                   SetVector<Operation *> &kernels) {
  for (Operation *user : norm->getUsers()) {
    auto kernel = user->getParentOfType<seq::KernelOp>();
    if (!kernel || !isa<linalg::MatmulOp>(user) || !seq::isContraction(user) ||
        seq::getActivations(user) != norm->getResult(0))
      return ("`" + user->getName().getStringRef() +
              "` reads the normalised rows too, so they are stored anyway")
          .str();
    kernels.insert(kernel);
  }
  return "";
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
    std::string reason = collectProducts(norm, kernels);
    if (!reason.empty()) {
      fuse::missed("FuseNormMatmul", norm) << reason;
      return;
    }
    if (kernels.empty())
      return;
    fuse::fused("FuseNormMatmul", norm)
        << "into " + std::to_string(kernels.size()) + " products";
    SmallVector<Operation *> statistics = findStatistics(norm);
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
