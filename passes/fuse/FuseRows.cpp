// Joins the maps and row reductions that no kernel took into kernels of rows.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   s = sum x*x;  n = normalise(x, s, w)   =>   n = kernel "rows" { sum x*x;
//   normalise }
//
// A map of several such kernels joins them all. Declines to join across another
// user of the kernel, across different rows, or where a sum runs over what the
// other kernel computes.

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

/// Whether `op` reads of each result of the kernel, in each turn of its loops,
/// what is computed in that turn. A product's columns that another product sums
/// over are computed again for each of its tiles, and in a chain of products
/// twice as often with each.
static bool readsInPlace(seq::KernelOp kernel, linalg::GenericOp op) {
  return llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
    auto result = dyn_cast<OpResult>(operand->get());
    if (!result || result.getOwner() != kernel)
      return true;
    Operation *inner = fuse::getInnerOp(result);
    auto source = dyn_cast_or_null<linalg::GenericOp>(inner);
    return !source ||
           source.getIndexingMapMatchingResult(source->getResult(0)) ==
               op.getMatchingIndexingMap(operand);
  });
}

/// Why the op cannot walk the rows of a kernel with it, or an empty string.
static StringRef whyOtherRows(seq::KernelOp kernel, Operation *op) {
  Operation *root = fuse::getRoot(kernel);
  bool isSame = isa<linalg::GenericOp, seq::RopeOp>(root) &&
                getDomain(root) == getDomain(op);
  if (!isSame)
    return "it walks other rows than the kernel that computes its operand";
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return !generic || readsInPlace(kernel, generic)
             ? ""
             : "it sums over what the kernel of its operand computes in other "
               "turns of the loops";
}

/// The kernel of rows that computes an operand of `op` and that it can join.
static seq::KernelOp findRows(Operation *op) {
  for (Value input : cast<linalg::GenericOp>(op).getDpsInputs()) {
    seq::KernelOp kernel = fuse::getProducingKernel(input);
    if (!kernel || kernel.getKind() != "rows")
      continue;
    std::string reason = fuse::whyNotAbsorbConsumer(kernel, op);
    if (reason.empty())
      reason = whyOtherRows(kernel, op).str();
    if (reason.empty())
      return kernel;
    fuse::missed("FuseRows", op) << reason;
  }
  return nullptr;
}

/// Why `other`, which computes an operand of `op`, cannot move into the kernel
/// that holds `op`, or an empty string.
static StringRef whyNotJoin(seq::KernelOp other, seq::KernelOp kernel,
                            Operation *op) {
  for (Value output : other.getOutputs()) {
    if (!fuse::isOnlyReadBy(output, kernel))
      return "something else reads the other operand";
    if (llvm::any_of(output.getUsers(), [&](Operation *user) {
          return user->getParentOp() != kernel;
        }))
      return "its body reads elements of the other operand";
  }
  return whyOtherRows(other, op);
}

/// Joins the kernel with those that compute the other operands of `op`, which
/// it holds.
static void joinOthers(seq::KernelOp kernel, Operation *op) {
  for (Value input : cast<linalg::GenericOp>(op).getDpsInputs()) {
    seq::KernelOp other = fuse::getProducingKernel(input);
    if (!other || other.getKind() != "rows")
      continue;
    StringRef reason = whyNotJoin(other, kernel, op);
    if (!reason.empty()) {
      fuse::missed("FuseRows", op) << reason;
      continue;
    }
    fuse::fused("FuseRows", op) << "takes in the kernel of another operand";
    kernel = fuse::joinKernels(other, kernel, "rows");
  }
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
      joinOthers(fuse::absorbConsumer(kernel, map, ""), map);
    }
  }
};
} // namespace
} // namespace sennit
