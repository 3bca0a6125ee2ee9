// Moves elementwise maps, and reductions of short rows, behind the op that
// makes their operand.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   y = kernel { x W };  z = map(y, h)   =>   z = kernel { x W; map }
//
// Declines maps over other dimensions than the kernel's result, rows longer
// than a tile, and an order of values that would break.

#include "passes/fuse/Kernels.h"
#include "passes/fuse/Passes.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/IR/Dominance.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_FUSEEPILOGUE
#include "passes/fuse/Passes.h.inc"

/// The kernel that computes an input of `op` and stands last among those that
/// do.
static seq::KernelOp getLastKernel(linalg::GenericOp op) {
  seq::KernelOp last;
  for (Value input : op.getDpsInputs())
    if (seq::KernelOp kernel = fuse::getProducingKernel(input))
      if (!last || last->isBeforeInBlock(kernel))
        last = kernel;
  return last;
}

/// Whether kernels of this root store whole tiles of one result, so that maps
/// of that result can follow.
static bool storesTiles(Operation *root) {
  return !isa<seq::RouteOp, seq::DispatchOp, seq::TopKOp, seq::SampleOp,
              seq::PackOp, seq::ScanOp>(root) &&
         !seq::isMove(root);
}

/// Whether `value` is a state, which its kernel stores behind the last token.
static bool isState(Value value) {
  auto mixer = value.getDefiningOp<seq::SequenceMixerOpInterface>();
  return mixer && llvm::is_contained(mixer.getStatesAfter(), value);
}

/// Why `op` cannot follow the kernel's results tile by tile, or empty.
static std::string whyOtherLoops(linalg::GenericOp op, seq::KernelOp kernel,
                                 int64_t rowLimit) {
  bool reduces = seq::isRowReduction(op);
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (fuse::getProducingKernel(input->get()) != kernel)
      continue;
    auto result = cast<OpResult>(input->get());
    Operation *yield = kernel.getBody().front().getTerminator();
    if (isState(yield->getOperand(result.getResultNumber())))
      return "it reads a state, which is stored behind the last token";
    AffineMap map = op.getMatchingIndexingMap(input);
    auto type = cast<RankedTensorType>(input->get().getType());
    bool isStatistic = !reduces &&
                       map.getNumResults() + 1 == map.getNumDims() &&
                       seq::isRowReduction(fuse::getInnerOp(result));
    if (!map.isIdentity() && !isStatistic)
      return "it walks other dimensions than the kernel's result";
    if (reduces && type.getShape().back() > rowLimit)
      return "its rows of " + std::to_string(type.getShape().back()) +
             " elements do not fit one tile of " + std::to_string(rowLimit);
  }
  return "";
}

namespace {
struct FuseEpilogue : impl::FuseEpilogueBase<FuseEpilogue> {
  using FuseEpilogueBase::FuseEpilogueBase;

  void runOnOperation() override {
    SmallVector<linalg::GenericOp> maps;
    for (auto op : getOperation().getBody().front().getOps<linalg::GenericOp>())
      if (seq::isElementwise(op) || seq::isRowReduction(op))
        maps.push_back(op);
    for (linalg::GenericOp map : maps)
      fuseMap(map);
  }

  void fuseMap(linalg::GenericOp map) {
    seq::KernelOp kernel = getLastKernel(map);
    if (!kernel || !storesTiles(fuse::getRoot(kernel)))
      return;
    std::string reason = whyOtherLoops(map, kernel, rowLimit);
    if (reason.empty())
      reason = fuse::whyNotAbsorbConsumer(kernel, map);
    if (!reason.empty()) {
      fuse::missed("FuseEpilogue", map) << reason;
      return;
    }
    fuse::fused("FuseEpilogue", map)
        << "behind " + fuse::getRoot(kernel)->getName().getStringRef().str();
    fuse::absorbConsumer(kernel, map, "_map");
  }
};
} // namespace
} // namespace sennit
