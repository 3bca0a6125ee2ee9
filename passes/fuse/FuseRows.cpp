// Joins the maps and row reductions that no kernel took into kernels of rows.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   s = sum x*x;  n = normalise(x, s, w)   =>   n = kernel "rows" { sum x*x;
//   normalise }
//
// Declines to join across another user of the kernel, or across different rows.

#include "passes/fuse/Kernels.h"
#include "passes/fuse/Passes.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_FUSEROWS
#include "passes/fuse/Passes.h.inc"

/// The extents of the loops of an op on rows.
static SmallVector<int64_t> getDomain(Operation *op) {
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return generic.getStaticLoopRanges();
  return llvm::to_vector(
      cast<RankedTensorType>(op->getResult(0).getType()).getShape());
}

/// The kernel of rows that computes an operand of `op` and that it can join.
static seq::KernelOp findRows(Operation *op) {
  for (Value input : cast<linalg::GenericOp>(op).getDpsInputs()) {
    seq::KernelOp kernel = fuse::getProducingKernel(input);
    if (!kernel || kernel.getKind() != "rows")
      continue;
    std::string reason = fuse::whyNotAbsorbConsumer(kernel, op);
    Operation *root = fuse::getRoot(kernel);
    if (reason.empty() && (!isa<linalg::GenericOp, seq::RopeOp>(root) ||
                           getDomain(root) != getDomain(op)))
      reason = "it walks other rows than the kernel that computes its operand";
    if (reason.empty())
      return kernel;
    fuse::missed("FuseRows", op) << reason;
  }
  return nullptr;
}

namespace {
struct FuseRows : impl::FuseRowsBase<FuseRows> {
  void runOnOperation() override {
    SmallVector<Operation *> maps;
    for (Operation &op : getOperation().getBody().front())
      if (seq::isElementwise(&op) || seq::isRowReduction(&op) ||
          isa<seq::RopeOp, tensor::ExtractSliceOp>(op))
        maps.push_back(&op);
    for (Operation *map : maps) {
      seq::KernelOp kernel =
          isa<linalg::GenericOp>(map) ? findRows(map) : nullptr;
      if (!kernel) {
        fuse::wrapInKernel(map, "rows");
        continue;
      }
      fuse::fused("FuseRows", map) << "joins the kernel of its operand";
      fuse::absorbConsumer(kernel, map, "");
    }
  }
};
} // namespace
} // namespace sennit
