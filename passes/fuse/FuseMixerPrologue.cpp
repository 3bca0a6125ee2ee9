// Clones cheap producers of a mixer's operands into the mixer's kernel.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   rope(q), kernel { attention }   =>   kernel { rope; attention }
//   kernel { conv }, kernel { scan }   =>   kernel { conv; scan }
//
// Declines producers that something outside the kernel reads as well, those of
// positions and lengths, convolutions that several heads would repeat or that
// have many taps, and rows that an engine copies from memory.

#include "passes/fuse/Kernels.h"
#include "passes/fuse/Passes.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

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
  if (!seq::isView(op))
    return false;
  seq::KernelOp kernel = fuse::getProducingKernel(op->getOperand(0));
  return isInlinable(op->getOperand(0).getDefiningOp()) ||
         (kernel && isa<seq::ConvOp>(fuse::getRoot(kernel)));
}

/// Whether all readers of `op` are in `kernel`, extents apart.
static bool isPrivate(Operation *op, seq::KernelOp kernel) {
  return llvm::all_of(op->getUsers(), [&](Operation *user) {
    return kernel->isProperAncestor(user) || seq::isScaffold(user);
  });
}

/// Whether a mixer overwrites this operand, which then needs memory.
static bool isState(OpOperand &operand) {
  auto mixer = dyn_cast<seq::SequenceMixerOpInterface>(operand.getOwner());
  return mixer &&
         llvm::any_of(mixer.getStatesBeforeMutable(),
                      [&](OpOperand &state) { return &state == &operand; });
}

/// Whether a mixer reads single numbers of this operand to know where its tiles
/// lie: positions, lengths, pages. Such numbers come from memory.
static bool holdsPlaces(OpOperand &operand) {
  return isa<seq::SequenceMixerOpInterface>(operand.getOwner()) &&
         getElementTypeOrSelf(operand.get()).isInteger();
}

/// Whether a copy engine brings this operand to a mixer's products: queries,
/// keys and values that no cache keeps.
static bool isCopied(OpOperand &operand) {
  if (!isa<RankedTensorType>(operand.get().getType()) ||
      !fuse::areCopied(operand.get()))
    return false;
  auto isOne = [&](Value query, Value key, Value value) {
    return operand.get() == query || operand.get() == key ||
           operand.get() == value;
  };
  if (auto linear = dyn_cast<seq::LinearAttentionOp>(operand.getOwner()))
    return linear.isPlain() &&
           isOne(linear.getQuery(), linear.getKey(), linear.getValue());
  auto attention = dyn_cast<seq::AttentionOp>(operand.getOwner());
  return attention && operand.get() != attention.getSinks() &&
         (attention.hasState() ? operand.get() == attention.getQuery()
                               : isOne(attention.getQuery(), attention.getKey(),
                                       attention.getValue()));
}

/// The next producer outside `kernel` that one of its ops reads and that can
/// move in; those that cannot are reported once.
static Operation *findProducer(seq::KernelOp kernel,
                               DenseSet<Operation *> &declined) {
  Operation *found = nullptr;
  kernel.getBody().walk([&](Operation *inner) {
    // Elements at computed places come from memory.
    if (isa<tensor::ExtractOp>(inner))
      return WalkResult::advance();
    for (OpOperand &operand : inner->getOpOperands()) {
      Operation *producer = operand.get().getDefiningOp();
      if (!producer || isState(operand) || holdsPlaces(operand) ||
          kernel->isProperAncestor(producer) || declined.contains(producer) ||
          !(isInlinable(producer) || leadsToInlinable(producer)))
        continue;
      if (isCopied(operand)) {
        declined.insert(producer);
        fuse::missed("FuseMixerPrologue", producer)
            << "the copy engine brings the mixer its rows from memory";
        continue;
      }
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

/// Elements of a mixer's output for one token.
static int64_t getWidth(Operation *mixer) {
  auto type = cast<RankedTensorType>(mixer->getResult(0).getType());
  unsigned tokens = cast<seq::SequenceMixerOpInterface>(mixer).getTokenDim();
  return ShapedType::getNumElements(type.getShape().drop_front(tokens + 1));
}

/// Why the convolution of `producer` cannot be computed at the mixer's loads,
/// or an empty string.
static std::string whyNotConvolve(seq::KernelOp producer, seq::KernelOp mixer,
                                  Value output) {
  auto type = cast<RankedTensorType>(output.getType());
  bool isPrivate = llvm::all_of(output.getUsers(), [&](Operation *user) {
    return mixer->isProperAncestor(user) || seq::isScaffold(user);
  });
  if (!isPrivate)
    return "something outside the mixer reads the convolution too, so it is "
           "stored anyway";
  auto conv = cast<seq::ConvOp>(fuse::getRoot(producer));
  if (conv.getTaps() > seq::mostTapsAtOnce)
    return "inside of the mixer its " + std::to_string(conv.getTaps()) +
           " taps would be added up one by one, whatever is faster";
  if (type.getShape().back() != getWidth(fuse::getRoot(mixer)))
    return "the mixer reads the convolution once a head, and would compute it "
           "as often";
  return fuse::whyNotAbsorbConsumer(producer, mixer);
}

/// Joins the kernel of a convolution whose output `mixer` alone reads; returns
/// the joined kernel, or `mixer` when there is none.
static seq::KernelOp joinConvolution(seq::KernelOp mixer,
                                     DenseSet<Operation *> &declined) {
  SetVector<Value> inputs;
  mixer.getBody().walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (seq::KernelOp kernel = fuse::getProducingKernel(operand))
        if (isa<seq::ConvOp>(fuse::getRoot(kernel)))
          inputs.insert(operand);
  });
  for (Value input : inputs) {
    seq::KernelOp producer = fuse::getProducingKernel(input);
    if (declined.contains(producer))
      continue;
    std::string reason = whyNotConvolve(producer, mixer, input);
    if (reason.empty()) {
      fuse::fused("FuseMixerPrologue", fuse::getRoot(producer))
          << "into " + fuse::getRoot(mixer)->getName().getStringRef().str();
      return fuse::joinKernels(producer, mixer,
                               ("conv_" + mixer.getKind()).str());
    }
    declined.insert(producer);
    fuse::missed("FuseMixerPrologue", fuse::getRoot(producer)) << reason;
  }
  return mixer;
}

namespace {
struct FuseMixerPrologue : impl::FuseMixerPrologueBase<FuseMixerPrologue> {
  void runOnOperation() override {
    SmallVector<seq::KernelOp> kernels;
    // A convolution gives its kernel away to the mixer behind it, so it is no
    // mixer here.
    getOperation().walk([&](seq::SequenceMixerOpInterface mixer) {
      auto kernel = mixer->getParentOfType<seq::KernelOp>();
      if (kernel && !isa<seq::ConvOp>(*mixer))
        kernels.push_back(kernel);
    });
    for (seq::KernelOp kernel : kernels) {
      DenseSet<Operation *> declined;
      while (Operation *producer = findProducer(kernel, declined)) {
        fuse::fused("FuseMixerPrologue", producer)
            << "into " + fuse::getRoot(kernel)->getName().getStringRef().str();
        fuse::absorbProducer(kernel, producer);
      }
      seq::KernelOp joined = joinConvolution(kernel, declined);
      while (joined != kernel) {
        kernel = joined;
        joined = joinConvolution(kernel, declined);
      }
    }
  }
};
} // namespace
} // namespace sennit
