// Clones a row norm into the products that read it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   s = sum x*x;  n = x * rsqrt(s/D + eps) * w;  kernel { n W }
//     =>  kernel { sum x*x; normalise; multiply }
//
// The norm may be one map or several.
//
// Declines when the normalised rows have a reader other than products, when a
// product gathers its rows, and when an engine copies them from memory.

#include "passes/fuse/Kernels.h"
#include "passes/fuse/Passes.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_FUSENORMMATMUL
#include "passes/fuse/Passes.h.inc"

/// A map, or a reshape that inserts dimensions of one.
static bool isMap(Operation *op) {
  auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op);
  if (!expand)
    return seq::isElementwise(op);
  return llvm::all_of(expand.getReassociationIndices(),
                      [&](const ReassociationIndices &group) {
                        return llvm::count_if(group, [&](int64_t dim) {
                                 return expand.getType().getDimSize(dim) != 1;
                               }) <= 1;
                      });
}

static int64_t getRank(Operation *op) {
  return cast<RankedTensorType>(op->getResult(0).getType()).getRank();
}

/// Whether `source` is a map that can move with a norm of `rank` dimensions:
/// what others read of whole rows is stored anyway.
static bool canMove(Operation *source, int64_t rank) {
  return isMap(source) &&
         (getRank(source) < rank ||
          llvm::all_of(source->getUsers(), [](Operation *user) {
            return isMap(user) || seq::isRowReduction(user);
          }));
}

/// Whether a map of `rank` dimensions is one of a row reduction's result.
static bool readsStatistic(Operation *map, int64_t rank) {
  return llvm::any_of(map->getOperands(), [&](Value input) {
    Operation *source = input.getDefiningOp();
    return seq::isRowReduction(source) ||
           (canMove(source, rank) && readsStatistic(source, rank));
  });
}

/// Whether a map only repeats or changes smaller tensors.
static bool spreads(Operation *map) {
  if (!seq::isElementwise(map))
    return false;
  auto generic = cast<linalg::GenericOp>(map);
  return llvm::none_of(generic.getDpsInputOperands(), [&](OpOperand *input) {
    return generic.getMatchingIndexingMap(input).isIdentity();
  });
}

/// A norm and what it is computed of, each behind what reads it: the
/// reductions, the maps of their results, those that they alone read, and
/// weights that are spread over the rows.
static SmallVector<Operation *> collectNorm(Operation *norm) {
  int64_t rank = getRank(norm);
  SetVector<Operation *> ops;
  ops.insert(norm);
  for (size_t i = 0; i != ops.size(); ++i)
    for (Value input : ops[i]->getOperands()) {
      Operation *source = input.getDefiningOp();
      bool isOwn = isMap(source) && seq::isRowReduction(ops[i]) &&
                   llvm::all_of(source->getUsers(), seq::isRowReduction);
      if (isOwn || spreads(source) || seq::isRowReduction(source) ||
          (canMove(source, rank) && readsStatistic(source, rank)))
        ops.insert(source);
    }
  SmallVector<Operation *> sorted(ops.begin(), ops.end());
  llvm::sort(sorted,
             [](Operation *a, Operation *b) { return b->isBeforeInBlock(a); });
  return sorted;
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
      if (seq::isElementwise(&op) && readsStatistic(&op, getRank(&op)))
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
    SmallVector<Operation *> parts = collectNorm(norm);
    for (Operation *op : kernels) {
      auto kernel = cast<seq::KernelOp>(op);
      kernel.setKind(("norm_" + kernel.getKind()).str());
      for (Operation *part : parts)
        if (llvm::any_of(part->getUsers(), [&](Operation *user) {
              return kernel->isProperAncestor(user);
            }))
          fuse::absorbProducer(kernel, part);
    }
  }
};
} // namespace
} // namespace sennit
