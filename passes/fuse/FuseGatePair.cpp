// Joins the two products of a gated unit, so that the activations are read
// once.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   kernel { x Wg }, kernel { x Wu }, map(g, u)   =>   kernel { x Wg; x Wu },
//   map(g, u)
//
// Declines products of different activations or differently shaped matrices,
// and a first product that something between the two reads.

#include "passes/fuse/Kernels.h"
#include "passes/fuse/Passes.h"

#include "dialects/seq/SeqForms.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_FUSEGATEPAIR
#include "passes/fuse/Passes.h.inc"

/// The only contraction of a kernel that holds nothing else but its matrix, or
/// null.
static Operation *getLoneContraction(seq::KernelOp kernel) {
  Block &body = kernel.getBody().front();
  Operation *first = &body.front();
  if (isa<seq::DequantizeOp>(first))
    first = first->getNextNode();
  bool alone = first->getNextNode() == body.getTerminator();
  return alone && seq::isContraction(first) ? first : nullptr;
}

/// Why the two kernels cannot be one, or an empty string.
static std::string whyNotPair(seq::KernelOp first, seq::KernelOp second,
                              Operation *map) {
  Operation *a = getLoneContraction(first), *b = getLoneContraction(second);
  if (!a || !b || a->getName() != b->getName())
    return "one side is not a lone product";
  if (a->getNumOperands() != b->getNumOperands())
    return "one product gathers its rows, the other does not";
  if (seq::getActivations(a) != seq::getActivations(b))
    return "the products read different activations";
  if (seq::getMatrix(a).get().getType() != seq::getMatrix(b).get().getType())
    return "the matrices differ in shape or type";
  seq::DequantizeOp ours = seq::getQuantized(a), theirs = seq::getQuantized(b);
  if (!ours != !theirs ||
      (ours && (ours->getAttrs() != theirs->getAttrs() ||
                ours.getScales().getType() != theirs.getScales().getType())))
    return "the matrices are quantised otherwise";
  if (second->isBeforeInBlock(first))
    std::swap(first, second);
  for (Operation *user : first->getUsers())
    if (Operation *at = first->getBlock()->findAncestorOpInBlock(*user);
        at && at != map && at->isBeforeInBlock(second))
      return "another op reads the first product before the second is computed";
  return "";
}

namespace {
struct FuseGatePair : impl::FuseGatePairBase<FuseGatePair> {
  void runOnOperation() override {
    SmallVector<Operation *> maps;
    for (Operation &op : getOperation().getBody().front())
      if (seq::isElementwise(&op))
        maps.push_back(&op);
    for (Operation *map : maps)
      fusePairUnder(map);
  }

  void fusePairUnder(Operation *map) {
    SmallVector<seq::KernelOp> kernels;
    for (Value input : cast<linalg::GenericOp>(map).getDpsInputs())
      if (seq::KernelOp kernel = fuse::getProducingKernel(input))
        if (seq::isContraction(fuse::getRoot(kernel)) &&
            !llvm::is_contained(kernels, kernel))
          kernels.push_back(kernel);
    if (kernels.size() != 2)
      return;
    if (kernels[1]->isBeforeInBlock(kernels[0]))
      std::swap(kernels[0], kernels[1]);
    std::string reason = whyNotPair(kernels[0], kernels[1], map);
    if (!reason.empty()) {
      fuse::missed("FuseGatePair", map) << reason;
      return;
    }
    fuse::fused("FuseGatePair", map) << "two products of the same activations";
    fuse::joinKernels(kernels[0], kernels[1],
                      kernels[0].getKind().str() + "_pair");
  }
};
} // namespace
} // namespace sennit
